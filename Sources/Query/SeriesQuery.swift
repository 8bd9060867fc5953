import Clicks
import Store

// One ad's clicks by minute, hour, day, week or month: what is asked. All of a query's texts are checked here, so that what
// follows cannot fail any more but where rows have retired. The range is half-open and exact to the minute, whatever the buckets:
//
//   from, to   a moment inside a minute is the minute's beginning, `now` is the end of the current minute
//   to         defaults to now
//   from       defaults to so far before to that there are sixty minutes, 24 hours, thirty days, twelve weeks or twelve months,
//              the last of them cut by to
//
// A bucket that a bound cuts has the clicks inside alone, so that neighbouring ranges add up. Hours are those of UTC; days,
// weeks and months those of `tz`.

/// A checked query for a series: of one ad, or of the groups of several.
package struct SeriesQuery: Hashable, Sendable {
  package var subject: Subject
  /// The first minute.
  package var from: Minute
  /// The minute after the last one.
  package var to: Minute
  package var granularity: Granularity
  /// The zone of `tz`.
  package var zone: WallZone
  package var fill: Fill
  package var status: StatusFilter
  package var format: SeriesFormat
  /// What is told beside clicks.
  var plan = MetricPlan([])
  /// The most points of one page, 1 to `maximumLimit`.
  package var limit: Int
  /// The minute that this page begins at; `from` for the first.
  package var start: Minute
  /// The group that it begins in; empty for the first page, and for one ad.
  package var group = ""
  /// What a cursor of this query is bound to: the texts that decide which points there are.
  package var binding: UInt32

  /// Points of a page where `limit` is absent.
  package static let defaultLimit = 10_000
  /// The greatest `limit`.
  package static let maximumLimit = 100_000

  /// Whose series it is.
  package enum Subject: Hashable, Sendable {
    case ad(AdID, AdKey)
    /// Ads that are told elsewhere; a number that differs where they do.
    case several(UInt64)

    /// What cursors are bound to.
    var binding: UInt64 {
      switch self {
      case .ad(_, let key): key.rawValue
      case .several(let number): number
      }
    }
  }

  /// Whether clicks alone are told.
  package var isPlain: Bool { plan.isEmpty }

  /// The ad; nil where it is several.
  package var adID: AdID? { if case .ad(let id, _) = subject { id } else { nil } }

  /// The ad's key; nil where it is several.
  package var ad: AdKey? { if case .ad(_, let key) = subject { key } else { nil } }

  /// What a point stands for. The raw values name the time in answers.
  package typealias Granularity = BucketGrid.Unit

  /// The buckets of the points.
  package var grid: BucketGrid { BucketGrid(granularity, of: zone) }

  /// What becomes of buckets without a click.
  package enum Fill: String, Sendable, CaseIterable {
    /// They are left out.
    case none
    /// They stand there with 0 clicks.
    case zero
  }

  /// Which points are wanted.
  package enum StatusFilter: String, Sendable, CaseIterable {
    case any
    /// Those that are no longer provisional.
    case final
  }

  /// The parameters of the interface, in its order.
  package static let parameters = [
    "from", "to", "granularity", "tz", "metrics", "fill", "status", "format", "limit", "cursor",
  ]

  /// Reads the decoded pairs of a query at the logical time `now` (ms since 1970). `format` holds where the parameter is
  /// absent, `zones` has the zones by their names. Throws everything that is wrong.
  package init(
    adID: AdID, ad: AdKey, parameters pairs: [(name: String, value: String)], now: Int64, zones: ZoneBook,
    format: SeriesFormat = .json
  ) throws(QueryRefusal) {
    var faults = Faults()
    let values = Self.collect(pairs, Self.parameters, &faults)
    self.init(.ad(adID, ad), values, now: now, zones: zones, format: format, &faults)
    try faults.check()
  }

  /// The same of the values by their names; what is wrong goes to `faults`.
  init(
    _ subject: Subject, _ values: [String: String], now: Int64, zones: ZoneBook, format: SeriesFormat,
    _ faults: inout Faults
  ) {
    self.subject = subject
    fill = Self.choice("fill", values, .none, &faults)
    status = Self.choice("status", values, .any, &faults)
    self.format = Self.choice("format", values, format, &faults)
    plan = MetricPlan(Metric.read(values["metrics"], &faults))
    limit = Self.limit(values["limit"], &faults)
    granularity = Self.choice("granularity", values, .minute, &faults)
    zone = Self.zone(values["tz"], zones, &faults)
    let range = Self.range(values["from"], values["to"], BucketGrid(granularity, of: zone), zone, now: now, &faults)
    (from, to) = range
    start = from
    binding = Cursor.binding(
      subject: subject.binding, from: values["from"], to: values["to"], fill: fill.rawValue, status: status.rawValue,
      granularity: granularity, zone: zone, metrics: plan.isEmpty ? nil : values["metrics"])
    if let text = values["cursor"] {
      if Cursor.isOld(text) {
        faults.add(.cursorExpired, "cursor", "is of an older version; ask for the first page again")
      } else if let cursor = Cursor(text), cursor.to.index - cursor.from.index <= granularity.maximumMinutes {
        if cursor.binding == binding {
          (from, to, start, group) = (cursor.from, cursor.to, cursor.next, cursor.group)
        } else {
          let detail = "belongs to another query; repeat the query it came from with nothing else changed"
          faults.add(.cursorMismatch, "cursor", detail)
        }
      } else {
        faults.add(.invalidCursor, "cursor", "is not one that an answer of this service gave as next")
      }
    }
  }

  // MARK: - One parameter each

  static func collect(
    _ pairs: [(name: String, value: String)], _ parameters: [String], _ faults: inout Faults
  ) -> [String: String] {
    var values: [String: String] = [:]
    for (name, value) in pairs {
      if !parameters.contains(name) {
        faults.add(name, "is unknown; known are \(parameters.joined(separator: ", "))")
      } else if values.updateValue(value, forKey: name) != nil {
        faults.add(name, "is given more than once")
      }
    }
    return values
  }

  static func choice<T: RawRepresentable<String> & CaseIterable>(
    _ name: String, _ values: [String: String], _ absent: T, _ faults: inout Faults
  ) -> T {
    guard let text = values[name] else { return absent }
    if let choice = T(rawValue: text) { return choice }
    faults.add(name, "must be one of \(T.allCases.map(\.rawValue).joined(separator: ", "))")
    return absent
  }

  private static func limit(_ text: String?, _ faults: inout Faults) -> Int {
    guard let text else { return defaultLimit }
    if text.utf8.allSatisfy({ 0x30...0x39 ~= $0 }), let limit = Int(text), 1...maximumLimit ~= limit { return limit }
    faults.add("limit", "must be a number from 1 to \(maximumLimit)")
    return defaultLimit
  }

  /// UTC, an offset from it, or the name of a zone.
  private static func zone(_ text: String?, _ zones: ZoneBook, _ faults: inout Faults) -> WallZone {
    guard let text, text != "UTC" else { return .utc }
    let bytes = Array(text.utf8)
    func digits(_ at: Int) -> Int64? {
      guard 0x30...0x39 ~= bytes[at], 0x30...0x39 ~= bytes[at + 1] else { return nil }
      return Int64(bytes[at] - 0x30) * 10 + Int64(bytes[at + 1] - 0x30)
    }
    if bytes.count == 6, bytes[3] == UInt8(ascii: ":"), let hours = digits(1), let minutes = digits(4), hours <= 18,
      minutes < 60
    {
      switch bytes[0] {
      case UInt8(ascii: "+"): return .fixed((hours * 60 + minutes) * 60)
      case UInt8(ascii: "-"): return .fixed(-(hours * 60 + minutes) * 60)
      // What a form makes of a plus.
      case UInt8(ascii: " "):
        faults.add("tz", "has a space where a + would stand; write it as %2B in a query")
        return .utc
      default: break
      }
    }
    if let zone = zones.zone(text) { return zone }
    faults.add(
      .unsupportedTimeZone, "tz",
      "must be UTC, an offset from it such as +05:45, or a time zone that this system has, such as Europe/Berlin")
    return .utc
  }

  private static func range(
    _ fromText: String?, _ toText: String?, _ grid: BucketGrid, _ zone: WallZone, now: Int64, _ faults: inout Faults
  ) -> (from: Minute, to: Minute) {
    func bound(_ name: String, _ text: String?) -> Minute? {
      guard let text else { return nil }
      do throws(TimeText.Failure) { return try TimeText.bound(text, now: now, zone: zone) } catch {
        faults.add(name, error.detail)
        return nil
      }
    }
    let from = bound("from", fromText)
    let to = bound("to", toText) ?? Minute(index: Minute(containing: now).index + 1)
    guard let from else {
      let first = grid.start(grid.unit.defaultRange - 1, before: Minute(index: to.index - 1))
      return (max(Minute(index: 0), first), to)
    }
    if from > to {
      faults.add("from", toText == nil ? "lies in the future, and to is now" : "must not be later than to")
    } else if to.index - from.index > grid.unit.maximumMinutes {
      let days = grid.unit.maximumDays
      faults.add(.rangeTooLong, "from", "lies more than \(days) days before to; ask for the parts one after the other")
    }
    return (from, to)
  }
}

extension BucketGrid.Unit {
  /// Buckets from `from` to `to` where `from` is absent.
  var defaultRange: Int64 {
    switch self {
    case .minute: 60
    case .hour: 24
    case .day: 30
    case .week, .month: 12
    }
  }

  /// The longest time from `from` to `to`, days.
  var maximumDays: Int64 {
    switch self {
    case .minute: 400
    case .hour: 4_000
    case .day, .week, .month: 40_000
    }
  }

  /// The longest time from `from` to `to`, minutes: so many days back from any moment of the current minute fit. A day of
  /// changing clocks more or less makes no difference.
  var maximumMinutes: Int64 { maximumDays * 1440 + 1 }
}

import Clicks
import Store

// One ad's clicks by minute, hour or day: what is asked. All of a query's texts are checked here, so that what follows
// cannot fail any more but where rows have retired. The range is half-open and exact to the minute, whatever the buckets:
//
//   from, to   a moment inside a minute is the minute's beginning, `now` is the end of the current minute
//   to         defaults to now
//   from       defaults to so far before to that there are sixty minutes, 24 hours or thirty days, the last of them cut by to
//
// A bucket that a bound cuts has the clicks inside alone, so that neighbouring ranges add up. Hours are those of UTC, days
// those of `tz`.

/// A checked query for the series of one ad.
package struct SeriesQuery: Hashable, Sendable {
  package var adID: AdID
  package var ad: AdKey
  /// The first minute.
  package var from: Minute
  /// The minute after the last one.
  package var to: Minute
  package var granularity: Granularity
  /// Minutes by which the clock of `tz` is ahead of UTC.
  package var offset: Int64
  package var fill: Fill
  package var status: StatusFilter
  package var format: SeriesFormat
  /// The most points of one page, 1 to `maximumLimit`.
  package var limit: Int
  /// The minute that this page begins at; `from` for the first.
  package var start: Minute
  /// What a cursor of this query is bound to: the texts that decide which points there are.
  package var binding: UInt32

  /// Points of a page where `limit` is absent.
  package static let defaultLimit = 10_000
  /// The greatest `limit`.
  package static let maximumLimit = 100_000

  /// What a point stands for. The raw values name the time in answers.
  package enum Granularity: String, Sendable, CaseIterable {
    case minute, hour, day

    /// Minutes of a bucket.
    package var minutes: Int64 {
      switch self {
      case .minute: 1
      case .hour: 60
      case .day: 1440
      }
    }

    /// Buckets from `from` to `to` where `from` is absent.
    var defaultRange: Int64 {
      switch self {
      case .minute: 60
      case .hour: 24
      case .day: 30
      }
    }

    /// The longest time from `from` to `to`, days.
    var maximumDays: Int64 {
      switch self {
      case .minute: 400
      case .hour: 4_000
      case .day: 40_000
      }
    }

    /// The longest time from `from` to `to`, minutes: so many days back from any moment of the current minute fit.
    var maximumMinutes: Int64 { maximumDays * 1440 + 1 }

    /// The buckets, where the clock is `offset` minutes ahead of UTC.
    func grid(offset: Int64) -> BucketGrid {
      switch self {
      case .minute: .minutes
      case .hour: .hours
      case .day: .days(ahead: offset)
      }
    }
  }

  /// The buckets of the points.
  package var grid: BucketGrid { granularity.grid(offset: offset) }

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
    "from", "to", "granularity", "tz", "fill", "status", "format", "limit", "cursor",
  ]

  /// Granularities of the interface; this version computes those of `Granularity`.
  package static let granularities = ["minute", "hour", "day", "week", "month"]

  /// Reads the decoded pairs of a query at the logical time `now` (ms since 1970). `format` holds where the parameter is
  /// absent. Throws everything that is wrong.
  package init(
    adID: AdID, ad: AdKey, parameters pairs: [(name: String, value: String)], now: Int64, format: SeriesFormat = .json
  ) throws(QueryRefusal) {
    var faults = Faults()
    let values = Self.collect(pairs, &faults)
    self.adID = adID
    self.ad = ad
    fill = Self.choice("fill", values, .none, &faults)
    status = Self.choice("status", values, .any, &faults)
    self.format = Self.choice("format", values, format, &faults)
    limit = Self.limit(values["limit"], &faults)
    granularity = Self.granularity(values["granularity"], &faults)
    offset = Self.offset(values["tz"], &faults)
    let range = Self.range(values["from"], values["to"], granularity, offset: offset, now: now, &faults)
    (from, to) = range
    start = from
    binding = Cursor.binding(
      ad: ad, from: values["from"], to: values["to"], fill: fill.rawValue, status: status.rawValue,
      granularity: granularity, offset: offset)
    if let text = values["cursor"] {
      if Cursor.isOld(text) {
        faults.add(.cursorExpired, "cursor", "is of an older version; ask for the first page again")
      } else if let cursor = Cursor(text), cursor.to.index - cursor.from.index <= granularity.maximumMinutes {
        if cursor.binding == binding {
          (from, to, start) = (cursor.from, cursor.to, cursor.next)
        } else {
          let detail = "belongs to another query; repeat the query it came from with nothing else changed"
          faults.add(.cursorMismatch, "cursor", detail)
        }
      } else {
        faults.add(.invalidCursor, "cursor", "is not one that an answer of this service gave as next")
      }
    }
    try faults.check()
  }

  // MARK: - One parameter each

  private static func collect(
    _ pairs: [(name: String, value: String)], _ faults: inout Faults
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

  private static func choice<T: RawRepresentable<String> & CaseIterable>(
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

  private static func granularity(_ text: String?, _ faults: inout Faults) -> Granularity {
    guard let text else { return .minute }
    if let granularity = Granularity(rawValue: text) { return granularity }
    if granularities.contains(text) {
      let known = Granularity.allCases.map(\.rawValue).joined(separator: ", ")
      faults.add(.unsupportedGranularity, "granularity", "\(text) is not supported yet; use one of \(known)")
    } else {
      faults.add("granularity", "must be one of \(granularities.joined(separator: ", "))")
    }
    return .minute
  }

  /// Minutes by which a time zone is ahead of UTC.
  private static func offset(_ text: String?, _ faults: inout Faults) -> Int64 {
    guard let text, text != "UTC" else { return 0 }
    let bytes = Array(text.utf8)
    func digits(_ at: Int) -> Int64? {
      guard 0x30...0x39 ~= bytes[at], 0x30...0x39 ~= bytes[at + 1] else { return nil }
      return Int64(bytes[at] - 0x30) * 10 + Int64(bytes[at + 1] - 0x30)
    }
    if bytes.count == 6, bytes[3] == UInt8(ascii: ":"), let hours = digits(1), let minutes = digits(4), hours <= 18,
      minutes < 60
    {
      switch bytes[0] {
      case UInt8(ascii: "+"): return hours * 60 + minutes
      case UInt8(ascii: "-"): return -(hours * 60 + minutes)
      // What a form makes of a plus.
      case UInt8(ascii: " "):
        faults.add("tz", "has a space where a + would stand; write it as %2B in a query")
        return 0
      default: break
      }
    }
    faults.add(
      .unsupportedTimeZone, "tz",
      "must be UTC or an offset from it, such as +05:45; names of zones are not supported yet")
    return 0
  }

  private static func range(
    _ fromText: String?, _ toText: String?, _ granularity: Granularity, offset: Int64, now: Int64,
    _ faults: inout Faults
  ) -> (from: Minute, to: Minute) {
    func bound(_ name: String, _ text: String?) -> Minute? {
      guard let text else { return nil }
      do throws(TimeText.Failure) { return try TimeText.bound(text, now: now, offset: offset) } catch {
        faults.add(name, error.detail)
        return nil
      }
    }
    let from = bound("from", fromText)
    let to = bound("to", toText) ?? Minute(index: Minute(containing: now).index + 1)
    guard let from else {
      let last = granularity.grid(offset: offset).start(of: Minute(index: to.index - 1)).index
      return (Minute(index: max(0, last - (granularity.defaultRange - 1) * granularity.minutes)), to)
    }
    if from > to {
      faults.add("from", toText == nil ? "lies in the future, and to is now" : "must not be later than to")
    } else if to.index - from.index > granularity.maximumMinutes {
      let days = granularity.maximumDays
      faults.add(.rangeTooLong, "from", "lies more than \(days) days before to; ask for the parts one after the other")
    }
    return (from, to)
  }
}

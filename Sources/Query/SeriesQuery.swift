import Clicks

// One ad's clicks by minute, hour or day: what is asked. All of a query's texts are checked here, so that what follows
// cannot fail any more. A bucket is a minute, hour or day of UTC:
//
//   from  is rounded down to its bucket, to is rounded up to one: the buckets cover what was asked for
//   to    defaults to now, and now as to takes the bucket under way in, whole hours included
//   from  defaults to sixty minutes, 24 hours or thirty days before the rounded to
//
// The answer names the rounded times. Other equal times, before rounding, ask for nothing and get an empty series.

/// A checked query for the series of one ad.
package struct SeriesQuery: Hashable, Sendable {
  package var adID: AdID
  package var ad: AdKey
  /// The first minute.
  package var from: Minute
  /// The minute after the last one.
  package var to: Minute
  package var granularity: Granularity
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

    /// The bucket of a minute, as its first minute.
    func start(of minute: Minute) -> Minute { Minute(index: minute.index - minute.index % minutes) }
  }

  /// The longest time from `from` to `to` of any query, minutes.
  static let maximumRange = Granularity.allCases.map(\.maximumDays).max()! * 1440

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
    if let zone = values["tz"], zone != "UTC" {
      faults.add(.unsupportedTimeZone, "tz", "must be UTC; other zones are not supported yet")
    }
    let range = Self.range(values["from"], values["to"], granularity, now: now, &faults)
    (from, to) = range
    start = from
    binding = Cursor.binding(
      ad: ad, from: values["from"], to: values["to"], fill: fill.rawValue, status: status.rawValue,
      granularity: granularity)
    if let text = values["cursor"] {
      if let cursor = Cursor(text) {
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
        faults.add(name, "stands there twice")
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

  private static func range(
    _ fromText: String?, _ toText: String?, _ granularity: Granularity, now: Int64, _ faults: inout Faults
  ) -> (from: Minute, to: Minute) {
    func moment(_ name: String, _ text: String?) -> Int64? {
      guard let text else { return nil }
      do throws(TimeText.Failure) { return try TimeText.parse(text, now: now) } catch {
        faults.add(name, error.detail)
        return nil
      }
    }
    let from = moment("from", fromText)
    let to = moment("to", toText) ?? now
    // A click of this very millisecond counts in the minute that begins with it.
    let takesNow = toText == nil || toText == "now"
    var end = granularity.start(of: Minute(containing: to))
    if takesNow || end.start < to { end.index += granularity.minutes }
    guard let from else {
      return (Minute(index: max(0, end.index - granularity.defaultRange * granularity.minutes)), end)
    }
    let start = granularity.start(of: Minute(containing: from))
    if from == to, !takesNow { return (start, start) }
    if from > to {
      faults.add("from", toText == nil ? "lies in the future, and to is now" : "lies after to")
    } else if end.index - start.index > granularity.maximumDays * 1440 {
      let days = granularity.maximumDays
      faults.add(.rangeTooLong, "from", "lies more than \(days) days before to; ask for the parts one after the other")
    }
    return (start, end)
  }
}

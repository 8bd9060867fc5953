import Bytes
import Clicks

// A page as text. JSON carries everything; CSV and NDJSON carry the points alone, and `summary` is for the fields of the
// answer's head. Nothing here needs an escape: ids and cursors are of letters, digits and a few signs.

/// How an answer is written.
package enum SeriesFormat: String, Sendable, CaseIterable {
  case json, csv, ndjson

  /// The media type, as it goes into `Content-Type`.
  package var mediaType: StaticString {
    switch self {
    case .json: "application/json"
    case .csv: "text/csv; charset=utf-8; header=present"
    case .ndjson: "application/x-ndjson"
    }
  }
}

extension Series {
  /// The page in its query's format.
  package func rendered() -> [UInt8] {
    var text: [UInt8] = []
    var writer = PointWriter(query)
    text.reserveCapacity(512 + points.count * writer.bytesOfPoint)
    if query.format == .json {
      text += "{\"adId\":\(quoted(query.adID?.text)),".utf8
      query.appendRange(to: &text)
      text += ",\"completeThrough\":\(quoted(completeThroughText))".utf8
      text += ",\"reconciledThrough\":\(quoted(reconciledThroughText)),\"asOf\":\"\(asOfText)\",\"total\":\(total)".utf8
      if credits != 0 { text += ",\"credits\":\(credits)".utf8 }
      query.plan.append(metrics, verdictsIncomplete, to: &text)
      text += ",\"next\":\(quoted(next)),\"series\":[".utf8
    }
    writer.begin(&text)
    writer.append(points, to: &text)
    if query.format == .json { text += "]}\n".utf8 }
    return text
  }

  /// `completeThrough` as it is written; nil where no minute was ever closed.
  package var completeThroughText: String? { completeThrough.index > 0 ? completeThrough.description : nil }

  /// `reconciledThrough` as it is written; nil where nothing was ever recounted.
  package var reconciledThroughText: String? { reconciledThrough.index > 0 ? reconciledThrough.description : nil }

  /// `asOf` as it is written: `0:8812345,1:8790021`.
  package var asOfText: String { zip(shards, asOf).map { "\($0):\($1)" }.joined(separator: ",") }

  /// 32 hex digits that change whenever the points, their total, or how far the range is closed and recounted do. Positions
  /// of shards are left out: a click on another ad changes nothing here.
  package func fingerprint(by hasher: SHA256 = SHA256()) -> String {
    var print = Fingerprint(room: 256 + 25 * points.count)
    for text in [query.granularity.rawValue, query.format.rawValue, query.adID?.text ?? "", next ?? "-"] {
      print.add(text)
    }
    for minute in [query.from, query.to] { print.add(minute.index) }
    for minute in [completeThrough, reconciledThrough] { print.add(max(query.from, min(query.to, minute)).index) }
    print.add(total)
    for metric in query.plan.metrics { print.add(metric.name) }
    for metric in metrics { print.add(metric) }
    print.add(verdictsIncomplete ? 1 : UInt64(0))
    print.add(points)
    return print.text(by: hasher)
  }

  /// Appends one point of the series as JSON.
  package func append(_ point: Point, to text: inout [UInt8]) {
    var writer = PointWriter(query, as: .json)
    writer.append(point, to: &text)
  }
}

/// A text as JSON, which needs no escape; null where there is none.
func quoted(_ text: String?) -> String { text.map { "\"\($0)\"" } ?? "null" }

extension MetricPlan {
  /// Appends what else was asked for of all points as members of a JSON object, and how good it is.
  func append(_ totals: [Int64], _ isIncomplete: Bool, to text: inout [UInt8]) {
    guard !isEmpty else { return }
    let members = zip(metrics, totals).map { "\"\($0.name)\":\($1)" }
    text += ",\"metrics\":{\(members.joined(separator: ","))}".utf8
    let others = metrics.filter { !$0.isBillingGrade }.map { "\"\($0.name)\"" }
    text += ",\"notBillingGrade\":[\(others.joined(separator: ","))]".utf8
    if hasVerdicts { text += ",\"verdictsIncomplete\":\(isIncomplete)".utf8 }
  }
}

extension SeriesQuery {
  /// Appends the range and the granularity as members of a JSON object.
  func appendRange(to text: inout [UInt8]) {
    text += "\"from\":\"\(from)\",\"to\":\"\(to)\",\"granularity\":\"\(granularity.rawValue)\"".utf8
  }
}

/// Writes minutes one after the other; the calendar is asked once a day.
struct MinuteText {
  private var day = Int64.min
  private var date: [UInt8] = []

  /// Appends `minute` (not before 1970) as RFC 3339.
  mutating func append(_ minute: Minute, to text: inout [UInt8]) {
    let (day, clock) = minute.index.quotientAndRemainder(dividingBy: 1440)
    if day != self.day {
      self.day = day
      date = Array(Timestamp.format(day * 86_400_000, fraction: false).utf8.prefix(11))
    }
    text += date
    let (hour, rest) = clock.quotientAndRemainder(dividingBy: 60)
    for (number, end) in [(hour, ":"), (rest, ":00Z")] as [(Int64, StaticString)] {
      text.append(0x30 + UInt8(truncatingIfNeeded: number / 10))
      text.append(0x30 + UInt8(truncatingIfNeeded: number % 10))
      unsafe text.append(contentsOf: UnsafeBufferPointer(start: end.utf8Start, count: end.utf8CodeUnitCount))
    }
  }
}

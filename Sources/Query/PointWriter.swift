import Clicks

/// Writes points one after the other, in any format. What stands before the time of each is the group's.
struct PointWriter {
  private let format: SeriesFormat
  private let time: [UInt8]
  /// Names of what else is told of a point.
  private let metrics: [String]
  private var minutes = MinuteText()
  private var isFirst = true
  /// Names and values of the group of the points to come; nil: a value that is absent.
  private var group: [(name: String, value: String?)] = []
  private var prefix: [UInt8] = []

  /// Points of a query; `format` is the query's where it is absent.
  init(_ query: SeriesQuery, as format: SeriesFormat? = nil) {
    self.format = format ?? query.format
    time = Array(query.granularity.rawValue.utf8)
    metrics = query.plan.metrics.map(\.name)
  }

  /// Bytes that a point takes, roughly.
  var bytesOfPoint: Int { format == .csv ? 40 + 8 * metrics.count : 72 + 20 * metrics.count }

  /// The points to come are of this group, whose ids need no escape.
  mutating func use(_ group: [(name: String, value: String?)]) {
    self.group = group
    switch format {
    case .json, .ndjson: prefix = Array(group.map { "\"\($0.name)\":\(quoted($0.value))," }.joined().utf8)
    case .csv: prefix = Array(group.map { ($0.value ?? "") + "," }.joined().utf8)
    }
  }

  /// Writes what stands before the first point; the group gives the names of its columns.
  func begin(_ text: inout [UInt8]) {
    guard format == .csv else { return }
    for (name, _) in group { text += "\(name),".utf8 }
    text += time
    text += ",clicks,status,credits".utf8
    for name in metrics { text += ",\(name)".utf8 }
    text += "\r\n".utf8
  }

  /// Points that are written at a time.
  private static let pointsAtOnce = 512

  /// Writes points.
  mutating func append(_ points: [Point], to text: inout [UInt8]) {
    guard format != .csv, metrics.isEmpty else {
      for point in points { append(point, to: &text) }
      return
    }
    let isJSON = format == .json
    var pieces = PointText(head: isJSON ? ",{" : "{", group: prefix, time: time, end: isJSON ? "}" : "}\n")
    for start in stride(from: 0, to: points.count, by: Self.pointsAtOnce) {
      // The first of all has no comma before it.
      let part = points[start..<min(start + Self.pointsAtOnce, points.count)]
      pieces.append(part, skipping: isFirst && isJSON ? 1 : 0, to: &text)
      isFirst = false
    }
  }

  /// Writes a point.
  mutating func append(_ point: Point, to text: inout [UInt8]) {
    guard format != .csv else { return appendRow(point, to: &text) }
    if format == .json, !isFirst { text.append(UInt8(ascii: ",")) }
    isFirst = false
    text.append(UInt8(ascii: "{"))
    text += prefix
    text.append(UInt8(ascii: "\""))
    text += time
    text += "\":\"".utf8
    minutes.append(point.minute, to: &text)
    text += "\",\"clicks\":".utf8
    text += String(point.clicks).utf8
    text += ",\"status\":\"".utf8
    text += point.status.rawValue.utf8
    text.append(UInt8(ascii: "\""))
    if point.credits != 0 { text += ",\"credits\":\(point.credits)".utf8 }
    for (name, value) in zip(metrics, point.metrics) { text += ",\"\(name)\":\(value)".utf8 }
    text.append(UInt8(ascii: "}"))
    if format == .ndjson { text.append(UInt8(ascii: "\n")) }
  }

  private mutating func appendRow(_ point: Point, to text: inout [UInt8]) {
    text += prefix
    minutes.append(point.minute, to: &text)
    text.append(UInt8(ascii: ","))
    text += String(point.clicks).utf8
    text.append(UInt8(ascii: ","))
    text += point.status.rawValue.utf8
    text += ",\(point.credits)".utf8
    for value in point.metrics { text += ",\(value)".utf8 }
    text += "\r\n".utf8
  }
}

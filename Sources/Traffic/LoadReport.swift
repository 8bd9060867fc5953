import Clicks

/// What a load run came to: outcomes, rate, latencies. Counted from the answers alone.
package struct LoadReport: Sendable, Equatable {
  /// Answers by verdict, indexed by its raw value.
  private var verdicts = [Int](repeating: 0, count: Verdict.allCases.count)
  /// Answers by status.
  package private(set) var statuses: [Int: Int] = [:]
  /// Answers without a verdict (the server does not name them, or something stands in front of it).
  package private(set) var withoutVerdict = 0
  /// Requests that were sent and never answered.
  package private(set) var unanswered = 0
  /// Latencies of all answers.
  package private(set) var latency = LatencyHistogram()
  /// Of the connections; from the client when it ends.
  package var statistics = ClientStatistics()

  package init() {}

  /// Counts one outcome.
  package mutating func record(_ outcome: Outcome, latency nanoseconds: Int64) {
    guard outcome.status != 0 else {
      unanswered += 1
      return
    }
    latency.record(nanoseconds)
    statuses[outcome.status, default: 0] += 1
    if let verdict = outcome.verdict { verdicts[Int(verdict.rawValue)] += 1 } else { withoutVerdict += 1 }
  }

  /// Adds another thread's report. Connections and bytes add up, the longer time stays.
  package mutating func merge(_ other: LoadReport) {
    for i in verdicts.indices { verdicts[i] += other.verdicts[i] }
    statuses.merge(other.statuses, uniquingKeysWith: +)
    withoutVerdict += other.withoutVerdict
    unanswered += other.unanswered
    latency.merge(other.latency)
    statistics.add(other.statistics)
  }

  /// Answers with the verdict.
  package func count(_ verdict: Verdict) -> Int { verdicts[Int(verdict.rawValue)] }

  /// All answers.
  package var answered: Int { verdicts.reduce(withoutVerdict, +) }

  /// Answers a second over the run; 0 before it has ended.
  package var rate: Double { statistics.elapsed > 0 ? Double(answered) * 1e9 / Double(statistics.elapsed) : 0 }

  /// The percentiles shown, with their names.
  private static let percentiles: [(name: String, percent: Double)] = [
    ("p50", 50), ("p90", 90), ("p99", 99), ("p99.9", 99.9),
  ]

  /// For people, a line each.
  package var lines: [String] {
    let s = statistics
    var lines = [
      "\(NumberText.of(answered, "answer")) in \(Self.fixed(Double(s.elapsed) / 1e9, 2)) s, "
        + "\(NumberText.grouped(Self.fixed(rate, 0))) a second"
        + (unanswered > 0 ? ", \(NumberText.of(unanswered, "request")) without an answer" : "")
    ]
    let named = Verdict.allCases.filter { count($0) > 0 }.map { "\($0.name) \(NumberText.grouped(count($0)))" }
    let rest = withoutVerdict > 0 ? ["without a verdict \(NumberText.grouped(withoutVerdict))"] : []
    if answered > 0 {
      lines += Self.list("verdicts", named + rest)
      lines += Self.list(
        "statuses", statuses.sorted { $0.key < $1.key }.map { "\($0.key): \(NumberText.grouped($0.value))" })
      let parts = Self.percentiles.map { "\($0.name) \(NumberText.duration(latency.percentile($0.percent)))" }
      lines += Self.list("latency", parts + ["max \(NumberText.duration(latency.maximum))"])
    }
    lines += Self.list(
      "traffic",
      [
        "\(NumberText.bytes(s.bytesSent)) sent", "\(NumberText.bytes(s.bytesReceived)) received",
        "\(NumberText.of(s.connected, "connection")) made", "\(NumberText.grouped(s.lost)) lost",
        "\(NumberText.grouped(s.refused)) refused",
      ])
    if s.unreachable { lines.append("the server could not be reached") }
    return lines
  }

  /// Entries behind a name, between commas, in lines of at most 80 columns.
  private static func list(_ name: String, _ entries: [String]) -> [String] {
    var lines = [name + String(repeating: " ", count: max(1, 11 - name.count))]
    for (index, entry) in entries.enumerated() {
      let text = entry + (index < entries.count - 1 ? "," : "")
      let isFresh = lines[lines.count - 1].last == " "
      if !isFresh, lines[lines.count - 1].count + 1 + text.count > 80 {
        lines.append(String(repeating: " ", count: 11) + text)
      } else {
        lines[lines.count - 1] += (isFresh ? "" : " ") + text
      }
    }
    return lines
  }

  /// One JSON object (RFC 8259) on one line. Latencies in nanoseconds.
  package var json: String {
    let s = statistics
    let verdictFields = Verdict.allCases.map { "\"\($0.name)\":\(count($0))" }.joined(separator: ",")
    let statusFields = statuses.sorted { $0.key < $1.key }.map { "\"\($0.key)\":\($0.value)" }.joined(separator: ",")
    let latencyFields =
      Self.percentiles.map { "\"\($0.name)\":\(latency.percentile($0.percent))" }
      + ["\"max\":\(latency.maximum)", "\"mean\":\(Int64(latency.mean))"]
    return
      "{\"answered\":\(answered),\"unanswered\":\(unanswered),\"elapsedSeconds\":\(Self.fixed(Double(s.elapsed) / 1e9, 6)),"
      + "\"ratePerSecond\":\(Self.fixed(rate, 1)),\"verdicts\":{\(verdictFields)},\"withoutVerdict\":\(withoutVerdict),"
      + "\"statuses\":{\(statusFields)},\"latencyNanoseconds\":{\(latencyFields.joined(separator: ","))},"
      + "\"requests\":\(s.requests),\"bytesSent\":\(s.bytesSent),\"bytesReceived\":\(s.bytesReceived),"
      + "\"connections\":{\"made\":\(s.connected),\"lost\":\(s.lost),\"refused\":\(s.refused)},"
      + "\"unreachable\":\(s.unreachable)}"
  }

  /// `value` ≥ 0 with `digits` digits after the point.
  private static func fixed(_ value: Double, _ digits: Int) -> String {
    var scale: Int64 = 1
    for _ in 0..<digits { scale *= 10 }
    let scaled = Int64((value * Double(scale)).rounded())
    guard digits > 0 else { return "\(scaled)" }
    let fraction = String(scaled % scale)
    return "\(scaled / scale)." + String(repeating: "0", count: digits - fraction.count) + fraction
  }
}

extension ClientStatistics {
  /// Adds what another client, or a later run, came to at the same time; the longer time stays.
  mutating func add(_ other: ClientStatistics) {
    requests += other.requests
    connected += other.connected
    lost += other.lost
    refused += other.refused
    bytesSent += other.bytesSent
    bytesReceived += other.bytesReceived
    elapsed = max(elapsed, other.elapsed)
    unreachable = unreachable || other.unreachable
  }
}

import ClickLog
import Clicks
import Files
import JSON
import Platform
import Service
import Store
import Traffic

/// `tally stat`: a line a second of what a server does, from its metrics; of a directory, what is there.
package enum StatCommand {
  private static let count = Option<Int64>("count", .count(1...1_000_000_000), "ends after so many lines")

  package static let command = Command(
    "stat", "prints a line a second of rates, latency and files",
    discussion: """
      CLICKS/S: clicks made durable a second. P50, P99: median and 99th percentile of write and sync, upper bounds by powers \
      of two. ROWS: counts in memory alone. LAG: how far event time is behind. CLOSED: time since the end of closed minutes. \
      LATE/S: clicks a second that came after their minute was closed. REPLAY: clicks that a restart would replay. FILES, \
      BYTES: segments and runs. MERGES, FAIL: merges, and steps of the background that failed. HOT: ads that are spread over \
      the shards. Large numbers have a unit: 12.3k, 4M, bytes by 1,024. On a directory that no server holds, one line of what \
      is there.
      """,
    options: [count.declaration, Option<String>.format.declaration] + Target.adminOptions,
    examples: ["tally stat", "tally stat --count 60 --format json"]
  ) { arguments, console in
    if try !RemoteJob.isMeant(arguments) {
      var line = StatLine()
      try directory(arguments, console, &line)
      show(line, isFirst: true, arguments, console)
      return .done
    }
    let door = try Target.open(arguments, console)
    var left = arguments[count] ?? .max
    var before = try sample(door, console)
    var isFirst = true
    while left > 0 {
      Thread.sleep(nanoseconds: 1_000_000_000)
      let now = try sample(door, console)
      show(StatLine(now, since: before), isFirst: isFirst, arguments, console)
      console.flush()
      (before, isFirst) = (now, false)
      left -= 1
    }
    return .done
  }

  private static func sample(_ door: any Door, _ console: Console) throws -> MetricsSample {
    let body = try door.ask(Ask(.get, ["metrics"])).body
    let time = console.environment.time
    return MetricsSample(String(decoding: body, as: UTF8.self), wall: time.wall(), monotonic: time.monotonic())
  }

  private static func show(_ line: StatLine, isFirst: Bool, _ arguments: Arguments, _ console: Console) {
    switch arguments.format {
    case .json: console.print(line.json)
    case .table:
      if isFirst { console.print(StatLine.head) }
      console.print(line.text)
    }
  }

  /// What the files of a directory say, under its lock.
  private static func directory(_ arguments: Arguments, _ console: Console, _ line: inout StatLine) throws {
    let path = arguments[Target.dataDirectory] ?? "."
    guard console.environment.files.exists("\(path)/\(StoreFiles.store)") else { throw NoStore(path: path) }
    let lock: DirectoryLock
    do throws(DirectoryLock.Refusal) { lock = try DirectoryLock("\(path)/\(StoreFiles.lock)") } catch {
      if case .held = error { throw Failure("\(error)", .refused) }
      throw Failure("\(error)")
    }
    defer { withExtendedLifetime(lock) {} }
    var found = StatLine()
    _ = try Store.read(console.environment, path) { _, recovery in
      let state = recovery.manifest?.state ?? ManifestState()
      found.liveRows += Double(recovery.minutes.rowCount)
      found.replay += Double(recovery.nextPosition - min(state.floor, recovery.nextPosition))
      if state.closedThrough > 0 {
        let ago = Double(console.environment.time.wall() - state.closedThrough * 60_000) / 1000
        found.closedAgo = max(found.closedAgo ?? 0, ago)
      }
      for file in state.files {
        if file.kind == .segment { found.segments += 1 }
        if file.kind == .run { found.runs += 1 }
        found.bytes += Double(file.reference.bytes)
      }
    }
    line = found
  }
}

/// A page of metrics at one moment, by name, and by name with labels.
struct MetricsSample {
  private var sums: [String: Double] = [:]
  private var labelled: [(name: Substring, labels: Substring, value: Double)] = []
  let wall: Int64
  let monotonic: Int64

  init(_ page: String, wall: Int64, monotonic: Int64) {
    self.wall = wall
    self.monotonic = monotonic
    for line in page.split(separator: "\n") where !line.hasPrefix("#") {
      guard let space = line.lastIndex(of: " "), let value = Double(line[line.index(after: space)...]) else { continue }
      let key = line[..<space]
      let name = key.prefix { $0 != "{" }
      sums[String(name), default: 0] += value
      labelled.append((name, key.dropFirst(name.count), value))
    }
  }

  /// The sum over a family's samples.
  subscript(name: String) -> Double { sums[name] ?? 0 }

  /// The sum over those of a family whose labels hold `label`.
  func sum(_ name: String, _ label: String) -> Double {
    labelled.reduce(0) { $0 + ($1.name == name && $1.labels.contains(label) ? $1.value : 0) }
  }

  /// The least sample of a family; nil without any.
  func least(_ name: String) -> Double? { labelled.filter { $0.name == name }.map(\.value).min() }

  /// The greatest sample of a family; nil without any.
  func greatest(_ name: String) -> Double? { labelled.filter { $0.name == name }.map(\.value).max() }

  /// A histogram's buckets by their upper bounds, ascending, over all shards.
  func buckets(_ name: String) -> [(bound: Double, count: Double)] {
    var counts: [Double: Double] = [:]
    for sample in labelled where sample.name == name + "_bucket" {
      guard let start = sample.labels.firstRange(of: "le=\"") else { continue }
      let text = sample.labels[start.upperBound...].prefix { $0 != "\"" }
      counts[text == "+Inf" ? .infinity : Double(text) ?? .infinity, default: 0] += sample.value
    }
    return counts.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
  }
}

/// One line of `tally stat`.
package struct StatLine {
  /// A second; nil where nothing runs.
  package var clicks: Double?
  /// Seconds; nil without a commit.
  package var median: Double?
  package var high: Double?
  package var liveRows = 0.0
  package var closedAgo: Double?
  /// Seconds that event time is behind; clicks a second that came after their minute was closed.
  package var lag: Double?
  package var late: Double?
  package var replay = 0.0
  package var segments = 0.0
  package var runs = 0.0
  package var bytes = 0.0
  /// In the time of the line.
  package var merges: Double?
  package var failures: Double?
  /// Ads whose impressions go to all shards.
  package var hotAds = 0.0

  package init() {}

  /// What happened between two samples, and what is there at the second.
  init(_ now: MetricsSample, since before: MetricsSample) {
    let seconds = max(0.001, Double(now.monotonic - before.monotonic) / 1e9)
    func change(_ name: String) -> Double { max(0, now[name] - before[name]) }
    clicks = change("tally_log_clicks_total") / seconds
    let old = before.buckets("tally_log_commit_seconds")
    let new = now.buckets("tally_log_commit_seconds")
    let commits = zip(new, old).map { (bound: $0.bound, count: $0.count - $1.count) }
    median = Self.quantile(0.5, commits)
    high = Self.quantile(0.99, commits)
    liveRows = now["tally_table_live_rows"]
    closedAgo = now.least("tally_table_closed_time_seconds").map { Double(now.wall) / 1000 - $0 }
    lag = now.greatest("tally_event_time_lag_seconds")
    late = change("tally_table_late_clicks_total") / seconds
    replay = now["tally_log_replay_clicks"]
    segments = now.sum("tally_files", "kind=\"segment\"")
    runs = now.sum("tally_files", "kind=\"run\"")
    bytes = now["tally_file_bytes"]
    merges = change("tally_upkeep_merges_total")
    failures = change("tally_upkeep_failures_total")
    hotAds = now["tally_hot_ads"]
  }

  /// The upper bound of the bucket that holds the quantile; `counts` are cumulative.
  private static func quantile(_ part: Double, _ counts: [(bound: Double, count: Double)]) -> Double? {
    guard let all = counts.last?.count, all > 0 else { return nil }
    return counts.first { $0.count >= part * all }?.bound
  }

  private static let columns = [
    ("CLICKS/S", 8), ("P50", 6), ("P99", 6), ("ROWS", 6), ("LAG", 5), ("CLOSED", 7), ("LATE/S", 7), ("REPLAY", 7),
    ("FILES", 6), ("BYTES", 6), ("MERGES", 7), ("FAIL", 5), ("HOT", 4),
  ]

  package static var head: String { line(columns.map(\.0)) }

  /// A terminal of 80 columns takes it.
  private static func line(_ cells: [String]) -> String {
    zip(cells, columns).map { cell, column in String(repeating: " ", count: max(0, column.1 - cell.count)) + cell }
      .joined()
  }

  /// For people.
  package var text: String {
    func brief(_ value: Double?) -> String { value.map { NumberText.brief($0) } ?? "-" }
    func time(_ value: Double?) -> String {
      guard let value else { return "-" }
      if value == .infinity { return ">16s" }
      if value < 0.000_999_5 { return "\(Int64((value * 1e6).rounded()))µs" }
      return value < 0.999_5 ? "\(Int64((value * 1000).rounded()))ms" : "\(Int64(value.rounded()))s"
    }
    /// Seconds, minutes, hours or days.
    func span(_ value: Double?) -> String {
      guard let value else { return "-" }
      let units: [(name: String, seconds: Double)] = [("s", 1), ("m", 60), ("h", 3_600), ("d", 86_400)]
      let unit = units.first { value < 999 * $0.seconds } ?? units[3]
      return NumberText.brief(value / unit.seconds) + unit.name
    }
    return Self.line([
      brief(clicks), time(median), time(high), brief(liveRows), span(lag), span(closedAgo), brief(late), brief(replay),
      brief(segments + runs), NumberText.briefBytes(bytes), brief(merges), brief(failures), brief(hotAds),
    ])
  }

  /// For programs; seconds and bytes.
  var json: JSONValue {
    func number(_ value: Double?) -> JSONValue {
      guard let value, value.isFinite else { return .null }
      guard abs(value) < 1e12 else { return .number("\(Int64(value))") }
      // To the microsecond.
      let millionths = Int64((value * 1e6).rounded())
      guard millionths % 1_000_000 != 0 else { return .number("\(millionths / 1_000_000)") }
      return .number("\(Double(millionths) / 1e6)")
    }
    return .object([
      "clicksPerSecond": number(clicks), "commitP50Seconds": number(median), "commitP99Seconds": number(high),
      "liveRows": number(liveRows), "lagSeconds": number(lag), "closedAgoSeconds": number(closedAgo),
      "lateClicksPerSecond": number(late), "replayClicks": number(replay),
      "segments": number(segments), "runs": number(runs), "bytes": number(bytes), "merges": number(merges),
      "failures": number(failures), "hotAds": number(hotAds),
    ])
  }
}

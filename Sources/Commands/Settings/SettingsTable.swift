import Catalog
import ClickLog
import Clicks
import Files
import Service
import Store

// Each setting of `serve` once: its name, how its text is read, where its value goes, how it is shown. Flags, environment
// variables, files, help texts and `config print` all come from this table.

/// One setting of `serve`.
package struct Setting: Sendable {
  /// As a flag (behind `--`) and in files.
  package let name: String
  /// What stands for its value; nil for a switch.
  package let placeholder: String?
  package let help: String
  /// Reads a text and puts the value in its place.
  package let apply: @Sendable (String, inout ServeSettings) throws(ValueFault) -> Void
  /// The value in force, as it would be written.
  package let show: @Sendable (ServeSettings) -> String

  /// The environment variable: `TALLY_` and the name in upper case.
  package var variable: String {
    "TALLY_" + name.uppercased().map { $0 == "-" ? "_" : String($0) }.joined()
  }

  /// The option that is its flag. Its value is the text, once that can be read.
  package var option: OptionDeclaration {
    let standard = placeholder == nil ? nil : show(ServeSettings())
    return OptionDeclaration(
      name: name, placeholder: placeholder, help: help, standard: standard.flatMap { $0.isEmpty ? nil : $0 },
      variable: nil
    ) { text throws(ValueFault) in
      var scratch = ServeSettings()
      try apply(text, &scratch)
      return text
    }
  }

  /// A setting whose value has a place of its own.
  init<Value: Sendable>(
    _ name: String, _ reader: ValueReader<Value>, _ help: String,
    show: @escaping @Sendable (ServeSettings) -> String, set: @escaping @Sendable (inout ServeSettings, Value) -> Void
  ) {
    self.name = name
    placeholder = reader.placeholder
    self.help = help
    self.show = show
    apply = { text, settings throws(ValueFault) in set(&settings, try reader.read(text)) }
  }

  /// A setting that is on or off.
  init(
    toggle name: String, _ help: String, _ path: any WritableKeyPath<ServeSettings, Bool> & Sendable
  ) {
    self.name = name
    placeholder = nil
    self.help = help
    show = { $0[keyPath: path] ? "true" : "false" }
    apply = { text, settings throws(ValueFault) in settings[keyPath: path] = try ValueReader.truth.read(text) }
  }
}

/// The settings of `serve`, in the order in which they are shown.
package enum SettingsTable {
  private static let millisecond: Int64 = 1_000_000
  private static let second: Int64 = 1_000_000_000
  private static let hour = 3600 * second
  private static let day = 24 * hour

  /// All of them but `--config`.
  package static let all: [Setting] = places + clicks + limits + storage + background

  private static let places: [Setting] = [
    Setting(
      "data-dir", .text("DIR"), "the directory that holds everything; made where it is missing",
      show: { $0.dataDirectory }, set: { $0.dataDirectory = $1 }),
    Setting(
      "listen", .address, "where clicks and the API are served; port 0 picks a free one and prints it",
      show: { $0.listen }, set: { $0.listen = $1 }),
    Setting(
      "admin-listen", .address, "where metrics and administration are served",
      show: { $0.adminListen }, set: { $0.adminListen = $1 }),
    Setting(
      "admin-host", hosts, "names by which the admin listener may be addressed, beside addresses and localhost",
      show: { $0.adminHosts.isEmpty ? "none" : $0.adminHosts.joined(separator: ",") }, set: { $0.adminHosts = $1 }),
    Setting(
      "public-url", publicURL,
      "what share links and minted links begin with, where a request's host is not it; with https cookies are Secure",
      show: { $0.publicURL ?? "none" }, set: { $0.publicURL = $1 }),
    Setting(
      "cors-origin", origins,
      "origins whose pages may read the API with a bearer token, as https://app.example, between commas",
      show: { $0.corsOrigins.isEmpty ? "none" : $0.corsOrigins.sorted().joined(separator: ",") },
      set: { $0.corsOrigins = Set($1) }),
    Setting(
      "dashboard", .choice(ServeSettings.DashboardPlace.allCases.map(\.rawValue)),
      "which listener has the page for people: that of clicks and the API, that of administration, or none",
      show: { $0.dashboard.rawValue }, set: { $0.dashboard = ServeSettings.DashboardPlace(rawValue: $1) ?? .public }),
    Setting(
      "dygraphs-dir", .text("DIR"), "where the dashboard's chart library is, dygraph.min.js",
      show: { $0.dygraphsDirectory }, set: { $0.dygraphsDirectory = $1 }),
    Setting(
      "dashboard-dir", directoryOrNone,
      "serves the dashboard's files from this directory, for work on them; on a loopback address alone",
      show: { $0.dashboardDirectory ?? "none" }, set: { $0.dashboardDirectory = $1 }),
  ]

  private static let clicks: [Setting] = [
    Setting(
      "commit-interval", .duration(0...second),
      "least time between two syncs of the log, unless enough clicks wait to be worth one; longer: fewer bytes written, later answers",
      show: { DurationText.write($0.commitInterval) }, set: { $0.commitInterval = $1 }),
    Setting(
      "commit-deadline", .duration(10 * millisecond...60 * second),
      "a click that waits longer for its sync is redirected with the verdict unknown",
      show: { DurationText.write($0.commitDeadline) }, set: { $0.commitDeadline = $1 }),
    Setting(
      "lookup-deadline", .duration(10 * millisecond...60 * second),
      "a click that waits longer for its ad to be looked up is answered 503 and not counted",
      show: { DurationText.write($0.lookupDeadline) }, set: { $0.lookupDeadline = $1 }),
    Setting(
      "dedup-horizon", .duration(second...day), "repeats of an impression inside it are dropped at once",
      show: { DurationText.write($0.shardOptions.dedupHorizon * millisecond) },
      set: { $0.shardOptions.dedupHorizon = $1 / millisecond }),
    Setting(
      "impression-lifetime", .duration(second...90 * day), "a click of an older impression is not counted",
      show: { DurationText.write($0.eventTimes.impressionLifetime * millisecond) },
      set: { $0.eventTimes.impressionLifetime = $1 / millisecond }),
    Setting(
      "allowed-lateness", .duration(0...48 * hour), "a minute closes this long after its end",
      show: { DurationText.write($0.shardOptions.allowedLateness * millisecond) },
      set: { $0.shardOptions.allowedLateness = $1 / millisecond }),
    Setting(
      "max-lateness", .duration(0...90 * day), "clicks of batches that are older are refused as too-old",
      show: { DurationText.write($0.eventTimes.maxLateness * millisecond) },
      set: { $0.eventTimes.maxLateness = $1 / millisecond }),
    Setting(
      "max-future", .duration(0...hour), "clicks of batches that are further in the future are refused as in-future",
      show: { DurationText.write($0.eventTimes.maxFuture * millisecond) },
      set: {
        $0.eventTimes.maxFuture = $1 / millisecond
        $0.shardOptions.maxFuture = $1 / millisecond
      }),
    Setting(
      "heartbeat", .duration(0...hour), "event time follows the clock when no click has moved it for this long",
      show: { DurationText.write($0.shardOptions.idleAfter * millisecond) },
      set: { $0.shardOptions.idleAfter = $1 / millisecond }),
    Setting(
      "checkpoint-interval", .duration(second...hour),
      "counts go to disk this often, and whenever a minute closes; what a restart reads again",
      show: { DurationText.write($0.shardOptions.checkpointInterval * millisecond) },
      set: { $0.shardOptions.checkpointInterval = $1 / millisecond }),
    Setting(
      "capture", captured, "keeps these strings with each raw click: user-agent, referrer, or both with a comma",
      show: { $0.capture.isEmpty ? "none" : $0.capture.columns.map(\.name).joined(separator: ",") },
      set: { $0.capture = $1 }),
    Setting(
      "bots", robots,
      "robots whose clicks are redirected and not counted: those that Tally knows, those of a file, or none",
      show: {
        switch $0.bots {
        case .builtin: "builtin"
        case .file(let path): path
        case .off: "off"
        }
      }, set: { $0.bots = $1 }),
    Setting(
      "on-bad-signature", .choice(ServeSettings.OnBadSignature.allCases.map(\.rawValue)),
      "a click with a wrong signature gets 403, or the uncounted redirect",
      show: { $0.onBadSignature.rawValue },
      set: { $0.onBadSignature = ServeSettings.OnBadSignature(rawValue: $1) ?? .reject }),
    Setting(
      "on-unknown-ad", unknownAd, "a click on an unknown ad gets 404, or an uncounted redirect to this URL",
      show: { $0.unknownAdURL ?? "reject" }, set: { $0.unknownAdURL = $1 }),
    Setting(
      "on-log-failure", .choice(ServeSettings.OnLogFailure.allCases.map(\.rawValue)),
      "when the log cannot be written any more: redirect uncounted, or end the process",
      show: { $0.onLogFailure.rawValue },
      set: { $0.onLogFailure = ServeSettings.OnLogFailure(rawValue: $1) ?? .redirect }),
    Setting(
      toggle: "verdict-header", "answers to clicks name their verdict in X-Tally-Verdict", \.verdictHeader),
  ]

  private static let limits: [Setting] = [
    Setting(
      "max-connections", .count(1...1_000_000),
      "open connections of each loop; for one more the longest idle one is closed, or it itself where none is idle",
      show: { "\($0.loopSettings.maxConnections)" }, set: { $0.loopSettings.maxConnections = Int($1) }),
    Setting(
      "max-admin-connections", .count(1...10_000), "open connections of the admin listener, beside the others",
      show: { "\($0.maxAdminConnections)" }, set: { $0.maxAdminConnections = Int($1) }),
    Setting(
      "max-buffered", .size(16 << 20...1 << 40),
      "memory of requests and answers that wait; one body may have a quarter, beyond the whole the heaviest are cut",
      show: { SizeText.write(Int64($0.maxBuffered)) }, set: { $0.maxBuffered = Int($1) }),
    Setting(
      "max-header", .size(1 << 10...1 << 20), "the longest head of a request; beyond it the answer is 431",
      show: { SizeText.write(Int64($0.loopSettings.headLimit)) },
      set: {
        $0.loopSettings.headLimit = Int($1)
        $0.loopSettings.targetLimit = min($0.loopSettings.targetLimit, Int($1))
      }),
    Setting(
      "max-body", .size(1 << 10...1 << 40), "the longest body of a request; beyond it the answer is 413",
      show: { SizeText.write(Int64($0.maxBody)) }, set: { $0.maxBody = Int($1) }),
    Setting(
      "max-batch", .size(1 << 10...1 << 45), "the longest body of a batch of clicks, which streams through memory",
      show: { SizeText.write(Int64($0.maxBatch)) }, set: { $0.maxBatch = Int($1) }),
    Setting(
      "max-batches", .count(1...10_000), "batches of clicks under way at once; one more is answered 503",
      show: { "\($0.maxBatches)" }, set: { $0.maxBatches = Int($1) }),
    Setting(
      "max-streams", .count(0...100_000), "streams of live points at once; one more is answered 503",
      show: { "\($0.maxStreams)" }, set: { $0.maxStreams = Int($1) }),
    Setting(
      "idle-timeout", .duration(second...day), "a connection without a request is closed after this",
      show: { DurationText.write($0.loopSettings.idleTimeout) }, set: { $0.loopSettings.idleTimeout = $1 }),
    Setting(
      "drain-timeout", .duration(0...hour), "for requests under way when the server is told to stop",
      show: { DurationText.write($0.drainTimeout) }, set: { $0.drainTimeout = $1 }),
    Setting(
      "loops", .count(1...64), "event loops, each a thread",
      show: { "\($0.loops)" }, set: { $0.loops = Int($1) }),
    Setting(
      "batch-workers", .count(1...64), "threads that read batches of clicks",
      show: { "\($0.batchWorkers)" }, set: { $0.batchWorkers = Int($1) }),
    Setting(
      "catalog-cache", .size(1 << 20...1 << 36), "memory for ads of each loop and each thread that reads batches",
      show: { SizeText.write(Int64($0.catalogCache)) }, set: { $0.catalogCache = Int($1) }),
  ]

  private static let storage: [Setting] = [
    Setting(
      "shards", .count(1...Int64(StoreIdentity.shardLimit)),
      "shards of a new store, 2 or more; tally reshard changes a store",
      show: { "\($0.shards)" }, set: { $0.shards = Int($1) }),
    Setting(
      "hot-threshold", .count(0...1_000_000_000, "CLICKS"),
      "clicks a second from which an ad is spread over all shards; 0 spreads none",
      show: { "\($0.hotThreshold)" }, set: { $0.hotThreshold = $1 }),
    Setting(
      "durability", synced, "clicks are answered once they are on disk (sync)",
      show: { _ in "sync" }, set: { _, _ in }),
    Setting(
      "log-slot-size", .size(Int64(SlotPool.sizes.lowerBound)...Int64(SlotPool.sizes.upperBound), multipleOf: 4096),
      "bytes of a new log slot",
      show: { SizeText.write(Int64($0.shardOptions.slotBytes)) }, set: { $0.shardOptions.slotBytes = Int($1) }),
    Setting(
      "disk-reserve", .size(0...1 << 50), "bytes of the volume that new log slots leave free",
      show: { SizeText.write(Int64(clamping: $0.shardOptions.diskReserve)) },
      set: { $0.shardOptions.diskReserve = UInt64($1) }),
    Setting(
      toggle: "accept-clock", "believes the clock though the store's newest clicks are more than seven days away",
      \.shardOptions.acceptClock),
    Setting(
      "accept-shard", shards,
      "takes these shards as they are found though STORE knows them otherwise, and writes that down; for one start",
      show: { values in
        let shards = values.shardOptions.acceptShards.sorted()
        return shards.isEmpty ? "none" : shards.map(String.init).joined(separator: ",")
      }, set: { $0.shardOptions.acceptShards = Set($1) }),
  ]

  // `Settings.check` holds the retention of raw clicks against what they are needed for.
  private static let background: [Setting] = [
    Setting(
      "raw-retention", .duration(600 * second...36_500 * day),
      "raw clicks are kept this long; their sums stay: not shorter than impressions live, clicks may be late, repeats are dropped",
      show: { DurationText.write($0.shardOptions.rawRetention * millisecond) },
      set: { $0.shardOptions.rawRetention = $1 / millisecond }),
    Setting(
      "minute-retention", .duration(day...36_500 * day), "counts by minute are kept this long; hours and days stay",
      show: { DurationText.write($0.shardOptions.minuteRetention * millisecond) },
      set: { $0.shardOptions.minuteRetention = $1 / millisecond }),
    Setting(
      "reconcile-schedule", schedule,
      "when all raw clicks are recounted: minute hour day month weekday, UTC or with CRON_TZ=ZONE before it",
      show: { $0.reconcileSchedule?.text ?? "off" }, set: { $0.reconcileSchedule = $1 }),
    Setting(
      "reconcile-jitter", .duration(0...6 * hour), "the scheduled recount begins up to this much later",
      show: { DurationText.write($0.reconcileJitter * millisecond) }, set: { $0.reconcileJitter = $1 / millisecond }),
    Setting(
      "reconcile-interval", .duration(0...day), "what clicks have changed is recounted this often; 0 only on request",
      show: { DurationText.write($0.shardOptions.recountInterval * millisecond) },
      set: { $0.shardOptions.recountInterval = $1 / millisecond }),
    Setting(
      "background-rate", .size(0...1 << 40), "bytes a second that merges may read and write; 0 sets no limit",
      show: { SizeText.write(Int64($0.shardOptions.budget.bytesPerSecond)) },
      set: { $0.shardOptions.budget.bytesPerSecond = Int($1) }),
    Setting(
      "background-cpu", .count(1...100, "PERCENT"), "share of one core that merges may take; 100 sets no limit",
      show: { "\($0.shardOptions.budget.cpuPercent)" }, set: { $0.shardOptions.budget.cpuPercent = Int($1) }),
    Setting(
      "read-mode", .choice(SealedFile.Access.allCases.map(\.rawValue)),
      "immutable files are mapped into memory, or read at each use",
      show: { $0.shardOptions.access.rawValue },
      set: { $0.shardOptions.access = SealedFile.Access(rawValue: $1) ?? .mapped }),
  ]

  private static let hosts = ValueReader<[String]>("NAME,…|none") { text throws(ValueFault) in
    if text == "none" { return [] }
    return try text.split(separator: ",", omittingEmptySubsequences: false).map { name throws(ValueFault) in
      let isName = name.utf8.allSatisfy {
        0x30...0x39 ~= $0 || 0x41...0x5A ~= $0 || 0x61...0x7A ~= $0 || $0 == 0x2D || $0 == 0x2E
      }
      guard 1...253 ~= name.utf8.count, isName else {
        throw ValueFault("has \"\(name)\", which is no host name; it takes names without port, between commas")
      }
      return name.lowercased()
    }
  }

  private static let directoryOrNone = ValueReader<String?>("none|DIR") { text throws(ValueFault) in
    guard !text.isEmpty else { throw ValueFault("is empty; it is none, or the path of a directory") }
    return text == "none" ? nil : text
  }

  private static let origins = ValueReader<[String]>("ORIGIN,…|none") { text throws(ValueFault) in
    if text == "none" { return [] }
    return try text.split(separator: ",", omittingEmptySubsequences: false).map { part throws(ValueFault) in
      let origin = String(part)
      let host = origin.drop { $0 != ":" }.dropFirst(3)
      guard TargetURL.fault(in: origin) == nil, origin == origin.lowercased(), !host.isEmpty,
        !host.contains(where: { "/?#@".contains($0) })
      else {
        throw ValueFault("has \"\(origin)\"; an origin is scheme, host and port alone, as https://app.example")
      }
      return origin
    }
  }

  private static let publicURL = ValueReader<String?>("none|URL") { text throws(ValueFault) in
    if text == "none" { return nil }
    if let fault = TargetURL.fault(in: text) { throw ValueFault("must be none or a URL, which \(fault)") }
    guard !text.contains("?"), !text.contains("#") else { throw ValueFault("must be a URL without query and fragment") }
    return String(text.reversed().drop { $0 == "/" }.reversed())
  }

  private static let unknownAd = ValueReader<String?>("reject|URL") { text throws(ValueFault) in
    if text == "reject" { return nil }
    if let fault = TargetURL.fault(in: text) { throw ValueFault("must be reject or a URL, which \(fault)") }
    return text
  }

  private static let robots = ValueReader<ServeSettings.Bots>("builtin|FILE|off") { text throws(ValueFault) in
    switch text {
    case "builtin": return .builtin
    case "off": return .off
    case "": throw ValueFault("is empty; it is builtin, off, or the path of a file")
    default: return .file(text)
    }
  }

  private static let shards = ValueReader<[Int]>("N,…|none") { text throws(ValueFault) in
    if text == "none" { return [] }
    return try text.split(separator: ",", omittingEmptySubsequences: false).map { (part) throws(ValueFault) in
      guard let shard = Int(part), 0..<StoreIdentity.shardLimit ~= shard, part.utf8.allSatisfy({ $0 != 0x2B }) else {
        throw ValueFault("wants numbers of shards between commas, or none, not \"\(text.prefix(80))\"")
      }
      return shard
    }
  }

  private static let captured = ValueReader<CaptureSet>("COLUMN,…|none") { text throws(ValueFault) in
    if text == "none" { return [] }
    var set: CaptureSet = []
    for part in text.split(separator: ",", omittingEmptySubsequences: false) {
      guard let column = CapturedColumn.allCases.first(where: { $0.name == part }) else {
        throw ValueFault("is \"\(part)\", not user-agent, referrer or none")
      }
      guard set.insert(CaptureSet(column)).inserted else { throw ValueFault("names \(part) twice") }
    }
    return set
  }

  private static let schedule = ValueReader<ScheduleText?>("CRON|off") { text throws(ValueFault) in
    do throws(Cron.Fault) { return try ScheduleText.read(text) } catch { throw ValueFault(error.description) }
  }

  private static let synced = ValueReader<String>("sync") { text throws(ValueFault) in
    if text == "os" {
      throw ValueFault("is os, which this version does not offer: a click that was answered could be lost")
    }
    return try ValueReader.choice(["sync"]).read(text)
  }
}

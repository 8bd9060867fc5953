import Clicks
import JSON
import Platform
import Store

// What an operator has to look at, in words, for the operations page: the conditions of `Monitoring/tally.rules.yml` as far as one
// process can know them, and when each began.

/// What is wrong, though the service may answer.
struct OpsAlarm: Equatable, Sendable {
  /// Tells conditions apart from one look to the next.
  var key: String
  /// What is so, and what to do.
  var text: String
}

/// The conditions that hold, each with the time when it began.
struct OpsAlarms: Sendable {
  private(set) var standing: [(alarm: OpsAlarm, since: Int64)] = []

  /// Takes the alarms of now, `time` being wall ms since 1970; what stood before keeps its beginning.
  mutating func take(_ alarms: [OpsAlarm], at time: Int64) {
    let before = Dictionary(standing.map { ($0.alarm.key, $0.since) }, uniquingKeysWith: { first, _ in first })
    standing = alarms.map { ($0, before[$0.key] ?? time) }
  }

  /// `[{"text":"…","since":"2026-11-30T17:41:00Z"},…]`
  var json: JSONValue {
    .array(
      standing.map { standing in
        .object([
          "text": .string(standing.alarm.text), "since": .string(Timestamp.format(standing.since)),
        ])
      })
  }
}

extension ServiceContext {
  /// A disk that is full within so many seconds is told of: fourteen days.
  private static let forecastSeconds: Int64 = 14 * 86_400
  /// A recount is late when it is behind by so much, ms.
  private static let recountPatience: Int64 = 7_200_000

  /// What is wrong now; `unrecorded`: clicks of the last minute that were redirected and not counted.
  func alarms(_ disk: DiskForecast, unrecorded: UInt64) -> [OpsAlarm] {
    var alarms = failures.enumerated().map { OpsAlarm(key: "ready-\($0)", text: "Not ready: \($1)") }
    if unrecorded > 0 {
      let clicks = unrecorded == 1 ? "click was" : "clicks were"
      alarms.append(
        OpsAlarm(key: "unrecorded", text: "\(unrecorded) \(clicks) redirected without being counted in the last minute")
      )
    }
    for (shard, condition) in conditions.enumerated() {
      alarms += Self.alarms(shard, condition.maintenance)
      if let error = condition.readError {
        alarms.append(OpsAlarm(key: "read-\(shard)", text: "Shard \(shard) could not read a click back: \(error)"))
      }
    }
    alarms += recountAlarms + diskAlarms(disk)
    if budget.isTight {
      alarms.append(
        OpsAlarm(key: "memory", text: "Requests and answers that wait take most of their memory (--max-buffered)"))
    }
    return alarms + warnings.enumerated().map { OpsAlarm(key: "catalog-\($0)-\($1)", text: $1) }
  }

  private static func alarms(_ shard: Int, _ done: MaintenanceCounters) -> [OpsAlarm] {
    var alarms: [OpsAlarm] = []
    func add(_ key: String, _ text: String) { alarms.append(OpsAlarm(key: "\(key)-\(shard)", text: text)) }
    let books = done.books
    if books.drift != 0 || books.baseDrift != 0 {
      add(
        "books",
        "The books of shard \(shard) do not balance: \(books.drift) clicks more in rows than were accepted, "
          + "\(books.baseDrift) in rows of raw clicks that are gone. Run `tally reconcile --dry-run`, then `tally reconcile`"
      )
    }
    if done.recounts.lastDrift > 0 {
      add("drift", "The last recount of shard \(shard) found \(done.recounts.lastDrift) wrong rows and corrected them")
    }
    let left = done.recounts.monthsLeftAlone.count
    if left > 0 {
      add(
        "sealed",
        "Shard \(shard) has other rows than were sealed in \(left == 1 ? "a month" : "\(left) months"); see `tally verify`"
      )
    }
    if let error = done.lastError { add("background", "Background work of shard \(shard) fails: \(error)") }
    return alarms
  }

  /// Minutes that are closed and wait for their recount too long.
  private var recountAlarms: [OpsAlarm] {
    guard settings.shardOptions.recountInterval > 0 else { return [] }
    return disks.disks.enumerated().compactMap { shard, disk in
      guard let disk, disk.state.recounted.through > 0 else { return nil }
      let behind = clock.now() - disk.state.recounted.through * 60_000
      guard behind > Self.recountPatience + settings.shardOptions.recountInterval else { return nil }
      return OpsAlarm(
        key: "recount-\(shard)",
        text: "Shard \(shard) is recounted through \(Minute(index: disk.state.recounted.through)) only")
    }
  }

  private func diskAlarms(_ disk: DiskForecast) -> [OpsAlarm] {
    let reserve = settings.shardOptions.diskReserve
    guard let left = disk.secondsLeft(reserve: reserve), left < Self.forecastSeconds, let free = disk.free else {
      return []
    }
    let time =
      left >= 2 * 86_400 ? "\(left / 86_400) days" : left >= 7_200 ? "\(left / 3_600) hours" : "\(left / 60) minutes"
    return [OpsAlarm(key: "disk", text: "The disk is full in about \(time): \(free >> 20) MiB are free")]
  }
}

import Clicks
import JSON
import Store

/// Figures of one shard, for `GET /admin/v1/shards`.
package struct ShardFigures: Sendable {
  /// Position after the last durable click.
  package var position: UInt64
  package var ads: Int
  /// Minutes, and rows (ad, minute), that are in memory alone.
  package var liveMinutes: Int
  package var liveRows: Int
  /// Minutes before this one are closed.
  package var closedThrough: Minute
  /// Event time, and when the oldest click was received that a restart reads again; ms since 1970. Nil where nothing is
  /// known or nothing runs.
  package var watermark: Int64?
  package var floorTime: Int64?
  /// What the manifest says; nil where only the table is at hand.
  package var disk: Disk?

  /// How far the files of a shard are.
  package struct Disk: Sendable {
    package var state: ManifestState
    package var files: FileSums

    /// Asks the manifest, which may be in the middle of a sync.
    package init(_ core: ShardCore) {
      state = core.manifest.state
      files = FileSums()
      for file in state.files { files.add(file.kind, file.reference.bytes) }
    }
  }

  /// What a table says of itself.
  package init(_ table: LiveTable) {
    let summary = table.summary
    position = summary.position
    ads = summary.ads
    liveMinutes = summary.minutes
    liveRows = summary.rows
    closedThrough = summary.closedThrough
  }

  /// The same, and what its shard has on disk.
  package init(_ core: ShardCore) {
    self.init(core.live)
    disk = Disk(core)
    let event = core.watermark.value(at: core.clock.now())
    watermark = event > 0 ? event : nil
    floorTime = core.condition.counters.floorTime
  }

  /// For programs.
  func json(_ shard: Int) -> JSONValue {
    var members: [JSONValue.Member] = [
      .init("shard", .integer(shard)), .init("position", .integer(position)), .init("clicks", .integer(position)),
      .init("ads", .integer(ads)), .init("minutes", .integer(liveMinutes)), .init("liveRows", .integer(liveRows)),
      .init("closedThrough", .optional(closedThrough.index > 0 ? closedThrough.description : nil)),
    ]
    guard let disk else { return .object(members) }
    let state = disk.state
    if let watermark { members.append(.init("watermark", .string(Timestamp.format(watermark)))) }
    members.append(.init("floorReceived", .optional(floorTime.map { Timestamp.format($0) })))
    let rolledUp = state.rolledUp > .min ? Minute(index: state.rolledUp * 1_440) : nil
    members += [
      .init("applied", .integer(state.applied)), .init("sealed", .integer(state.sealed)),
      .init("retired", .integer(state.retired)), .init("floor", .integer(state.floor)),
      .init("rolledUp", .optional(rolledUp?.description)),
      .init("minutesFrom", .optional(state.minutesFrom > .min ? Minute(index: state.minutesFrom).description : nil)),
      .init("sealedMonths", .array(state.seals.map { .string("\($0.month)") })),
      .init("files", disk.files.json),
    ]
    return .object(members)
  }
}

import ClickLog
import Clicks
import Platform
import Simulation
import Store

// Scripts for a store on a simulated machine. The geometry is tiny, so that a few dozen clicks switch slots and rotate
// manifests.

/// One thing a script does.
package enum Step: Sendable {
  /// Commits a batch of new clicks.
  case commit(Int)
  /// Commits a batch in which each click repeats an earlier one.
  case repeats(Int)
  /// Commits a batch in which each new click stands beside its own repeat.
  case twins(Int)
  /// Time goes by, in ms, with the upkeep that belongs to it.
  case wait(Int64)
  /// Commits a batch of new clicks that happened so many minutes ago.
  case late(Int, minutes: Int64)
  /// The background does all it can do, due or not.
  case settle
  /// Rows of closed minutes become wrong: too many, too few, and one of no click.
  case damage
  /// All raw clicks are recounted, and rows corrected.
  case recount
  /// What came since the last recount is recounted, and the month before this one is sealed.
  case seal
  /// The background thread makes a slot if one is needed.
  case prepare
  /// The process ends in good order and starts again.
  case restart
  /// The process is killed and starts again; the machine goes on.
  case kill
  /// The volume has only so many bytes more; nil: as many as one likes.
  case capacity(UInt64?)
  /// From now on strings of this set are captured.
  case capture(CaptureSet)
  /// The wall clock is set to so many ms beside the true time.
  case clock(Int64)
}

/// A named script.
package struct Scenario: Sendable, CustomStringConvertible {
  package var name: String
  package var steps: [Step]
  /// Shards of the store.
  package var shards = 1
  package var description: String { shards == 1 ? name : "\(name), \(shards) shards" }

  package init(_ name: String, _ steps: [Step]) {
    self.name = name
    self.steps = steps
  }

  /// Repeats inside it are dropped, ms; clicks that are older are not sent again.
  static let horizon: Int64 = 14_400_000

  /// Tiny slots and manifests; hours for days, so that raw clicks retire in a script.
  package static var options: ShardOptions {
    var options = ShardOptions()
    options.slotBytes = SlotPool.sizes.lowerBound
    options.manifestBytes = 24 << 10
    options.diskReserve = 0
    options.dedupHorizon = horizon
    options.expectedImpressions = 64
    options.dedupLimit = 1 << 20
    options.segmentRows = 40
    options.sealAfter = 400_000
    options.recountInterval = 0
    options.recountPause = 1
    options.recountChunk = 4
    options.segmentFanIn = 3
    options.segmentLimit = 1_000
    options.runTiers = [2, 6, 60, 1_440, 2_880]
    options.patchFanIn = 3
    options.rawRetention = 6 * 3_600_000
    options.access = .read
    return options
  }

  /// Of a script that makes many files every push crashes at one call in sixteen; the long campaigns at each.
  package var stride: Int {
    let makesFiles = steps.contains { if case .settle = $0 { true } else { false } }
    return (makesFiles ? 16 : 1) * (shards > 1 ? 6 : 1)
  }

  /// Some of the scripts on several shards, which crash one in the middle of what another does.
  package static let sharded: [Scenario] = [
    ("commits with repeats", 2), ("slot switch", 2), ("good restarts", 3), ("kills, clicks copied forward", 3),
    ("checkpoints and late clicks", 2), ("seals, slots used again", 2), ("kills around checkpoints", 2),
    ("a month is sealed, then credited", 2),
  ].map { name, shards in
    var scenario = all.first { $0.name == name }!
    scenario.shards = shards
    return scenario
  }

  /// The scripts that every push runs.
  package static let all: [Scenario] = [
    Scenario("first opening", [.commit(1)]),
    Scenario("commits with repeats", [.commit(3), .repeats(2), .twins(1), .repeats(4), .commit(5)]),
    Scenario(
      "slot switch",
      [.commit(1), .prepare] + Array(repeating: .commit(2), count: 14) + [.prepare, .repeats(3), .commit(1)]),
    Scenario("frames of several pages", [.commit(250), .repeats(120), .commit(130), .commit(1)]),
    Scenario(
      "marks and closed minutes", [.commit(2), .wait(60), .commit(1), .wait(200_000), .commit(1), .wait(60_000)]),
    Scenario(
      "manifest rotation", [.commit(1)] + Array(repeating: .wait(60_000), count: 6) + [.commit(2), .wait(60_000)]),
    Scenario(
      "good restarts", [.commit(3), .wait(60), .restart, .commit(2), .restart, .restart, .repeats(2), .commit(1)]),
    Scenario("kills, clicks copied forward", [.commit(3), .kill, .commit(2), .repeats(2), .kill, .kill, .commit(1)]),
    Scenario(
      "kill behind a full half",
      Array(repeating: .commit(2), count: 10) + [.kill, .prepare, .repeats(3), .commit(1), .kill, .commit(1)]),
    Scenario(
      "full disk",
      [.commit(1), .capacity(0)] + Array(repeating: .commit(1), count: 16) + [
        .prepare, .wait(1000), .capacity(nil), .prepare, .wait(1000), .commit(2), .repeats(2),
      ]),
    Scenario(
      "checkpoints and late clicks",
      [
        .commit(3), .wait(200_000), .commit(2), .late(2, minutes: 10), .wait(120_000), .late(3, minutes: 12),
        .late(1, minutes: 1_500), .wait(190_000), .repeats(3), .commit(1), .wait(200_000),
      ]),
    Scenario(
      "seals, slots used again",
      [.commit(30), .prepare] + Array(repeating: .commit(4), count: 14)
        + [.prepare, .settle, .repeats(5), .commit(2), .settle, .prepare] + Array(repeating: .commit(1), count: 6)
        + [.kill, .repeats(4), .settle, .commit(1)]),
    Scenario(
      "merges of runs and segments",
      (0..<7).flatMap { _ in [.commit(41), .wait(125_000)] as [Step] } + [.settle, .late(2, minutes: 9), .settle]),
    Scenario(
      "a day is rolled up, then patched",
      [
        .commit(4), .wait(36_000_000), .commit(2), .settle, .late(3, minutes: 600), .settle, .late(2, minutes: 605),
        .settle, .late(2, minutes: 601), .settle,
      ]),
    Scenario(
      "raw clicks retire",
      [
        .commit(45), .wait(130_000), .late(3, minutes: 4), .settle, .wait(28_800_000), .commit(3), .settle,
        .late(2, minutes: 482), .settle, .kill, .commit(1), .settle,
      ]),
    // Sixteen days to the end of the month; clicks of eleven hours ago and more are of the month before then.
    Scenario(
      "a month is sealed, then credited",
      [
        .commit(3), .wait(600_000_000), .wait(600_000_000), .wait(140_000_000), .commit(2), .wait(200_000),
        .late(3, minutes: 700), .settle, .seal,
        .late(2, minutes: 705), .kill, .late(1, minutes: 706), .settle, .seal, .late(2, minutes: 720), .wait(130_000),
        .kill, .recount, .late(1, minutes: 705), .settle, .commit(1), .restart,
      ]),
    Scenario(
      "slots become free at the end",
      [.commit(3), .prepare] + Array(repeating: .commit(2), count: 15) + [
        .prepare, .wait(200_000), .commit(1), .settle,
      ]),
    Scenario(
      "captured strings come and go",
      [
        .commit(2), .capture(.all), .commit(3), .repeats(4), .commit(4), .kill, .twins(3), .repeats(3), .commit(2),
        .capture(.referrer), .commit(35), .prepare,
      ] + Array(repeating: .commit(3), count: 8) + [.wait(200_000), .prepare, .settle, .repeats(5), .capture([])]
        + Array(repeating: .commit(4), count: 9) + [
          .capture(.userAgent), .commit(9), .settle, .kill, .commit(3), .settle, .capture(.all), .commit(50), .settle,
          .wait(28_800_000), .commit(2), .twins(4), .settle,
        ]),
    Scenario(
      "kills around checkpoints",
      [
        .commit(20), .wait(190_000), .commit(5), .kill, .commit(2), .late(4, minutes: 3), .wait(70_000), .kill,
        .prepare,
      ]
        + Array(repeating: .commit(3), count: 15) + [
          .prepare, .wait(190_000), .settle, .kill, .commit(1), .wait(60_000), .kill,
        ]),
  ]
}

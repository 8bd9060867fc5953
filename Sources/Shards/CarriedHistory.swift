import ClickLog
import Clicks
import Corrections
import Store

// What a rewritten store takes over beside clicks and counts: what recounts have changed, and how far imports are.
//
// Corrections of an ad go to its home, whatever shard made them. Each shard has numbered its runs by itself, so they are
// numbered anew, all of them, in the order of their times; that of a store of one shard stays as it is. Positions of the old
// logs say nothing in the new ones: a run that was taken over has the position 0.
//
// An import is as far as in the shard that is the farthest behind: through that line every click is durable somewhere, and
// is now in the shard where it belongs. What was beyond is found by its ids when it comes again.

/// The corrections of all shards, on their way.
struct CarriedHistory {
  /// A run of an old shard.
  private struct Origin: Hashable {
    var shard: Int
    var number: UInt64
  }

  private var rows: [(ad: AdKey, origin: Origin, row: Correction)] = []

  /// The highest number that any run of an old shard has, whether it changed something or not.
  private var lastRun: UInt64 = 0
  private var shards = 0

  /// Takes in those of an old shard.
  mutating func add(_ recovery: borrowing ShardRecovery) throws {
    lastRun = max(lastRun, recovery.manifest?.state.lastRecount ?? 0)
    for file in recovery.version.corrections {
      try file.forEachRow { row in
        let origin = Origin(shard: shards, number: row.run.number)
        rows.append((recovery.minutes.ads.key(row.code), origin, row))
      }
    }
    shards += 1
  }

  /// Corrections so far.
  var count: Int { rows.count }

  /// What each new shard gets, and the number that its last run has.
  func dealt(_ table: RouteTable) -> (parts: [[AdCorrection]], lastRun: UInt64) {
    let numbers = numbers()
    var parts = [[AdCorrection]](repeating: [], count: table.shards)
    for (ad, origin, row) in rows {
      var row = row
      row.run = CorrectionRun(number: numbers[origin]!, position: 0, time: row.run.time)
      parts[table.home(of: ad)].append(AdCorrection(ad: ad, correction: row))
    }
    return (parts, max(lastRun, numbers.values.max() ?? 0))
  }

  private func numbers() -> [Origin: UInt64] {
    var times: [Origin: Int64] = [:]
    for (_, origin, row) in rows { times[origin] = row.run.time }
    if shards == 1 { return times.keys.reduce(into: [:]) { $0[$1] = $1.number } }
    let ordered = times.keys.sorted {
      (times[$0]!, $0.shard, $0.number) < (times[$1]!, $1.shard, $1.number)
    }
    return ordered.enumerated().reduce(into: [:]) { $0[$1.element] = UInt64($1.offset + 1) }
  }

  /// How far each source is in all of the old shards, the one that moved last at the end.
  static func progress(_ tables: [SourceTable]) -> [SourceProgress] {
    guard let first = tables.first else { return [] }
    return first.sources.compactMap { source in
      var least = source
      for table in tables.dropFirst() {
        guard let other = table.progress(ofSource: source.high, source.low) else { return nil }
        if other.lines < least.lines { least = other }
      }
      // Positions of the old shards say nothing in the new ones: all of its clicks are behind the first.
      least.proof?.since = 0
      return least
    }
  }
}

import Files
import Platform

// Merging: the rows of several runs of one table as one ordered stream, each key once. Of rows with one key the one of the
// highest rank holds (patch before base, then sequence); in tables of versions the one with the higher version, and of
// equal versions the larger value (R9).
//
// Each step compares the runs' next keys. Where one key is the lowest alone, all rows of that run up to the second lowest
// key go by at once: runs of different minutes meet only once an ad. A loser tree would spare comparisons; with a dozen
// inputs the plain search for the two lowest is as fast.

/// Several runs of one table as one. Copies share memory: one of them goes on.
package struct MergeCursor {
  private var cursors: [RunStretches]
  private let ranks: [(kind: UInt32, sequence: UInt64)]
  /// What is added to a run's buckets so that all count from `firstBucket`.
  private let shifts: [UInt32]
  private var keys: [UInt64] = []
  private let hasVersions: Bool
  /// Rows of a run that were handed out and have not been passed yet.
  private var given: (cursor: Int, count: Int)?
  /// Where the merged rows are counted from.
  let firstBucket: Int64

  /// The row it stands on; nil before the first `advance` and behind the last row.
  package private(set) var row: RunRow?

  private static let end = UInt64.max

  /// A cursor over runs of one table, in any order, whose windows lie within 2^32 − 1 buckets.
  package init(_ runs: [Run]) throws {
    let first = runs.map(\.descriptor.buckets.lowerBound).min() ?? 0
    let last = runs.map(\.descriptor.buckets.upperBound).max() ?? 0
    precondition(last - first < Int64(UInt32.max), "windows too far apart to be merged")
    firstBucket = first
    hasVersions = runs.contains { $0.descriptor.hasVersions }
    ranks = runs.map(\.descriptor.rank)
    shifts = runs.map { UInt32($0.descriptor.firstBucket - first) }
    cursors = runs.map(RunStretches.init)
    for i in cursors.indices {
      try cursors[i].advance(0)
      keys.append(key(i))
    }
  }

  private func key(_ i: Int) -> UInt64 {
    let range = cursors[i].range
    return range.isEmpty ? Self.end : cursors[i].rows.key(range.lowerBound, shift: shifts[i])
  }

  private mutating func pass(_ i: Int, _ count: Int) throws {
    try cursors[i].advance(count)
    keys[i] = key(i)
  }

  /// Goes to the next row.
  package mutating func advance() throws {
    row = try next(atMost: 1).map { RunRow($0.rows, $0.range.lowerBound, from: firstBucket + Int64($0.shift)) }
  }

  /// Rows that follow each other in the merged order. `shift` added to a bucket counts it from `firstBucket`.
  struct Stretch {
    let rows: RowColumns
    let range: Range<Int>
    let shift: UInt32
  }

  /// The next rows, `limit` at most, which stand until the next call; nil at the end.
  mutating func next(atMost limit: Int = .max) throws -> Stretch? {
    if let (i, count) = given { try pass(i, count) }
    given = nil
    var (least, second) = (Self.end, Self.end)
    var winner = 0
    for (i, key) in keys.enumerated() {
      if key < least {
        (second, least, winner) = (least, key, i)
      } else if key < second {
        second = key
      }
    }
    guard least != Self.end else { return nil }
    if least == second {
      winner = try resolve(least)
      return give(winner, 1)
    }
    let range = cursors[winner].range
    let end = cursors[winner].rows.first(in: range, notBefore: second, shift: shifts[winner])
    return give(winner, min(limit, end - range.lowerBound))
  }

  /// Goes past the next rows, of which `visit` gets one after the other: as many as follow each other in one run, `limit` at
  /// most. False at the end. Not to be mixed with `advance`.
  package mutating func pass(
    atMost limit: Int, _ visit: (_ code: UInt32, _ bucket: Int64, _ value: UInt64) -> Void
  ) throws -> Bool {
    guard let next = try next(atMost: limit) else { return false }
    let first = firstBucket + Int64(next.shift)
    let rows = next.rows
    for i in next.range { unsafe visit(rows.codes[i], first &+ Int64(rows.buckets[i]), rows.values[i]) }
    return true
  }

  private mutating func give(_ i: Int, _ count: Int) -> Stretch {
    given = (i, count)
    return Stretch(rows: cursors[i].rows, range: cursors[i].range.prefix(count), shift: shifts[i])
  }

  /// The run whose row holds among those with `key`; the others' rows are passed over.
  private mutating func resolve(_ key: UInt64) throws -> Int {
    var best: Int?
    for i in keys.indices where keys[i] == key {
      if let current = best, !wins(i, over: current) { continue }
      best = i
    }
    for i in keys.indices where keys[i] == key && i != best { try pass(i, 1) }
    return best!
  }

  private func wins(_ i: Int, over j: Int) -> Bool {
    guard hasVersions else { return sabotaged(.olderRunWins) ? ranks[i] < ranks[j] : ranks[i] > ranks[j] }
    let (a, b) = (cursors[i], cursors[j])
    let (own, other) = (a.range.lowerBound, b.range.lowerBound)
    return unsafe (a.rows.versions[own], a.rows.values[own]) > (b.rows.versions[other], b.rows.values[other])
  }
}

extension RunRow {
  /// Row `i` of columns whose buckets count from `first`.
  init(_ rows: RowColumns, _ i: Int, from first: Int64) {
    unsafe self.init(
      code: rows.codes[i], bucket: first + Int64(rows.buckets[i]), value: rows.values[i], version: rows.versions[i])
  }
}

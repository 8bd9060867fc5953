import Files
import Platform

// Merging: the rows of several runs of one table as one ordered stream, each key once. Of rows with one key the one of the
// highest rank holds (patch before base, then sequence); in tables of versions the one with the higher version, and of
// equal versions the larger value (R9). A loser tree would spare comparisons; with a dozen inputs, most of which lie far
// apart, the plain search for the least head is as fast.

/// Several runs of one table as one.
package struct MergeCursor {
  private var cursors: [RunCursor] = []
  private var ranks: [(kind: UInt32, sequence: UInt64)] = []
  private var keys: [UInt64] = []
  private let firstBucket: Int64
  private let hasVersions: Bool

  /// The row it stands on; nil before the first `advance` and behind the last row.
  package private(set) var row: RunRow?

  private static let end = UInt64.max

  /// A cursor over runs of one table, in any order, whose windows lie within 2^32 − 1 buckets.
  package init(_ runs: [Run]) throws {
    firstBucket = runs.map(\.descriptor.firstBucket).min() ?? 0
    let last = runs.map { $0.descriptor.firstBucket + Int64($0.descriptor.bucketCount) }.max() ?? 0
    precondition(last - firstBucket < Int64(UInt32.max), "windows too far apart to be merged")
    hasVersions = runs.contains { $0.descriptor.hasVersions }
    for run in runs {
      var cursor = RunCursor(run)
      try cursor.advance()
      cursors.append(cursor)
      ranks.append((run.descriptor.kind.rawValue, run.descriptor.sequence))
      keys.append(Self.end)
    }
    for i in cursors.indices { keys[i] = key(i) }
  }

  private func key(_ i: Int) -> UInt64 {
    guard let row = cursors[i].row else { return Self.end }
    return UInt64(row.code) << 32 | UInt64(row.bucket - firstBucket)
  }

  /// Goes to the next row.
  package mutating func advance() throws {
    var least = Self.end
    for key in keys { least = min(least, key) }
    guard least != Self.end else {
      row = nil
      return
    }
    var best: (row: RunRow, rank: (kind: UInt32, sequence: UInt64))?
    for i in keys.indices where keys[i] == least {
      let candidate = cursors[i].row!
      if let current = best {
        let wins =
          hasVersions
          ? (candidate.version, candidate.value) > (current.row.version, current.row.value) : ranks[i] > current.rank
        if wins { best = (candidate, ranks[i]) }
      } else {
        best = (candidate, ranks[i])
      }
      try cursors[i].advance()
      keys[i] = key(i)
    }
    row = best!.row
  }
}

/// Runs into one.
package enum RunMerge {
  /// Adds the merged rows of `inputs` to `writer`, whose window holds all of theirs.
  package static func merge(_ inputs: [Run], into writer: inout RunWriter) throws {
    var cursor = try MergeCursor(inputs)
    try cursor.advance()
    while let row = cursor.row {
      try writer.add(code: row.code, bucket: row.bucket, value: row.value, version: row.version)
      try cursor.advance()
    }
  }

  /// Adds the rows of `run`, summed into the wider buckets of `writer`.
  package static func widen(_ run: Run, into writer: inout RunWriter) throws {
    let narrow = Int64(run.descriptor.bucketSeconds)
    let factor = Int64(writer.bucketSeconds) / narrow
    precondition(factor >= 1 && factor * narrow == Int64(writer.bucketSeconds))
    var open: RunRow?
    try run.forEach { row in
      let bucket = row.bucket >= 0 ? row.bucket / factor : -((-row.bucket + factor - 1) / factor)
      if let current = open, current.code == row.code, current.bucket == bucket {
        open!.value += row.value
      } else {
        if let current = open, current.value > 0 {
          try writer.add(code: current.code, bucket: current.bucket, value: current.value)
        }
        open = RunRow(code: row.code, bucket: bucket, value: row.value)
      }
    }
    if let current = open, current.value > 0 {
      try writer.add(code: current.code, bucket: current.bucket, value: current.value)
    }
  }
}

import Files
import Platform
import Runs

// The rows of one table on disk: base runs, whose windows do not overlap, and patches above them.
//
//     bases    │ day 1 │ day 2 │ 6 h │ 1 h │10m│1m│1m│      written once, when a minute closes; merged by time
//     patches    ▪ day 1  ▪ day 2, newer  ▪ day 2, newest  later changes of rows, as absolute values
//
// A base row is written when its minute closes, every later value of it is a patch. So a patch is newer than every base
// row it covers, whatever is merged in between: patches outrank bases, and among patches the newest wins (K4).

/// Which table.
package struct RunTableKey: Hashable, Comparable, Sendable {
  /// Where its files stand.
  package var kind: StoreFile.Kind
  /// The number in the runs' headers.
  package var table: UInt32
  package var bucketSeconds: UInt32

  package init(kind: StoreFile.Kind, table: UInt32 = 0, bucketSeconds: UInt32) {
    self.kind = kind
    self.table = table
    self.bucketSeconds = bucketSeconds
  }

  /// Clicks per (ad, minute), hour and day.
  package static let minutes = RunTableKey(kind: .run, bucketSeconds: 60)
  package static let hours = RunTableKey(kind: .run, bucketSeconds: 3_600)
  package static let days = RunTableKey(kind: .run, bucketSeconds: 86_400)
  /// Clicks per (ad, minute) of retired raw (R6).
  package static let base = RunTableKey(kind: .base, bucketSeconds: 60)

  /// An external table's rows.
  static func external(_ table: UInt32, bucketSeconds: UInt32 = 60) -> RunTableKey {
    RunTableKey(kind: .external, table: table, bucketSeconds: bucketSeconds)
  }

  package static func < (a: RunTableKey, b: RunTableKey) -> Bool {
    (a.kind.rawValue, a.table, a.bucketSeconds) < (b.kind.rawValue, b.table, b.bucketSeconds)
  }

  /// Rows of one ad in a day, at most.
  package var bucketsPerDay: Int64 { 86_400 / Int64(bucketSeconds) }

  /// The table of a run in `kind`'s directory.
  init(_ run: Run, kind: StoreFile.Kind) {
    self.init(kind: kind, table: run.descriptor.table, bucketSeconds: run.descriptor.bucketSeconds)
  }
}

/// The runs of one table.
package struct RunTable: Sendable {
  /// By time; their windows do not overlap.
  package private(set) var bases: [Run] = []
  /// By sequence, oldest first.
  package private(set) var patches: [Run] = []

  package init() {}

  /// All runs.
  package var runs: [Run] { bases + patches }

  /// Adds a run. Nil, or what keeps it from being one of this table.
  mutating func add(_ run: Run) -> String? {
    let window = run.window
    switch run.descriptor.kind {
    case .patch:
      let at = patches.firstIndex { $0.descriptor.sequence > run.descriptor.sequence } ?? patches.count
      patches.insert(run, at: at)
    case .base:
      let at = bases.firstIndex { $0.window.lowerBound >= window.lowerBound } ?? bases.count
      if at > 0, bases[at - 1].window.upperBound > window.lowerBound {
        return "its window overlaps \(bases[at - 1].file.path)"
      }
      if at < bases.count, window.upperBound > bases[at].window.lowerBound {
        return "its window overlaps \(bases[at].file.path)"
      }
      bases.insert(run, at: at)
    }
    return nil
  }

  mutating func remove(_ numbers: Set<UInt64>) {
    bases.removeAll { numbers.contains($0.file.reference.number) }
    patches.removeAll { numbers.contains($0.file.reference.number) }
  }

  /// Base runs that overlap `buckets`.
  package func bases(in buckets: Range<Int64>) -> ArraySlice<Run> {
    var low = 0
    var high = bases.count
    while low < high {
      let middle = (low + high) / 2
      if bases[middle].window.upperBound <= buckets.lowerBound { low = middle + 1 } else { high = middle }
    }
    var end = low
    while end < bases.count, bases[end].window.lowerBound < buckets.upperBound { end += 1 }
    return bases[low..<end]
  }

  /// Patches that overlap `buckets`, oldest first.
  package func patches(in buckets: Range<Int64>) -> [Run] { patches.filter { $0.window.overlaps(buckets) } }

  /// The rows of one ad, ascending; rows of zero are left out.
  package func series(of code: UInt32, in buckets: Range<Int64>) throws -> [BucketCount] {
    let buffer = AdRowBuffer()
    return try series(in: buckets) { run, visit in try run.rows(of: code, buckets: buckets, buffer, visit) }
  }

  /// The rows in `buckets` that `read` finds in each of the runs: of several with one bucket the newest run's.
  func series(
    in buckets: Range<Int64>, read: (Run, (AdRows) -> Void) throws -> Void
  ) throws -> [BucketCount] {
    guard !buckets.isEmpty else { return [] }
    var rows: [BucketCount] = []
    for run in bases(in: buckets) { try read(run) { Self.append($0, to: &rows) } }
    for run in patches where run.window.overlaps(buckets) {
      var newer: [BucketCount] = []
      try read(run) { Self.append($0, to: &newer) }
      if !newer.isEmpty { rows = Self.merge(rows, with: newer) }
    }
    if rows.contains(where: { $0.count == 0 }) { rows.removeAll { $0.count == 0 } }
    return rows
  }

  private static func append(_ found: AdRows, to rows: inout [BucketCount]) {
    let (start, count, origin) = (rows.count, found.count, found.origin)
    // Room for as many again, or a long range would be moved for each of its blocks.
    if rows.capacity < start + count { rows.reserveCapacity(max(start + count, 2 * start)) }
    rows.append(contentsOf: repeatElement(BucketCount(bucket: 0, count: 0), count: count))
    unsafe rows.withUnsafeMutableBufferPointer { rows in
      let target = unsafe rows.baseAddress! + start
      let values = unsafe found.values.baseAddress!
      if let offsets = unsafe found.offsets?.baseAddress {
        for i in 0..<count {
          unsafe target[i] = BucketCount(bucket: origin &+ Int64(offsets[i]), count: values[i])
        }
      } else {
        for i in 0..<count { unsafe target[i] = BucketCount(bucket: origin &+ Int64(i), count: values[i]) }
      }
    }
  }

  /// Clicks of all ads in each bucket of `buckets`, from the runs' own totals.
  package func totals(in buckets: Range<Int64>) throws -> [Int64] {
    var totals = [Int64](repeating: 0, count: buckets.count)
    for run in bases(in: buckets) { try run.totals(buckets: buckets, into: &totals) }
    for run in patches where run.window.overlaps(buckets) { try run.totals(buckets: buckets, into: &totals) }
    return totals
  }

  /// Two ascending lists as one; where both have a bucket, `newer` wins.
  static func merge(_ older: [BucketCount], with newer: [BucketCount]) -> [BucketCount] {
    var merged: [BucketCount] = []
    merged.reserveCapacity(older.count + newer.count)
    var i = 0
    for row in newer {
      while i < older.count, older[i].bucket < row.bucket {
        merged.append(older[i])
        i += 1
      }
      if i < older.count, older[i].bucket == row.bucket {
        merged.append(sabotaged(.olderRunWins) ? older[i] : row)
        i += 1
      } else {
        merged.append(row)
      }
    }
    merged.append(contentsOf: older[i...])
    return merged
  }
}

extension Run {
  /// The buckets it may hold rows of.
  package var window: Range<Int64> {
    descriptor.firstBucket..<(descriptor.firstBucket + Int64(descriptor.bucketCount))
  }
}

import Clicks

/// Where clicks of many ads are added up: a row of cells for each group of ads, a cell for each bucket of a range.
package struct SumCells: Sendable {
  package let groups: Int
  /// The first minute of each bucket, ascending; the first may begin before the range.
  package let buckets: [Minute]
  let grid: BucketGrid
  let range: Range<Minute>
  /// By group, then by bucket.
  package private(set) var clicks: [UInt64]

  /// Cells of zero for the buckets of `grid` in `range`, which is not empty.
  package init(groups: Int, of range: Range<Minute>, in grid: BucketGrid) {
    precondition(!range.isEmpty)
    self.groups = groups
    self.grid = grid
    self.range = range
    buckets = [grid.start(of: range.lowerBound)] + grid.starts(in: range)
    clicks = Array(repeating: 0, count: groups * buckets.count)
  }

  /// One cell a group, which the widest rows are read for.
  package init(groups: Int, of range: Range<Minute>) {
    precondition(!range.isEmpty)
    self.groups = groups
    grid = BucketGrid(.month)
    self.range = range
    buckets = [range.lowerBound]
    clicks = Array(repeating: 0, count: groups)
  }

  /// The cells of a group.
  package func clicks(of group: Int) -> ArraySlice<UInt64> {
    clicks[(group * buckets.count)..<((group + 1) * buckets.count)]
  }

  /// Which bucket holds a minute of the range.
  package func bucket(of minute: Minute) -> Int {
    if buckets.count == 1 { return 0 }
    switch grid.unit {
    case .minute: return Int(minute.index - buckets[0].index)
    case .hour: return Int((minute.index - buckets[0].index) / 60)
    case .day, .week, .month:
      var (low, end) = (0, buckets.count)
      while low < end {
        let middle = (low + end) / 2
        if buckets[middle] <= minute { low = middle + 1 } else { end = middle }
      }
      return low - 1
    }
  }

  mutating func add(_ clicks: UInt64, of group: Int, at bucket: Int) {
    self.clicks[group * buckets.count + bucket] &+= clicks
  }

  /// Lets `body` add to the cells themselves.
  mutating func withCells(_ body: (inout [UInt64]) throws -> Void) rethrows { try body(&clicks) }
}

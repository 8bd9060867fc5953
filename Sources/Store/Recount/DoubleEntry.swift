import Corrections
import Runs
import Segments

// Every click is in the books twice: once as a position of the log, once as a count. After each change of files
//
//     accepted   position  =  clicks of minute runs + clicks of dropped minutes + clicks in memory + removed repeats + credits
//     retired    position  =  clicks of BASE runs + removed repeats below it
//
// has to hold: the equation of ExpectedRows.swift, summed over all rows, where a click that came is in a row or a repeat. All of it
// is in headers that are in memory, so it costs nothing to look.

/// The two sides of a shard's books.
package struct DoubleEntry: Equatable, Sendable {
  /// Clicks accepted: the position.
  package var accepted: UInt64 = 0
  /// Clicks in minute runs. Below zero only where runs are damaged.
  package var counted: Int64 = 0
  /// Clicks in minute rows that are gone.
  package var dropped: UInt64 = 0
  /// Clicks in memory, not in a run yet.
  package var inMemory: UInt64 = 0
  /// Clicks that recounts took away.
  package var repeats: UInt64 = 0
  /// What credits of sealed months come to.
  package var credits: Int64 = 0
  /// Raw clicks that are gone, and those that BASE runs have of them.
  package var retired: UInt64 = 0
  package var base: Int64 = 0
  package var retiredRepeats: UInt64 = 0

  package init() {}

  /// Clicks that the table has too many, or, below zero, too few.
  package var drift: Int64 {
    counted &+ Int64(dropped) &+ Int64(inMemory) &+ Int64(repeats) &+ credits &- Int64(accepted)
  }

  /// The same for BASE rows.
  package var baseDrift: Int64 { base &+ Int64(retiredRepeats) &- Int64(retired) }

  /// The books of `version` under `state`, with what is in memory beside it.
  package init(_ version: Version, _ state: ManifestState, position: UInt64, inMemory: UInt64) throws {
    var counts = RecordedRepeatCounts()
    try self.init(version, state, position: position, inMemory: inMemory, &counts)
  }

  /// The same; `counts` is kept from one time to the next.
  init(
    _ version: Version, _ state: ManifestState, position: UInt64, inMemory: UInt64,
    _ counts: inout RecordedRepeatCounts
  ) throws {
    accepted = position
    self.inMemory = inMemory
    counted = version.table(.minutes).runs.reduce(0) { $0 &+ $1.descriptor.total }
    dropped = state.dropped
    credits = version.corrections.reduce(0) { $0 &+ $1.credits }
    retired = state.retired
    base = version.table(.base).runs.reduce(0) { $0 &+ $1.descriptor.total }
    retiredRepeats = try version.retiredRepeats(state)
    repeats = try version.removedRepeats(state, &counts)
  }
}

/// How many recorded repeats each file of corrections has whose clicks are kept and not marked. A recount writes one file after
/// the other, and each is gone through once.
struct RecordedRepeatCounts {
  /// What the counts hold for: raw clicks from here on, and these segments that have marks.
  private var retired: UInt64 = 0
  private var merged: [UInt64] = []
  /// By the numbers of files.
  private var counts: [UInt64: UInt64] = [:]

  /// Their sum in `version`.
  mutating func sum(_ version: Version, _ state: ManifestState) throws -> UInt64 {
    let merged = version.segments.filter { $0.summary.recount > 0 }.map(\.file.reference.number)
    if (retired, merged) != (state.retired, self.merged) { counts = [:] }
    (retired, self.merged) = (state.retired, merged)
    let known = counts
    counts = [:]
    for file in version.corrections {
      let number = file.reference.number
      counts[number] = try known[number] ?? version.recordedRepeats(of: file, state)
    }
    return counts.values.reduce(0, +)
  }
}

extension Version {
  /// The clicks with positions in `positions` that recounts have taken away and no segment marks, by position.
  package func recordedRepeats(in positions: Range<UInt64>) throws -> [RecordedRepeat] {
    var found: [RecordedRepeat] = []
    for file in corrections {
      try file.forEachRepeat(in: positions) { if !isMarked($0) { found.append($0) } }
    }
    return found.sorted { $0.position < $1.position }
  }

  /// Whether the segment that holds a recorded repeat was merged since: then it marks it, and its sums are without it.
  package func isMarked(_ found: RecordedRepeat) -> Bool {
    segment(at: found.position).map { found.run <= $0.summary.recount } ?? false
  }

  /// Clicks that recounts have taken away, whether their raw clicks are kept or not.
  package func removedRepeats(_ state: ManifestState) throws -> UInt64 {
    var counts = RecordedRepeatCounts()
    return try removedRepeats(state, &counts)
  }

  fileprivate func removedRepeats(_ state: ManifestState, _ counts: inout RecordedRepeatCounts) throws -> UInt64 {
    let marked = segments.reduce(UInt64(0)) { $0 + $1.summary.marked }
    return try retiredRepeats(state) + marked + counts.sum(self, state)
  }

  /// How many repeats a file has whose raw clicks are kept and that no segment marks.
  fileprivate func recordedRepeats(of file: CorrectionFile, _ state: ManifestState) throws -> UInt64 {
    var count: UInt64 = 0
    try file.forEachRepeat(in: state.retired..<UInt64.max) { if !isMarked($0) { count += 1 } }
    return count
  }

  /// Clicks that recounts have taken away and whose raw clicks have retired.
  package func retiredRepeats(_ state: ManifestState) throws -> UInt64 {
    try corrections.reduce(state.retiredMarks) { $0 + UInt64(try $1.repeats(below: state.retired)) }
  }

  /// The same as clicks per row, in order.
  package func repeats(in positions: Range<UInt64>) throws -> [RowCount] {
    RowCount.counted(try recordedRepeats(in: positions).map { ($0.code, $0.minute) })
  }

  /// Rows of recounted minutes in which clicks of segments at or above the mark count.
  func changedRows(since mark: RecountMark) throws -> ChangedRows {
    var changed = ChangedRows()
    guard mark.through > .min else { return changed }
    for segment in segments where segment.summary.positions.upperBound > mark.position {
      if segment.summary.positions.lowerBound >= mark.position {
        try segment.forEachSum {
          if $0.minute.index < mark.through { changed.insert($0.code, $0.minute.index) }
        }
        continue
      }
      let cursor = segment.cursor()
      while let row = try cursor.next() {
        if row.position >= mark.position, row.minute.index < mark.through { changed.insert(row.code, row.minute.index) }
      }
    }
    return changed
  }
}

extension [RecordedRepeat] {
  /// The positions that lie in these segments, each once; the repeats are in the order of positions.
  func positions(in segments: [Segment]) -> [UInt64] {
    guard let first = segments.first, let last = segments.last else { return [] }
    let range = first.summary.positions.lowerBound..<last.summary.positions.upperBound
    var positions: [UInt64] = []
    for found in self where range.contains(found.position) && positions.last != found.position {
      positions.append(found.position)
    }
    return positions
  }
}

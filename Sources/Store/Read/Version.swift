import Clicks
import Corrections
import Files
import Platform
import Runs
import Segments

/// The immutable files of a shard at one record of its manifest. Readers hold a version and never meet a change; a file that
/// later versions no longer have is removed when the last reader of its last version has gone (K5).
package final class Version: Sendable {
  /// The runs of each table.
  package let tables: [RunTableKey: RunTable]
  /// The raw clicks at rest, by position; they tile `retired ..< sealed`.
  package let segments: [Segment]
  /// What recounts changed, in no particular order.
  package let corrections: [CorrectionFile]
  /// Days since 1970: hour and day rows of the days before this one are complete, of later ones there are none. `.min`: none.
  package let rolledUp: Int64
  /// Minute rows of the minutes before this one have retired. `.min`: none have.
  package let minutesFrom: Int64
  /// The numbers of external tables by their names.
  private let externals: [String: UInt32]

  init(
    tables: [RunTableKey: RunTable] = [:], segments: [Segment] = [], corrections: [CorrectionFile] = [],
    rolledUp: Int64 = .min, minutesFrom: Int64 = .min, externals: [UInt32: String] = [:]
  ) {
    self.externals = Dictionary(uniqueKeysWithValues: externals.map { ($0.value, $0.key) })
    self.tables = tables
    self.segments = segments
    self.corrections = corrections
    self.rolledUp = rolledUp
    self.minutesFrom = minutesFrom
    earlyTimes = segments.lazy.compactMap(\.early.times).reduce(nil) { all, times in
      all.map { min($0.lowerBound, times.lowerBound)...max($0.upperBound, times.upperBound) } ?? times
    }
  }

  /// The times in the bits of all rows that were still to come when they were received; nil where there is none.
  private let earlyTimes: ClosedRange<Int64>?

  /// Whether a segment may have a row with this id, which has `time` in its bits, that was early when it came. Asked for each
  /// click whose id looks minted, so the answer is mostly one comparison.
  func mayHoldEarly(_ id: ImpressionID, _ time: Int64) -> Bool {
    guard let earlyTimes, earlyTimes.contains(time) else { return false }
    return segments.contains { $0.early.mayHold(id, time) }
  }

  /// The runs of a table.
  package func table(_ key: RunTableKey) -> RunTable { tables[key] ?? RunTable() }

  /// The runs of an external table; none where there is no table of that name.
  func external(named name: String, bucketSeconds: UInt32 = 60) -> RunTable {
    externals[name].map { table(.external($0, bucketSeconds: bucketSeconds)) } ?? RunTable()
  }

  /// The segment that holds `position`.
  package func segment(at position: UInt64) -> Segment? {
    var low = 0
    var high = segments.count
    while low < high {
      let middle = (low + high) / 2
      if segments[middle].summary.positions.upperBound <= position { low = middle + 1 } else { high = middle }
    }
    guard low < segments.count, segments[low].summary.positions.lowerBound <= position else { return nil }
    return segments[low]
  }

  /// Every open file.
  package var files: [SealedFile] {
    segments.map(\.file) + tables.keys.sorted().flatMap { tables[$0]!.runs.map(\.file) } + corrections.map(\.file)
  }

  /// This version without the files `removed`, and with `added`, as `state` has it. The removed ones go with their last
  /// reader.
  func changed(removing removed: [SealedFile], adding added: Added, _ state: ManifestState) -> Version {
    var tables = tables
    var segments = segments
    let numbers = Set(removed.map(\.reference.number))
    if !numbers.isEmpty {
      for key in tables.keys.sorted() {
        tables[key]!.remove(numbers)
        if tables[key]!.runs.isEmpty { tables[key] = nil }
      }
      segments.removeAll { numbers.contains($0.file.reference.number) }
    }
    for (kind, run) in added.runs {
      let fault = tables[RunTableKey(run, kind: kind), default: RunTable()].add(run)
      precondition(fault == nil, "\(run.file.path): \(fault!)")
    }
    for segment in added.segments {
      let at =
        segments.firstIndex { $0.summary.positions.lowerBound > segment.summary.positions.lowerBound } ?? segments.count
      segments.insert(segment, at: at)
    }
    for file in removed { file.makeObsolete() }
    let corrections = corrections.filter { !numbers.contains($0.reference.number) } + added.corrections
    return Version(
      tables: tables, segments: segments, corrections: corrections, rolledUp: state.rolledUp,
      minutesFrom: state.minutesFrom, externals: state.tables)
  }

  /// What a change brings.
  struct Added {
    var runs: [(StoreFile.Kind, Run)] = []
    var segments: [Segment] = []
    var corrections: [CorrectionFile] = []
  }
}

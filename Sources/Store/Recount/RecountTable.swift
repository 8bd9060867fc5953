import Bytes
import Clicks
import Platform
import Reconciliation
import Runs
import Segments

// What is due of a version, and what it says. Clicks are counted once in
//
//     deep       BASE + the segments' rows that a merge of them leaves without a mark
//     changes    BASE + sums of the segments − recorded repeats − repeats found now
//
// The raw clicks are gone through by `RawRecount`, which merges those that no recount has seen.
//
// beside the rows of a version with the credits of sealed months, and compared in two passes where only changes are asked for:
// all rows of minutes that have closed since the last recount, then, of older minutes, the rows in which clicks have come
// since. The second looks each up: there are few.

/// The table of a version at position X, to be held against its raw clicks.
struct RecountTable {
  private let version: Version
  private let state: ManifestState
  private let target: RecountMark
  private let scope: RecountScope
  /// The minutes whose rows are compared.
  let minutes: Range<Int64>

  init(_ version: Version, _ state: ManifestState, target: RecountMark, scope: RecountScope) {
    self.version = version
    self.state = state
    self.target = target
    self.scope = scope
    guard target.through > .min else {
      minutes = 0..<0
      return
    }
    // Of a day that has lost its minutes nothing can be said.
    let kept = state.minutesFrom == .min ? Int64.min : Day(ofMinute: state.minutesFrom + 1_439).minutes.lowerBound
    switch scope {
    case .changes: minutes = min(kept, target.through)..<target.through
    case .deep(let wanted):
      let first = version.segments.map { Minute(containing: $0.summary.eventTimes.lowerBound).index }.min()
      let start = max(kept, Day(ofMinute: first ?? target.through).minutes.lowerBound)
      // Of older minutes BASE rows say what is due; they are compared where they are asked for.
      minutes =
        wanted.map { $0.clamped(to: min(kept, target.through)..<target.through) }
        ?? min(start, target.through)..<target.through
    }
  }

  /// Whether everything that changed since the last recount is compared.
  var isWhole: Bool { if case .deep(.some) = scope { false } else { true } }

  /// Compares, and returns what the new segments have become; nil where none was merged. `edit` gets them; without it nothing is
  /// merged. `rollUps` sees the minute rows that are compared.
  func compare(
    to writer: RecountWriter, _ settings: RecountSettings, _ seals: SealCheck, _ pacer: Pacer, merging edit: ShardEdit?,
    _ rollUps: RollUpSums?, _ books: inout RecountBooks
  ) throws -> MergedSegments? {
    books.report.minutes = minutes
    let start = scope == .changes ? max(minutes.lowerBound, state.recounted.through) : minutes.lowerBound
    let stream = min(start, minutes.upperBound)..<minutes.upperBound
    let found = try RawRecount.run(
      counted, of: version, state, minutes: minutes, target: target, isDeep: scope != .changes, settings,
      merging: isWhole && !minutes.isEmpty ? edit : nil, writer.context)
    books.report.rawClicks = found.rawClicks
    books.report.proof = found.proof
    for day in found.new.days.sorted() { try writer.check(sealed: day * 1_440, seals, pacer, &books) }
    books.repeatsFound = try found.new.walk(in: stream)
    /// A row of the table beside what is due.
    func row(_ key: RowCount, _ stored: UInt64, _ due: UInt64, _ books: inout RecountBooks) throws {
      try pacer.row()
      if stored != due { try writer.check(sealed: key.bucket, seals, pacer, &books) }
      try books.add(key, stored: stored, due: due)
      if books.isFull, !books.isDry { try writer.write(&books) }
    }
    let expected = ExpectedRows(
      version, in: minutes, repeats: found.taken,
      credits: state.seals.isEmpty || sabotaged(.forgetCredits) ? [] : try version.credits(in: minutes),
      file: writer.core.directory)
    let fresh = expected.limited(to: stream)
    let present = try fresh.present { rows in try rollUps?.add(rows) }
    try RowStream.compare(present, fresh.clicks(of: found.counts(in: stream))) { try row($0, $1, $2, &books) }
    try rollUps?.finish()
    try books.finishPass()
    if case .changes = scope, state.recounted.through > minutes.lowerBound {
      let late = minutes.lowerBound..<min(state.recounted.through, minutes.upperBound)
      books.repeatsFound = try found.new.walk(in: late)
      // The rows that clicks of unsettled segments count in.
      let keys = try RowStream.sum(unsettled.filter { $0.overlaps(late) }.map { RowStream($0) }).limited(to: late)
      try expected.limited(to: late).compare(at: keys, found.segments) { try row($0, $1, $2, &books) }
      try books.finishPass()
    }
    return found.merged
  }

  /// Segments with clicks that the last recount has not settled.
  private var unsettled: [Segment] {
    version.segments.filter { $0.summary.positions.upperBound > state.recounted.floor }
  }

  /// The segments whose rows are gone through.
  private var counted: [Segment] {
    switch scope {
    case .changes: unsettled
    case .deep(nil): version.segments
    case .deep(.some):
      version.segments.indices.filter { version.segments[$0].overlaps(minutes) }.first.map { first in
        Array(version.segments[first...version.segments.lastIndex { $0.overlaps(minutes) }!])
      } ?? []
    }
  }
}

extension RowCount {
  /// How often each key stands in `keys`, in order.
  static func counted(_ keys: [(code: UInt32, minute: Int64)]) -> [RowCount] {
    var rows: [RowCount] = []
    for key in keys.sorted(by: { ($0.code, $0.minute) < ($1.code, $1.minute) }) {
      if let last = rows.last, last.code == key.code, last.bucket == key.minute {
        rows[rows.count - 1].count += 1
      } else {
        rows.append(RowCount(code: key.code, bucket: key.minute, count: 1))
      }
    }
    return rows
  }
}

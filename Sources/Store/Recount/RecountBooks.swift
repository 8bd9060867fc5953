import Clicks
import Corrections
import Runs
import Segments

// What a recount has found and not written yet: one chunk.

/// A chunk of differences, and the report of the whole run.
struct RecountBooks {
  let run: CorrectionRun
  let limit: Int
  let isDry: Bool
  /// Months whose rows stay as they are.
  let sealed: SealedMonths
  var report: RecountReport
  /// Rows are read from it and not from the newest version: a sabotage.
  var pinned: Version?
  /// The runs of the version whose rows are compared, and those that chunks have written since.
  private var readRuns: Set<UInt64>
  /// Repeats of the pass that are new; those of a row are recorded with its change.
  var repeatsFound: FoundRepeats.Walk?
  /// Those of the row at hand.
  private var ofRow: [FoundRepeat] = []

  private(set) var corrections: [Correction] = []
  private(set) var repeats: [RecordedRepeat] = []
  /// Where the earlier copies of the chunk's repeats are.
  private(set) var earlierCopies = EarlierCopies()
  /// Where each segment of the version ends.
  private let ends: [UInt64]
  /// Changes of minute rows by day.
  private(set) var minuteChanges: [Int64: [RunChange]] = [:]
  /// Changes of hour and day rows that follow from no minute, by day.
  private(set) var wideChanges: [RunTableKey: [Int64: [RunChange]]] = [:]
  private var count = 0

  init(
    run: CorrectionRun, limit: Int, isDry: Bool, sealed: SealedMonths, reading version: Version, report: RecountReport
  ) {
    self.sealed = sealed
    ends = version.segments.map(\.summary.positions.upperBound)
    readRuns = Set(version.rollUpRuns)
    self.run = run
    self.limit = limit
    self.isDry = isDry
    self.report = report
  }

  /// Whether the rows that `version` has are those that were compared, but for what chunks have changed since: no row twice.
  func isAsRead(_ version: Version) -> Bool { readRuns.isSuperset(of: version.rollUpRuns) }

  /// A chunk has written these runs.
  mutating func wrote(_ runs: [Run]) { for run in runs { readRuns.insert(run.file.reference.number) } }

  var isEmpty: Bool { count == 0 }
  var isFull: Bool { count >= limit }

  /// A row was compared; rows of one pass come in order.
  mutating func add(_ key: RowCount, stored: UInt64, due: UInt64) throws {
    while let found = repeatsFound?.next, found.precedes(key) { try addUnseen(found) }
    report.rows += 1
    report.clicks += due
    try record(key, stored: stored, due: due)
  }

  /// The rows of a pass are through: repeats that are left belong to rows that neither side has.
  mutating func finishPass() throws { while let found = repeatsFound?.next { try addUnseen(found) } }

  /// A row whose clicks are all repeats, and that was missing already.
  private mutating func addUnseen(_ found: FoundRepeat) throws {
    try record(RowCount(code: found.code, bucket: found.minute, count: 0), stored: 0, due: 0)
  }

  /// The new repeats of a row come next.
  private mutating func takeRepeats(of key: RowCount) throws {
    ofRow.removeAll(keepingCapacity: true)
    while let found = repeatsFound?.next, found.isOf(key) {
      ofRow.append(found)
      try repeatsFound!.advance()
    }
  }

  private mutating func record(_ key: RowCount, stored: UInt64, due: UInt64) throws {
    try takeRepeats(of: key)
    guard stored != due || !ofRow.isEmpty else { return }
    // First what is no repeat, then the repeats: neither is ever below zero.
    let isCredit = sealed.contains(minute: key.bucket)
    let before = due + UInt64(ofRow.count)
    var stored = stored
    if isCredit {
      let month = Month(containing: Minute(index: key.bucket))
      switch report.standings[month] ?? .unknown {
      case .asSealed: break
      // The row is what was sealed, now or by an earlier chunk.
      case .damaged: stored = before
      case .unknown: return report.leave(month, repeats: ofRow.count)
      }
    }
    if stored != before {
      let reason: CorrectionReason = stored == 0 ? .missing : before == 0 ? .phantom : .damage
      note(key, 60, stored, before, reason, isCredit: isCredit)
    }
    if before != due { note(key, 60, before, due, .lateRepeat, isCredit: isCredit) }
    report.repeats += UInt64(ofRow.count)
    guard !isDry else { return }
    for found in ofRow {
      repeats.append(
        RecordedRepeat(position: found.position, code: found.code, minute: found.minute, run: run.number))
      noteEarlierCopy(of: found)
    }
    count += 1 + ofRow.count
    guard !isCredit else { return }
    minuteChanges[Day(ofMinute: key.bucket).index, default: []].append(
      RunChange(
        code: key.code, bucket: key.bucket, change: Int64(bitPattern: due &- stored), present: stored))
  }

  /// In which segment the latest earlier copy is. That of its own retires with the repeat, and is of no interest.
  private mutating func noteEarlierCopy(of found: FoundRepeat) {
    guard found.earlier > 0 else { return }
    earlierCopies.add(1, of: end(of: found.position), in: end(of: found.earlier - 1))
  }

  /// Where the segment ends that has `position`.
  private func end(of position: UInt64) -> UInt64 {
    var range = ends[...]
    while range.count > 1 {
      let middle = range[range.startIndex + range.count / 2 - 1]
      range = middle > position ? range.prefix(range.count / 2) : range.dropFirst(range.count / 2)
    }
    return range.first!
  }

  /// A row of a sealed month is what was sealed from now on.
  mutating func putBack(_ key: RowCount, from: UInt64, to: UInt64) {
    note(key, 60, from, to, .damage)
    guard !isDry else { return }
    count += 1
    minuteChanges[Day(ofMinute: key.bucket).index, default: []].append(
      RunChange(code: key.code, bucket: key.bucket, change: Int64(bitPattern: to &- from)))
  }

  /// An hour or day row is not the sum of its minutes.
  mutating func add(wide key: RowCount, _ table: RunTableKey, have: UInt64, due: UInt64) {
    note(wide: key, table, from: have, to: due)
    guard !isDry else { return }
    wideChanges[table, default: [:]][key.bucket.dividedDown(by: table.bucketsPerDay), default: []].append(
      RunChange(code: key.code, bucket: key.bucket, change: Int64(bitPattern: due &- have)))
    count += 1
  }

  private mutating func note(
    _ key: RowCount, _ seconds: UInt32, _ from: UInt64, _ to: UInt64, _ reason: CorrectionReason,
    isCredit: Bool = false
  ) {
    let correction = Correction(
      code: key.code, bucketSeconds: seconds, bucket: key.bucket, from: from, to: to, reason: reason,
      isCredit: isCredit, run: run)
    report.add(correction)
    if !isDry { corrections.append(correction) }
  }

  /// An hour or day row was wrong beside what its minutes change. Whatever a sealed row lost, it was damaged.
  mutating func note(wide key: RowCount, _ table: RunTableKey, from: UInt64, to: UInt64) {
    let isSealed = sealed.contains(minute: key.bucket * Int64(table.bucketSeconds) / 60)
    let reason: CorrectionReason = isSealed ? .damage : from == 0 ? .missing : to == 0 ? .phantom : .damage
    note(key, table.bucketSeconds, from, to, reason)
  }

  /// These clicks are marked in segments from now on: their positions need not be listed.
  mutating func forgetRepeats(in positions: Range<UInt64>) { repeats.removeAll { positions.contains($0.position) } }

  /// Brings the changes into the order of runs: two passes may have met one day.
  mutating func sort() {
    for day in minuteChanges.keys {
      minuteChanges[day]!.sort { ($0.code, $0.bucket) < ($1.code, $1.bucket) }
    }
  }

  mutating func removeAll() {
    corrections = []
    repeats = []
    earlierCopies = EarlierCopies()
    minuteChanges = [:]
    wideChanges = [:]
    count = 0
  }
}

extension Version {
  /// The numbers of the runs of minutes, hours and days.
  fileprivate var rollUpRuns: [UInt64] {
    [RunTableKey.minutes, .hours, .days].flatMap { table($0).runs.map(\.file.reference.number) }
  }
}

import Clicks
import Corrections
import Reconciliation
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
  /// Repeats of the pass that are new, by row and position; those of a row are recorded with its change.
  var repeatsFound: [RepeatMark] = [] { didSet { next = 0 } }
  private var next = 0

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
    run: CorrectionRun, limit: Int, isDry: Bool, sealed: SealedMonths, segments: [Segment], report: RecountReport
  ) {
    self.sealed = sealed
    ends = segments.map(\.summary.positions.upperBound)
    self.run = run
    self.limit = limit
    self.isDry = isDry
    self.report = report
  }

  var isEmpty: Bool { count == 0 }
  var isFull: Bool { count >= limit }

  /// A row was compared; rows of one pass come in order.
  mutating func add(_ key: RowCount, stored: UInt64, due: UInt64) {
    while next < repeatsFound.count, RowCount.precedes(repeatsFound[next].row, key) { addUnseen() }
    report.rows += 1
    report.clicks += due
    record(key, stored: stored, due: due, takeRepeats(of: key))
  }

  /// The rows of a pass are through: repeats that are left belong to rows that neither side has.
  mutating func finishPass() { while next < repeatsFound.count { addUnseen() } }

  /// A row whose clicks are all repeats, and that was missing already.
  private mutating func addUnseen() {
    let key = repeatsFound[next].row
    record(key, stored: 0, due: 0, takeRepeats(of: key))
  }

  /// The new repeats of a row, which come next.
  private mutating func takeRepeats(of key: RowCount) -> ArraySlice<RepeatMark> {
    let start = next
    while next < repeatsFound.count, repeatsFound[next].code == key.code,
      repeatsFound[next].minute.index == key.bucket
    { next += 1 }
    return repeatsFound[start..<next]
  }

  private mutating func record(_ key: RowCount, stored: UInt64, due: UInt64, _ found: ArraySlice<RepeatMark>) {
    guard stored != due || !found.isEmpty else { return }
    // First what is no repeat, then the repeats: neither is ever below zero.
    let isCredit = sealed.contains(minute: key.bucket)
    let before = due + UInt64(found.count)
    var stored = stored
    if isCredit {
      let month = Month(containing: Minute(index: key.bucket))
      switch report.standings[month] ?? .unknown {
      case .asSealed: break
      // The row is what was sealed, now or by an earlier chunk.
      case .damaged: stored = before
      case .unknown: return report.leave(month, repeats: found.count)
      }
    }
    if stored != before {
      let reason: CorrectionReason = stored == 0 ? .missing : before == 0 ? .phantom : .damage
      note(key, 60, stored, before, reason, isCredit: isCredit)
    }
    if before != due { note(key, 60, before, due, .lateRepeat, isCredit: isCredit) }
    report.repeats += UInt64(found.count)
    guard !isDry else { return }
    repeats += found.map {
      RecordedRepeat(position: $0.position, code: $0.code, minute: $0.minute.index, run: run.number)
    }
    for mark in found { noteEarlierCopy(of: mark) }
    count += 1 + found.count
    guard !isCredit else { return }
    minuteChanges[Day(ofMinute: key.bucket).index, default: []].append(
      RunChange(code: key.code, bucket: key.bucket, change: Int64(bitPattern: due &- stored)))
  }

  /// In which segment the latest earlier copy is. That of its own retires with the repeat, and is of no interest.
  private mutating func noteEarlierCopy(of mark: RepeatMark) {
    guard case .at(let copy) = mark.earlier else { return }
    earlierCopies.add(1, of: end(of: mark.position), in: end(of: copy))
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

extension RepeatMark {
  /// The key of the row that counted it.
  fileprivate var row: RowCount { RowCount(code: code, bucket: minute.index, count: 0) }
}

import Clicks
import Corrections
import Reconciliation

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
  var repeatsFound: [RemovedRepeat] = [] { didSet { next = 0 } }
  private var next = 0

  private(set) var corrections: [Correction] = []
  private(set) var repeats: [RecordedRepeat] = []
  /// Changes of minute rows by day.
  private(set) var minuteChanges: [Int64: [RunChange]] = [:]
  /// Changes of hour and day rows that follow from no minute, by day.
  private(set) var wideChanges: [RunTableKey: [Int64: [RunChange]]] = [:]
  private var count = 0

  init(run: CorrectionRun, limit: Int, isDry: Bool, sealed: SealedMonths, report: RecountReport) {
    self.sealed = sealed
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
  private mutating func takeRepeats(of key: RowCount) -> ArraySlice<RemovedRepeat> {
    let start = next
    while next < repeatsFound.count, repeatsFound[next].code == key.code,
      repeatsFound[next].minute.index == key.bucket
    { next += 1 }
    return repeatsFound[start..<next]
  }

  private mutating func record(_ key: RowCount, stored: UInt64, due: UInt64, _ found: ArraySlice<RemovedRepeat>) {
    guard stored != due || !found.isEmpty else { return }
    // First what is no repeat, then the repeats: neither is ever below zero.
    let isCredit = sealed.contains(minute: key.bucket)
    let before = due + UInt64(found.count)
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
    count += 1 + found.count
    guard !isCredit else { return }
    minuteChanges[Upkeep.day(of: key.bucket), default: []].append(
      RunChange(code: key.code, bucket: key.bucket, change: Int64(bitPattern: due &- stored)))
  }

  /// An hour or day row is not the sum of its minutes.
  mutating func add(wide key: RowCount, _ table: RunTableKey, have: UInt64, due: UInt64) {
    note(key, table.bucketSeconds, have, due, have == 0 ? .missing : due == 0 ? .phantom : .damage)
    guard !isDry else { return }
    let perDay = CompactionPlan.perDay(table)
    wideChanges[table, default: [:]][CompactionPlan.floor(key.bucket, perDay), default: []].append(
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

  /// An hour or day row was wrong beside what its minutes change.
  mutating func note(wide key: RowCount, _ table: RunTableKey, from: UInt64, to: UInt64) {
    note(key, table.bucketSeconds, from, to, from == 0 ? .missing : to == 0 ? .phantom : .damage)
  }

  /// Brings the changes into the order of runs: two passes may have met one day.
  mutating func sort() {
    for day in minuteChanges.keys {
      minuteChanges[day]!.sort { ($0.code, $0.bucket) < ($1.code, $1.bucket) }
    }
  }

  mutating func removeAll() {
    corrections = []
    repeats = []
    minuteChanges = [:]
    wideChanges = [:]
    count = 0
  }
}

extension RemovedRepeat {
  /// The key of the row that counted it.
  fileprivate var row: RowCount { RowCount(code: code, bucket: minute.index, count: 0) }
}

/// What minute rows change in wider rows.
enum RollUpChange {
  /// The changes of `key`'s rows that belong to `changes` of minutes of one day, sorted: each row becomes the sum of its
  /// minutes as they are then. A row that was not their sum before is noted as damaged.
  static func follow(
    _ changes: [RunChange], _ key: RunTableKey, _ version: Version, _ books: inout RecountBooks
  ) throws -> [RunChange] {
    let width = Int64(key.bucketSeconds) / 60
    var wide: [RunChange] = []
    for change in changes {
      let bucket = CompactionPlan.floor(change.bucket, width)
      if let last = wide.last, last.code == change.code, last.bucket == bucket {
        wide[wide.count - 1].change += change.change
      } else {
        wide.append(RunChange(code: change.code, bucket: bucket, change: change.change))
      }
    }
    for i in wide.indices {
      let (code, bucket) = (wide[i].code, wide[i].bucket)
      let minutes = try version.table(.minutes).series(of: code, in: bucket * width..<(bucket + 1) * width)
      let sum = minutes.reduce(UInt64(0)) { $0 &+ $1.count }
      let stored = try version.table(key).series(of: code, in: bucket..<(bucket + 1)).first?.count ?? 0
      if sum != stored {
        books.note(wide: RowCount(code: code, bucket: bucket, count: 0), key, from: stored, to: sum)
        wide[i].change += Int64(bitPattern: sum &- stored)
      }
    }
    return wide
  }
}

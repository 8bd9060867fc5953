import Clicks

// What a recount changed, and why. A correction is one change of one row, signed and in the order in which it was made; a
// removed repeat is one click of the log that counts no longer, because an earlier one has its identity.
//
// Rows of a sealed month never change. What would have changed one is a credit beside it, and what counts is
//
//     row + Σ credits

/// Why a row was changed. Of two changes of a row by one run, that with the lower number was made first.
package enum CorrectionReason: UInt8, CaseIterable, Sendable {
  /// Raw clicks were there, a row was not.
  case missing = 1
  /// A row was there, no raw click is.
  case phantom = 2
  /// A row had another number than its raw clicks.
  case damage = 3
  /// Clicks were counted again after the dedup horizon.
  case lateRepeat = 4
  /// Clicks came after their month was sealed.
  case late = 5

  /// As it is written in answers.
  package var name: String {
    switch self {
    case .missing: "missing"
    case .phantom: "phantom"
    case .damage: "damage"
    case .lateRepeat: "late-repeat"
    case .late: "late"
    }
  }
}

/// One change of one row.
package struct Correction: Hashable, Sendable {
  package var code: UInt32
  /// Width of the row's bucket: 60, 3,600 or 86,400.
  package var bucketSeconds: UInt32
  /// Number of the bucket: seconds since 1970 by its width.
  package var bucket: Int64
  /// What stood there before, and since then; of a credit the row with all credits so far.
  package var from: UInt64
  package var to: UInt64
  package var reason: CorrectionReason
  /// The row is sealed: the change is a credit beside it.
  package var isCredit: Bool
  /// The run that made it.
  package var run: CorrectionRun

  package init(
    code: UInt32, bucketSeconds: UInt32, bucket: Int64, from: UInt64, to: UInt64, reason: CorrectionReason,
    isCredit: Bool = false, run: CorrectionRun
  ) {
    self.code = code
    self.bucketSeconds = bucketSeconds
    self.bucket = bucket
    self.from = from
    self.to = to
    self.reason = reason
    self.isCredit = isCredit
    self.run = run
  }

  /// Clicks that it adds; below zero where it takes some away.
  package var change: Int64 { Int64(bitPattern: to &- from) }

  /// The order in files.
  package static func precedes(_ a: Correction, _ b: Correction) -> Bool {
    (a.code, a.bucketSeconds, a.bucket, a.run.number, a.reason.rawValue)
      < (b.code, b.bucketSeconds, b.bucket, b.run.number, b.reason.rawValue)
  }
}

/// A recount that changed something, or a checkpoint that brought clicks of a sealed month.
package struct CorrectionRun: Hashable, Sendable {
  /// Counts the runs of the shard, from 1 on.
  package var number: UInt64
  /// Every click below was recounted, or is in the table.
  package var position: UInt64
  /// Logical ms since 1970.
  package var time: Int64

  package init(number: UInt64, position: UInt64, time: Int64) {
    self.number = number
    self.position = position
    self.time = time
  }
}

/// A click of the log that counts no longer.
package struct RecordedRepeat: Hashable, Sendable {
  /// Its position in the log.
  package var position: UInt64
  /// The row that counted it.
  package var code: UInt32
  package var minute: Int64
  /// The run that found it.
  package var run: UInt64

  package init(position: UInt64, code: UInt32, minute: Int64, run: UInt64) {
    self.position = position
    self.code = code
    self.minute = minute
    self.run = run
  }
}

import Clicks
import Corrections

/// What a recount came to.
package struct RecountReport: Sendable {
  /// How far it came: position X, and the minutes that were closed there.
  package var mark: RecountMark
  /// The minutes whose rows were compared; nil where there was nothing to compare.
  package var minutes: Range<Int64>?
  /// Raw clicks that were read.
  package var rawClicks: UInt64 = 0
  /// Minute rows compared, and their clicks as they have to be.
  package var rows: UInt64 = 0
  package var clicks: UInt64 = 0
  /// Hour and day rows compared.
  package var rollUpRows: UInt64 = 0
  /// Changes of rows, by reason.
  package var corrected: [CorrectionReason: UInt64] = [:]
  /// Changes that became credits beside rows of sealed months.
  package var credits: UInt64 = 0
  /// Clicks that minute rows, or their credits, gained and lost.
  package var added: UInt64 = 0
  package var removed: UInt64 = 0
  /// Clicks that count no longer.
  package var repeats: UInt64 = 0
  /// The sealed months in which there were differences.
  package var standings: [Month: SealStanding] = [:]
  /// Of those whose rows were left alone, how many rows differ.
  package private(set) var leftAlone: [Month: UInt64] = [:]
  /// Repeats among them, which no recount has taken away.
  package private(set) var repeatsLeft: UInt64 = 0
  /// Repeats without an earlier copy, where all raw clicks were gone through.
  package var proof = RepeatProof()
  /// The first corrections, to be shown.
  package var samples: [Correction] = []

  package static let sampleLimit = 100

  package init(mark: RecountMark) { self.mark = mark }

  /// Whether every row was right.
  package var isClean: Bool { corrections == 0 && leftAlone.isEmpty }

  /// Changes of rows.
  package var corrections: UInt64 { corrected.values.reduce(0, +) }

  /// A row that differs, of a month that is left alone.
  mutating func leave(_ month: Month, repeats: Int = 0) {
    leftAlone[month, default: 0] += 1
    repeatsLeft += UInt64(repeats)
  }

  mutating func add(_ correction: Correction) {
    corrected[correction.reason, default: 0] += 1
    if correction.isCredit { credits += 1 }
    if correction.bucketSeconds == 60 {
      if correction.change > 0 { added += correction.change.magnitude } else { removed += correction.change.magnitude }
    }
    if samples.count < Self.sampleLimit { samples.append(correction) }
  }

  /// What the recounts of several shards came to.
  package static func + (a: RecountReport, b: RecountReport) -> RecountReport {
    var sum = a
    sum.mark.position += b.mark.position
    sum.mark.floor += b.mark.floor
    sum.mark.through = min(a.mark.through, b.mark.through)
    if let (x, y) = a.minutes.flatMap({ x in b.minutes.map { (x, $0) } }) {
      sum.minutes = min(x.lowerBound, y.lowerBound)..<max(x.upperBound, y.upperBound)
    } else {
      sum.minutes = a.minutes ?? b.minutes
    }
    sum.rawClicks += b.rawClicks
    sum.rows += b.rows
    sum.clicks += b.clicks
    sum.rollUpRows += b.rollUpRows
    sum.corrected.merge(b.corrected, uniquingKeysWith: +)
    sum.credits += b.credits
    sum.leftAlone.merge(b.leftAlone, uniquingKeysWith: +)
    sum.repeatsLeft += b.repeatsLeft
    sum.added += b.added
    sum.removed += b.removed
    sum.repeats += b.repeats
    sum.proof = a.proof + b.proof
    sum.samples += b.samples.prefix(sampleLimit - a.samples.count)
    return sum
  }
}

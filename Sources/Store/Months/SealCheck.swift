import Clicks
import Platform
import Runs

// Before a recount touches a sealed month, it asks whether the month's rows are those that were sealed. It finds a difference
// either because clicks count otherwise than they did when the month was sealed, which is a credit, or because a row was
// damaged since, and the seal's digest tells the two apart:
//
//   rows as they are                                             have the digest   as sealed: differences become credits
//   BASE + raw clicks − recorded repeats − credits, of all rows  have the digest   damaged: these rows are put back
//   neither                                                                        the month is left alone, and named
//
// Repeats that this recount finds are in both: they are credits, whatever befell their row. What is put back is what was
// sealed, to the bit, so no credit comes of it; it is a correction with the reason `damage`.
//
// Where some minute rows have gone with their retention, the digest of days decides: day rows of days that have none, sums of
// the others' minutes. All of it is read at the recount's position, and only where a month has a difference.

/// Rows of sealed months at a position, and what they have to be.
struct SealCheck {
  let version: Version
  let state: ManifestState
  let directory: String
  /// Knows the ads of codes.
  let live: LiveTable

  /// What to do about rows that are not those that were sealed.
  static func remedy(_ month: Month) -> String {
    let (from, to) = (Minute(index: month.minutes.lowerBound), Minute(index: month.minutes.upperBound))
    return "tally reconcile --from \(from) --to \(to) puts back what raw clicks and base rows tell"
  }

  /// The minutes of a month that have rows still, in whole days.
  func kept(_ month: Month) -> Range<Int64> {
    let minutes = month.minutes
    guard state.minutesFrom > minutes.lowerBound else { return minutes }
    return min(Day(ofMinute: state.minutesFrom + 1_439).minutes.lowerBound, minutes.upperBound)..<minutes.upperBound
  }

  /// The rows of `minutes`.
  func rows(_ minutes: Range<Int64>) throws -> RowStream {
    try RowStream(version.table(.minutes).limited(to: minutes)).limited(to: minutes)
  }

  /// What they have to be by what is primary.
  func due(_ minutes: Range<Int64>) throws -> RowStream {
    try ExpectedRows(version, in: minutes, repeats: state.retired..<UInt64.max, file: directory)
      .rows(of: version.sums(in: minutes))
  }

  /// How the month stands.
  func standing(of seal: MonthSeal, _ pacer: Pacer) throws -> SealStanding {
    let minutes = kept(seal.month)
    if try isSealed(rows(minutes), minutes, seal, pacer) { return .asSealed }
    return try isSealed(due(minutes), minutes, seal, pacer) ? .damaged : .unknown
  }

  /// Whether `rows` of the month's `minutes` are what was sealed.
  private func isSealed(
    _ rows: RowStream, _ minutes: Range<Int64>, _ seal: MonthSeal, _ pacer: Pacer
  ) throws -> Bool {
    let isWhole = minutes == seal.month.minutes && seal.minutes != MonthSeal.noMinutes
    var digest = SealDigest(isWhole ? "minutes" : "days", of: seal.month)
    var stream = rows
    if !isWhole {
      let gone = seal.month.days.lowerBound..<minutes.lowerBound / 1_440
      stream = try RowStream.sum([version.dayRows(of: seal.month).limited(to: gone), rows.widened(by: 1_440)])
    }
    let keys = live.adKeys
    while let row = try stream.next() {
      try pacer.row()
      guard Int(row.code) < keys.count else { return false }
      digest.add(row, key: AdKey(rawValue: keys[Int(row.code)]))
    }
    return digest.finish() == (isWhole ? seal.minutes : seal.days)
  }
}

extension RecountWriter {
  /// Looks how the sealed month of `minute` stands, where it is of one that was not looked at yet; rows that were damaged are
  /// put back, chunk by chunk.
  func check(sealed minute: Int64, _ check: SealCheck, _ pacer: Pacer, _ books: inout RecountBooks) throws {
    guard books.sealed.contains(minute: minute) else { return }
    let month = Month(containing: Minute(index: minute))
    guard books.report.standings[month] == nil, let seal = books.sealed.seal(of: month) else { return }
    let standing = sabotaged(.creditDamage) ? .asSealed : try check.standing(of: seal, pacer)
    books.report.standings[month] = standing
    guard standing == .damaged else { return }
    let minutes = check.kept(month)
    try RowStream.compare(check.rows(minutes), check.due(minutes)) { row, have, due in
      try pacer.row()
      guard have != due else { return }
      books.putBack(row, from: have, to: due)
      if books.isFull, !books.isDry { try write(&books) }
    }
  }
}

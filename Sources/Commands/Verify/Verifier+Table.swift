import Bytes
import Clicks
import Files
import Minutes
import Platform
import Runs
import Store

// The recount. Whatever the runs hold has to follow from what is primary, row by row:
//
//     minutes   runs + memory  =  BASE rows + sums of the segments + the log behind them      (R6)
//                                 − the repeats that recounts removed, less the credits of sealed months
//     hours     hour rows      =  minute rows of rolled-up days, summed
//     days      day rows       =  the same
//
// The log's part was counted while its frames were checked; the segments' sums were compared with their rows. Minutes that
// retention has dropped are left out, and their hours and days with them: nothing is left to count those from.

extension Verifier {
  /// Differences of one table that are spelled out.
  private static let differenceLimit = 100

  /// Compares the tables of shard `number`, whose files all hold, with what they were made from. `log` are the clicks of the
  /// log that are in no segment.
  mutating func compare(shard number: Int, of identity: StoreIdentity, _ log: [AdMinute: UInt64]) throws {
    var report = report
    let directory = identity.directory(of: number, in: path)
    do {
      let recovery = try Store.read(environment, path, identity, shard: number)
      ads[number] = recovery.live.adKeys
      try Self.compare(recovery, log, directory, &report)
    } catch { try report.damaged(by: error) }
    self.report = report
  }

  private static func compare(
    _ recovery: borrowing ShardRecovery, _ log: [AdMinute: UInt64], _ directory: String, _ report: inout VerifyReport
  ) throws {
    let state = recovery.manifest?.state ?? ManifestState()
    let ads = recovery.minutes.ads
    let version = recovery.version
    let kept = state.minutesFrom..<Int64.max
    // Minutes, both sides whole.
    var live: [RowCount] = []
    recovery.minutes.forEachRow { ad, minute, clicks in
      if let code = ads.code(of: ad) { live.append(RowCount(code: code, bucket: minute.index, count: clicks)) }
    }
    var logged: [RowCount] = []
    for (row, clicks) in log {
      if let code = ads.code(of: row.ad) {
        logged.append(RowCount(code: code, bucket: row.minute.index, count: clicks))
      } else {
        report.damaged(directory, nil, "ad key \(row.ad) of the log has no code")
      }
    }
    let expected = try ExpectedRows(version, repeats: state.retired..<UInt64.max, file: directory)
    let have = try expected.present(beside: ordered(live))
    var sum: UInt64 = 0
    var unknown: UInt32?
    let due = try expected.clicks(of: [RowStream(ordered(logged))] + version.sums()).passing { rows in
      for row in rows {
        sum &+= row.count
        if Int(row.code) >= ads.count { unknown = unknown ?? row.code }
      }
    }
    try compare("minute", 60, have.limited(to: kept), due.limited(to: kept), ads, directory, &report) {
      "the table has \($0), BASE and raw clicks \($1)"
    }
    if let unknown { report.damaged(directory, nil, "code \(unknown) has clicks, but no dictionary has its ad") }
    // Every position is a click that counts, or one that a recount took away.
    sum &+= try version.removedRepeats(state)
    if sum != recovery.nextPosition {
      report.damaged(directory, nil, "\(sum) clicks are there up to position \(recovery.nextPosition)")
    }
    guard state.rolledUp > .min else { return }
    for (key, name, width) in [(RunTableKey.hours, "hour", Int64(60)), (.days, "day", 1_440)] {
      let end = state.rolledUp * 1_440 / width
      // The first wide bucket whose minutes are all kept.
      let start = state.minutesFrom > .min / 2 ? (state.minutesFrom + width - 1) / width : .min
      let buckets = min(start, end)..<end
      let wide = try RowStream(version.table(.minutes)).widened(by: width).limited(to: buckets)
      let rows = try RowStream(version.table(key)).limited(to: buckets)
      try compare(name, key.bucketSeconds, rows, wide, ads, directory, &report) {
        "the table has \($0), its minutes \($1)"
      }
    }
  }

  private static func ordered(_ rows: [RowCount]) -> [RowCount] { rows.sorted(by: RowCount.precedes) }

  private static func compare(
    _ name: String, _ seconds: UInt32, _ have: RowStream, _ due: RowStream, _ ads: AdCodes, _ directory: String,
    _ report: inout VerifyReport, _ words: (UInt64, UInt64) -> String
  ) throws {
    var rows = 0
    var differences = 0
    var findings: [String] = []
    try RowStream.compare(have, due) { row, have, due in
      rows += 1
      guard have != due else { return }
      differences += 1
      guard differences <= differenceLimit else { return }
      let ad = Int(row.code) < ads.count ? "ad key \(ads.key(row.code))" : "ad code \(row.code)"
      findings.append("\(ad), \(name) \(TimeRange.bucket(row.bucket, seconds: seconds)): \(words(have, due))")
    }
    report.rows += rows
    for finding in findings { report.damaged(directory, nil, finding) }
    if differences > differenceLimit {
      report.damaged(directory, nil, "and \(differences - differenceLimit) more \(name) rows differ")
    }
  }
}

/// A row by its ad's key.
struct AdMinute: Hashable {
  var ad: AdKey
  var minute: Minute
}

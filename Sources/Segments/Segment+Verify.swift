import Bytes
import Clicks
import Files

extension Segment {
  /// Holds the whole segment against what it claims: every block's checksum, every column, the order of the rows, each
  /// position exactly once, the fences, the times of the header page, the steps, and the sums against the rows. Throws
  /// `FormatError` at the first thing that does not hold. Takes a bit of memory for each click.
  package func verify() throws {
    try file.verify()
    try verifyRows()
    var last: SegmentStep?
    var count: UInt64 = 0
    try forEachStep { step in
      guard summary.receiveTimes.contains(step.receiveTime), summary.runningTimes.contains(step.runningTime),
        step.runningTime >= last?.runningTime ?? 0
      else { throw fault(steps.section, "the step at position \(step.position) has times that cannot be") }
      last = step
      count += 1
    }
    guard count == summary.steps, last!.runningTime == summary.runningTimes.upperBound else {
      throw fault(steps.section, "the steps are not those of the header page")
    }
    try verifySums()
  }

  private func fault(_ section: SealedSection, _ reason: String) -> FormatError {
    FormatError(file: file.path, offset: section.offset, reason: reason)
  }

  private func verifyRows() throws {
    let section = try file.section(SegmentSection.rows.rawValue)
    var seen = [UInt64](repeating: 0, count: (summary.rows + 63) / 64)
    var eventTimes = Extent<Int64>()
    var mintingTimes = Extent<Int64>()
    let cursor = cursor([.all, .strings])
    var last: SegmentRow?
    var page = 0
    while try cursor.nextPage() {
      func fault(_ reason: String) -> FormatError { formatError(Fault(reason), page: page) }
      guard unsafe cursor.rows.high[0] == fences[page] else { throw fault("the page does not begin as its fence says") }
      for i in cursor.range {
        let row = cursor.row(i)
        if let last, !Self.isOrdered(last, row) { throw fault("rows are out of order") }
        last = row
        let place = Int(row.position - summary.positions.lowerBound)
        guard seen[place >> 6] & 1 << UInt64(place & 63) == 0 else {
          throw fault("position \(row.position) is there twice")
        }
        seen[place >> 6] |= 1 << UInt64(place & 63)
        eventTimes.add(row.eventTime)
        if let minted = row.impression.mintedAt { mintingTimes.add(minted) }
      }
      page += 1
    }
    // As many rows as positions, all in range, none twice: each is there.
    guard eventTimes.range == summary.eventTimes, mintingTimes.range == summary.mintingTimes else {
      throw self.fault(section, "the rows do not have the times of the header page")
    }
  }

  private static func isOrdered(_ a: SegmentRow, _ b: SegmentRow) -> Bool {
    (a.impression.high, a.impression.low, a.code, a.position) < (
      b.impression.high, b.impression.low, b.code, b.position
    )
  }

  /// Counts the rows anew, in parts of the ad codes so that memory stays bounded, and compares.
  private func verifySums() throws {
    var counts: [SegmentSum: UInt64] = [:]
    var last: SegmentSum?
    try forEachSum { sum in
      if let last, (last.code, last.minute) >= (sum.code, sum.minute) {
        throw fault(sums.section, "the sums are out of order")
      }
      last = sum
      counts[SegmentSum(code: sum.code, minute: sum.minute, clicks: 0)] = sum.clicks
    }
    let cursor = cursor([.code, .eventTime])
    while try cursor.nextPage() {
      for i in cursor.range {
        let key = unsafe SegmentSum(
          code: cursor.rows.code[i], minute: Minute(containing: cursor.rows.eventTime[i]), clicks: 0)
        guard let left = counts[key], left > 0 else {
          throw fault(sums.section, "the sums have too few clicks of ad code \(key.code) in \(key.minute)")
        }
        counts[key] = left - 1
      }
    }
    guard counts.values.allSatisfy({ $0 == 0 }) else {
      throw fault(sums.section, "the sums have clicks that the rows do not have")
    }
  }
}

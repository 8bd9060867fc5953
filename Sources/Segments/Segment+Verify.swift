import Bytes
import Clicks
import Files

extension Segment {
  /// Holds the whole segment against what it claims: every block's checksum, every column, the order of the rows, each
  /// position exactly once, the fences, the filters, the times and the marks of the header page, the steps, and the sums against
  /// the rows that are not marked. Whether the right rows are marked, other segments must tell. Throws `FormatError` at the first thing that does not hold. Takes a bit of memory for each click.
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
    var seen = [UInt64](repeating: 0, count: (summary.positions.count + 63) / 64)
    var eventTimes = Extent<Int64>()
    var mintingTimes = Extent<Int64>()
    var early = EarlyRowsSection()
    let floors = isFirstVersion ? nil : try receiveFloors()
    let cursor = cursor([.all, .strings])
    var last: SegmentRow?
    var marked: UInt64 = 0
    var page = 0
    var filtered: [SegmentKey] = []
    var passed: [SegmentKey] = []
    while try cursor.nextPage() {
      func fault(_ reason: String) -> FormatError { formatError(Fault(reason), page: page) }
      filtered.removeAll(keepingCapacity: true)
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
        if row.isRepeat { marked += 1 }
        let key = SegmentKey(impression: row.impression, code: row.code, tag: i)
        guard let time = row.impression.timeInBits, let floors else {
          if let time = row.impression.timeInBits { mintingTimes.add(time) }
          filtered.append(key)
          continue
        }
        let floor = floors.floor(row.position &- summary.positions.lowerBound)
        if time >= ImpressionID.earliestMinting, time <= floor &+ EventTimeLimits.mintTolerance {
          mintingTimes.add(time)
          continue
        }
        filtered.append(key)
        guard time >= ImpressionID.earliestMinting else { continue }
        if time <= floor &+ EarlyRows.reach {
          early.add(EarlyRows.Entry(impression: row.impression, code: row.code))
        } else {
          early.add(time)
        }
      }
      // A filter that does not know an id of the rows would let it count again.
      passed.removeAll(keepingCapacity: true)
      try sift(filtered, into: &passed)
      guard passed.count == filtered.count else {
        throw self.fault(filter!.section, "the filters do not let through all ids of page \(page)")
      }
      page += 1
    }
    // As many rows as positions less those left out, all in range, none twice: each other one is there.
    guard eventTimes.range == summary.eventTimes, mintingTimes.range == summary.mintingTimes else {
      throw self.fault(section, "the rows do not have the times of the header page")
    }
    guard marked == summary.marked else {
      throw self.fault(section, "\(marked) rows are marked, \(summary.marked) by the header page")
    }
    guard !isFirstVersion else { return }
    // An early id that is not listed could count again once its time has come.
    let list = try file.section(SegmentSection.early.rawValue)
    guard try file.contents(of: list) == early.bytes else {
      throw self.fault(list, "the early ids are not those of the rows")
    }
  }

  private static func isOrdered(_ a: SegmentRow, _ b: SegmentRow) -> Bool {
    (a.impression.high, a.impression.low, a.code, a.position) < (
      b.impression.high, b.impression.low, b.code, b.position
    )
  }

  /// Compares the sums with the rows by one number: each click that counts adds a hash of its (ad code, minute), each sum that hash
  /// times its clicks. Two tables that differ have the same number with a probability of 2⁻⁶⁴.
  private func verifySums() throws {
    let hash = SipHash(key: (summary.positions.lowerBound, summary.positions.upperBound))
    func mark(_ code: UInt32, _ minute: Minute) -> UInt64 {
      hash.hash(UInt64(code), UInt64(bitPattern: minute.index), 0)
    }
    var left: UInt64 = 0
    var clicks: UInt64 = 0
    var last: SegmentSum?
    try forEachSum { sum in
      if let last, (last.code, last.minute) >= (sum.code, sum.minute) {
        throw fault(sums.section, "the sums are out of order")
      }
      last = sum
      left &+= mark(sum.code, sum.minute) &* sum.clicks
      clicks &+= sum.clicks
    }
    let cursor = cursor([.code, .eventTime, .source])
    while try cursor.nextPage() {
      let rows = cursor.rows
      for i in cursor.range where unsafe rows.source[i] & RowVector.mark == 0 {
        left &-= unsafe mark(rows.code[i], Minute(containing: rows.eventTime[i]))
      }
    }
    guard left == 0, clicks == summary.counted else {
      throw fault(sums.section, "the sums are not those of the rows")
    }
  }
}

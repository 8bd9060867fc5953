import Clicks
import Files
import Platform

/// Collects clicks in the order of the log and writes them as a segment. Takes about 34 bytes of memory a click, and as
/// much again while it sorts; and the captured strings, with 4 bytes for each.
///
/// It has the captured columns that any of its clicks has: of a click that came before they were captured, the string is
/// empty.
package struct SegmentBuilder: ~Copyable {
  /// The position of the first click.
  package let first: UInt64
  private var rows: [BuilderRow] = []
  /// For each captured column, in the order of their numbers, a string a click.
  private var piles: [StringPile]
  private var steps: [SegmentStep] = []
  private var marked = 0

  /// The most clicks of one builder; merging makes segments of more.
  package static let maximumRows = 1 << 26

  /// A builder of a segment whose first click has the position `first`. `capacity` clicks are expected.
  package init(first: UInt64, capturing set: CaptureSet = [], capacity: Int = 0) {
    self.first = first
    piles = set.columns.map { StringPile($0) }
    rows.reserveCapacity(capacity)
  }

  /// Clicks so far.
  package var count: Int { rows.count }
  /// Bytes of all captured strings; 1 GiB is the most.
  package var stringBytes: Int { piles.reduce(0) { $0 + $1.text.count } }
  /// The position that the next click will have.
  package var next: UInt64 { first + UInt64(count) }

  /// Says when the clicks that follow were received: the times of their log frame. Must come before the first click.
  /// Running time never goes back.
  package mutating func step(receiveTime: Int64, runningTime: UInt64) {
    let step = SegmentStep(position: next, receiveTime: receiveTime, runningTime: runningTime)
    if let last = steps.last {
      precondition(runningTime >= last.runningTime, "running time never goes back")
      if last.receiveTime == receiveTime, last.runningTime == runningTime { return }
      if last.position == step.position { steps.removeLast() }
    }
    steps.append(step)
  }

  /// Adds the click at the position `next`, which is marked where it `isRepeat`. Its captured strings are those of `strings` at
  /// `index`.
  package mutating func add(
    _ impression: ImpressionID, code: UInt32, eventTime: Int64, source: Click.Source, isRepeat: Bool = false,
    strings: CapturedStrings? = nil, at index: Int = 0
  ) {
    precondition(!steps.isEmpty, "a click before the time it was received at")
    precondition(count < Self.maximumRows && (piles.isEmpty || stringBytes < 1 << 30))
    if let strings { add(strings, at: index) }
    rows.append(
      BuilderRow(
        high: impression.high, low: impression.low, eventTime: eventTime, code: code,
        source: source.rawValue | (isRepeat ? RowVector.mark : 0)))
    if isRepeat { marked += 1 }
    if !piles.isEmpty { for i in piles.indices { piles[i].fill(to: rows.count) } }
  }

  private mutating func add(_ strings: CapturedStrings, at index: Int) {
    let columns = strings.set.columns
    for column in columns where !piles.contains(where: { $0.column == column }) {
      var pile = StringPile(column)
      pile.fill(to: count)
      let place = piles.firstIndex { $0.column.rawValue > column.rawValue } ?? piles.count
      piles.insert(pile, at: place)
    }
    strings.forEachString(at: index) { number, range in
      let place = piles.firstIndex { $0.column == columns[number] }!
      piles[place].append(strings.bytes[range])
    }
  }

  /// Writes the segment; there must be at least one click. After an error nothing has the target's name, except as
  /// `SealedFileWriter.finish` says.
  package consuming func seal(to target: SegmentTarget) throws(SystemError) -> (SealedReference, SegmentSummary) {
    precondition(count > 0, "a segment of no clicks")
    let sums = SumFold.sums(marked == 0 ? rows : rows.filter { $0.source & RowVector.mark == 0 })
    let order = RowSort.order(rows)
    let table = PositionTable(rows)
    var floors = ReceiveFloors(first..<next)
    for step in steps where step.position < next { floors.add(step) }
    floors.end()
    var writer = try SegmentWriter.create(
      target, positions: first..<next, columns: columns(sums, table), table: table, floors: floors)
    var start = 0
    while start < order.count {
      let rows = start..<min(start + RowVector.capacity, order.count)
      fill(writer.page, order, rows)
      try writer.writePage()
      start = rows.upperBound
    }
    try writer.endRows()
    // The last step may have come without a click after it.
    for step in steps where step.position < next { try writer.add(step) }
    try writer.endSteps()
    try writer.add(sums)
    try writer.endSums()
    return try writer.finish()
  }

  /// The rows of `order` in `range`, gathered.
  private func fill(_ page: RowVector, _ order: [UInt32], _ range: Range<Int>) {
    page.count = range.count
    unsafe order.withUnsafeBufferPointer { order in
      unsafe rows.withUnsafeBufferPointer { rows in
        for i in 0..<range.count {
          let position = unsafe order[range.lowerBound &+ i]
          let row = unsafe rows[Int(position)]
          unsafe page.high[i] = row.high
          unsafe page.low[i] = row.low
          unsafe page.eventTime[i] = row.eventTime
          unsafe page.position[i] = UInt64(position)
          unsafe page.code[i] = row.code
          unsafe page.source[i] = row.source
        }
      }
    }
    page.strings = piles.map { pile in range.map { pile.string(Int(order[$0])) } }
  }

  /// The models that fit these clicks.
  private func columns(_ sums: [SegmentSum], _ table: PositionTable) -> SegmentColumns {
    // Neighbours have mostly one source: these are counted together.
    var sources: [UInt64: Double] = [:]
    var (source, run) = (rows[0].source, 0)
    for row in rows {
      if row.source != source {
        sources[UInt64(source & ~RowVector.mark), default: 0] += Double(run)
        (source, run) = (row.source, 0)
      }
      run &+= 1
    }
    sources[UInt64(source & ~RowVector.mark), default: 0] += Double(run)
    // Ads all of whose clicks are marked have no sums.
    let all = marked == 0 ? sums : SumFold.sums(rows)
    return SegmentColumns(
      code: BinFit.model(of: codeWeights(all)), eventTime: eventModel(delays: false),
      eventDelay: eventModel(delays: true),
      position: distanceModel(table),
      source: BinFit.model(of: sources.map { ($0.key, 0, $0.value) }), marks: marked > 0, captured: piles.map(\.column))
  }

  /// How often each ad code occurs.
  private func codeWeights(_ sums: [SegmentSum]) -> [BinFit.Interval] {
    var weights: [BinFit.Interval] = []
    for sum in sums {
      if let last = weights.last, last.lower == UInt64(sum.code) {
        weights[weights.count - 1].weight += Double(sum.clicks)
      } else {
        weights.append((UInt64(sum.code), 0, Double(sum.clicks)))
      }
    }
    return weights
  }

  /// Fits event times, or for version 7 ids their distances from the minting time. A page decides by all of its ids, so
  /// an id of version 7 counts for both, where there are others at all.
  private func eventModel(delays: Bool) -> BinModel {
    if !delays, rows.allSatisfy({ $0.impression.timeInBits != nil }) { return BinModel() }
    var fit = NumberFit(expected: count)
    for row in rows {
      if !delays {
        fit.add(RowPage.biased(row.eventTime))
      } else if let minted = row.impression.timeInBits {
        fit.add(RowPage.biased(row.eventTime &- minted))
      }
    }
    return fit.model()
  }

  /// Fits the distances of positions from what the table says.
  private func distanceModel(_ table: PositionTable) -> BinModel {
    var fit = NumberFit(expected: count)
    for position in rows.indices {
      fit.add(RowPage.biased(Int64(position) - Int64(table.position(rows[position].eventTime))))
    }
    return fit.model()
  }
}

/// The strings of one captured column, one behind the other.
private struct StringPile {
  let column: CapturedColumn
  private(set) var text: [UInt8] = []
  private var ends: [UInt32] = []

  init(_ column: CapturedColumn) { self.column = column }

  mutating func append(_ string: ArraySlice<UInt8>) {
    text.append(contentsOf: string)
    ends.append(UInt32(text.count))
  }

  /// Adds empty strings until there are `count`.
  mutating func fill(to count: Int) {
    while ends.count < count { ends.append(UInt32(text.count)) }
  }

  func string(_ index: Int) -> [UInt8] {
    Array(text[Int(index == 0 ? 0 : ends[index - 1])..<Int(ends[index])])
  }
}

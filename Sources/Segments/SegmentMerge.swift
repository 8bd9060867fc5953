import Bytes
import Clicks
import Files
import Platform

// Many segments become one: a k-way merge by (impression, ad code, position) that keeps every row. The models of the
// result are made from those of the inputs, so one pass over the rows is enough, and memory is a page for each input.
//
//   heap of the inputs' next rows ──▶ page ──▶ file       then the steps, one input behind the other,
//     (high, low, code, input)                            then the sums, merged by (ad code, minute)
//
// The result has the captured columns of all inputs; rows of an input that lacks one have empty strings there.
//
// The inputs' positions follow each other, so of rows that are alike the one of the earlier input is the earlier click.

/// Merging segments whose positions follow each other.
package enum SegmentMerge {
  /// Merges `inputs`, in the order of their positions, into one segment. Throws `FormatError` where an input is damaged; after any error nothing has the target's name, except as
  /// `SealedFileWriter.finish` says. `progress` is told of rows and sums as they are done; what it throws ends the merge.
  package static func merge(
    _ inputs: [Segment], into target: SegmentTarget, progress: (_ rows: Int) throws -> Void = { _ in }
  ) throws -> (SealedReference, SegmentSummary) {
    var writer = try writer(inputs, target)
    try mergeRows(inputs, inputs[0].summary.positions.lowerBound, &writer, progress)
    try writer.endRows()
    try mergeSteps(inputs, &writer)
    try mergeSums(inputs, &writer, progress)
    return try finish(inputs, writer)
  }

  /// A writer for the rows of `inputs`, which follow each other.
  static func writer(_ inputs: [Segment], _ target: SegmentTarget) throws -> SegmentWriter {
    precondition(!inputs.isEmpty, "a merge of no segments")
    for i in 1..<max(inputs.count, 1) {
      precondition(
        inputs[i].summary.positions.lowerBound == inputs[i - 1].summary.positions.upperBound,
        "a merge of segments that do not follow each other")
    }
    for input in inputs where !input.columns.isKnown {
      throw FormatError(
        file: input.file.path, offset: 0, reason: "a newer version wrote columns that merging would lose")
    }
    let positions = inputs[0].summary.positions.lowerBound..<inputs.last!.summary.positions.upperBound
    var floors = ReceiveFloors(positions)
    for input in inputs { try input.forEachStep { floors.add($0) } }
    floors.end()
    return try SegmentWriter.create(
      target, positions: positions, columns: columns(inputs), table: try self.positions(inputs), floors: floors)
  }

  /// Writes the steps of all inputs.
  static func mergeSteps(_ inputs: [Segment], _ writer: inout SegmentWriter) throws {
    var last: SegmentStep?
    for input in inputs {
      // The first step of an input may go on with the times of the last one before it.
      try input.forEachStep { step in
        if last?.receiveTime != step.receiveTime || last?.runningTime != step.runningTime { try writer.add(step) }
        last = step
      }
    }
    try writer.endSteps()
  }

  /// Ends the sums and puts the segment in its place.
  static func finish(
    _ inputs: [Segment], _ writer: consuming SegmentWriter
  ) throws -> (SealedReference, SegmentSummary) {
    try writer.endSums()
    guard writer.isSound else {
      throw FormatError(
        file: inputs[0].file.path, offset: 0,
        reason: "rows, models and sums of this segment, or of one merged with it, do not belong together")
    }
    return try writer.finish()
  }

  private static func columns(_ inputs: [Segment]) -> SegmentColumns {
    func model(_ path: KeyPath<SegmentColumns, BinModel>) -> BinModel {
      BinFit.model(of: inputs.flatMap { intervals($0.columns[keyPath: path], $0) })
    }
    // An input of version 7 ids alone knows nothing of event times as such; in the result its rows may stand in one page
    // with others, so that it must.
    let isNeeded = inputs.contains { $0.columns.eventTime.count > 0 }
    let eventTime = inputs.flatMap { input in
      guard isNeeded, input.columns.eventTime.count == 0 else { return intervals(input.columns.eventTime, input) }
      let times = input.summary.eventTimes
      return BinFit.cover(RowPage.biased(times.lowerBound)...RowPage.biased(times.upperBound), weight: 1)
    }
    // The table of the result is another one than those of the inputs, and a distance may be any.
    let rows = inputs.reduce(0) { $0 + Int64($1.summary.positions.count) }
    let distances =
      inputs.flatMap { intervals($0.columns.position, $0) }
      + BinFit.cover(RowPage.biased(-rows)...RowPage.biased(rows), weight: 1)
    return SegmentColumns(
      code: model(\.code), eventTime: BinFit.model(of: eventTime), eventDelay: model(\.eventDelay),
      position: BinFit.model(of: distances), source: model(\.source), captured: captured(inputs))
  }

  /// The captured columns that any of the inputs has.
  private static func captured(_ inputs: [Segment]) -> [CapturedColumn] {
    CapturedColumn.allCases.filter { column in inputs.contains { $0.summary.captured.contains(column) } }
  }

  private static func positions(_ inputs: [Segment]) throws -> PositionTable {
    let first = inputs[0].summary.positions.lowerBound
    return PositionTable(
      merging: try inputs.map { (try $0.positionTable(), $0.summary.positions.lowerBound - first) },
      rows: inputs.reduce(0) { $0 + $1.summary.rows })
  }

  /// A model's bins, weighted by how many rows of the segment fall into each.
  private static func intervals(_ model: BinModel, _ segment: Segment) -> [BinFit.Interval] {
    (0..<model.count).map { bin in
      (model.lowers[bin], model.widths[bin], model.weight(bin) * Double(segment.summary.rows))
    }
  }

  /// An input's next row, ordered as rows are.
  private struct Head: Comparable {
    var high: UInt64
    var low: UInt64
    var code: UInt32
    var input: UInt32

    @inline(__always) static func < (a: Head, b: Head) -> Bool {
      if a.high != b.high { return a.high < b.high }
      if a.low != b.low { return a.low < b.low }
      if a.code != b.code { return a.code < b.code }
      return a.input < b.input
    }
  }

  private static func mergeRows(
    _ inputs: [Segment], _ first: UInt64, _ writer: inout SegmentWriter, _ progress: (Int) throws -> Void
  ) throws {
    let cursors = inputs.map { $0.cursor([.all, .strings]) }
    let shifts = inputs.map { $0.summary.positions.lowerBound - first }
    let captured = captured(inputs)
    // For each input, which of its columns is the result's; nil: none.
    let places = inputs.map { input in captured.map { input.summary.captured.firstIndex(of: $0) } }
    let page = writer.page
    page.strings = Array(repeating: [], count: captured.count)
    var indices = [Int](repeating: 0, count: inputs.count)
    var heap: [Head] = []
    func head(_ input: Int) -> Head {
      let (rows, i) = (cursors[input].rows, indices[input])
      return unsafe Head(high: rows.high[i], low: rows.low[i], code: rows.code[i], input: UInt32(input))
    }
    for input in inputs.indices {
      if try cursors[input].nextPage() { heap.append(head(input)) }
    }
    heap.sort()
    var filled = 0
    while let top = heap.first {
      let input = Int(top.input)
      let (rows, i) = (cursors[input].rows, indices[input])
      unsafe page.high[filled] = unsafe rows.high[i]
      unsafe page.low[filled] = unsafe rows.low[i]
      unsafe page.code[filled] = unsafe rows.code[i]
      unsafe page.eventTime[filled] = unsafe rows.eventTime[i]
      unsafe page.position[filled] = unsafe rows.position[i] &+ shifts[input]
      unsafe page.source[filled] = unsafe rows.source[i]
      for column in captured.indices {
        page.strings[column].append(places[input][column].map { rows.strings[$0][i] } ?? [])
      }
      filled += 1
      if filled == RowVector.capacity {
        page.count = filled
        try writer.writePage()
        for column in captured.indices { page.strings[column].removeAll(keepingCapacity: true) }
        try progress(filled)
        filled = 0
      }
      indices[input] = i + 1
      if i + 1 == rows.count {
        indices[input] = 0
        if try !cursors[input].nextPage() {
          heap[0] = heap[heap.count - 1]
          heap.removeLast()
          sift(&heap)
          continue
        }
      }
      let next = head(input)
      if next < top { throw inputs[input].disorder }
      heap[0] = next
      sift(&heap)
    }
    page.count = filled
    try writer.writePage()
  }

  /// Brings the top to its place.
  private static func sift(_ heap: inout [Head]) {
    let count = heap.count
    unsafe heap.withUnsafeMutableBufferPointer { heap in
      guard count > 1 else { return }
      let moved = unsafe heap[0]
      var place = 0
      while true {
        var child = 2 &* place &+ 1
        guard child < count else { break }
        if child &+ 1 < count, unsafe heap[child &+ 1] < heap[child] { child &+= 1 }
        guard unsafe heap[child] < moved else { break }
        unsafe heap[place] = unsafe heap[child]
        place = child
      }
      unsafe heap[place] = moved
    }
  }

  private static func mergeSums(
    _ inputs: [Segment], _ writer: inout SegmentWriter, _ progress: (Int) throws -> Void
  ) throws {
    let cursors = inputs.map { $0.sumCursor() }
    var heads = try cursors.map { try $0.next() }
    var pending: SegmentSum?
    while true {
      var least: Int?
      for input in heads.indices {
        guard let sum = heads[input] else { continue }
        if let best = least, let other = heads[best], (other.code, other.minute) <= (sum.code, sum.minute) { continue }
        least = input
      }
      guard let least, let sum = heads[least] else { break }
      if let before = pending {
        if before.code == sum.code, before.minute == sum.minute {
          pending!.clicks &+= sum.clicks
        } else {
          guard (before.code, before.minute) < (sum.code, sum.minute) else { throw inputs[least].disorder }
          try writer.add(before)
          pending = sum
        }
      } else {
        pending = sum
      }
      heads[least] = try cursors[least].next()
      try progress(1)
    }
    if let pending { try writer.add(pending) }
  }
}

extension Segment {
  /// Rows or sums are not in order, whatever the checksums say.
  var disorder: FormatError {
    FormatError(file: file.path, offset: 0, reason: "the segment is out of order")
  }
}

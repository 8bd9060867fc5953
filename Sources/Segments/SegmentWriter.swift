import Bytes
import Clicks
import Files
import Platform

/// Where a segment goes, and who it is.
package struct SegmentTarget {
  package var files: any FileSystem
  /// The name it will have, and the one it is born under, on the same volume.
  package var path: String
  package var temporary: String
  package var store: StoreID
  /// The file's number in the shard.
  package var number: UInt64
  /// Logical ms since 1970.
  package var created: Int64
  package var blockBytes: UInt32
  /// Bytes of look-up filters that wait in memory; more of them wait in a file beside the temporary one.
  package var filterMemory: Int
  /// The recount up to which recorded repeats are marked in it; 0 where nothing is said of that.
  package var recount: UInt64

  package init(
    files: any FileSystem, path: String, temporary: String, store: StoreID, number: UInt64, created: Int64,
    blockBytes: UInt32 = SealedFileWriter.defaultBlockBytes, filterMemory: Int = 8 << 20, recount: UInt64 = 0
  ) {
    self.recount = recount
    self.filterMemory = filterMemory
    self.files = files
    self.path = path
    self.temporary = temporary
    self.store = store
    self.number = number
    self.created = created
    self.blockBytes = blockBytes
  }
}

/// Writes a segment from its first row to its last: rows in the order of ids, then steps, then sums. Memory: one group of
/// pages, or 4 MiB of one with captured strings, a fence a page, and up to 8 MiB of filters.
struct SegmentWriter: ~Copyable {
  private var file: SealedFileWriter
  private let columns: SegmentColumns
  private let table: PositionTable
  private let floors: ReceiveFloors
  private let encoder: GroupEncoder
  private let group = EncodedGroup()
  private let positions: Range<UInt64>
  /// The rows of the page being filled.
  let page = RowVector()
  private var fences: [UInt64] = []
  private var pageBytes: [UInt32] = []
  private var filters: IDFilterSection
  private var early = EarlyRowsSection()
  private(set) var rows: UInt64 = 0
  private var marked: UInt64 = 0
  private let recount: UInt64
  /// Whether each row had its place in the models, and the sums are as many clicks as there are rows that count: always, unless rows
  /// and models come from a segment that is not what it says.
  private(set) var isSound = true

  private var steps: [SegmentStep] = []
  private var stepFences = ByteWriter()
  private var stepCount: UInt64 = 0
  private let sums = SumRows()
  private var sumFences = ByteWriter()
  private var sumCount: UInt64 = 0
  private var summed: UInt64 = 0
  private var bytes: [UInt8] = []

  private var eventTimes = Extent<Int64>()
  private var receiveTimes = Extent<Int64>()
  private var runningTimes = Extent<UInt64>()
  private var mintingTimes = Extent<Int64>()

  /// Starts a segment of these positions.
  static func create(
    _ target: SegmentTarget, positions: Range<UInt64>, columns: SegmentColumns, table: PositionTable,
    floors: ReceiveFloors
  ) throws(SystemError) -> SegmentWriter {
    var file = try SealedFileWriter(
      target.files, path: target.path, temporary: target.temporary,
      header: FileHeader(
        magic: .segment, store: target.store, number: target.number, created: target.created,
        blockBytes: target.blockBytes))
    try file.begin(section: SegmentSection.columns.rawValue)
    try file.append(columns.bytes)
    file.end()
    try file.begin(section: SegmentSection.positions.rawValue)
    try file.append(table.bytes)
    file.end()
    try file.begin(section: SegmentSection.rows.rawValue)
    return SegmentWriter(file, target, positions: positions, columns: columns, table: table, floors: floors)
  }

  private init(
    _ file: consuming SealedFileWriter, _ target: SegmentTarget, positions: Range<UInt64>, columns: SegmentColumns,
    table: PositionTable, floors: ReceiveFloors
  ) {
    self.file = file
    recount = target.recount
    self.floors = floors
    filters = IDFilterSection(target)
    self.positions = positions
    self.columns = columns
    self.table = table
    encoder = GroupEncoder(columns, table, floors)
  }

  /// Bytes of a group that is written page by page that wait in memory, about.
  private static let groupMemory = 4 << 20

  /// Writes the rows in `page`, as `write` does. Afterwards it has none.
  mutating func writePage() throws(SystemError) {
    try write(page)
    page.count = 0
  }

  /// Writes rows, which follow those written before in the order of ids. Full pages but for the last.
  mutating func write(_ page: RowVector) throws(SystemError) {
    encoder.add(page, to: group)
    if group.fences.count == IDFilter.pages { return try endGroup() }
    // Captured strings may be long.
    guard unsafe group.bytes.count >= Self.groupMemory else { return }
    unsafe try file.append(group.bytes)
    group.removeBytes()
  }

  private mutating func endGroup() throws(SystemError) {
    guard group.rows > 0 else { return }
    encoder.end(group)
    try append(group)
    group.removeAll()
  }

  /// One that encodes groups for this segment, for other threads.
  func groupEncoder() -> GroupEncoder { GroupEncoder(columns, table, floors) }

  /// Writes a group that was encoded elsewhere: rows that follow those before. Full groups but for the last one; whoever writes
  /// groups writes no pages.
  mutating func append(_ group: EncodedGroup) throws(SystemError) {
    guard group.rows > 0 else { return }
    if !group.isSound { isSound = false }
    unsafe try file.append(group.bytes)
    fences += group.fences
    pageBytes += group.pageBytes
    try filters.append(group.filter)
    eventTimes.add(group.eventTimes)
    mintingTimes.add(group.mintingTimes)
    for entry in group.early { early.add(entry) }
    early.add(group.unlisted)
    rows += UInt64(group.rows)
    marked += UInt64(group.marked)
  }

  /// Ends the rows and begins the steps.
  mutating func endRows() throws(SystemError) {
    try writePage()
    try endGroup()
    try file.append([UInt8](repeating: 0, count: BitReader.slack))
    file.end()
    try file.begin(section: SegmentSection.fences.rawValue)
    var writer = ByteWriter()
    for fence in fences { writer.append(fence) }
    for size in pageBytes { writer.append(size) }
    try file.append(writer.bytes)
    file.end()
    try file.begin(section: SegmentSection.steps.rawValue)
  }

  /// Adds a step; the first one at the first position, the others ascending.
  mutating func add(_ step: SegmentStep) throws(SystemError) {
    if steps.count == StepBlock.capacity { try writeSteps() }
    steps.append(step)
    stepCount += 1
    receiveTimes.add(step.receiveTime)
    runningTimes.add(step.runningTime)
  }

  private mutating func writeSteps() throws(SystemError) {
    guard let step = steps.first else { return }
    StepBlock.writeFence(step, offset: file.sectionBytes, to: &stepFences)
    bytes.removeAll(keepingCapacity: true)
    StepBlock.encode(steps, to: &bytes)
    try file.append(bytes)
    steps.removeAll(keepingCapacity: true)
  }

  /// Ends the steps and begins the sums.
  mutating func endSteps() throws(SystemError) {
    try writeSteps()
    file.end()
    try file.begin(section: SegmentSection.stepFences.rawValue)
    try file.append(stepFences.bytes)
    file.end()
    try file.begin(section: SegmentSection.sums.rawValue)
  }

  /// Adds a row of sums; in the order of (ad code, minute), no two alike.
  mutating func add(_ sum: SegmentSum) throws(SystemError) {
    if !sums.takes(sum) { try writeSums() }
    sums.append(sum)
    summed &+= sum.clicks
    sumCount += 1
  }

  /// Adds rows of sums, as `add` does one by one.
  mutating func add(_ all: [SegmentSum]) throws(SystemError) {
    var next = 0
    while next < all.count {
      if !sums.takes(all[next]) { try writeSums() }
      let added = sums.append(all, from: next)
      summed &+= added.clicks
      sumCount += UInt64(added.end - next)
      next = added.end
    }
  }

  private mutating func writeSums() throws(SystemError) {
    guard let fence = sums.fence(offset: file.sectionBytes) else { return }
    fence.write(to: &sumFences)
    bytes.removeAll(keepingCapacity: true)
    sums.encode(to: &bytes)
    try file.append(bytes)
    sums.removeAll()
  }

  /// Ends the sums, and writes the filters and the early rows. A segment that is not sound afterwards must not be finished.
  mutating func endSums() throws(SystemError) {
    try writeSums()
    if summed != rows &- marked || stepCount == 0 || rows > UInt64(positions.count) { isSound = false }
    file.end()
    try file.begin(section: SegmentSection.sumFences.rawValue)
    try file.append(sumFences.bytes)
    file.end()
    try file.begin(section: SegmentSection.filters.rawValue)
    try filters.write { bytes throws(SystemError) in try file.append(bytes) }
    file.end()
    try file.begin(section: SegmentSection.early.rawValue)
    try file.append(early.bytes)
    file.end()
  }

  /// Puts the segment in its place.
  consuming func finish() throws(SystemError) -> (SealedReference, SegmentSummary) {
    precondition(isSound && rows > 0, "a segment that is not what it says")
    let summary = SegmentSummary(
      positions: positions, leftOut: UInt64(positions.count) - rows, marked: marked, recount: recount,
      eventTimes: eventTimes.range!, receiveTimes: receiveTimes.range!, runningTimes: runningTimes.range!,
      mintingTimes: mintingTimes.range, steps: stepCount, sums: sumCount, captured: columns.captured)
    let reference = unsafe try file.finish { page in unsafe summary.write(to: page) }
    return (reference, summary)
  }
}

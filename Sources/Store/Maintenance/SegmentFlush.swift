import Bytes
import ClickLog
import Clicks
import Files
import Platform
import Segments

// A flush of the log: the clicks of the log from the end of the last segment up to the applied one become a segment, sorted by impression.
// Their ads have codes in a dictionary file then, since a checkpoint at the applied position listed it. Frames are read
// back from the device and checked again; whatever the memory held plays no part. What frames have captured becomes columns;
// where it is much, the segment ends early, so that no flush needs memory for a million long strings.

/// One flush of a shard's log to a segment.
struct SegmentFlush {
  private let context: MaintenanceContext
  private var core: ShardCore { context.core }

  init(_ context: MaintenanceContext) { self.context = context }

  /// Makes one segment of what the log holds beyond the last one. With `all` however little it is; false: there was nothing.
  @discardableResult
  func run(all: Bool = false) throws -> Bool {
    try context.checkRunning()
    let state = core.manifest.state
    let end = min(state.applied, state.sealed + UInt64(core.options.segmentRows))
    guard end > state.sealed else { return false }
    try ShardEdit.perform(context) { edit in
      let flushed = try writeSegment(state.sealed..<end, state, edit)
      try edit.install([.sealed(to: flushed)])
    }
    context.times.flush = context.now
    context.count { $0.seals += 1 }
    return true
  }

  /// Writes a segment of the first positions of `range`, and returns where it ends.
  private func writeSegment(_ range: Range<UInt64>, _ state: ManifestState, _ edit: ShardEdit) throws -> UInt64 {
    var builder = SegmentBuilder(first: range.lowerBound, capacity: range.count)
    var reader = FlushReader(core: core, files: context.flushFiles, range: range)
    for extent in state.extents where extent.firstPosition < range.upperBound && !reader.isFull(builder) {
      if let end = extent.end, end.position <= range.lowerBound { continue }
      try reader.read(extent, into: &builder)
    }
    guard builder.next == range.upperBound || reader.isFull(builder) else {
      throw missing(builder.next..<range.upperBound)
    }
    let end = builder.next
    let target = edit.target(try edit.newFile(.segment), context.flushFiles)
    let (reference, _) = try builder.seal(to: target)
    context.count { $0.segmentBytes += reference.bytes }
    try edit.open(.segment, reference)
    return end
  }

  /// No slot that the manifest names has these clicks, which were acknowledged.
  private func missing(_ range: Range<UInt64>) -> FormatError {
    FormatError(
      file: "\(core.directory)/\(StoreFiles.log)", offset: 0,
      reason: "acknowledged clicks are missing: positions \(range) are in no slot of the log")
  }
}

/// Reads clicks back from log slots.
private struct FlushReader {
  let core: ShardCore
  let files: any FileSystem
  let range: Range<UInt64>
  private var ads: [AdKey] = []
  private var clicks: [Click] = []

  init(core: ShardCore, files: any FileSystem, range: Range<UInt64>) {
    self.core = core
    self.files = files
    self.range = range
  }

  /// Ends a walk that has all it needs.
  private struct Enough: Error {}

  /// Whether the builder has as many bytes of captured strings as one segment is given.
  func isFull(_ builder: borrowing SegmentBuilder) -> Bool { builder.stringBytes >= core.options.segmentStrings }

  mutating func read(_ extent: LogExtent, into builder: inout SegmentBuilder) throws {
    let path = "\(core.directory)/\(StoreFiles.log)/\(SlotHeader.name(extent.slot))"
    let reader = try LogReader(files, path, extent: extent, store: core.store)
    let range = range
    do {
      // A slot that still takes clicks ends in frames that are not durable yet; they lie beyond the range.
      let tail = try reader.walk(to: extent.end.map { Int($0.offset) }) { frame in
        if core.interruption.isRequested { throw ShardError.cancelled(core.directory) }
        guard frame.header.records > 0 else { return }
        if frame.positions.lowerBound >= range.upperBound || isFull(builder) { throw Enough() }
        guard frame.positions.upperBound > range.lowerBound else { return }
        try add(frame, path, to: &builder)
      }
      let needed = min(range.upperBound, extent.end?.position ?? range.upperBound)
      guard tail.nextPosition >= needed || isFull(builder) else {
        throw FormatError(
          file: path, offset: UInt64(tail.offset),
          reason: "acknowledged clicks are damaged: positions \(tail.nextPosition) ..< \(needed): \(tail.reason)")
      }
    } catch is Enough {}
  }

  private mutating func add(
    _ frame: borrowing LogFrame, _ path: String, to builder: inout SegmentBuilder
  ) throws {
    clicks.removeAll(keepingCapacity: true)
    ads.removeAll(keepingCapacity: true)
    let first = max(frame.positions.lowerBound, range.lowerBound)
    guard builder.next == first else {
      throw FormatError(
        file: path, offset: UInt64(frame.offset),
        reason: "acknowledged clicks are missing: positions \(builder.next) ..< \(first) are in no slot before it")
    }
    try frame.forEachClick(in: range) { _, click in
      clicks.append(click)
      ads.append(click.ad)
    }
    let codes = core.live.codes(of: ads)
    let strings = try frame.annex().strings
    var receiveTime = Int64.min
    for (i, click) in clicks.enumerated() {
      if click.receiveTime != receiveTime {
        receiveTime = click.receiveTime
        builder.step(receiveTime: receiveTime, runningTime: frame.header.runningTime)
      }
      builder.add(
        click.impression, code: codes[i]!, eventTime: click.eventTime, source: click.source, strings: strings,
        at: Int(first - frame.positions.lowerBound) + i)
    }
  }
}

import Clicks
import Files
import Platform
import Segments

// Counting, first half: each click that has no mark becomes a key of 4 bytes (8 where the part is wide) at the end of its part. A part is a list
// of blocks; the last one is open. Where all blocks together take the memory that there is, the full ones go to a file.
// The second half, CountCursor, sorts one part after the other and counts what is equal.
//
//     part 0   ■■■■ ■■■■ ■■░░      ■ keys, full blocks in memory or in the file
//     part 1   ■■■■ ■░░░
//     part 2   ■■■░
//
// However uneven the clicks are, a part's keys are only ever read block by block.

/// Where keys of one part go next.
@safe struct OpenPart {
  var next: UnsafeMutableRawPointer?
  var end: UnsafeMutableRawPointer?
  /// What is taken from the key: the part's first code, times minutes.
  var base: UInt64
  /// 0 for wide keys.
  var minutes: UInt64
  /// The part's first key, for those that begin in one granule.
  var first: UInt64
}

/// Keys (ad code, minute) in parts. One thread adds; when all are there, any thread may read.
@safe final class CountTable: @unchecked Sendable {
  let plan: CountPlan
  private let files: any FileSystem
  private let directory: String
  private let open: UnsafeMutablePointer<OpenPart>
  private let pool: BlockPool
  private var blocks: [PartBlocks]
  private var spill: SpillFile?

  /// The blocks of a part.
  private struct PartBlocks {
    /// Full ones, by their numbers in the pool.
    var inMemory: [Int] = []
    /// Full ones in the file.
    var spilled: [SpillFile.Block] = []
    /// The open one; nil before the first key.
    var open: Int?
    /// Bytes of the open one, once no more keys come.
    var openBytes = 0
  }

  /// Bytes of a block.
  var blockBytes: Int { pool.blockBytes }

  /// A table for keys of `plan` in about `memory` bytes; beyond that they go to a file in `directory`.
  init(_ plan: CountPlan, memory: Int, _ files: any FileSystem, _ directory: String) {
    self.plan = plan
    self.files = files
    self.directory = directory
    // Open blocks take a quarter of the memory at most.
    var bytes = 16 << 10
    while bytes > 64, bytes * plan.parts.count * 4 > memory { bytes /= 2 }
    pool = BlockPool(blockBytes: bytes, limit: max(memory / bytes, plan.parts.count + 1))
    blocks = Array(repeating: PartBlocks(), count: plan.parts.count)
    unsafe open = .allocate(capacity: plan.parts.count)
    for (i, part) in plan.parts.enumerated() {
      unsafe (open + i).initialize(
        to: OpenPart(
          next: nil, end: nil, base: part.code * part.minutes, minutes: part.minutes, first: part.first))
    }
  }

  deinit { unsafe open.deallocate() }

  /// Counts the clicks of `count` rows that have no mark in their sources.
  func add(
    _ codes: UnsafePointer<UInt32>, _ eventTimes: UnsafePointer<Int64>, _ sources: UnsafePointer<UInt16>, _ count: Int
  ) throws {
    var done = 0
    while done < count {
      let stopped = unsafe plan.granules.withUnsafeBufferPointer { granules in
        unsafe scatter(
          codes, eventTimes, sources, done..<count, open, granules, shift: plan.granuleShift, first: plan.firstMinute,
          minutes: plan.minutes)
      }
      switch stopped {
      case .full(let part, let row):
        try openBlock(part)
        done = row
      case .outside(let row):
        // The segment's header or model of codes is not that of its rows, whatever the checksums say.
        throw unsafe RowOutside(code: codes[row], eventTime: eventTimes[row])
      case nil: done = count
      }
    }
  }

  /// Counts one click.
  func add(_ code: UInt32, _ minute: Minute) throws {
    let (start, overflow) = minute.index.multipliedReportingOverflow(by: 60_000)
    var (code, time, source) = (code, overflow ? Int64.min : start, UInt16(0))
    try unsafe add(&code, &time, &source, 1)
  }

  /// Gives the part a new open block, which may mean that others have to go.
  private func openBlock(_ part: Int) throws {
    if let block = blocks[part].open { blocks[part].inMemory.append(block) }
    blocks[part].open = nil
    unsafe (open[part].next, open[part].end) = (nil, nil)
    var taken = pool.take()
    if taken == nil {
      try spillBlocks()
      taken = pool.take()
    }
    // There are more blocks than parts, so one of them was full.
    let block = taken!
    blocks[part].open = block
    let start = unsafe pool.start(block)
    unsafe (open[part].next, open[part].end) = (start, start + blockBytes)
  }

  /// Writes all full blocks to the file, part by part.
  private func spillBlocks() throws {
    if spill == nil { spill = try SpillFile.create(files, in: directory, name: "recount") }
    for part in blocks.indices {
      for block in blocks[part].inMemory {
        blocks[part].spilled.append(try unsafe spill!.append(pool.bytes(block, blockBytes)))
        pool.giveBack(block)
      }
      blocks[part].inMemory.removeAll(keepingCapacity: true)
    }
  }

  /// No more keys come.
  func close() {
    for part in blocks.indices {
      guard let block = blocks[part].open else { continue }
      blocks[part].openBytes = unsafe open[part].next! - pool.start(block)
    }
    pool.trim()
  }

  /// Bytes of the keys of a part.
  func bytes(of part: Int) -> Int {
    let blocks = blocks[part]
    return (blocks.inMemory.count + blocks.spilled.count) * blockBytes + blocks.openBytes
  }

  /// Hands `body` the keys of a part, block by block. `buffer` has room for one.
  func forEachBlock(
    of part: Int, _ buffer: UnsafeMutableRawBufferPointer, _ body: (UnsafeRawBufferPointer) throws -> Void
  ) throws {
    let blocks = blocks[part]
    for block in blocks.spilled {
      if sabotaged(.forgetSpilledCounts) { continue }
      unsafe try spill!.read(block, into: buffer)
      unsafe try body(UnsafeRawBufferPointer(rebasing: buffer[..<Int(block.count)]))
    }
    for block in blocks.inMemory { unsafe try body(pool.bytes(block, blockBytes)) }
    if let block = blocks.open, blocks.openBytes > 0 { unsafe try body(pool.bytes(block, blocks.openBytes)) }
  }
}

/// A row whose segment says that there is no such row.
struct RowOutside: Error {
  var code: UInt32
  var eventTime: Int64
}

/// Why rows stopped being scattered.
private enum Stopped {
  /// The part has no room; the row is still to be added.
  case full(part: Int, row: Int)
  /// The row has a code or minute that the plan does not know.
  case outside(row: Int)
}

/// Appends the keys of rows without marks to their parts.
private func scatter(
  _ codes: UnsafePointer<UInt32>, _ eventTimes: UnsafePointer<Int64>, _ sources: UnsafePointer<UInt16>,
  _ rows: Range<Int>, _ open: UnsafeMutablePointer<OpenPart>, _ granules: UnsafeBufferPointer<UInt32>, shift: UInt32,
  first: Int64, minutes: UInt64
) -> Stopped? {
  let start = first &* 60_000
  let granuleCount = UInt32(truncatingIfNeeded: granules.count)
  for row in rows where unsafe sources[row] & RowVector.mark == 0 {
    let code = unsafe codes[row]
    let minute = unsafe UInt64(bitPattern: eventTimes[row] &- start) / 60_000
    let granule = code &>> shift
    guard granule < granuleCount, minute < minutes else { return .outside(row: row) }
    let entry = unsafe granules[Int(truncatingIfNeeded: granule)]
    var part = Int(truncatingIfNeeded: entry & 0xFFFF)
    if entry > 0xFFFF {
      let key = UInt64(code) &<< 32 | minute
      let last = part &+ Int(truncatingIfNeeded: entry &>> 16)
      while part < last, unsafe open[part &+ 1].first <= key { part &+= 1 }
    }
    guard let next = unsafe open[part].next, unsafe next < open[part].end! else { return .full(part: part, row: row) }
    let span = unsafe open[part].minutes
    if span > 0 {
      let key = unsafe UInt64(code) &* span &+ minute &- open[part].base
      unsafe next.storeBytes(of: UInt32(truncatingIfNeeded: key), as: UInt32.self)
      unsafe open[part].next = unsafe next + 4
    } else {
      unsafe next.storeBytes(of: UInt64(code) &<< 32 | minute, as: UInt64.self)
      unsafe open[part].next = unsafe next + 8
    }
  }
  return nil
}

import Bytes
import ClickLog
import Clicks
import Files
import Platform
import Simulation
import Testing

/// Every click is found by its position, through slots, forgetting and moving.
@Suite struct LogIndexTests {
  private func click(_ number: UInt64, _ generator: inout SeededGenerator) -> Click {
    Click(
      impression: ImpressionID(high: generator.next(), low: number), ad: AdKey(rawValue: generator.next()),
      eventTime: Int64(number) * 7, receiveTime: 1_000 + Int64(number), source: .browser)
  }

  /// A file with the header of a slot, ready for a writer.
  private func slot(_ number: UInt32, first: UInt64, _ disk: SimulatedDisk) throws -> (any File, SlotHeader) {
    let header = SlotHeader(
      store: StoreID(high: 1, low: 2), slot: number, generation: UInt64(number) + 1, firstPosition: first, epoch: 1,
      previousChecksum: 0, previousGeneration: UInt64(number), slotBytes: 65_536, created: 0)
    let path = "/" + SlotHeader.name(number)
    disk.place(header.page + [UInt8](repeating: 0, count: 65_536 - 4096), at: path)
    return (try disk.open(path, .readWrite), header)
  }

  @Test func lookUpsAgreeWithTheClicksThatWereWritten() throws {
    try Seeds.run(25) { seed in
      var generator = seed.generator
      let disk = SimulatedDisk()
      var index = LogIndex()
      var all: [Click] = []
      var next: UInt64 = 0
      let start = generator.edge(in: 0...1 << 40 as ClosedRange<UInt64>)
      var place = try slot(0, first: start, disk)
      var writer = LogWriter(
        file: place.0, header: place.1, offset: 4096, nextPosition: start, checksum: 0, frameIndex: 0)
      for _ in 0..<40 {
        let count = 1 + generator.small(in: 0...250)
        if !writer.hasRoom(for: count) {
          try writer.close(FrameStamp(logicalTime: 0, runningTime: 0, manifestSequence: 0))
          next += 1
          place = try slot(UInt32(next), first: writer.nextPosition, disk)
          writer.move(to: place.0, header: place.1)
        }
        let first = writer.nextPosition
        for _ in 0..<count {
          all.append(click(UInt64(all.count), &generator))
          let position = writer.append(all.last!)
          #expect(position == start + UInt64(all.count - 1))
          #expect(writer.pendingClick(at: position) == all.last)
        }
        let offset = try writer.commit(FrameStamp(logicalTime: 0, runningTime: 0, manifestSequence: 0))
        #expect(writer.pendingClick(at: first) == nil)
        index.add(
          firstPosition: first, records: UInt32(count), generation: next + 1, offset: offset, file: place.0)
      }
      func expectFound(from low: Int) throws {
        for _ in 0..<200 {
          let number = generator.edge(in: low...(all.count - 1))
          let found = try #require(try index.click(at: start + UInt64(number)), "\(seed): \(number)")
          #expect(found.identity == all[number].identity && found.eventTime == all[number].eventTime, "\(seed)")
        }
        #expect(try index.click(at: start + UInt64(all.count)) == nil)
        #expect(try index.click(at: start &- 1) == nil)
      }
      try expectFound(from: 0)
      let watermark = generator.small(in: 0...(all.count - 1))
      index.forget(below: start + UInt64(watermark))
      try expectFound(from: watermark)
      // A copy that ends earlier, and goes on.
      var moved = LogIndex()
      let frameStart = start + UInt64(all.count)
      moved.replace(index, from: frameStart)
      index = moved
      try expectFound(from: watermark)
    }
  }

  /// The newest clicks are in memory: those that are pending, and of those that were written as many as are kept.
  @Test func theNewestClicksAreInMemory() throws {
    try Seeds.run(3) { seed in
      var generator = seed.generator
      let disk = SimulatedDisk()
      var next: UInt32 = 0
      let start = generator.edge(in: 0...1 << 40 as ClosedRange<UInt64>)
      var place = try slot(0, first: start, disk)
      var writer = LogWriter(
        file: place.0, header: place.1, offset: 4096, nextPosition: start, checksum: 0, frameIndex: 0)
      var all: [Click] = []
      let kept = 65_536
      while all.count < kept + 10_000 {
        let count = 1 + generator.small(in: 0...1_200)
        if !writer.hasRoom(for: count) {
          try writer.close(FrameStamp(logicalTime: 0, runningTime: 0, manifestSequence: 0))
          next += 1
          place = try slot(next, first: writer.nextPosition, disk)
          writer.move(to: place.0, header: place.1)
        }
        let written = all.count
        for _ in 0..<count {
          all.append(click(UInt64(all.count), &generator))
          _ = writer.append(all.last!)
        }
        func expectFound(_ number: Int) {
          let found = writer.recentClick(at: start + UInt64(number))
          if found?.identity != all[number].identity || found?.eventTime != all[number].eventTime {
            Issue.record("\(seed): \(number) of \(all.count)")
          }
        }
        for _ in 0..<20 { expectFound(generator.edge(in: max(0, written - kept)...(all.count - 1))) }
        if written > kept {
          let old = generator.edge(in: 0...(written - kept - 1))
          #expect(writer.recentClick(at: start + UInt64(old)) == nil, "\(seed)")
        }
        #expect(writer.recentClick(at: start + UInt64(all.count)) == nil && writer.recentClick(at: start &- 1) == nil)
        _ = try writer.commit(FrameStamp(logicalTime: 0, runningTime: 0, manifestSequence: 0))
      }
    }
  }
}

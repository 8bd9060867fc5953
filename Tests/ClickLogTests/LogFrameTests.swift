import Bytes
import ClickLog
import Clicks
import Files
import Platform
import Simulation
import Testing

/// A walk lends frames, and frames hand over the clicks that were written, by position.
@Suite struct LogFrameTests {
  private static let path = "/slot-001"
  private static let first: UInt64 = 1_000

  /// A slot with frames of a few clicks each, some with none.
  private static func slot(_ generator: inout SeededGenerator) throws -> (SimulatedDisk, [Click]) {
    let disk = SimulatedDisk()
    let header = SlotHeader(
      store: LogPageTests.store, slot: 1, generation: 2, firstPosition: first, epoch: 1, previousChecksum: 7,
      previousGeneration: 1, slotBytes: 262_144, created: 1_750_000_000_000)
    disk.place(header.page + [UInt8](repeating: 0, count: 262_144 - 4096), at: path)
    var writer = LogWriter(
      file: try disk.open(path, .readWrite), header: header, offset: SlotHeader.framesStart, nextPosition: first,
      checksum: header.previousChecksum, frameIndex: 0)
    var clicks: [Click] = []
    for running in 0..<UInt64(1 + generator.small(in: 0...20)) {
      let time = 1_750_000_000_000 + Int64(running) * 1_000
      for i in 0..<generator.small(in: 0...30) {
        let click = Click(
          impression: ImpressionID(high: generator.next(), low: generator.next()),
          ad: AdKey(rawValue: generator.next()),
          eventTime: time - Int64(generator.small(in: 0...100_000)), receiveTime: time + Int64(i),
          source: generator.pick(Click.Source.allCases))
        clicks.append(click)
        _ = writer.append(click)
      }
      let stamp = FrameStamp(logicalTime: time, runningTime: running, manifestSequence: 1)
      if writer.pendingRecords > 0 { _ = try writer.commit(stamp) } else { try writer.mark(stamp) }
    }
    return (disk, clicks)
  }

  private static func read(_ disk: SimulatedDisk, in range: Range<UInt64>) throws -> [(UInt64, Click)] {
    var found: [(UInt64, Click)] = []
    _ = try LogReader(try disk.open(path, .read)).walk { frame in
      try frame.forEachClick(in: range) { found.append(($0, $1)) }
    }
    return found
  }

  @Test(arguments: Seeds.list(40))
  func clicksOfAnyRangeAreThoseThatWereWritten(_ seed: Seed) throws {
    var generator = seed.generator
    let (disk, clicks) = try Self.slot(&generator)
    let end = Self.first + UInt64(clicks.count)
    for round in 0..<20 {
      let bounds = (0..<2).map { _ in Self.first - 5 + UInt64(generator.small(in: 0...clicks.count + 10)) }.sorted()
      let range = round == 0 ? 0..<UInt64.max : bounds[0]..<bounds[1]
      let wanted = range.clamped(to: Self.first..<end)
      let found = try Self.read(disk, in: range)
      #expect(found.map(\.0) == Array(wanted), "\(seed): \(range)")
      #expect(found.map(\.1) == wanted.map { clicks[Int($0 - Self.first)] }, "\(seed): \(range)")
    }
  }

  /// A record of a newer version stands in a frame whose checksum holds: no reader may pass over it.
  @Test(arguments: Seeds.list(20))
  func aRecordThatCannotBeReadIsNamedWithItsPlace(_ seed: Seed) throws {
    var generator = seed.generator
    var (disk, clicks) = try Self.slot(&generator)
    while clicks.isEmpty { (disk, clicks) = try Self.slot(&generator) }
    let position = Self.first + UInt64(generator.small(in: 0...(clicks.count - 1)))
    var place: (header: FrameHeader, frame: Int, record: Int)?
    _ = try LogReader(try disk.open(Self.path, .read)).walk { frame in
      guard frame.positions.contains(position) else { return }
      place = (frame.header, frame.offset, frame.recordOffset(Int(position - frame.positions.lowerBound)))
    }
    let (header, offset, record) = try #require(place)
    var bytes = Array(disk.bytes(of: Self.path)![offset..<(offset + header.frameBytes)])
    // Byte 36 has the source, byte 38 the flags.
    bytes[record - offset + (generator.oneIn(2) ? 36 : 38)] = 77
    _ = unsafe bytes.withUnsafeMutableBytes { unsafe header.seal($0) }
    disk.overwrite(Self.path, at: offset, with: bytes)
    // The chain behind it is broken, its own checksum is good.
    #expect(throws: FormatError(file: Self.path, offset: UInt64(record), reason: "an unknown source or flag")) {
      try Self.read(disk, in: position..<(position + 1))
    }
    #expect(try Self.read(disk, in: Self.first..<position).count == Int(position - Self.first), "\(seed)")
  }
}

import ClickLog
import Simulation
import Testing

/// A frame is found where one stands, and nowhere else.
@Suite struct FrameScanTests {
  private func frame(_ generator: inout SeededGenerator) -> (header: FrameHeader, bytes: [UInt8], checksum: UInt32) {
    let payload = generator.bytes(generator.small(in: 0...9_000))
    let header = FrameHeader(
      kind: generator.pick([.data, .mark, .close, .snapshot, .edit]), schema: UInt8(generator.next() % 3),
      generation: generator.edge(in: 0...UInt64.max), firstPosition: generator.edge(in: 0...UInt64.max),
      records: generator.edge(in: 0...UInt32.max), payloadBytes: UInt32(payload.count),
      promise: LogAddress(rawValue: generator.edge(in: 0...UInt64.max)),
      previousChecksum: generator.edge(in: 0...UInt32.max), index: generator.edge(in: 0...UInt32.max),
      manifestSequence: generator.edge(in: 0...UInt64.max), epoch: generator.edge(in: 0...UInt32.max),
      logicalTime: generator.edge(in: Int64.min...Int64.max), runningTime: generator.edge(in: 0...UInt64.max))
    var bytes = [UInt8](repeating: 0xA5, count: header.frameBytes)
    bytes.replaceSubrange(FrameHeader.size..<(FrameHeader.size + payload.count), with: payload)
    let checksum = unsafe bytes.withUnsafeMutableBytes { unsafe header.seal($0) }
    return (header, bytes, checksum)
  }

  private func scan(_ bytes: [UInt8], generation: UInt64?, limit: Int? = nil) -> FrameScan {
    unsafe bytes.withUnsafeBytes { unsafe FrameHeader.scan($0, generation: generation, limit: limit ?? bytes.count) }
  }

  @Test func whatIsSealedIsFound() throws {
    try Seeds.run(500) { seed in
      var generator = seed.generator
      let (header, bytes, checksum) = frame(&generator)
      #expect(bytes.count % FrameHeader.alignment == 0)
      for generation in [header.generation, nil] {
        #expect(scan(bytes, generation: generation) == .valid(header, checksum: checksum), "\(seed)")
        #expect(scan(bytes + generator.bytes(100), generation: generation) == .valid(header, checksum: checksum))
      }
      if case .invalid = scan(bytes, generation: header.generation &+ 1) {} else { Issue.record("\(seed): generation") }
      // Fewer bytes than the frame has: more are asked for, and no more than it has.
      let cut = generator.small(in: 0...(bytes.count - 1))
      switch scan(Array(bytes[..<cut]), generation: nil, limit: bytes.count) {
      case .needs(let needed): #expect(needed > cut && needed <= bytes.count, "\(seed)")
      default: Issue.record("\(seed): cut at \(cut)")
      }
      // A frame that would go beyond the file's end is none.
      if case .invalid = scan(bytes, generation: nil, limit: bytes.count - 1) {} else { Issue.record("\(seed): limit") }
    }
  }

  @Test func oneChangedByteIsNoticed() throws {
    try Seeds.run(300) { seed in
      var generator = seed.generator
      var (_, bytes, _) = frame(&generator)
      for _ in 0..<50 {
        let place = generator.oneIn(2) ? generator.small(in: 0...79) : generator.small(in: 0...(bytes.count - 1))
        let before = bytes[place]
        bytes[place] ^= UInt8(generator.edge(in: 1...255))
        if case .valid = scan(bytes, generation: nil) { Issue.record("\(seed): byte \(place)") }
        bytes[place] = before
      }
    }
  }

  @Test func chanceBytesAreNoFrame() throws {
    try Seeds.run(2_000) { seed in
      var generator = seed.generator
      var bytes = generator.bytes(4096)
      // Half of them with a good magic and kind, so that the lengths behind them are reached.
      if generator.oneIn(2) { bytes.replaceSubrange(4..<7, with: [0x1C, 0xC1, UInt8(1 + generator.next() % 5)]) }
      for limit in [0, 4095, 4096, 1 << 20, Int.max] {
        if case .valid = scan(bytes, generation: nil, limit: limit) { Issue.record("\(seed)") }
      }
    }
  }
}

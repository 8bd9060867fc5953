import Columns
import Simulation
import Testing

/// Whatever the bytes are: a fault or some values, never a trap, never a byte read outside, never much memory.
@Suite struct DamageTests {
  /// Decodes in every way; the memory ends the process if a decoder leaves the input.
  private func decodeAll(_ memory: ExactMemory, _ bytes: some Collection<UInt8>, _ count: Int) {
    unsafe memory.with(bytes) { raw in
      _ = try? unsafe Decode.column(raw, count)
      _ = try? unsafe Decode.column(raw, count, rows: count / 3..<count - count / 4)
      _ = try? unsafe IntegerColumn.describe(raw, count: count)
      _ = try? unsafe StringColumn.decode(raw, count: count)
    }
  }

  @Test func anyBytes() throws {
    let memory = ExactMemory(atLeast: 8192)
    try Seeds.run(8_000) { seed in
      var chance = seed.generator
      var bytes = chance.bytes(chance.small(in: 0...300))
      if !bytes.isEmpty && !chance.oneIn(10) { bytes[0] = UInt8(chance.next() % 9) }
      for i in bytes.indices.dropFirst() where chance.oneIn(2) { bytes[i] = UInt8(chance.next() % 10) }
      decodeAll(memory, bytes, chance.oneIn(50) ? 65_536 : chance.small(in: 1...400))
      unsafe memory.with(bytes) { raw in
        if let rows = try? unsafe Decode.rows(raw) { #expect(ascends(rows), "\(seed)") }
        _ = try? unsafe Decode.rows(raw, only: UInt32(chance.next() % 20))
      }
    }
  }

  @Test func truncatedAndFlippedColumns() throws {
    let memory = ExactMemory(atLeast: 1 << 16)
    try Seeds.run(60) { seed in
      var chance = seed.generator
      let values = chance.pick(Distribution.allCases).values(chance.small(in: 1...300), &chance)
      var bytes: [UInt8] = []
      IntegerColumn.encode(values, to: &bytes)
      for length in bytes.indices {
        _ = unsafe memory.with(bytes[..<length]) { raw in
          #expect(throws: ColumnFault.self, "\(seed) \(length)") { _ = try unsafe Decode.column(raw, values.count) }
        }
      }
      for bit in 0..<min(bytes.count * 8, 1600) {
        bytes[bit / 8] ^= 1 << (bit % 8)
        decodeAll(memory, bytes, values.count)
        bytes[bit / 8] ^= 1 << (bit % 8)
      }
    }
  }

  @Test func truncatedAndFlippedRows() throws {
    let memory = ExactMemory(atLeast: 1 << 18)
    try Seeds.run(40) { seed in
      var chance = seed.generator
      var rows = Rows.random(&chance)
      let few = min(rows.codes.count, 200)
      rows = Rows(
        codes: .init(rows.codes[..<few]), buckets: .init(rows.buckets[..<few]), values: .init(rows.values[..<few]))
      var bytes = rows.encoded
      for length in bytes.indices {
        unsafe memory.with(bytes[..<length]) { raw in
          #expect(throws: ColumnFault.self, "\(seed) \(length)") { _ = try unsafe Decode.rows(raw) }
          _ = try? unsafe Decode.rows(raw, only: rows.codes[0])
        }
      }
      for bit in 0..<min(bytes.count * 8, 1600) {
        bytes[bit / 8] ^= 1 << (bit % 8)
        unsafe memory.with(bytes) { raw in
          if let found = try? unsafe Decode.rows(raw) { #expect(ascends(found), "\(seed) bit \(bit)") }
          _ = try? unsafe Decode.rows(raw, only: rows.codes[few / 2])
        }
        bytes[bit / 8] ^= 1 << (bit % 8)
      }
    }
  }

  @Test func truncatedAndFlippedStrings() throws {
    let memory = ExactMemory(atLeast: 1 << 16)
    for seed in Seeds.list(20) {
      var chance = seed.generator
      let words = (0..<4).map { _ in chance.bytes(chance.small(in: 0...30)) }
      let strings = (0..<40).map { _ in chance.pick(words) }
      var bytes: [UInt8] = []
      StringColumn.encode(strings, to: &bytes)
      for length in bytes.indices {
        _ = unsafe memory.with(bytes[..<length]) { raw in
          #expect(throws: ColumnFault.self, "\(seed) \(length)") { _ = try unsafe StringColumn.decode(raw, count: 40) }
        }
      }
      for bit in 0..<bytes.count * 8 {
        bytes[bit / 8] ^= 1 << (bit % 8)
        _ = unsafe memory.with(bytes) { raw in try? unsafe StringColumn.decode(raw, count: 40) }
        bytes[bit / 8] ^= 1 << (bit % 8)
      }
    }
  }

  @Test func faultsNameWhatIsWrong() {
    func fault(_ bytes: [UInt8], _ count: Int = 2) -> String? {
      do {
        _ = try unsafe ExactMemory(atLeast: 100).with(bytes) { try unsafe Decode.column($0, count) }
        return nil
      } catch { return "\(error)" }
    }
    #expect(fault([1, 5]) == nil)
    #expect(fault([]) == "the block ends early")
    #expect(fault([0, 0]) == "unknown encoding 0")
    #expect(fault([77, 0]) == "unknown encoding 77")
    #expect(fault([7, 0, 7, 0, 1, 0], 3) == "encoding 7 inside another that cannot hold it")
    #expect(fault([4, 0, 65]) == "values of 65 bits")
    #expect(fault([1, 5], 0) == "a block of 0 values; 1 to 65536 can be")
    #expect(fault([1, 255, 255, 255, 255, 255, 255, 255, 255, 255, 2]) == "a number of more than 64 bits")
  }

  private func ascends(_ rows: Rows) -> Bool {
    rows.codes.indices.dropFirst().allSatisfy {
      (rows.codes[$0 - 1], rows.buckets[$0 - 1]) < (rows.codes[$0], rows.buckets[$0])
    }
  }
}

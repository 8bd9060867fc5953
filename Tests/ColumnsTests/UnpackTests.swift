import Columns
import Simulation
import Testing

/// Packed values, which the processor's vectors unpack where they can, against their definition: bit by bit.
@Suite struct UnpackTests {
  /// Value `i` has the bits i × w … (i + 1) × w − 1, of which bit b is bit b mod 8 of byte b / 8.
  private func reference(_ bytes: [UInt8], _ i: Int, width: Int, base: UInt64) -> UInt64 {
    var value: UInt64 = 0
    for bit in 0..<width where bytes[(i * width + bit) / 8] >> UInt8((i * width + bit) % 8) & 1 == 1 {
      value |= 1 << UInt64(bit)
    }
    return base &+ value
  }

  private func varint(_ value: UInt64) -> [UInt8] {
    var (rest, bytes): (UInt64, [UInt8]) = (value, [])
    while rest > 0x7f {
      bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    return bytes + [UInt8(rest)]
  }

  @Test func anyRowsOfAnyWidthAreTheirBits() throws {
    let memory = ExactMemory(atLeast: 1 << 16)
    try Seeds.run(600) { seed in
      var chance = seed.generator
      // The narrow widths have a way of their own.
      let width = chance.oneIn(3) ? Int.random(in: 0...64, using: &chance) : Int.random(in: 1...15, using: &chance)
      let count = chance.pick([1, 7, 8, 9, 16, 127, 128, 129, chance.small(in: 1...4_096)])
      let base = chance.pick([0, 1, chance.next()])
      var payload = chance.bytes((count * width + 7) / 8)
      if count * width % 8 > 0 { payload[payload.count - 1] &= UInt8(1 << (count * width % 8)) - 1 }
      let block = [4] + varint(base) + [UInt8(width)] + payload
      let lower = Int.random(in: 0...count, using: &chance)
      let rows = chance.oneIn(3) ? 0..<count : lower..<Int.random(in: lower...count, using: &chance)
      let due = rows.map { reference(payload, $0, width: width, base: base) }
      // The block at the end of memory, and with something behind it that loads may touch.
      for rest in [0, 1, 7, 40] {
        try unsafe memory.with(block + chance.bytes(rest)) { raw in
          let found = try unsafe Decode.column(raw, count, rows: rows)
          #expect(found == due, "\(seed): \(count) values of \(width) bits, rows \(rows)")
        }
      }
    }
  }

  /// Groups of patched columns are unpacked together where they are alike.
  @Test func partsOfPatchedColumnsAreThoseOfTheWhole() throws {
    let memory = ExactMemory(atLeast: 1 << 16)
    try Seeds.run(200) { seed in
      var chance = seed.generator
      var values: [UInt64] = []
      let count = chance.pick([129, 256, 1_000, 4_096])
      while values.count < count {
        let (base, width) = (chance.pick([1, 1, 1, 40] as [UInt64]), chance.pick([3, 3, 3, 5] as [UInt64]))
        for _ in 0..<128 * chance.small(in: 1...8) {
          values.append(base + chance.next() % (1 << width) + (chance.oneIn(60) ? 500 : 0))
        }
      }
      values.removeLast(values.count - count)
      var block: [UInt8] = []
      IntegerColumn.encode(values, to: &block)
      let lower = Int.random(in: 0...count, using: &chance)
      let rows = lower..<Int.random(in: lower...count, using: &chance)
      try unsafe memory.with(block) { raw in
        let part = try unsafe Decode.column(raw, count, rows: rows)
        let whole = try unsafe Decode.column(raw, count, rows: 0..<count)
        #expect(part == Array(values[rows]) && whole == values, "\(seed) \(rows)")
      }
    }
  }
}

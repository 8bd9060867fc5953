import Columns
import Simulation
import Testing

@Suite struct RoundTripTests {
  @Test func everyDistributionComesBack() throws {
    let memory = ExactMemory(atLeast: 1 << 20)
    var encodings: Set<Substring> = []
    try Seeds.run(400) { seed in
      var chance = seed.generator
      let kind = chance.pick(Distribution.allCases)
      let values = kind.values(Distribution.count(&chance), &chance)
      var bytes: [UInt8] = [1, 2, 3]
      IntegerColumn.encode(values, to: &bytes)
      let block = bytes.dropFirst(3)
      #expect(block.count == IntegerColumn.cost(values), "\(seed) \(kind)")
      #expect(block.count <= 1 + 8 * values.count, "\(seed) \(kind)")
      let lower = Int.random(in: 0...values.count, using: &chance)
      let rows = lower..<Int.random(in: lower...values.count, using: &chance)
      try unsafe memory.with(block) { raw in
        let (found, used) = try unsafe Decode.column(raw, values.count)
        #expect(found == values && used == block.count, "\(seed) \(kind)")
        let part = try unsafe Decode.column(raw, values.count, rows: rows)
        #expect(part == Array(values[rows]), "\(seed) \(kind) \(rows)")
        encodings.insert(try unsafe IntegerColumn.describe(raw, count: values.count).prefix { $0 != "(" })
      }
      // What follows a block is not part of it.
      try unsafe memory.with(block + chance.bytes(20)) { raw in
        let (found, used) = try unsafe Decode.column(raw, values.count)
        #expect(found == values && used == block.count, "\(seed) \(kind)")
      }
    }
    if Seeds.list(400).count >= 400 {
      #expect(encodings == ["constant", "bitmap", "sparse", "packed", "classes", "patched", "delta", "plain"])
    }
  }

  @Test func everyWidthComesBack() throws {
    let memory = ExactMemory(atLeast: 1 << 16)
    var chance = SeededGenerator(seed: 5)
    for width in 0...64 {
      for count in [1, 2, 7, 8, 9, 63, 64, 65, 127, 128, 129, 300] {
        let mask = width == 0 ? 0 : UInt64.max >> UInt64(64 - width)
        let values = (0..<count).map { $0 == 0 ? mask : $0 == 1 ? 0 : chance.next() & mask }
        var bytes: [UInt8] = []
        IntegerColumn.encode(values, to: &bytes)
        try unsafe memory.with(bytes) {
          let found = try unsafe Decode.column($0, count).values
          #expect(found == values, "width \(width)")
        }
      }
    }
  }

  @Test func rowsComeBack() throws {
    let memory = ExactMemory(atLeast: 1 << 18)
    try Seeds.run(150) { seed in
      var chance = seed.generator
      let rows = Rows.random(&chance)
      let bytes = rows.encoded
      try unsafe memory.with(bytes) { raw in
        let found = try unsafe Decode.rows(raw)
        #expect(found == rows, "\(seed)")
        let codes = Set(rows.codes)
        for code in [codes.min()!, codes.max()!, chance.pick(rows.codes)] + [chance.pick(rows.codes) &+ 1, 0, .max] {
          let own = try unsafe Decode.rows(raw, only: code)
          #expect(own == rows.only(code), "\(seed) code \(code)")
        }
      }
    }
  }

  @Test func bucketsWithoutGapsCostNothing() {
    var rows = Rows()
    for i in 0..<RowBlock.maximumRows {
      rows.codes.append(UInt32(i / 1024))
      rows.buckets.append(UInt32(i % 1024))
      rows.values.append(1)
    }
    #expect(rows.encoded.count <= 24)
  }

  @Test func stringsComeBack() throws {
    let memory = ExactMemory(atLeast: 1 << 18)
    try Seeds.run(100) { seed in
      var chance = seed.generator
      let words = (0..<chance.small(in: 1...30)).map { _ in chance.bytes(chance.small(in: 0...90)) }
      let strings = (0..<chance.small(in: 1...1000)).map { _ in
        chance.oneIn(20) ? chance.bytes(chance.small(in: 0...40)) : chance.pick(words)
      }
      var bytes: [UInt8] = []
      StringColumn.encode(strings, to: &bytes)
      try unsafe memory.with(bytes) { raw in
        let (found, used) = try unsafe StringColumn.decode(raw, count: strings.count)
        #expect(found == strings && used == bytes.count, "\(seed)")
      }
    }
  }

  @Test func repeatedTextIsCompressed() {
    var bytes: [UInt8] = []
    StringColumn.encode(.init(repeating: Array("Mozilla/5.0 (X11; Linux x86_64)".utf8), count: 1000), to: &bytes)
    #expect(bytes.count < 400)
  }
}

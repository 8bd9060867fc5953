import Bytes

// The second halves of a page's ids. They are as good as random, so they are kept as they are, with two exceptions: the
// two bits that are the same in all UUIDs are left out in pages of UUIDs, and so are the halves of rows that have the id
// of the row before:
//
//   0  u16 rows left out
//   2  10 bits for each: which row, ascending
//   …  from the next whole byte on: the low halves of the other rows, 64 bits each or 62

/// Low halves of a page of ids.
enum WordColumn {
  /// The two bits with which the low half of every UUID begins (RFC 9562, 4.1).
  static let variant: UInt64 = 2 << 62
  /// Bits of a row's number.
  private static let rowBits = 10

  /// Bytes that `encode` writes at most.
  static func capacity(_ count: Int) -> Int { 2 + count * 8 + count * 2 + 32 }

  /// Writes the low halves. `bits` is 64, or 62 where all have the same two bits above. Returns the bytes written.
  static func encode(
    _ low: UnsafePointer<UInt64>, high: UnsafePointer<UInt64>, _ count: Int, bits: Int,
    to memory: UnsafeMutableRawPointer
  ) -> Int {
    var repeats = 0
    var rows = unsafe BitWriter(memory + 2)
    for i in 1..<max(count, 1) where unsafe high[i] == high[i - 1] && low[i] == low[i - 1] {
      rows.put(UInt64(i), rowBits)
      repeats += 1
    }
    unsafe memory.unsafeStoreLE(UInt16(repeats), 0)
    let start = 2 + rows.finish()
    var words = unsafe BitWriter(memory + start)
    let mask = bits == 64 ? UInt64.max : 1 << UInt64(bits) - 1
    for i in 0..<count {
      if i > 0, unsafe high[i] == high[i - 1], unsafe low[i] == low[i - 1] { continue }
      words.put(unsafe low[i] & mask, bits)
    }
    return start + words.finish()
  }

  /// A page's low halves, ready to be read.
  @safe struct Layout {
    private let rows: UnsafeRawPointer
    private let words: UnsafeRawPointer
    private let count: Int
    private let repeats: Int
    private let bits: Int

    /// Nil where `bytes` are not those of `count` rows. There are `BitReader.slack` bytes behind them.
    init?(_ bytes: UnsafeRawBufferPointer, count: Int, bits: Int) {
      guard bytes.count >= 2 else { return nil }
      let base = bytes.baseAddress!
      repeats = Int(unsafe base.unsafeLoadLE(0, as: UInt16.self))
      let start = 2 + (repeats * rowBits + 7) / 8
      guard repeats < count, bytes.count == start + ((count - repeats) * bits + 7) / 8 else { return nil }
      unsafe rows = base + 2
      unsafe words = base + start
      self.count = count
      self.bits = bits
    }

    /// The number of the repeated row `index`.
    @inline(__always) private func row(_ index: Int) -> Int {
      Int(truncatingIfNeeded: unsafe BitReader.narrow(rows, index &* rowBits, rowBits))
    }

    @inline(__always) private func word(_ index: Int) -> UInt64 {
      if bits == 64 { return unsafe words.unsafeLoadLE(index &* 8) }
      // 62 bits, at a byte's bit 0, 2, 4 or 6: all but the last few in one load.
      let bit = index &* 62
      let first = unsafe BitReader.window(words, bit)
      let over = UInt64(truncatingIfNeeded: bit & 7)
      let last = unsafe UInt64(words.unsafeLoadLE(bit &>> 3 &+ 8, as: UInt8.self))
      return (over == 0 ? first : first | last &<< (64 &- over)) & (1 << 62 - 1) | variant
    }

    /// The low half of one row.
    func low(_ row: Int) -> UInt64 {
      var before = 0
      while before < repeats, self.row(before) <= row { before += 1 }
      // Never below 0, whatever the rows are: the first row is none of them in what was written.
      return word(max(0, row - before))
    }

    /// Reads the low halves of all rows. False where the rows left out are not ascending rows of the page.
    func decode(to low: UnsafeMutablePointer<UInt64>) -> Bool {
      var next = 0
      var word = 0
      for index in 0...repeats {
        let end = index < repeats ? row(index) : count
        guard end >= next, end <= count else { return false }
        while next < end {
          unsafe low[next] = self.word(word)
          next &+= 1
          word &+= 1
        }
        guard index < repeats else { break }
        guard next > 0, next < count else { return false }
        unsafe low[next] = unsafe low[next - 1]
        next += 1
      }
      return word == count - repeats
    }
  }
}

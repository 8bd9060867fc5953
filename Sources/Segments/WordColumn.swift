import Bytes

// The second halves of a page's ids. They are as good as random, so they are kept as they are, with two exceptions: the
// two bits that are the same in all UUIDs are left out in pages of UUIDs, and so are the halves of a repeated id, if any:
//
//   …  (in a page with repeats) one bit for each row whose high half is that of the row before: 1, its low half is too
//   …  from the next whole byte on: the low halves of the other rows, 64 bits each or 62

/// Low halves of a page of ids.
enum WordColumn {
  /// The two bits with which the low half of every UUID begins (RFC 9562, 4.1).
  static let variant: UInt64 = 2 << 62

  /// Bytes that `encode` writes at most.
  static func capacity(_ count: Int) -> Int { count * 8 + count / 8 + 32 }

  /// Whether a row has the id of the row before it.
  static func hasRepeats(high: UnsafePointer<UInt64>, low: UnsafePointer<UInt64>, _ count: Int) -> Bool {
    for i in 1..<max(count, 1) where unsafe high[i] == high[i - 1] && low[i] == low[i - 1] { return true }
    return false
  }

  /// Writes the low halves. `bits` is 64, or 62 where all have the same two bits above. Returns the bytes written.
  static func encode(
    _ low: UnsafePointer<UInt64>, high: UnsafePointer<UInt64>, _ count: Int, bits: Int, repeats: Bool,
    to memory: UnsafeMutableRawPointer
  ) -> Int {
    var marked = 0
    if repeats {
      var marks = unsafe BitWriter(memory)
      for i in 1..<max(count, 1) where unsafe high[i] == high[i - 1] {
        marks.put(unsafe low[i] == low[i - 1] ? 1 : 0, 1)
      }
      marked = marks.finish()
    }
    var words = unsafe BitWriter(memory + marked)
    let mask = bits == 64 ? UInt64.max : 1 << UInt64(bits) - 1
    for i in 0..<count {
      if repeats, i > 0, unsafe high[i] == high[i - 1], unsafe low[i] == low[i - 1] { continue }
      words.put(unsafe low[i] & mask, bits)
    }
    return marked + words.finish()
  }

  /// Reads the low halves; `high` has been read. False where the bytes are too few or too many. There are
  /// `BitReader.slack` bytes behind them.
  static func decode(
    _ bytes: UnsafeRawBufferPointer, high: UnsafePointer<UInt64>, _ count: Int, bits: Int, repeats: Bool,
    to low: UnsafeMutablePointer<UInt64>
  ) -> Bool {
    guard let base = bytes.baseAddress else { return false }
    let above: UInt64 = bits == 64 ? 0 : variant
    if !repeats {
      guard bytes.count == (count * bits + 7) / 8 else { return false }
      if bits == 64 {
        for i in 0..<count { unsafe low[i] = unsafe base.unsafeLoadLE(i &* 8) }
      } else {
        for i in 0..<count { unsafe low[i] = unsafe BitReader.wide(base, i &* bits, bits) | above }
      }
      return true
    }
    var pairs = 0
    for i in 1..<max(count, 1) where unsafe high[i] == high[i - 1] { pairs += 1 }
    let words = (pairs + 7) / 8
    guard bytes.count >= words else { return false }
    let end = (bytes.count - words) * 8
    var mark = 0
    var bit = 0
    for i in 0..<count {
      if i > 0, unsafe high[i] == high[i - 1] {
        let isRepeat = unsafe BitReader.narrow(base, mark, 1) == 1
        mark += 1
        if isRepeat {
          unsafe low[i] = unsafe low[i - 1]
          continue
        }
      }
      guard bit + bits <= end else { return false }
      unsafe low[i] = unsafe BitReader.wide(base + words, bit, bits) | above
      bit += bits
    }
    return end - bit < 8
  }
}

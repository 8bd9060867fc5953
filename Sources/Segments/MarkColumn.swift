import Bytes

// Which rows of a page are marked: clicks that count no longer, because an earlier one has their identity. In most pages none
// are, or few:
//
//   no bytes          none
//   0  u16 n          the marked rows, 1 … rows of the page
//   2  10 n < rows    10 bits for each: its number, ascending
//      else           a bit for each row of the page: 1 where it is marked
//
// In memory a mark is the highest bit of the row's source, so that it goes where the row goes.

/// The marks of a page of rows.
enum MarkColumn {
  /// Bits of a row's number.
  private static let rowBits = 10

  /// Bytes that `encode` writes at most.
  static func capacity(_ count: Int) -> Int { 2 + (count + 7) / 8 + 16 }

  private static func isList(_ marks: Int, of count: Int) -> Bool { rowBits * marks < count }

  /// Bytes of a column with so many marks.
  private static func bytes(_ marks: Int, of count: Int) -> Int {
    2 + ((isList(marks, of: count) ? rowBits * marks : count) + 7) / 8
  }

  /// How many of the rows are marked.
  static func count(_ sources: UnsafePointer<UInt16>, _ count: Int) -> Int {
    var marks = 0
    for i in 0..<count { marks &+= Int(unsafe sources[i] &>> 15) }
    return marks
  }

  /// Writes the marks of 1...1,024 rows. Returns the bytes written.
  static func encode(_ sources: UnsafePointer<UInt16>, _ count: Int, to memory: UnsafeMutableRawPointer) -> Int {
    let marks = unsafe self.count(sources, count)
    guard marks > 0 else { return 0 }
    unsafe memory.unsafeStoreLE(UInt16(marks), 0)
    var bits = unsafe BitWriter(memory + 2)
    if isList(marks, of: count) {
      for i in 0..<count where unsafe sources[i] & RowVector.mark != 0 { bits.put(UInt64(i), rowBits) }
    } else {
      for i in 0..<count { bits.put(unsafe UInt64(sources[i] &>> 15), 1) }
    }
    return 2 + bits.finish()
  }

  /// Marks those of `count` rows that are; their sources stand there without marks. False where the bytes are not those of
  /// such rows. There are `BitReader.slack` bytes behind them.
  static func decode(
    _ bytes: UnsafeRawBufferPointer, count: Int, into sources: UnsafeMutablePointer<UInt16>
  ) -> Bool {
    guard unsafe !bytes.isEmpty else { return true }
    guard let marks = unsafe self.marks(bytes, count: count) else { return false }
    let base = unsafe bytes.baseAddress! + 2
    guard isList(marks, of: count) else {
      var found = 0
      for i in 0..<count {
        let bit = UInt16(truncatingIfNeeded: unsafe BitReader.narrow(base, i, 1))
        unsafe sources[i] |= bit &<< 15
        found &+= Int(bit)
      }
      return found == marks
    }
    var last = -1
    for i in 0..<marks {
      let row = unsafe Int(truncatingIfNeeded: BitReader.narrow(base, i &* rowBits, rowBits))
      guard row > last, row < count else { return false }
      unsafe sources[row] |= RowVector.mark
      last = row
    }
    return true
  }

  /// Whether row `index` of `count` is marked; nil where the bytes are not those of so many rows.
  static func decode(_ bytes: UnsafeRawBufferPointer, at index: Int, of count: Int) -> Bool? {
    guard unsafe !bytes.isEmpty else { return false }
    guard let marks = unsafe self.marks(bytes, count: count) else { return nil }
    let base = unsafe bytes.baseAddress! + 2
    guard isList(marks, of: count) else { return unsafe BitReader.narrow(base, index, 1) == 1 }
    for i in 0..<marks where unsafe BitReader.narrow(base, i &* rowBits, rowBits) == UInt64(index) { return true }
    return false
  }

  /// The number of marks of a column that has some; nil where it does not fit the bytes.
  private static func marks(_ bytes: UnsafeRawBufferPointer, count: Int) -> Int? {
    guard bytes.count >= 2 else { return nil }
    let marks = unsafe Int(bytes.baseAddress!.unsafeLoadLE(0, as: UInt16.self))
    guard marks > 0, marks <= count, bytes.count == self.bytes(marks, of: count) else { return nil }
    return marks
  }
}

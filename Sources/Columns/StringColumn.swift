import CLZ4

// Byte strings without an order of their own: user agents, referrers.
//
//   u8 0 plain, 1 LZ4 │ varint bytes of all text │ column of lengths │ varint compressed bytes, if LZ4 │ text
//
// The text is compressed (LZ4 block format) where that saves at least one byte in ten; otherwise it would cost the reader
// time for nothing.

/// Arrays of byte strings to blocks and back.
package enum StringColumn {
  /// The most bytes that the strings of one block may have together; more is refused before memory is taken.
  package static let maximumBytes = 16 << 20

  private static let plain: UInt8 = 0
  private static let compressed: UInt8 = 1

  /// Appends a block of 1 ... `IntegerColumn.maximumCount` strings of together at most `maximumBytes`.
  package static func encode(_ strings: [[UInt8]], to bytes: inout [UInt8]) {
    let total = strings.reduce(0) { $0 + $1.count }
    precondition(total <= maximumBytes, "a block of \(total) bytes of text")
    var text: [UInt8] = []
    text.reserveCapacity(total)
    for string in strings { text.append(contentsOf: string) }
    let packed = compress(text)
    bytes.append(packed == nil ? plain : compressed)
    appendVarint(UInt64(total), to: &bytes)
    IntegerColumn.encode(strings.map { UInt64($0.count) }, to: &bytes)
    if let packed { appendVarint(UInt64(packed.count), to: &bytes) }
    bytes.append(contentsOf: packed ?? text)
  }

  /// `text` in fewer bytes, nil where it saves less than a tenth.
  private static func compress(_ text: [UInt8]) -> [UInt8]? {
    let limit = text.count - (text.count + 9) / 10
    guard limit > 0 else { return nil }
    var packed = [UInt8](repeating: 0, count: limit)
    let size = unsafe text.withUnsafeBytes { source in
      unsafe packed.withUnsafeMutableBytes { target in
        // 0 where the result does not fit.
        unsafe LZ4_compress_default(
          source.bindMemory(to: CChar.self).baseAddress, target.bindMemory(to: CChar.self).baseAddress,
          Int32(source.count), Int32(target.count))
      }
    }
    guard size > 0 else { return nil }
    packed.removeLast(packed.count - Int(size))
    return packed
  }

  /// Decodes exactly `count` strings from the start of `bytes`; returns them and the number of bytes that the block took.
  package static func decode(
    _ bytes: UnsafeRawBufferPointer, count: Int
  ) throws(ColumnFault) -> (strings: [[UInt8]], used: Int) {
    guard (1...IntegerColumn.maximumCount).contains(count) else {
      throw ColumnFault("a block of \(count) strings; 1 to \(IntegerColumn.maximumCount) can be")
    }
    var reader = unsafe ColumnReader(bytes)
    let tag = try reader.byte()
    guard tag <= compressed else { throw ColumnFault("unknown encoding \(tag) of strings") }
    let total = try reader.varint(atMost: maximumBytes, "bytes of text")
    let lengths = ColumnScratch(count)
    defer { lengths.free() }
    try unsafe IntegerColumn.decode(&reader, count, 0..<count, .top, into: lengths.values)
    var left = UInt64(total)
    for i in 0..<count {
      guard lengths[i] <= left else { throw ColumnFault("strings longer than their text") }
      left -= lengths[i]
    }
    guard left == 0 else { throw ColumnFault("strings shorter than their text") }
    let text = try text(&reader, total, compressed: tag == compressed)
    var strings: [[UInt8]] = []
    strings.reserveCapacity(count)
    var start = 0
    for i in 0..<count {
      let end = start + Int(lengths[i])
      strings.append(Array(text[start..<end]))
      start = end
    }
    return (strings, reader.offset)
  }

  private static func text(
    _ reader: inout ColumnReader, _ total: Int, compressed: Bool
  ) throws(ColumnFault) -> [UInt8] {
    guard compressed else { return try unsafe Array(reader.take(total)[..<total]) }
    let size = try reader.varint(atMost: maximumBytes, "bytes of compressed text")
    let source = try unsafe reader.take(size)
    // LZ4 makes at most 255 bytes of one: whoever announces more does not get the memory for it.
    guard total <= 255 * size else { throw ColumnFault("\(size) bytes of LZ4 cannot hold \(total)") }
    var text = [UInt8](repeating: 0, count: total)
    let written = unsafe text.withUnsafeMutableBytes { target in
      unsafe LZ4_decompress_safe(
        source.bindMemory(to: CChar.self).baseAddress, target.bindMemory(to: CChar.self).baseAddress, Int32(size),
        Int32(target.count))
    }
    guard written == Int32(total) else { throw ColumnFault("the compressed text is damaged") }
    return text
  }
}

import CLZ4

// Opaque text (user agents, referrers): lengths, then all bytes in a row, compressed by LZ4 where that saves a tenth.
//
//   u8 form (0 plain, 1 LZ4 block)     varint bytes of text     varint bytes as they follow (LZ4 only)
//   integers: the length of each string     the text
//
// [LZ4 block format: https://github.com/lz4/lz4/blob/dev/doc/lz4_Block_format.md]

/// Strings ↔ a compressed block.
package enum StringColumn {
  /// Most bytes of text in a block; a decoder allocates no more.
  package static let maximumBytes = 16 << 20

  /// Appends 1 to `IntegerColumn.maximumCount` strings, of `maximumBytes` together at most.
  package static func encode(_ strings: [[UInt8]], to bytes: inout [UInt8]) {
    let text = Array(strings.joined())
    precondition(text.count <= maximumBytes, "\(text.count) bytes of text in a block")
    let packed = compressed(text)
    bytes.append(packed == nil ? 0 : 1)
    Varint.append(UInt64(text.count), to: &bytes)
    if let packed { Varint.append(UInt64(packed.count), to: &bytes) }
    IntegerColumn.encode(strings.map { UInt64($0.count) }, to: &bytes)
    bytes.append(contentsOf: packed ?? text)
  }

  /// The LZ4 block; nil where it saves less than a tenth.
  private static func compressed(_ text: [UInt8]) -> [UInt8]? {
    guard text.count >= 64 else { return nil }
    let limit = text.count - text.count / 10
    let packed = unsafe [UInt8](unsafeUninitializedCapacity: limit) { target, count in
      let size = unsafe text.withUnsafeBytes { source in
        unsafe LZ4_compress_default(
          source.baseAddress!.assumingMemoryBound(to: CChar.self),
          UnsafeMutableRawPointer(target.baseAddress!).assumingMemoryBound(to: CChar.self), Int32(text.count),
          Int32(limit))
      }
      count = Int(max(0, size))
    }
    return packed.isEmpty ? nil : packed
  }

  /// Decodes exactly `count` strings from the start of `bytes`; `used` is how many bytes they took.
  package static func decode(
    _ bytes: UnsafeRawBufferPointer, count: Int
  ) throws(ColumnFault) -> (strings: [[UInt8]], used: Int) {
    var reader = unsafe ColumnReader(bytes)
    let form = try reader.byte()
    guard form <= 1 else { throw ColumnFault("form \(form) of strings is unknown") }
    let size = try reader.varint()
    guard size <= UInt64(maximumBytes) else { throw ColumnFault("\(size) bytes of text in a block") }
    let stored = form == 1 ? try reader.varint() : size
    guard stored <= size, 1...IntegerColumn.maximumCount ~= count else {
      throw ColumnFault("a block of strings is malformed")
    }
    let lengths = try lengths(&reader, count, total: size)
    let body = unsafe try reader.take(Int(stored))
    let text = form == 0 ? unsafe [UInt8](body) : unsafe try decompressed(body, Int(size))
    var strings: [[UInt8]] = []
    strings.reserveCapacity(count)
    var start = 0
    for length in lengths {
      strings.append(Array(text[start..<(start + length)]))
      start += length
    }
    return (strings, reader.position)
  }

  private static func lengths(
    _ reader: inout ColumnReader, _ count: Int, total: UInt64
  ) throws(ColumnFault) -> [Int] {
    var lengths = [UInt64](repeating: 0, count: count)
    var used = 0
    var fault: ColumnFault?
    let rest = unsafe reader.rest
    unsafe lengths.withUnsafeMutableBufferPointer { target in
      do throws(ColumnFault) {
        used = unsafe try IntegerColumn.decode(rest, count: count, into: target.baseAddress!)
      } catch { fault = error }
    }
    if let fault { throw fault }
    reader.skip(used)
    var sum: UInt64 = 0
    for length in lengths {
      guard length <= total else { throw ColumnFault("a string of \(length) bytes") }
      sum += length
    }
    guard sum == total else { throw ColumnFault("strings of \(sum) bytes where the text has \(total)") }
    return lengths.map { Int($0) }
  }

  private static func decompressed(_ body: UnsafeRawBufferPointer, _ size: Int) throws(ColumnFault) -> [UInt8] {
    let text = unsafe [UInt8](unsafeUninitializedCapacity: max(size, 1)) { target, count in
      let written = unsafe LZ4_decompress_safe(
        body.baseAddress?.assumingMemoryBound(to: CChar.self),
        UnsafeMutableRawPointer(target.baseAddress!).assumingMemoryBound(to: CChar.self), Int32(body.count), Int32(size)
      )
      count = Int(max(0, written))
    }
    guard text.count == size else { throw ColumnFault("the text does not decompress to \(size) bytes") }
    return text
  }
}

/// Frame of reference: the least value, and what each value is above it in as many bits as the greatest needs. With one bit
/// it is a bitmap, with 64 the plain fallback. [Goldstein, Ramakrishnan and Shaft, "Compressing Relations and Indexes",
/// ICDE 1998]
enum PackedEncoding {
  static func size(_ shape: ValueShape) -> Int {
    2 + Varint.size(shape.minimum)
      + BitPacking.size(shape.count, width: BitPacking.width(shape.maximum - shape.minimum))
  }

  static func append(_ values: UnsafeBufferPointer<UInt64>, _ shape: ValueShape, to bytes: inout [UInt8]) {
    let width = BitPacking.width(shape.maximum - shape.minimum)
    Varint.append(shape.minimum, to: &bytes)
    bytes.append(UInt8(width))
    unsafe BitPacking.pack(values, base: shape.minimum, width: width, to: &bytes)
  }

  static func decode(
    _ reader: inout ColumnReader, _ count: Int, _ range: Range<Int>, into output: UnsafeMutablePointer<UInt64>
  ) throws(ColumnFault) {
    let base = try reader.varint()
    let width = Int(try reader.byte())
    guard width <= 64 else { throw ColumnFault("a width of \(width) bits") }
    let packed = unsafe try reader.take(BitPacking.size(count, width: width))
    guard !range.isEmpty else { return }
    // A width of zero has no bytes, and so no address.
    guard let memory = packed.baseAddress else {
      for i in 0..<range.count { unsafe output[i] = base }
      return
    }
    unsafe BitPacking.unpack(memory, size: packed.count, range: range, width: width, base: base, into: output)
  }
}

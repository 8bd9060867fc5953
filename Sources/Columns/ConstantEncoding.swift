/// All values are the same: one varint.
enum ConstantEncoding {
  static func size(_ shape: ValueShape) -> Int { 1 + Varint.size(shape.minimum) }

  static func append(_ shape: ValueShape, to bytes: inout [UInt8]) { Varint.append(shape.minimum, to: &bytes) }

  static func decode(
    _ reader: inout ColumnReader, _ range: Range<Int>, into output: UnsafeMutablePointer<UInt64>
  ) throws(ColumnFault) {
    let value = try reader.varint()
    for i in 0..<range.count { unsafe output[i] = value }
  }
}

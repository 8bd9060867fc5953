/// Ascending values: the first, and a block of the differences. Decoding starts at the beginning.
enum DeltaEncoding {
  static func differences(_ values: UnsafeBufferPointer<UInt64>) -> [UInt64] {
    var differences = [UInt64](repeating: 0, count: values.count - 1)
    for i in 1..<values.count { unsafe differences[i - 1] = values[i] - values[i - 1] }
    return differences
  }

  static func size(_ shape: ValueShape, _ differences: [UInt64]) -> Int {
    1 + Varint.size(shape.first) + (unsafe differences.withUnsafeBufferPointer { unsafe IntegerColumn.size($0) })
  }

  static func append(_ shape: ValueShape, _ differences: [UInt64], to bytes: inout [UInt8]) {
    bytes.append(IntegerColumn.Tag.delta.rawValue)
    Varint.append(shape.first, to: &bytes)
    unsafe differences.withUnsafeBufferPointer { unsafe IntegerColumn.encode($0, to: &bytes, mayDiffer: false) }
  }

  static func decode(
    _ reader: inout ColumnReader, _ count: Int, _ range: Range<Int>, into output: UnsafeMutablePointer<UInt64>
  ) throws(ColumnFault) {
    let first = try reader.varint()
    guard count > 1 else { throw ColumnFault("differences of one value") }
    let inner = unsafe reader.rest
    guard let tag = unsafe inner.first, tag != IntegerColumn.Tag.delta.rawValue else {
      throw ColumnFault("differences of differences")
    }
    let scratch = UnsafeMutablePointer<UInt64>.allocate(capacity: count)
    defer { unsafe scratch.deallocate() }
    let used = unsafe try IntegerColumn.decode(inner, count: count - 1, into: scratch + 1)
    reader.skip(used)
    var value = first
    if range.contains(0) { unsafe output[0] = value }
    for i in 1..<count {
      let (sum, overflow) = unsafe value.addingReportingOverflow(scratch[i])
      if overflow { throw ColumnFault("ascending values overflow") }
      value = sum
      if range.contains(i) { unsafe output[i - range.lowerBound] = value }
    }
  }
}

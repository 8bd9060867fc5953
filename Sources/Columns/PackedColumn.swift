// Frame of reference: the smallest value is the base, each value its distance from it, all in the bits of the largest
// (Goldstein, Ramakrishnan and Shaft, "Compressing relations and indexes", 1998).
//
//   varint base │ u8 width 0 ... 64 │ values, bit-packed

enum PackedColumn {
  static func cost(_ found: ColumnStatistics) -> Int {
    varintBytes(found.minimum) + 1 + BitPacking.bytes(found.count, width: found.width)
  }

  static func write(_ values: UnsafeBufferPointer<UInt64>, _ found: ColumnStatistics, to bytes: inout [UInt8]) {
    appendVarint(found.minimum, to: &bytes)
    bytes.append(UInt8(found.width))
    unsafe BitPacking.append(values, minus: found.minimum, width: found.width, to: &bytes)
  }

  static func decode(
    _ reader: inout ColumnReader, _ count: Int, _ rows: Range<Int>, into output: UnsafeMutablePointer<UInt64>
  ) throws(ColumnFault) {
    let base = try reader.varint()
    let width = try self.width(&reader)
    let source = try unsafe reader.take(BitPacking.bytes(count, width: width))
    unsafe BitPacking.unpack(source, rows: rows, width: width, plus: base, into: output)
  }

  /// A width as it stands in heads.
  static func width(_ reader: inout ColumnReader) throws(ColumnFault) -> Int {
    let width = try reader.byte()
    guard width <= 64 else { throw ColumnFault("values of \(width) bits") }
    return Int(width)
  }

  static func describe(_ reader: inout ColumnReader) throws(ColumnFault) -> String {
    "packed(base \(try reader.varint()), width \(try width(&reader)))"
  }
}

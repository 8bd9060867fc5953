// All values are the same: the value, as a varint.

enum ConstantColumn {
  static func cost(_ found: ColumnStatistics) -> Int { varintBytes(found.minimum) }

  static func write(_ found: ColumnStatistics, to bytes: inout [UInt8]) { appendVarint(found.minimum, to: &bytes) }

  static func decode(
    _ reader: inout ColumnReader, _ rows: Range<Int>, into output: UnsafeMutablePointer<UInt64>
  ) throws(ColumnFault) {
    unsafe output.update(repeating: try reader.varint(), count: rows.count)
  }

  static func describe(_ reader: inout ColumnReader) throws(ColumnFault) -> String {
    "constant(\(try reader.varint()))"
  }
}

// Two different values, however far apart: a bit for each, set where it is the greater.
//
//   varint smaller │ varint greater − smaller │ bits

enum BitmapColumn {
  /// Whether no third value occurs.
  static func applies(_ values: UnsafeBufferPointer<UInt64>, _ found: ColumnStatistics) -> Bool {
    for i in 0..<values.count {
      let value = unsafe values[i]
      if value != found.minimum && value != found.maximum { return false }
    }
    return true
  }

  static func cost(_ found: ColumnStatistics) -> Int {
    varintBytes(found.minimum) + varintBytes(found.maximum - found.minimum) + (found.count + 7) / 8
  }

  static func write(_ values: UnsafeBufferPointer<UInt64>, _ found: ColumnStatistics, to bytes: inout [UInt8]) {
    appendVarint(found.minimum, to: &bytes)
    appendVarint(found.maximum - found.minimum, to: &bytes)
    var byte: UInt8 = 0
    for i in 0..<values.count {
      if unsafe values[i] == found.maximum { byte |= 1 &<< UInt8(truncatingIfNeeded: i & 7) }
      if i & 7 == 7 || i == values.count - 1 {
        bytes.append(byte)
        byte = 0
      }
    }
  }

  static func decode(
    _ reader: inout ColumnReader, _ count: Int, _ rows: Range<Int>, into output: UnsafeMutablePointer<UInt64>
  ) throws(ColumnFault) {
    let (base, step) = (try reader.varint(), try reader.varint())
    let source = try unsafe reader.take((count &+ 7) &>> 3).baseAddress!
    for i in 0..<rows.count {
      let row = rows.lowerBound &+ i
      let byte = unsafe source.load(fromByteOffset: row &>> 3, as: UInt8.self)
      let bit = UInt64(byte &>> UInt8(truncatingIfNeeded: row & 7)) & 1
      unsafe output[i] = base &+ (step & (0 &- bit))
    }
  }

  static func describe(_ reader: inout ColumnReader) throws(ColumnFault) -> String {
    let (base, step) = (try reader.varint(), try reader.varint())
    return "bitmap(\(base) or \(base &+ step))"
  }
}

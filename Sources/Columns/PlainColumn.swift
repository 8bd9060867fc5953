import Bytes

// The end of the ladder: eight bytes a value, little-endian. Packing at 64 bits comes to the same but for its head, so this
// is what values without any pattern cost at most.

enum PlainColumn {
  static func cost(_ found: ColumnStatistics) -> Int { found.count * 8 }

  static func write(_ values: UnsafeBufferPointer<UInt64>, to bytes: inout [UInt8]) {
    unsafe BitPacking.append(values, minus: 0, width: 64, to: &bytes)
  }

  static func decode(
    _ reader: inout ColumnReader, _ count: Int, _ rows: Range<Int>, into output: UnsafeMutablePointer<UInt64>
  ) throws(ColumnFault) {
    let source = try unsafe reader.take(count &* 8).baseAddress!
    for i in 0..<rows.count { unsafe output[i] = unsafe source.unsafeLoadLE((rows.lowerBound &+ i) &* 8) }
  }
}

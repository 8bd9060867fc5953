// Values that never descend: the first, and a column of the differences.
//
//   varint first │ column of count − 1 differences

struct DeltaColumn {
  private let first: UInt64
  private let differences: InnerColumn

  /// The values ascend, not all of them equal, so there are at least two.
  init(_ values: UnsafeBufferPointer<UInt64>) {
    first = unsafe values[0]
    var differences = [UInt64](repeating: 0, count: values.count - 1)
    unsafe differences.withUnsafeMutableBufferPointer { target in
      for i in 1..<values.count { unsafe target[i &- 1] = unsafe values[i] &- values[i &- 1] }
    }
    self.differences = InnerColumn(differences, .inner)
  }

  var cost: Int { varintBytes(first) + differences.cost }

  func write(to bytes: inout [UInt8]) {
    appendVarint(first, to: &bytes)
    differences.write(to: &bytes)
  }

  static func decode(
    _ reader: inout ColumnReader, _ count: Int, _ rows: Range<Int>, into output: UnsafeMutablePointer<UInt64>
  ) throws(ColumnFault) {
    let first = try reader.varint()
    guard count >= 2 else { throw ColumnFault("differences of a single value") }
    // Sums may wrap round in bytes that are no block of ours: then they are wrong numbers, not a trap.
    if rows == 0..<count {
      try unsafe IntegerColumn.decode(&reader, count - 1, 0..<(count - 1), .inner, into: output + 1)
      var sum = first
      unsafe output[0] = sum
      for i in 1..<count {
        unsafe sum &+= output[i]
        unsafe output[i] = sum
      }
      return
    }
    let known = max(0, rows.upperBound - 1)
    let scratch = ColumnScratch(known)
    defer { scratch.free() }
    try unsafe IntegerColumn.decode(&reader, count - 1, 0..<known, .inner, into: scratch.values)
    var sum = first
    for i in 0..<rows.upperBound {
      if i > 0 { sum &+= scratch[i - 1] }
      if i >= rows.lowerBound { unsafe output[i - rows.lowerBound] = sum }
    }
  }

  static func describe(_ reader: inout ColumnReader, _ count: Int) throws(ColumnFault) -> String {
    let first = try reader.varint()
    guard count >= 2 else { throw ColumnFault("differences of a single value") }
    return "delta(first \(first), \(try IntegerColumn.describe(&reader, count - 1, .inner)))"
  }
}

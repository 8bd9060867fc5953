enum ColumnFault: Error { case bad }
enum IntegerColumn {
  static func encode(_ v: [UInt64], to b: inout [UInt8]) {
    for x in v { for i in 0..<8 { b.append(UInt8(truncatingIfNeeded: x >> UInt64(8 * i))) } }
  }
  static func decode(_ b: UnsafeRawBufferPointer, count: Int, into: UnsafeMutablePointer<UInt64>) throws(ColumnFault)
    -> Int
  {
    guard b.count >= count * 8 else { throw .bad }
    for i in 0..<count { unsafe into[i] = b.loadUnaligned(fromByteOffset: i * 8, as: UInt64.self) }
    return count * 8
  }
}
enum StringColumn {
  static func encode(_ v: [[UInt8]], to b: inout [UInt8]) { for s in v { b.append(UInt8(s.count)); b += s } }
  static func decode(_ b: UnsafeRawBufferPointer, count: Int) throws(ColumnFault) -> [[UInt8]] {
    var r: [[UInt8]] = []; var i = 0
    for _ in 0..<count {
      guard i < b.count else { throw .bad }; let n = Int(unsafe b[i]); i += 1;
      guard i + n <= b.count else { throw .bad }; r.append(unsafe Array(b[i..<i + n])); i += n
    }
    return r
  }
}
enum RowBlock {
  static func encode(codes: [UInt32], buckets: [UInt32], values: [UInt64], to b: inout [UInt8]) {
    for i in codes.indices {
      for k in 0..<4 { b.append(UInt8(truncatingIfNeeded: codes[i] >> UInt32(8 * k))) }
      for k in 0..<4 { b.append(UInt8(truncatingIfNeeded: buckets[i] >> UInt32(8 * k))) }
      for k in 0..<8 { b.append(UInt8(truncatingIfNeeded: values[i] >> UInt64(8 * k))) }
    }
  }
  static func decode(_ b: UnsafeRawBufferPointer, count: Int) throws(ColumnFault) -> ([UInt32], [UInt32], [UInt64]) {
    guard b.count == count * 16 else { throw .bad }
    var r: ([UInt32], [UInt32], [UInt64]) = ([], [], [])
    for i in 0..<count {
      r.0.append(unsafe b.loadUnaligned(fromByteOffset: i * 16, as: UInt32.self));
      r.1.append(unsafe b.loadUnaligned(fromByteOffset: i * 16 + 4, as: UInt32.self));
      r.2.append(unsafe b.loadUnaligned(fromByteOffset: i * 16 + 8, as: UInt64.self))
    }
    return r
  }
}

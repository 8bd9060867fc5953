/// Rows of one ad that stand in one block, in order. They stand while they are visited.
@safe package struct AdRows {
  /// The bucket that `offsets` count from.
  package let origin: Int64
  /// How far the bucket of each row lies behind `origin`; nil where it is that of the row before and one, from `origin` on.
  package let offsets: UnsafeBufferPointer<UInt32>?
  package let values: UnsafeBufferPointer<UInt64>
  /// Nil in tables without versions.
  let versions: UnsafePointer<UInt64>?

  /// Rows `range` of a block whose buckets count from `first`; with `gapless` they begin so far behind it, and follow each other.
  init(_ rows: RowColumns, _ range: Range<Int>, from first: Int64, gapless: UInt32? = nil, hasVersions: Bool) {
    origin = first + Int64(gapless ?? 0)
    unsafe offsets =
      gapless == nil ? UnsafeBufferPointer(start: rows.buckets + range.lowerBound, count: range.count) : nil
    unsafe values = UnsafeBufferPointer(start: rows.values + range.lowerBound, count: range.count)
    unsafe versions = hasVersions ? UnsafePointer(rows.versions + range.lowerBound) : nil
  }

  package var count: Int { unsafe values.count }

  /// Each row by itself.
  package func forEach(_ visit: (_ bucket: Int64, _ value: UInt64, _ version: UInt64) -> Void) {
    for i in 0..<count {
      let offset = unsafe offsets.map { unsafe Int64($0[i]) } ?? Int64(i)
      unsafe visit(origin + offset, values[i], versions?[i] ?? 0)
    }
  }
}

// One value nearly everywhere: that value, and where the others are and what. Applies where at most one value in sixteen is
// another; above that, the bits of `bitmap` or the lists of `patched` are hardly larger.
//
//   varint common │ varint others │ column of gaps: values passed over before each of the others │ column of the others
//
// The common value is found by the vote of Boyer and Moore ("MJRTY", 1981): one that fills more than half of the places
// is left when pairs of different values cancel each other.

struct SparseColumn {
  static let share = 16

  private let common: UInt64
  private let gaps: InnerColumn
  private let others: InnerColumn

  /// Nil where it does not apply. The values are not all the same.
  init?(_ values: UnsafeBufferPointer<UInt64>, _ found: ColumnStatistics) {
    let limit = values.count / Self.share
    // Each of the others makes two changes at most.
    guard limit > 0, found.changes <= 2 * limit else { return nil }
    let pointer = values.baseAddress!
    var candidate: UInt64 = 0
    var votes = 0
    for i in 0..<values.count {
      let value = unsafe pointer[i]
      if votes == 0 {
        candidate = value
        votes = 1
      } else {
        votes &+= value == candidate ? 1 : -1
      }
    }
    // Of the votes, those for another value cancel at most one each: fewer left than this, and there are too many others.
    guard votes >= values.count - 2 * limit else { return nil }
    var gaps: [UInt64] = []
    var others: [UInt64] = []
    var next = 0
    for i in 0..<values.count where unsafe pointer[i] != candidate {
      guard others.count < limit else { return nil }
      gaps.append(UInt64(i - next))
      unsafe others.append(pointer[i])
      next = i + 1
    }
    guard !others.isEmpty else { return nil }
    common = candidate
    self.gaps = InnerColumn(gaps, .inner)
    self.others = InnerColumn(others, .inner)
  }

  var cost: Int {
    varintBytes(common) + varintBytes(UInt64(others.values.count)) + gaps.cost + others.cost
  }

  func write(to bytes: inout [UInt8]) {
    appendVarint(common, to: &bytes)
    appendVarint(UInt64(others.values.count), to: &bytes)
    gaps.write(to: &bytes)
    others.write(to: &bytes)
  }

  static func decode(
    _ reader: inout ColumnReader, _ count: Int, _ rows: Range<Int>, into output: UnsafeMutablePointer<UInt64>
  ) throws(ColumnFault) {
    let (common, others) = try head(&reader, count)
    let scratch = ColumnScratch(2 * others)
    defer { scratch.free() }
    try unsafe IntegerColumn.decode(&reader, others, 0..<others, .inner, into: scratch.values)
    try unsafe IntegerColumn.decode(&reader, others, 0..<others, .inner, into: scratch.values + others)
    unsafe output.update(repeating: common, count: rows.count)
    var next = 0
    for i in 0..<others {
      guard scratch[i] < UInt64(count - next) else { throw ColumnFault("a value behind the last place") }
      let place = next + Int(scratch[i])
      if rows.contains(place) { unsafe output[place - rows.lowerBound] = scratch[others + i] }
      next = place + 1
    }
  }

  private static func head(_ reader: inout ColumnReader, _ count: Int) throws(ColumnFault) -> (UInt64, Int) {
    let common = try reader.varint()
    let others = try reader.varint(atMost: count, "other values")
    guard others > 0 else { throw ColumnFault("no other values") }
    return (common, others)
  }

  static func describe(_ reader: inout ColumnReader, _ count: Int) throws(ColumnFault) -> String {
    let (common, others) = try head(&reader, count)
    return "sparse(\(common), \(others) others)"
  }
}

import Bytes

// Frame of reference with exceptions, in groups of 128 values: each group has its own base and width, and the few values that
// do not fit into the width leave their low bits in place and their high bits in a list (patched frame of reference:
// Zukowski, Héman, Nes and Boncz, "Super-scalar RAM-CPU cache compression", 2006; the layout with the positions apart as in
// Lemire and Boytsov, "Decoding billions of integers per second through vectorization", 2015). So a block whose rows
// belong to busy ads first and to quiet ones later adapts, and one outlier does not widen what stands around it.
//
//   column: base of each group │ column: width of each group │ column: exceptions of each group
//   positions in their group, 7 bits each │ column: their high bits, if there are exceptions
//   the groups, each bit-packed from a byte boundary on, in its width
//
//   value = base + low bits + (high bits << width), modulo 2⁶⁴

struct PatchedColumn {
  static let group = 128

  private var bases: InnerColumn
  private var widths: InnerColumn
  private var exceptions: InnerColumn
  private var positions: [UInt64] = []
  private var highs: InnerColumn?
  private var packedBytes = 0

  init(_ values: UnsafeBufferPointer<UInt64>) {
    let groups = (values.count + Self.group - 1) / Self.group
    var bases = [UInt64](repeating: 0, count: groups)
    var widths = bases
    var exceptions = bases
    var total = 0
    let counts = WidthCounts()
    for g in 0..<groups {
      let start = g * Self.group
      let size = min(Self.group, values.count - start)
      let pointer = unsafe values.baseAddress! + start
      var base = UInt64.max
      for i in 0..<size { base = unsafe min(base, pointer[i]) }
      let (width, exceeding) = unsafe Self.width(pointer, size, base, counts)
      (bases[g], widths[g], exceptions[g]) = (base, UInt64(width), UInt64(exceeding))
      packedBytes += BitPacking.bytes(size, width: width)
      total += exceeding
    }
    var highs: [UInt64] = []
    if total > 0 {
      // One more than there are: each is written before it is known whether it is one.
      let scratch = ColumnScratch(2 * (total + 1))
      defer { scratch.free() }
      let (places, parts) = unsafe (scratch.values, scratch.values + total + 1)
      var found = 0
      for g in 0..<groups where exceptions[g] > 0 {
        let start = g * Self.group
        let pointer = unsafe values.baseAddress! + start
        let (base, width) = (bases[g], widths[g])
        for i in 0..<min(Self.group, values.count - start) {
          let high = unsafe (pointer[i] &- base) &>> width
          unsafe places[found] = UInt64(truncatingIfNeeded: i)
          unsafe parts[found] = high
          found &+= Int(truncatingIfNeeded: (high | (0 &- high)) &>> 63)
        }
      }
      positions = unsafe Array(UnsafeBufferPointer(start: places, count: total))
      highs = unsafe Array(UnsafeBufferPointer(start: parts, count: total))
    }
    self.bases = InnerColumn(bases, .leaf)
    self.widths = InnerColumn(widths, .leaf)
    self.exceptions = InnerColumn(exceptions, .leaf)
    self.highs = highs.isEmpty ? nil : InnerColumn(highs, .leaf)
  }

  /// The width with the fewest bits for one group, an exception counted as its position and the bits that it exceeds by;
  /// below 64 where there are exceptions.
  private static func width(
    _ values: UnsafePointer<UInt64>, _ count: Int, _ base: UInt64, _ counts: borrowing WidthCounts
  ) -> (width: Int, exceeding: Int) {
    let widest = unsafe counts.count(values, count, from: base)
    var best = (width: widest, exceeding: 0)
    var fewest = count &* widest
    var exceeding = 0
    var width = widest
    while width > 0 {
      exceeding &+= counts[width]
      width &-= 1
      let bits = count &* width &+ exceeding &* (7 &+ widest &- width)
      if bits < fewest { (fewest, best) = (bits, (width, exceeding)) }
    }
    return best
  }

  var cost: Int {
    bases.cost + widths.cost + exceptions.cost + BitPacking.bytes(positions.count, width: 7) + (highs?.cost ?? 0)
      + packedBytes
  }

  func write(_ values: UnsafeBufferPointer<UInt64>, to bytes: inout [UInt8]) {
    bases.write(to: &bytes)
    widths.write(to: &bytes)
    exceptions.write(to: &bytes)
    unsafe positions.withUnsafeBufferPointer { unsafe BitPacking.append($0, minus: 0, width: 7, to: &bytes) }
    highs?.write(to: &bytes)
    for g in 0..<bases.values.count {
      let start = g * Self.group
      let own = unsafe UnsafeBufferPointer(rebasing: values[start..<min(start + Self.group, values.count)])
      unsafe BitPacking.append(own, minus: bases.values[g], width: Int(widths.values[g]), to: &bytes)
    }
  }

  static func decode(
    _ reader: inout ColumnReader, _ count: Int, _ rows: Range<Int>, into output: UnsafeMutablePointer<UInt64>
  ) throws(ColumnFault) {
    let groups = (count + group - 1) / group
    let heads = ColumnScratch(3 * groups)
    defer { heads.free() }
    let total = try unsafe readHeads(&reader, count, heads.values)
    let (bases, widths, exceptions) = unsafe (heads.values, heads.values + groups, heads.values + 2 * groups)
    let lists = ColumnScratch(2 * total)
    defer { lists.free() }
    let (positions, highs) = unsafe (lists.values, lists.values + total)
    if total > 0 {
      let source = try unsafe reader.take(BitPacking.bytes(total, width: 7))
      unsafe BitPacking.unpack(source, rows: 0..<total, width: 7, plus: 0, into: positions)
      try unsafe IntegerColumn.decode(&reader, total, 0..<total, .leaf, into: highs)
    }
    var next = 0
    var g = 0
    while g < groups {
      // Groups of one base and width are as one, since whole ones end where a byte does.
      let (base, width) = unsafe (bases[g], widths[g])
      var end = g &+ 1
      while end < groups, unsafe bases[end] == base, unsafe widths[end] == width { end &+= 1 }
      let all = (g &* group)..<min(end &* group, count)
      let bits = Int(truncatingIfNeeded: width)
      let source = try unsafe reader.take(BitPacking.bytes(all.count, width: bits))
      let wanted = rows.clamped(to: all)
      let target = unsafe output + (wanted.lowerBound &- rows.lowerBound)
      if !wanted.isEmpty {
        let inside = (wanted.lowerBound &- all.lowerBound)..<(wanted.upperBound &- all.lowerBound)
        unsafe BitPacking.unpack(source, rows: inside, width: bits, plus: base, into: target)
      }
      while g < end {
        for e in next..<(next &+ Int(truncatingIfNeeded: unsafe exceptions[g])) {
          let row = unsafe g &* group &+ Int(truncatingIfNeeded: positions[e])
          // A position behind the end of a short last group is outside, too.
          guard row >= wanted.lowerBound, row < wanted.upperBound else { continue }
          unsafe target[row &- wanted.lowerBound] &+= highs[e] &<< width
        }
        unsafe next &+= Int(truncatingIfNeeded: exceptions[g])
        g &+= 1
      }
    }
  }

  /// Bases, widths and numbers of exceptions into `heads`, one behind the other, checked; returns the exceptions of all.
  private static func readHeads(
    _ reader: inout ColumnReader, _ count: Int, _ heads: UnsafeMutablePointer<UInt64>
  ) throws(ColumnFault) -> Int {
    let groups = (count + group - 1) / group
    for part in 0..<3 {
      try unsafe IntegerColumn.decode(&reader, groups, 0..<groups, .leaf, into: heads + part * groups)
    }
    var total = 0
    for g in 0..<groups {
      let (width, exceptions) = unsafe (heads[groups + g], heads[2 * groups + g])
      guard width <= 64 else { throw ColumnFault("values of \(width) bits") }
      guard exceptions <= UInt64(min(group, count - g * group)), width < 64 || exceptions == 0 else {
        throw ColumnFault("\(exceptions) exceptions in a group of width \(width)")
      }
      total += Int(exceptions)
    }
    return total
  }

  static func describe(_ reader: inout ColumnReader, _ count: Int) throws(ColumnFault) -> String {
    let groups = (count + group - 1) / group
    let heads = ColumnScratch(3 * groups)
    defer { heads.free() }
    let total = try unsafe readHeads(&reader, count, heads.values)
    func span(_ part: Int) -> String {
      let all = (0..<groups).map { heads[part * groups + $0] }
      let (low, high) = (all.min()!, all.max()!)
      return low == high ? "\(low)" : "\(low) to \(high)"
    }
    return "patched(base \(span(0)), width \(span(1)), \(total) exceptions)"
  }
}

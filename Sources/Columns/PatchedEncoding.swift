// Patched frame of reference: most values of a group need few bits, and the few that need more have their upper bits
// written apart. [Zukowski, Héman, Nes and Boncz, "Super-Scalar RAM-CPU Cache Compression", ICDE 2006; exceptions as in
// Lemire and Boytsov, "Decoding billions of integers per second through vectorization", 2015]
//
//   varint base, the least of all values
//   for each group of 128 values (the last may be shorter)
//     u8 width      u8 exceptions      the low `width` bits of each value − base, packed
//     for each exception u8 place in the group, ascending
//     for each exception varint of its upper bits (value − base) >> width, never 0
//
// The width of each group is the one that makes it smallest, so a block in which quiet and busy ads meet adapts to both.

enum PatchedEncoding {
  static let group = 128

  static func size(_ values: UnsafeBufferPointer<UInt64>, _ shape: ValueShape) -> Int {
    var size = 1 + Varint.size(shape.minimum)
    var start = 0
    while start < values.count {
      let part = unsafe UnsafeBufferPointer(rebasing: values[start..<min(start + group, values.count)])
      unsafe size += best(part, base: shape.minimum).size
      start += group
    }
    return size
  }

  static func append(_ values: UnsafeBufferPointer<UInt64>, _ shape: ValueShape, to bytes: inout [UInt8]) {
    Varint.append(shape.minimum, to: &bytes)
    var start = 0
    while start < values.count {
      let part = unsafe UnsafeBufferPointer(rebasing: values[start..<min(start + group, values.count)])
      unsafe append(group: part, base: shape.minimum, to: &bytes)
      start += group
    }
  }

  private static func append(group part: UnsafeBufferPointer<UInt64>, base: UInt64, to bytes: inout [UInt8]) {
    let width = unsafe best(part, base: base).width
    var places: [UInt8] = []
    for i in 0..<part.count where unsafe BitPacking.width(part[i] - base) > width { places.append(UInt8(i)) }
    bytes.append(UInt8(width))
    bytes.append(UInt8(places.count))
    unsafe BitPacking.pack(part, base: base, width: width, to: &bytes)
    bytes.append(contentsOf: places)
    for place in places { Varint.append(unsafe (part[Int(place)] - base) >> UInt64(width), to: &bytes) }
  }

  /// The width that makes the group smallest, and the bytes it takes then.
  private static func best(_ part: UnsafeBufferPointer<UInt64>, base: UInt64) -> (width: Int, size: Int) {
    var counts = InlineArray<65, Int>(repeating: 0)
    var widest = 0
    for i in 0..<part.count {
      let width = unsafe BitPacking.width(part[i] &- base)
      counts[width] += 1
      widest = max(widest, width)
    }
    var best = (width: widest, size: 2 + BitPacking.size(part.count, width: widest))
    var width = widest - 1
    while width >= 0 {
      var exceptions = 0
      var above = width + 1
      while above <= widest {
        exceptions += counts[above] * (1 + (above - width + 6) / 7)
        above += 1
      }
      let size = 2 + BitPacking.size(part.count, width: width) + exceptions
      if size < best.size { best = (width, size) }
      // Fewer bits cannot pay any more once the exceptions alone cost as much.
      if exceptions >= best.size { break }
      width -= 1
    }
    return best
  }

  static func decode(
    _ reader: inout ColumnReader, _ count: Int, _ range: Range<Int>, into output: UnsafeMutablePointer<UInt64>
  ) throws(ColumnFault) {
    let base = try reader.varint()
    var start = 0
    while start < count {
      let size = min(group, count - start)
      let width = Int(try reader.byte())
      let exceptions = Int(try reader.byte())
      guard width <= 64, exceptions <= size, width < 64 || exceptions == 0 else {
        throw ColumnFault("a group of \(size) values with width \(width) and \(exceptions) exceptions")
      }
      let packed = unsafe try reader.take(BitPacking.size(size, width: width))
      let wanted = range.clamped(to: start..<(start + size))
      let target = unsafe output + (max(wanted.lowerBound, range.lowerBound) - range.lowerBound)
      if !wanted.isEmpty {
        let local = (wanted.lowerBound - start)..<(wanted.upperBound - start)
        if let memory = packed.baseAddress {
          unsafe BitPacking.unpack(
            memory, size: packed.count, range: local, width: width, base: base, into: target)
        } else {
          for i in 0..<wanted.count { unsafe target[i] = base }
        }
      }
      unsafe try patch(&reader, exceptions, size, width, from: start, wanted, target)
      start += size
    }
  }

  private static func patch(
    _ reader: inout ColumnReader, _ exceptions: Int, _ size: Int, _ width: Int, from start: Int, _ wanted: Range<Int>,
    _ target: UnsafeMutablePointer<UInt64>
  ) throws(ColumnFault) {
    let places = unsafe try reader.take(exceptions)
    var before = -1
    for k in 0..<exceptions {
      let place = Int(unsafe places[k])
      guard place > before, place < size else { throw ColumnFault("exceptions are out of order") }
      before = place
      let upper = try reader.varint()
      guard upper > 0, BitPacking.width(upper) + width <= 64 else { throw ColumnFault("an exception of too many bits") }
      guard wanted.contains(start + place) else { continue }
      unsafe target[start + place - wanted.lowerBound] &+= upper << UInt64(width)
    }
  }
}

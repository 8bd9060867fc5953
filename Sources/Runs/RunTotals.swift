import Bytes
import Columns
import Files

// By how much a run changes each bucket's total, so that "all clicks per minute" reads no rows. The changes stand in columns
// of 4,096 buckets; most of a patch's are zero and cost nothing.
//
//   for each column: u32 bytes │ the columns, one behind another
//
// A signed change c stands as the number (c << 1) ^ (c >> 63): 0, −1, 1, −2, 2 as 0, 1, 2, 3, 4.

/// The totals section.
struct RunTotals {
  static let group = 4_096

  /// Where each column starts in the section; behind the last one, where the section ends.
  private let starts: [Int]

  static func bytes(_ changes: [Int64]) -> [UInt8] {
    var head = ByteWriter()
    var columns: [UInt8] = []
    for start in stride(from: 0, to: changes.count, by: group) {
      let before = columns.count
      let own = changes[start..<min(start + group, changes.count)]
      IntegerColumn.encode(own.map { UInt64(bitPattern: $0 << 1 ^ $0 >> 63) }, to: &columns)
      head.append(UInt32(columns.count - before))
    }
    head.append(columns)
    return head.bytes
  }

  /// Reads the head of the section, which is about `buckets` buckets.
  init(_ file: SealedFile, buckets: Int) throws {
    let section = try file.section(RunFormat.totals)
    let fault = FormatError(file: file.path, offset: section.offset, reason: "totals do not fit the window")
    let columns = (buckets + Self.group - 1) / Self.group
    guard section.bytes >= 4 * columns else { throw fault }
    starts = unsafe try file.withBytes(of: section, 0..<(4 * columns)) { bytes in
      (0..<columns).reduce(into: [4 * columns]) { starts, i in
        starts.append(starts[i] + Int(unsafe bytes.baseAddress!.unsafeLoadLE(4 * i, as: UInt32.self)))
      }
    }
    guard starts[columns] == section.bytes else { throw fault }
  }

  /// Adds the changes of `wanted`, buckets counted from the window's first of `count`, to the elements of `totals` from
  /// `target` on.
  func add(_ file: SealedFile, _ wanted: Range<Int>, of count: Int, to totals: inout [Int64], at target: Int) throws {
    let section = try file.section(RunFormat.totals)
    let scratch = RowColumns(zeroed: false)
    for group in (wanted.lowerBound / Self.group)...((wanted.upperBound - 1) / Self.group) {
      let first = group * Self.group
      let size = min(Self.group, count - first)
      let own = wanted.clamped(to: first..<(first + size))
      let place = starts[group]..<starts[group + 1]
      do {
        unsafe try file.withBytes(of: section, place) { bytes in
          let rows = (own.lowerBound - first)..<(own.upperBound - first)
          let used = unsafe try IntegerColumn.decode(bytes, count: size, rows: rows, into: scratch.values)
          guard used == bytes.count else { throw ColumnFault("bytes behind the totals") }
        }
      } catch let fault as ColumnFault {
        let offset = section.offset + UInt64(place.lowerBound)
        throw FormatError(file: file.path, offset: offset, reason: "a column of totals: \(fault)")
      }
      for i in 0..<own.count {
        let value = unsafe scratch.values[i]
        totals[target + own.lowerBound - wanted.lowerBound + i] &+= Int64(bitPattern: value >> 1 ^ (0 &- (value & 1)))
      }
    }
  }
}

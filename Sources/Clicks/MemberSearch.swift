import Glibc

// Members of a line that are found by path, and what they are for. A path of one name is a member of the line's own; one
// with points is that, or a member inside members, whichever the line has.

/// What a reader of click lines looks for.
@safe final class MemberSearch {
  /// What a member is for.
  enum Use {
    case field(ClickLineFault.Field)
    /// One of the values that the id is derived from.
    case identity(Int)
    case condition(Int)
  }

  private(set) var uses: [Use] = []
  private var names: [[UInt8]] = []
  private var paths: [[[UInt8]]] = []
  private let wanted: [[UInt8]]
  /// Where a text with escapes is decoded for a comparison.
  private let scratch: UnsafeMutablePointer<UInt8>

  /// A bit for each condition.
  let conditionMask: UInt64
  var all: [Int] { Array(uses.indices) }

  /// A search for fields by their names, and for members of these names or paths.
  init(_ fields: [[UInt8]], _ identity: [String], _ conditions: [LineCondition]) {
    wanted = conditions.map { Array($0.value.utf8) }
    conditionMask = conditions.count == 64 ? .max : 1 << UInt64(conditions.count) - 1
    unsafe scratch = .allocate(capacity: ClickLineReader.maximumLine)
    for (index, name) in fields.enumerated() {
      add(name, .field(ClickLineFault.Field(rawValue: UInt8(truncatingIfNeeded: index))!))
    }
    for (index, name) in identity.enumerated() { add(Array(name.utf8), .identity(index)) }
    for (index, one) in conditions.enumerated() { add(Array(one.column.utf8), .condition(index)) }
  }

  deinit { unsafe scratch.deallocate() }

  private func add(_ name: [UInt8], _ use: Use) {
    names.append(name)
    paths.append(name.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false).map { Array($0) })
    uses.append(use)
  }

  /// Which targets a member called `name` at this level is, and which lie below it.
  func targets(called name: UnsafeRawBufferPointer, _ among: [Int], _ level: Int) -> (here: [Int], below: [Int]) {
    var (here, below): ([Int], [Int]) = ([], [])
    for target in among {
      let path = paths[target]
      if level == 0, unsafe ClickLineReader.same(names[target], name) {
        here.append(target)
      } else if path.count > 1, level < path.count, unsafe ClickLineReader.same(path[level], name) {
        if level + 1 == path.count { here.append(target) } else { below.append(target) }
      }
    }
    return (here, below)
  }

  /// Whether a value, as it stands in the line, is the one that the condition asks for: a string by its text, anything
  /// else as it is written.
  func fits(_ value: UnsafeRawBufferPointer, _ condition: Int) -> Bool {
    guard let start = value.baseAddress, unsafe value[0] == UInt8(ascii: "\"") else {
      return unsafe ClickLineReader.same(wanted[condition], value)
    }
    var scan = unsafe LineScan(
      base: start.assumingMemoryBound(to: UInt8.self), count: value.count, scratch: scratch)
    guard let text = try? unsafe scan.string(.line) else { return false }
    return unsafe ClickLineReader.same(wanted[condition], text)
  }
}

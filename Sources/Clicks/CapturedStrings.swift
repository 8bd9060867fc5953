import Bytes

// What a click brings along besides who and when: strings of its request, kept where the operator asks for them (R18), for
// filters and audits. No count depends on them.
//
//   click strings   for each captured column, in the order of its number: u16 bytes, then the bytes
//
// A string has at most 1,024 bytes. A longer one is cut there, and not inside of a UTF-8 character; control characters (below
// 0x20, and 0x7F) become spaces. A click that has none has an empty one.

/// A string that a store can keep with each click.
package enum CapturedColumn: UInt16, Sendable, CaseIterable {
  case userAgent = 16
  case referrer = 17

  /// The most bytes of one.
  package static let limit = 1_024

  /// As `--capture` calls it.
  package var name: String {
    switch self {
    case .userAgent: "user-agent"
    case .referrer: "referrer"
    }
  }
}

/// Which strings a store keeps.
package struct CaptureSet: OptionSet, Hashable, Sendable {
  package var rawValue: UInt16
  package init(rawValue: UInt16) { self.rawValue = rawValue }

  package static let userAgent = CaptureSet(.userAgent)
  package static let referrer = CaptureSet(.referrer)
  package static let all: CaptureSet = [.userAgent, .referrer]

  /// A set of one column.
  package init(_ column: CapturedColumn) { rawValue = 1 << (column.rawValue - CapturedColumn.userAgent.rawValue) }

  package init(_ columns: [CapturedColumn]) { self = columns.reduce(into: []) { $0.insert(CaptureSet($1)) } }

  /// Its columns, in the order of their numbers.
  package var columns: [CapturedColumn] { CapturedColumn.allCases.filter { contains(CaptureSet($0)) } }
}

/// The captured strings of one click, as its store's set has them.
package struct ClickStrings: Equatable, Sendable {
  /// As drawn above.
  package private(set) var bytes: [UInt8] = []

  /// None yet: each column has to be added, in order.
  package init() {}

  /// The strings of all columns, in order.
  package init(_ strings: [[UInt8]]) {
    for string in strings { unsafe string.withUnsafeBytes { unsafe add($0) } }
  }

  /// Adds the string of the next column; nil is an empty one.
  package mutating func add(_ text: UnsafeRawBufferPointer?) {
    let count = unsafe text.map { unsafe Self.length($0) } ?? 0
    bytes.append(UInt8(truncatingIfNeeded: count))
    bytes.append(UInt8(truncatingIfNeeded: count >> 8))
    guard count > 0, let text = unsafe text else { return }
    for i in 0..<count {
      let byte = unsafe text[i]
      bytes.append(byte < 0x20 || byte == 0x7F ? 0x20 : byte)
    }
  }

  /// How many bytes of `text` are kept.
  private static func length(_ text: UnsafeRawBufferPointer) -> Int {
    guard text.count > CapturedColumn.limit else { return text.count }
    var end = CapturedColumn.limit
    // A character is four bytes at most; what has more continuations is no UTF-8 and may be cut anywhere.
    while end > CapturedColumn.limit - 4, unsafe text[end] & 0xC0 == 0x80 { end -= 1 }
    return unsafe text[end] & 0xC0 == 0x80 ? CapturedColumn.limit : end
  }
}

/// The captured strings of several clicks, one behind the other.
package struct CapturedStrings: Equatable, Sendable {
  /// What each click has.
  package let set: CaptureSet
  /// The click strings, as drawn above.
  package private(set) var bytes: [UInt8] = []
  private var ends: [Int] = []
  private let columns: Int

  package init(_ set: CaptureSet) {
    self.set = set
    columns = set.columns.count
  }

  /// Those of one click.
  package init(_ set: CaptureSet, of click: ClickStrings) {
    self.init(set)
    append(click)
  }

  /// Clicks.
  package var count: Int { ends.count }

  /// Bytes that a click without strings takes.
  package var emptyBytes: Int { 2 * columns }

  /// Adds the next click; without strings it has empty ones.
  package mutating func append(_ strings: ClickStrings?) {
    if let strings {
      bytes.append(contentsOf: strings.bytes)
    } else {
      bytes.append(contentsOf: repeatElement(0, count: emptyBytes))
    }
    ends.append(bytes.count)
  }

  /// Adds a click of `other`, which has the same set.
  package mutating func append(_ other: CapturedStrings, at index: Int) {
    precondition(other.set == set, "strings of another set")
    bytes.append(contentsOf: other.bytes[other.range(index)])
    ends.append(bytes.count)
  }

  /// The strings of some of the clicks.
  package func part(_ indices: Range<Int>) -> CapturedStrings {
    var part = CapturedStrings(set)
    for index in indices { part.append(self, at: index) }
    return part
  }

  /// Bytes of a click's strings.
  package func bytes(at index: Int) -> Int { range(index).count }

  package mutating func removeAll() {
    bytes.removeAll(keepingCapacity: true)
    ends.removeAll(keepingCapacity: true)
  }

  private func range(_ index: Int) -> Range<Int> { (index == 0 ? 0 : ends[index - 1])..<ends[index] }

  /// Where the strings of a click stand in `bytes`, column by column.
  package func forEachString(at index: Int, _ body: (_ column: Int, Range<Int>) -> Void) {
    var at = range(index).lowerBound
    for column in 0..<columns {
      let count = Int(bytes[at]) | Int(bytes[at + 1]) << 8
      body(column, at + 2..<at + 2 + count)
      at += 2 + count
    }
  }

  /// A click's strings, in the order of the set's columns.
  package func strings(at index: Int) -> [[UInt8]] {
    var found: [[UInt8]] = []
    forEachString(at: index) { found.append(Array(bytes[$1])) }
    return found
  }

  /// The strings of `count` clicks from their bytes; nil where these are none.
  package init?(_ set: CaptureSet, _ bytes: [UInt8], count: Int) {
    self.init(set)
    self.bytes = bytes
    ends.reserveCapacity(count)
    var at = 0
    for _ in 0..<count {
      for _ in 0..<columns {
        guard at + 2 <= bytes.count else { return nil }
        let length = Int(bytes[at]) | Int(bytes[at + 1]) << 8
        guard length <= CapturedColumn.limit, at + 2 + length <= bytes.count else { return nil }
        at += 2 + length
      }
      ends.append(at)
    }
    guard at == bytes.count else { return nil }
  }
}

import Bytes
import Clicks
import Columns
import Files
import JSON
import Service

/// A piece of an immutable file: where it stands, what it is, and what it says.
package struct InspectedPart {
  var offset: Int
  var name: String
  /// In the order in which they are shown.
  var values: [(name: String, value: String)]

  package init(_ offset: some BinaryInteger, _ name: String, _ values: [(name: String, value: String)] = []) {
    self.offset = Int(offset)
    self.name = name
    self.values = values
  }

  /// How a captured column is called.
  static func name(of column: CapturedColumn) -> String {
    switch column {
    case .userAgent: "user agent"
    case .referrer: "referrer"
    }
  }

  /// A captured string, as a terminal may see it: control characters beyond ASCII become spaces too.
  static func text(_ string: [UInt8]) -> String {
    String(
      String.UnicodeScalarView(
        String(decoding: string, as: UTF8.self).unicodeScalars.map {
          $0.properties.generalCategory == .control || $0.properties.generalCategory == .format ? " " : $0
        }))
  }

  /// For people, behind the offset.
  var text: String {
    values.isEmpty ? name : "\(name): " + values.map { "\($0.name) \($0.value)" }.joined(separator: ", ")
  }

  /// Values that are numbers, but for what a damaged file holds in their place.
  private static let numbers: Set<String> = [
    "number", "position", "ad code", "seconds", "from", "to", "run", "ids without a minting time", "attempt",
    "sections",
    "blocks", "of bytes", "bytes", "from ad code", "to ad code", "rows", "at", "bytes of versions", "value", "version",
    "sum",
    "bytes of models", "bytes in all pages", "from position", "code", "ads", "first code",
  ]

  /// For programs: names as one word, numbers as numbers.
  package var json: JSONValue {
    .object(
      [.init("offset", .integer(offset)), .init("part", .string(name))]
        + values.map { name, value in
          let isNumber = Self.numbers.contains(name) && (Int64(value) != nil || UInt64(value) != nil)
          return .init(Self.member(name), isNumber ? .number(value) : .string(value))
        })
  }

  /// `userAgent` for `user agent`.
  package static func member(_ name: String) -> String {
    let words = name.split(separator: " ")
    return words.prefix(1).joined() + words.dropFirst().map { $0.prefix(1).uppercased() + $0.dropFirst() }.joined()
  }
}

/// A block of rows, column by column (Columns/RowBlock.swift), each with its encoding and parameters.
enum RowBlockWords {
  private static let columns = ["code steps", "rows per ad", "first buckets", "bucket steps", "values"]

  /// What the block in `bytes` is made of. Throws `ColumnFault` for bytes that are none.
  static func read(_ bytes: [UInt8]) throws(ColumnFault) -> [(name: String, value: String)] {
    var rest = bytes[...]
    let rows = try varint(&rest)
    let ads = try varint(&rest)
    guard 1...UInt64(RowBlock.maximumRows) ~= rows, 1...rows ~= ads else {
      throw ColumnFault("a block of \(rows) rows of \(ads) ads")
    }
    var words = [(name: "rows", value: "\(rows)"), ("ads", "\(ads)"), ("first code", "\(try varint(&rest))")]
    var sizes: [Int] = []
    for _ in 1..<columns.count {
      guard let size = Int(exactly: try varint(&rest)), size <= bytes.count else {
        throw ColumnFault("a column too long")
      }
      sizes.append(size)
    }
    let known = sizes.reduce(0, +)
    guard known <= rest.count else { throw ColumnFault("the block ends early") }
    sizes.append(rest.count - known)
    for (column, count) in [ads - 1, ads, ads, rows - ads, rows].enumerated() where count > 0 {
      let text = try describe(rest.prefix(sizes[column]), Int(count))
      words.append((columns[column], "\(sizes[column]) bytes \(text)"))
      rest = rest.dropFirst(sizes[column])
    }
    return words
  }

  private static func describe(_ bytes: ArraySlice<UInt8>, _ count: Int) throws(ColumnFault) -> String {
    var result: Result<String, ColumnFault> = .success("")
    unsafe bytes.withUnsafeBytes { raw in
      do throws(ColumnFault) { result = .success(unsafe try IntegerColumn.describe(raw, count: count)) } catch {
        result = .failure(error)
      }
    }
    return try result.get()
  }

  private static func varint(_ bytes: inout ArraySlice<UInt8>) throws(ColumnFault) -> UInt64 {
    var value: UInt64 = 0
    for shift in stride(from: UInt64(0), through: 63, by: 7) {
      guard let byte = bytes.popFirst() else { throw ColumnFault("the block ends early") }
      value |= UInt64(byte & 0x7F) << shift
      if byte < 0x80 { return value }
    }
    throw ColumnFault("an integer of more than 64 bits")
  }
}

extension SealedFile {
  /// Verified bytes of a section, or of a part of it.
  func bytes(of section: SealedSection, _ range: Range<Int>? = nil) throws -> [UInt8] {
    unsafe try withBytes(of: section, range ?? 0..<section.bytes) { unsafe [UInt8]($0) }
  }
}

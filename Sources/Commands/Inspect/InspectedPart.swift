import Bytes
import Columns
import Files
import Service

/// A piece of an immutable file: where it stands, what it is, and what it says.
struct InspectedPart {
  var offset: Int
  var name: String
  /// In the order in which they are shown.
  var values: [(name: String, value: String)]

  init(_ offset: some BinaryInteger, _ name: String, _ values: [(name: String, value: String)] = []) {
    self.offset = Int(offset)
    self.name = name
    self.values = values
  }

  /// For people, behind the offset.
  var text: String {
    values.isEmpty ? name : "\(name): " + values.map { "\($0.name) \($0.value)" }.joined(separator: ", ")
  }

  /// For programs.
  var json: JSONValue {
    .object(
      [.init("offset", .integer(offset)), .init("part", .string(name))]
        + values.map { .init($0.name, .string($0.value)) })
  }
}

/// A block of rows, list by list (Columns/RowBlock.swift), each with the rung of the ladder that it stands on.
enum RowBlockWords {
  /// What the block in `bytes` is made of. Throws `ColumnFault` for bytes that are none.
  static func read(_ bytes: [UInt8]) throws(ColumnFault) -> [(name: String, value: String)] {
    var rest = bytes[...]
    let ads = try varint(&rest)
    let further = try varint(&rest)
    let limit = UInt64(RowBlock.maximumRows)
    guard ads < limit, further < limit, ads + 1 + further <= limit else {
      throw ColumnFault("a block of \(ads) ads and \(further) further rows")
    }
    let (adCount, rowCount) = (Int(ads) + 1, Int(ads + 1 + further))
    var words = [
      (name: "ads", value: "\(adCount)"), ("rows", "\(rowCount)"), ("first code", "\(try varint(&rest))"),
    ]
    for (name, count) in [
      ("code steps", adCount - 1), ("rows per ad", adCount), ("first buckets", adCount),
      ("bucket steps", rowCount - adCount), ("values", rowCount),
    ] where count > 0 {
      let (text, used) = try list(rest, count)
      words.append((name, "\(used) bytes (\(text))"))
      rest = rest.dropFirst(used)
    }
    return words
  }

  /// A list of `count` integers at the start of `bytes`: its encoding in words, and the bytes it takes.
  static func list(_ bytes: ArraySlice<UInt8>, _ count: Int) throws(ColumnFault) -> (words: String, bytes: Int) {
    var values = [UInt64](repeating: 0, count: count)
    var result: Result<(String, Int), ColumnFault> = .success(("", 0))
    unsafe bytes.withUnsafeBytes { raw in
      unsafe values.withUnsafeMutableBufferPointer { target in
        do throws(ColumnFault) {
          let words = unsafe try IntegerColumn.describe(raw, count: count)
          let used = unsafe try IntegerColumn.decode(raw, count: count, into: target.baseAddress!)
          result = .success((words, used))
        } catch { result = .failure(error) }
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

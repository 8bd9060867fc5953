// What a file or a body is, by its first bytes. Text is read; gzip is unpacked; anything else that people hand over by
// mistake is refused by its name and with what to do about it, since "has no column adId" helps nobody who gave a zip.

/// Bytes that are no text that can be read here.
package struct FileFault: Error, Equatable, Sendable, CustomStringConvertible {
  /// In words that go behind the name of the file: "is a zip archive; unzip it first".
  package let description: String

  package init(_ description: String) { self.description = description }
}

/// What bytes begin like.
enum FileKind: Equatable {
  case text
  /// Little-endian where so; with how many bytes of a mark before it.
  case utf16(isLittle: Bool, mark: Int)
  case gzip
  /// Something else, and what is to be done.
  case other(String)

  /// Bytes that are enough to tell all kinds apart.
  static let headBytes = 512

  private static let kinds: [(magic: [UInt8], fault: String)] = [
    ([0xD0, 0xCF, 0x11, 0xE0, 0xA1, 0xB1, 0x1A, 0xE1], "is an Excel workbook (xls); save it as CSV"),
    ([0x28, 0xB5, 0x2F, 0xFD], "is compressed with zstd; try zstdcat FILE | tally … -"),
    ([0xFD, 0x37, 0x7A, 0x58, 0x5A, 0x00], "is compressed with xz; try xzcat FILE | tally … -"),
    ([0x37, 0x7A, 0xBC, 0xAF, 0x27, 0x1C], "is a 7z archive; unpack it first"),
    ([0x04, 0x22, 0x4D, 0x18], "is compressed with lz4; try lz4cat FILE | tally … -"),
    ([0x1F, 0x9D], "is compressed with compress; try zcat FILE | tally … -"),
    ([0xFF, 0x06, 0x00, 0x00] + Array("sNaPpY".utf8), "is compressed with Snappy; unpack it first"),
    (Array("Rar!".utf8) + [0x1A, 0x07], "is a RAR archive; unpack it first"),
    (Array("LZIP".utf8) + [0x01], "is compressed with lzip; unpack it first"),
    (Array("PAR1".utf8), "is a Parquet file; export it as CSV or NDJSON"),
    (Array("Obj".utf8) + [0x01], "is an Avro file; export it as CSV or NDJSON"),
    (Array("ARROW1".utf8), "is an Arrow file; export it as CSV or NDJSON"),
    (Array("FEA1".utf8), "is a Feather file; export it as CSV or NDJSON"),
    (Array("SQLite format 3".utf8) + [0], "is an SQLite database; export it as CSV"),
    ([0x89] + Array("HDF".utf8), "is an HDF5 file; export it as CSV"),
    (Array("%PDF-".utf8), "is a PDF document"),
    ([0xFF, 0xFE, 0x00, 0x00], "is UTF-32; save it as UTF-8"),
    ([0x00, 0x00, 0xFE, 0xFF], "is UTF-32; save it as UTF-8"),
  ]

  /// Whether fewer bytes do: a JSON object begins with a brace, and nothing else that is read or named does. It is text then,
  /// whatever follows: how much of that has come along is chance, and a line that holds no text is a line's fault.
  static func isCertain(_ head: [UInt8]) -> Bool {
    let text = head.starts(with: [0xEF, 0xBB, 0xBF]) ? head.dropFirst(3) : head[...]
    return text.count >= 4 && text.first == UInt8(ascii: "{") && !text.prefix(4).contains(0)
  }

  /// The kind of what begins with `head`: `headBytes` of it, or all where there is less.
  init(_ head: [UInt8]) {
    if Self.isCertain(head) {
      self = .text
    } else if head.starts(with: [0x1F, 0x8B]) {
      self = .gzip
    } else if head.starts(with: Array("PK".utf8)), head.count > 3,
      [[3, 4], [5, 6], [7, 8]].contains([head[2], head[3]])
    {
      self = .other(Self.zip(head))
    } else if let known = Self.kinds.first(where: { head.starts(with: $0.magic) }) {
      self = .other(known.fault)
    } else if head.starts(with: Array("BZh".utf8)), head.count > 9,
      head[4..<10].elementsEqual([0x31, 0x41, 0x59, 0x26, 0x53, 0x59])
    {
      self = .other("is compressed with bzip2; try bzcat FILE | tally … -")
    } else if head.starts(with: Array("ORC".utf8)), head.count > 3, head[3] < 0x20 {
      self = .other("is an ORC file; export it as CSV or NDJSON")
    } else if head.count >= 262, head[257..<262].elementsEqual("ustar".utf8) {
      self = .other("is a tar archive; unpack it first")
    } else if head.starts(with: [0xFF, 0xFE]) {
      self = .utf16(isLittle: true, mark: 2)
    } else if head.starts(with: [0xFE, 0xFF]) {
      self = .utf16(isLittle: false, mark: 2)
    } else if let isLittle = Self.order(head) {
      self = .utf16(isLittle: isLittle, mark: 0)
    } else if let zero = head.firstIndex(of: 0) {
      self = .other("is binary data, not text: byte \(zero) is a NUL")
    } else if Self.isMarkup(head) {
      self = .other("is HTML or XML, not CSV or NDJSON")
    } else {
      self = .text
    }
  }

  /// A zip by the name of its first member.
  private static func zip(_ head: [UInt8]) -> String {
    let text = String(decoding: head.dropFirst(30).prefix(120), as: UTF8.self)
    if text.hasPrefix("[Content_Types].xml") || text.hasPrefix("xl/") || text.hasPrefix("_rels/") {
      return "is an Excel workbook (xlsx); save it as CSV"
    }
    if text.hasPrefix("mimetypeapplication/vnd.oasis") { return "is an OpenDocument file (ods); save it as CSV" }
    return "is a zip archive; unzip it first"
  }

  /// The byte order of UTF-16 without a mark: its first characters, of the ASCII that every header and every JSON begins
  /// with, have a zero each.
  private static func order(_ head: [UInt8]) -> Bool? {
    guard head.count >= 4 else { return nil }
    let zeros = head.prefix(4).map { $0 == 0 }
    if zeros == [false, true, false, true] { return true }
    if zeros == [true, false, true, false] { return false }
    return nil
  }

  private static func isMarkup(_ head: [UInt8]) -> Bool {
    let text = head.drop { [0x20, 0x09, 0x0A, 0x0D, 0xEF, 0xBB, 0xBF].contains($0) }
    return text.first == UInt8(ascii: "<")
      && ["<!doctype", "<html", "<?xml"].contains {
        String(decoding: text.prefix($0.utf8.count), as: UTF8.self).lowercased() == $0
      }
  }
}

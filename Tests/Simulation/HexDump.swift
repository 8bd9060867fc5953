// Bytes as text that a person can read and a test can compare: golden files and the examples of the format pages.
//
//   00000010  43 50 81 00 2a 00 00 00                          what it is
//   length 4096
//
// Sixteen bytes a line behind their offset; two spaces or more end the bytes and begin a remark. Lines of zeros are left out;
// the last line says how many bytes there are.

import Bytes
import Platform

/// Hex text with offsets.
package enum HexDump {
  /// The text of `bytes`, without remarks.
  package static func text(_ bytes: [UInt8]) -> String {
    var text = ""
    for start in stride(from: 0, to: bytes.count, by: 16) {
      let line = bytes[start..<min(start + 16, bytes.count)]
      guard line.contains(where: { $0 != 0 }) else { continue }
      text += Hex.encode(UInt32(start)) + "  " + line.map { Hex.encode([$0]) }.joined(separator: " ") + "\n"
    }
    return text + "length \(bytes.count)\n"
  }

  /// The bytes that `text` spells; nil where it is no such text.
  package static func bytes(_ text: some StringProtocol) -> [UInt8]? {
    var bytes: [UInt8] = []
    var length: Int?
    for line in text.split(separator: "\n") {
      if line.hasPrefix("length ") {
        length = Int(line.dropFirst(7))
        continue
      }
      guard length == nil, let offset = Int(line.prefix(8), radix: 16), offset >= bytes.count,
        line.dropFirst(8).hasPrefix("  ")
      else { return nil }
      var digits = line.dropFirst(10)
      if let end = digits.firstRange(of: "  ") { digits = digits[..<end.lowerBound] }
      guard let found = Hex.decode(digits.utf8.filter { $0 != 0x20 }) else { return nil }
      bytes += [UInt8](repeating: 0, count: offset - bytes.count) + found
    }
    guard let length, length >= bytes.count else { return nil }
    return bytes + [UInt8](repeating: 0, count: length - bytes.count)
  }

  /// The bytes of a golden file: a dump beside the test.
  package static func golden(_ name: String, beside file: String) throws -> [UInt8] {
    let path = file[..<file.lastIndex(of: "/")!] + "/Golden/\(name).hex"
    let text = String(decoding: try KernelFileSystem().contents(String(path)), as: UTF8.self)
    guard let bytes = bytes(text) else { throw FormatError(file: String(path), offset: 0, reason: "no hex dump") }
    return bytes
  }
}

/// A page of `Formats/`: its worked examples, and the constants it promises.
package struct FormatPage {
  /// The page as it stands.
  package let text: String
  /// Blocks fenced as "```hex name", as bytes.
  package private(set) var examples: [String: [UInt8]] = [:]
  /// Rows "| `name` | number | …" of its tables; a number may have commas.
  package private(set) var constants: [String: Int] = [:]

  /// Reads `Formats/<name>.md`. `file` is the caller's `#filePath`, two folders below the package's root.
  package init(_ name: String, from file: String) throws {
    let root = file.split(separator: "/", omittingEmptySubsequences: false).dropLast(3).joined(separator: "/")
    let path = "\(root)/Formats/\(name).md"
    text = String(decoding: try KernelFileSystem().contents(path), as: UTF8.self)
    var block: (name: String, text: String)?
    for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
      if line.hasPrefix("```hex ") {
        block = (String(line.dropFirst(7)), "")
      } else if line == "```", let done = block {
        guard let bytes = HexDump.bytes(done.text) else {
          throw FormatError(file: path, offset: 0, reason: "example \(done.name) is no hex dump")
        }
        examples[done.name] = bytes
        block = nil
      } else if block != nil {
        block!.text += line + "\n"
      } else if line.hasPrefix("| `") {
        let cells = line.split(separator: "|").map { $0.filter { $0 != " " && $0 != "`" && $0 != "," } }
        if cells.count >= 2, let value = Self.number(cells[1]) { constants[cells[0]] = value }
      }
    }
  }

  private static func number(_ text: String) -> Int? {
    text.hasPrefix("0x") ? Int(text.dropFirst(2), radix: 16) : Int(text)
  }
}

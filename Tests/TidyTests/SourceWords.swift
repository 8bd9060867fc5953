/// The words of Swift code, and which of them declare something. Comments have none, nor have texts but for what is
/// interpolated in them. It knows no scopes: a name is the same name wherever it stands.
struct SourceWords {
  struct Word {
    var text: String
    /// Counted from 1.
    var line: Int
    /// The first byte behind it that is no blank; 0 at the end.
    var next: UInt8 = 0
  }

  private(set) var words: [Word] = []
  private let bytes: [UInt8]
  private var at = 0
  private var line = 1

  init(_ text: String) {
    bytes = Array(text.utf8)
    readCode(untilParenthesis: false)
  }

  /// The words that name what is declared there, by their place among `words`.
  var declarations: [Int] {
    words.indices.dropFirst().filter { i in
      guard Self.keywords.contains(words[i - 1].text), !Self.keywords.contains(words[i].text) else { return false }
      if i > 1, words[i - 2].text == "import" { return false }
      // `if let name {` and the like name what is there already.
      let isShort = ["let", "var"].contains(words[i - 1].text)
      return !isShort
        || !(words[i].next == UInt8(ascii: "{") || words[i].next == UInt8(ascii: ",") || Self.isLetter(words[i].next))
    }
  }

  private static let keywords: Set<String> = [
    "func", "var", "let", "struct", "class", "enum", "protocol", "typealias", "actor",
  ]

  // MARK: - Reading

  private static func isLetter(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "_"): true
    default: byte >= 0x80
    }
  }

  private static func isDigit(_ byte: UInt8) -> Bool { byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9") }

  private func stands(_ text: String, at place: Int) -> Bool {
    var place = place
    for byte in text.utf8 {
      guard place < bytes.count, bytes[place] == byte else { return false }
      place += 1
    }
    return true
  }

  private mutating func pass(_ count: Int) {
    for _ in 0..<count where at < bytes.count {
      if bytes[at] == UInt8(ascii: "\n") { line += 1 }
      at += 1
    }
  }

  /// Reads code, all of it or up to the parenthesis that ends an interpolation.
  private mutating func readCode(untilParenthesis: Bool) {
    var depth = 0
    while at < bytes.count {
      let byte = bytes[at]
      if Self.isLetter(byte) || Self.isDigit(byte) {
        readWord()
      } else if stands("//", at: at) {
        while at < bytes.count, bytes[at] != UInt8(ascii: "\n") { at += 1 }
      } else if stands("/*", at: at) {
        passComment()
      } else if let hashes = hashesBeforeText() {
        passText(hashes)
      } else {
        if byte == UInt8(ascii: "(") { depth += 1 }
        if byte == UInt8(ascii: ")") { depth -= 1 }
        pass(1)
        if untilParenthesis, depth < 0 { return }
      }
    }
  }

  private mutating func readWord() {
    let start = at
    while at < bytes.count, Self.isLetter(bytes[at]) || Self.isDigit(bytes[at]) { at += 1 }
    guard Self.isLetter(bytes[start]) else { return }
    let next = bytes[at...].first { $0 != UInt8(ascii: " ") && $0 != UInt8(ascii: "\n") && $0 != UInt8(ascii: "`") }
    words.append(Word(text: String(decoding: bytes[start..<at], as: UTF8.self), line: line, next: next ?? 0))
  }

  private mutating func passComment() {
    var depth = 0
    repeat {
      if stands("/*", at: at) {
        depth += 1
        pass(2)
      } else if stands("*/", at: at) {
        depth -= 1
        pass(2)
      } else {
        pass(1)
      }
    } while depth > 0 && at < bytes.count
  }

  /// Nil where no text begins here.
  private func hashesBeforeText() -> Int? {
    var hashes = 0
    while at + hashes < bytes.count, bytes[at + hashes] == UInt8(ascii: "#") { hashes += 1 }
    return stands("\"", at: at + hashes) ? hashes : nil
  }

  private mutating func passText(_ hashes: Int) {
    let mark = String(repeating: "#", count: hashes)
    pass(hashes)
    let quote = stands("\"\"\"", at: at) ? "\"\"\"" : "\""
    pass(quote.utf8.count)
    while at < bytes.count, !stands(quote + mark, at: at) {
      if stands("\\\(mark)(", at: at) {
        pass(2 + hashes)
        readCode(untilParenthesis: true)
      } else {
        pass(hashes == 0 && bytes[at] == UInt8(ascii: "\\") ? 2 : 1)
      }
    }
    pass(quote.utf8.count + hashes)
  }
}

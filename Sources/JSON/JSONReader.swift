import Bytes

// JSON read strictly (RFC 8259), since what a lax reader guesses is what two programs disagree about: UTF-8 only, no
// byte-order mark, nothing behind the value, no name twice in an object, no half of a surrogate pair, at most
// `maximumDepth` values inside each other. Every byte is looked at once; no text makes it recurse deeper or run longer
// than its length allows.

/// Text that is not the JSON that is accepted: at which byte, and why. Never quotes the text, which may hold a secret.
package struct JSONError: Error, Hashable, Sendable, CustomStringConvertible {
  /// Offset of the first byte that is wrong, from 0.
  package var offset: Int
  package var reason: String

  package var description: String { "byte \(offset): \(reason)" }
}

/// Reads one JSON text.
package struct JSONReader {
  /// Arrays and objects inside each other.
  package static let maximumDepth = 16

  private let bytes: ArraySlice<UInt8>
  private var position: Int

  /// The value that `bytes` spell.
  package static func read(_ bytes: some RandomAccessCollection<UInt8>) throws(JSONError) -> JSONValue {
    var reader = JSONReader(Array(bytes)[...])
    reader.skipSpace()
    let value = try reader.value(depth: 0)
    reader.skipSpace()
    if reader.peek != nil { throw reader.fault("text behind the value") }
    return value
  }

  private init(_ bytes: ArraySlice<UInt8>) {
    self.bytes = bytes
    position = bytes.startIndex
  }

  private var peek: UInt8? { position < bytes.endIndex ? bytes[position] : nil }

  private func fault(_ reason: String, at offset: Int? = nil) -> JSONError {
    let offset = offset ?? position
    return JSONError(offset: offset, reason: offset < bytes.endIndex ? reason : "the text ends too early")
  }

  private mutating func skipSpace() {
    while let byte = peek, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 { position += 1 }
  }

  /// Takes `byte`, with the space around it, where it stands here.
  private mutating func take(_ byte: UInt8) -> Bool {
    skipSpace()
    guard peek == byte else { return false }
    position += 1
    skipSpace()
    return true
  }

  private mutating func value(depth: Int) throws(JSONError) -> JSONValue {
    switch peek {
    case UInt8(ascii: "{"), UInt8(ascii: "["):
      guard depth < Self.maximumDepth else {
        throw fault("more than \(Self.maximumDepth) arrays and objects inside each other")
      }
      return peek == UInt8(ascii: "{") ? try object(depth: depth + 1) : try array(depth: depth + 1)
    case UInt8(ascii: "\""): return .string(try string())
    case UInt8(ascii: "-"), .some(0x30...0x39): return .number(try number())
    case UInt8(ascii: "t"): return try word("true", .bool(true))
    case UInt8(ascii: "f"): return try word("false", .bool(false))
    case UInt8(ascii: "n"): return try word("null", .null)
    default: throw fault("no JSON value")
    }
  }

  private mutating func word(_ word: String, _ value: JSONValue) throws(JSONError) -> JSONValue {
    for byte in word.utf8 {
      guard peek == byte else { throw fault("no JSON value") }
      position += 1
    }
    return value
  }

  private mutating func array(depth: Int) throws(JSONError) -> JSONValue {
    var values: [JSONValue] = []
    position += 1
    if take(UInt8(ascii: "]")) { return .array(values) }
    repeat { values.append(try value(depth: depth)) } while take(UInt8(ascii: ","))
    guard peek == UInt8(ascii: "]") else { throw fault("neither , nor ] behind a value") }
    position += 1
    return .array(values)
  }

  private mutating func object(depth: Int) throws(JSONError) -> JSONValue {
    var members: [JSONValue.Member] = []
    var names: Set<[UInt8]> = []
    position += 1
    if take(UInt8(ascii: "}")) { return .object(members) }
    repeat {
      let start = position
      guard peek == UInt8(ascii: "\"") else { throw fault("no name of a member") }
      let name = try string()
      guard names.insert(Array(name.utf8)).inserted else {
        throw fault("a name that the object has already", at: start)
      }
      guard take(UInt8(ascii: ":")) else { throw fault("no : behind a name") }
      members.append(JSONValue.Member(name, try value(depth: depth)))
    } while take(UInt8(ascii: ","))
    guard peek == UInt8(ascii: "}") else { throw fault("neither , nor } behind a member") }
    position += 1
    return .object(members)
  }

  private mutating func number() throws(JSONError) -> String {
    let start = position
    if peek == UInt8(ascii: "-") { position += 1 }
    if peek == 0x30 { position += 1 } else { try digits() }
    if peek == UInt8(ascii: ".") {
      position += 1
      try digits()
    }
    if peek == UInt8(ascii: "e") || peek == UInt8(ascii: "E") {
      position += 1
      if peek == UInt8(ascii: "+") || peek == UInt8(ascii: "-") { position += 1 }
      try digits()
    }
    if let byte = peek, 0x30...0x39 ~= byte { throw fault("a number with a leading zero") }
    return String(decoding: bytes[start..<position], as: UTF8.self)
  }

  private mutating func digits() throws(JSONError) {
    let start = position
    while let byte = peek, 0x30...0x39 ~= byte { position += 1 }
    if position == start { throw fault("no digit where a number needs one") }
  }

  private mutating func string() throws(JSONError) -> String {
    let start = position
    var text: [UInt8] = []
    position += 1
    while let byte = peek {
      switch byte {
      case UInt8(ascii: "\""):
        position += 1
        guard let string = String(validating: text, as: UTF8.self) else {
          throw fault("a string that is not UTF-8", at: start)
        }
        return string
      case UInt8(ascii: "\\"):
        position += 1
        try escape(&text)
      case 0..<0x20: throw fault("a control character in a string; write it as an escape")
      default:
        text.append(byte)
        position += 1
      }
    }
    throw fault("")
  }

  private mutating func escape(_ text: inout [UInt8]) throws(JSONError) {
    guard let byte = peek else { throw fault("") }
    position += 1
    switch byte {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): text.append(byte)
    case UInt8(ascii: "b"): text.append(0x08)
    case UInt8(ascii: "f"): text.append(0x0C)
    case UInt8(ascii: "n"): text.append(0x0A)
    case UInt8(ascii: "r"): text.append(0x0D)
    case UInt8(ascii: "t"): text.append(0x09)
    case UInt8(ascii: "u"): text += Array(String(try scalar()).utf8)
    default: throw fault("an escape that JSON does not know", at: position - 1)
    }
  }

  /// What stands behind `\u`, with the second half of a surrogate pair where the first half asks for it.
  private mutating func scalar() throws(JSONError) -> Character {
    let start = position
    var code = try unit()
    if 0xD800...0xDBFF ~= code, peek == UInt8(ascii: "\\") {
      position += 1
      if peek == UInt8(ascii: "u") {
        position += 1
        let low = try unit()
        if 0xDC00...0xDFFF ~= low { code = 0x10000 + (code - 0xD800) << 10 + (low - 0xDC00) }
      }
    }
    guard let scalar = Unicode.Scalar(code) else { throw fault("half of a surrogate pair", at: start) }
    return Character(scalar)
  }

  private mutating func unit() throws(JSONError) -> UInt32 {
    var unit: UInt32 = 0
    for _ in 0..<4 {
      guard let byte = peek, let digit = Hex.value(of: byte) else { throw fault("no hex digit where \\u needs four") }
      unit = unit << 4 | UInt32(digit)
      position += 1
    }
    return unit
  }
}

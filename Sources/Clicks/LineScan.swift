import Bytes
import Glibc

// The scanner under `ClickLineReader`: where it is in the line, and how far the reader's memory is used.
//
// Texts are looked through eight bytes at a time. In a word x a byte b is below n (n ≤ 128) where
// (x - n·0x01…) & ~x & 0x80… has its high bit; borrows make false hits above a true one only, so the lowest hit is exact
// (Bit Twiddling Hacks, "Determine if a word has a byte less than n").

@safe struct LineScan {
  private let base: UnsafePointer<UInt8>
  private let count: Int
  private let scratch: UnsafeMutablePointer<UInt8>
  private var position = 0
  private var used = 0

  static let noObject = ClickLineFault(.line, "is not a JSON object")
  private static let tooShort = ClickLineFault(.line, "is not JSON: it ends too early")

  init(base: UnsafePointer<UInt8>, count: Int, scratch: UnsafeMutablePointer<UInt8>) {
    unsafe self.base = base
    self.count = count
    unsafe self.scratch = scratch
  }

  var isAtEnd: Bool { position == count }

  /// Where in the line it is.
  var offset: Int { position }

  /// The next byte; 0, which is no part of any JSON, at the end.
  @inline(__always)
  private var peek: UInt8 { position < count ? unsafe base[position] : 0 }

  @inline(__always)
  mutating func skipSpace() {
    while position < count {
      switch unsafe base[position] {
      case 0x20, 0x09, 0x0D, 0x0A: position += 1
      default: return
      }
    }
  }

  @inline(__always)
  mutating func take(_ byte: UInt8) -> Bool {
    guard position < count, unsafe base[position] == byte else { return false }
    position += 1
    return true
  }

  // MARK: - Texts

  /// The decoded text of the string that begins here, the value of `field`.
  @inline(__always)
  mutating func string(_ field: ClickLineFault.Field) throws(ClickLineFault) -> UnsafeRawBufferPointer {
    guard take(UInt8(ascii: "\"")) else {
      throw field == .line
        ? ClickLineFault(.line, "is not JSON: no name of a member") : ClickLineFault(field, "must be a string")
    }
    let start = position
    skipPlain()
    guard position < count else { throw Self.tooShort }
    if unsafe base[position] == UInt8(ascii: "\"") {
      position += 1
      return unsafe UnsafeRawBufferPointer(start: base + start, count: position - 1 - start)
    }
    return try unsafe decoded(from: start, field)
  }

  /// Moves over bytes that stand for themselves: ASCII, no quote, no backslash, no control character.
  @inline(__always)
  private mutating func skipPlain() {
    let low: UInt64 = 0x0101_0101_0101_0101
    let high: UInt64 = 0x8080_8080_8080_8080
    while position + 8 <= count {
      let word = UInt64(littleEndian: unsafe UnsafeRawPointer(base + position).loadUnaligned(as: UInt64.self))
      let quote = word ^ (low &* 0x22)
      let backslash = word ^ (low &* 0x5C)
      let hits =
        (((quote &- low) & ~quote) | ((backslash &- low) & ~backslash) | ((word &- low &* 0x20) & ~word) | word) & high
      if hits != 0 {
        position += hits.trailingZeroBitCount >> 3
        return
      }
      position += 8
    }
    while position < count {
      let byte = unsafe base[position]
      if byte == 0x22 || byte == 0x5C || byte < 0x20 || byte >= 0x80 { return }
      position += 1
    }
  }

  /// The rest of a string that has to be decoded or checked; `position` is at its first such byte.
  private mutating func decoded(
    from start: Int, _ field: ClickLineFault.Field
  ) throws(ClickLineFault) -> UnsafeRawBufferPointer {
    let text = used
    unsafe memcpy(scratch + used, base + start, position - start)
    used += position - start
    while position < count {
      let byte = unsafe base[position]
      position += 1
      switch byte {
      case UInt8(ascii: "\""):
        let result = unsafe UnsafeRawBufferPointer(start: scratch + text, count: used - text)
        guard unsafe Self.isUTF8(result) else { throw ClickLineFault(field, "has a string that is not UTF-8") }
        return unsafe result
      case UInt8(ascii: "\\"): try escape(field)
      case 0..<0x20:
        throw ClickLineFault(field, "has a control character in a string")
      default: put(byte)
      }
    }
    throw Self.tooShort
  }

  @inline(__always)
  private mutating func put(_ byte: UInt8) {
    unsafe scratch[used] = byte
    used += 1
  }

  private mutating func escape(_ field: ClickLineFault.Field) throws(ClickLineFault) {
    guard position < count else { throw Self.tooShort }
    let byte = unsafe base[position]
    position += 1
    switch byte {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): put(byte)
    case UInt8(ascii: "b"): put(0x08)
    case UInt8(ascii: "f"): put(0x0C)
    case UInt8(ascii: "n"): put(0x0A)
    case UInt8(ascii: "r"): put(0x0D)
    case UInt8(ascii: "t"): put(0x09)
    case UInt8(ascii: "u"): try scalar(field)
    default: throw ClickLineFault(field, "has an escape that JSON does not know")
    }
  }

  /// What stands behind `\u`, with the second half of a surrogate pair where the first half asks for it.
  private mutating func scalar(_ field: ClickLineFault.Field) throws(ClickLineFault) {
    var code = try unit(field)
    if 0xD800...0xDBFF ~= code, take(UInt8(ascii: "\\")), take(UInt8(ascii: "u")) {
      let low = try unit(field)
      if 0xDC00...0xDFFF ~= low { code = 0x10000 + (code - 0xD800) << 10 + (low - 0xDC00) }
    }
    guard let scalar = Unicode.Scalar(code) else {
      throw ClickLineFault(field, "has half of a surrogate pair")
    }
    for byte in UTF8.encode(scalar)! { put(byte) }
  }

  private mutating func unit(_ field: ClickLineFault.Field) throws(ClickLineFault) -> UInt32 {
    var unit: UInt32 = 0
    for _ in 0..<4 {
      guard position < count, let digit = unsafe Hex.value(of: base[position]) else {
        throw ClickLineFault(field, "has a \\u without four hex digits")
      }
      unit = unit << 4 | UInt32(digit)
      position += 1
    }
    return unit
  }

  /// Whether the bytes are UTF-8 (RFC 3629): no overlong form, no surrogate, nothing above U+10FFFF.
  static func isUTF8(_ text: UnsafeRawBufferPointer) -> Bool {
    var i = 0
    while i < text.count {
      let first = unsafe text[i]
      i += 1
      if first < 0x80 { continue }
      // The second byte has a range of its own where the first alone would allow too much.
      let (more, second): (Int, ClosedRange<UInt8>)
      switch first {
      case 0xC2...0xDF: (more, second) = (1, 0x80...0xBF)
      case 0xE0: (more, second) = (2, 0xA0...0xBF)
      case 0xED: (more, second) = (2, 0x80...0x9F)
      case 0xE1...0xEF: (more, second) = (2, 0x80...0xBF)
      case 0xF0: (more, second) = (3, 0x90...0xBF)
      case 0xF1...0xF3: (more, second) = (3, 0x80...0xBF)
      case 0xF4: (more, second) = (3, 0x80...0x8F)
      default: return false
      }
      guard i + more <= text.count, unsafe second ~= text[i] else { return false }
      for next in (i + 1)..<(i + more) where unsafe text[next] & 0xC0 != 0x80 { return false }
      i += more
    }
    return true
  }

  // MARK: - Times and numbers

  /// The time that stands here, milliseconds since 1970.
  mutating func time(_ reader: TimeReader) throws(ClickLineFault) -> Int64 {
    let text: UnsafeRawBufferPointer
    if peek != UInt8(ascii: "\"") {
      guard peek == UInt8(ascii: "-") || 0x30...0x39 ~= peek else {
        throw ClickLineFault(.time, "must be a number or a string")
      }
      let start = position
      guard skipNumber() else { throw ClickLineFault(.time, "is not a number as JSON writes it") }
      unsafe text = UnsafeRawBufferPointer(start: base + start, count: position - start)
    } else {
      unsafe text = try string(.time)
    }
    do throws(TimeFault) { return try unsafe reader.read(text) } catch { throw ClickLineFault(.time, error.detail) }
  }

  /// The id that stands here: a string, or a whole number, which is taken digit by digit.
  @inline(__always)
  mutating func identifier(_ field: ClickLineFault.Field) throws(ClickLineFault) -> UnsafeRawBufferPointer {
    if peek == UInt8(ascii: "\"") { return try unsafe string(field) }
    let start = position
    while 0x30...0x39 ~= peek { position += 1 }
    let isWhole = peek != UInt8(ascii: ".") && peek | 0x20 != UInt8(ascii: "e")
    guard position > start, isWhole, unsafe base[start] != 0x30 || position == start + 1 else {
      throw ClickLineFault(field, "must be a string, or a whole number")
    }
    return unsafe UnsafeRawBufferPointer(start: base + start, count: position - start)
  }

  /// Moves over a number of JSON's grammar; false where there is none.
  private mutating func skipNumber() -> Bool {
    _ = take(UInt8(ascii: "-"))
    if !take(0x30) { guard skipDigits() else { return false } }
    if take(UInt8(ascii: ".")) { guard skipDigits() else { return false } }
    if take(UInt8(ascii: "e")) || take(UInt8(ascii: "E")) {
      if !take(UInt8(ascii: "+")) { _ = take(UInt8(ascii: "-")) }
      guard skipDigits() else { return false }
    }
    return !(0x30...0x39 ~= peek)
  }

  @inline(__always)
  private mutating func skipDigits() -> Bool {
    let start = position
    while 0x30...0x39 ~= peek { position += 1 }
    return position > start
  }

  // MARK: - Other values

  /// Whether an object begins here.
  var isAtObject: Bool { peek == UInt8(ascii: "{") }

  /// Takes `null` where it stands here.
  mutating func null() throws(ClickLineFault) -> Bool {
    guard peek == UInt8(ascii: "n") else { return false }
    try word("null")
    return true
  }

  private mutating func word(_ word: StaticString) throws(ClickLineFault) {
    for i in 0..<word.utf8CodeUnitCount {
      guard take(unsafe word.utf8Start[i]) else { throw ClickLineFault(.line, "is not JSON: no value") }
    }
  }

  /// Moves over a value of any kind.
  mutating func skipValue(depth: Int) throws(ClickLineFault) {
    switch peek {
    case UInt8(ascii: "{"), UInt8(ascii: "["):
      guard depth < ClickLineReader.maximumDepth else {
        throw ClickLineFault(.line, "has more than 16 arrays and objects inside each other")
      }
      try skipMembers(depth: depth + 1)
    case UInt8(ascii: "\""): _ = try unsafe string(.line)
    case UInt8(ascii: "-"), 0x30...0x39:
      guard skipNumber() else { throw ClickLineFault(.line, "is not JSON: no number") }
    case UInt8(ascii: "t"): try word("true")
    case UInt8(ascii: "f"): try word("false")
    default: try word("null")
    }
  }

  private mutating func skipMembers(depth: Int) throws(ClickLineFault) {
    let isObject = peek == UInt8(ascii: "{")
    let end = isObject ? UInt8(ascii: "}") : UInt8(ascii: "]")
    position += 1
    skipSpace()
    if take(end) { return }
    repeat {
      skipSpace()
      if isObject {
        _ = try unsafe string(.line)
        skipSpace()
        guard take(UInt8(ascii: ":")) else { throw ClickLineFault(.line, "is not JSON: no : behind a name") }
        skipSpace()
      }
      try skipValue(depth: depth)
      skipSpace()
    } while take(UInt8(ascii: ","))
    guard take(end) else { throw ClickLineFault(.line, "is not JSON: no end of an array or object") }
  }
}

import Clicks

// What a table has where it has nothing. Programs write a missing value as an empty field, as blanks, or as one of a few
// words; an id that is derived from any of these would make one click of all the lines that have it.

/// Values that are none.
enum Blank {
  private static let words: [StaticString] = [
    "null", "\\n", "nil", "none", "nan", "n/a", "#n/a", "undefined", "(null)", "<null>", "-",
  ]

  /// Without the blanks around it.
  static func trimmed(_ text: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
    var (start, end) = (0, text.count)
    while start < end, unsafe isSpace(text[start]) { start += 1 }
    while start < end, unsafe isSpace(text[end - 1]) { end -= 1 }
    return unsafe UnsafeRawBufferPointer(rebasing: text[start..<end])
  }

  private static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || 0x09...0x0D ~= byte }

  /// Whether a field of a table has no value.
  static func isNone(_ field: UnsafeRawBufferPointer) -> Bool {
    let text = unsafe trimmed(field)
    if text.count == 0 { return true }
    return words.contains { word in
      guard word.utf8CodeUnitCount == text.count else { return false }
      for i in 0..<text.count where unsafe lower(text[i]) != word.utf8Start[i] { return false }
      return true
    }
  }

  private static func lower(_ byte: UInt8) -> UInt8 { 0x41...0x5A ~= byte ? byte | 0x20 : byte }

  /// Whether a JSON value, as it is written, is none: null, a string that is none, an array or an object of nothing.
  static func isNone(json value: UnsafeRawBufferPointer) -> Bool {
    guard let first = unsafe value.first, let last = unsafe value.last else { return true }
    switch first {
    case UInt8(ascii: "\""):
      guard value.count >= 2 else { return true }
      let text = unsafe UnsafeRawBufferPointer(rebasing: value[1..<(value.count - 1)])
      if unsafe isNone(text) { return true }
      // Blanks may be written as escapes.
      guard unsafe text.first == UInt8(ascii: "\\") else { return false }
      return unsafe isBlankEscaped(text)
    case UInt8(ascii: "["), UInt8(ascii: "{"):
      return unsafe last == first + 2 && trimmed(UnsafeRawBufferPointer(rebasing: value[1..<(value.count - 1)])).isEmpty
    default: return unsafe isNone(value)
    }
  }

  private static let escapes: [StaticString] = ["\\t", "\\n", "\\r", "\\f", "\\u0020", "\\u0009", "\\u000a", "\\u000d"]

  /// Whether a text of a JSON string is made of blanks alone, in whatever way they are written.
  private static func isBlankEscaped(_ text: UnsafeRawBufferPointer) -> Bool {
    var at = 0
    while at < text.count {
      if unsafe isSpace(text[at]) {
        at += 1
        continue
      }
      let rest = unsafe UnsafeRawBufferPointer(rebasing: text[at...])
      let found = escapes.first { word in
        guard word.utf8CodeUnitCount <= rest.count else { return false }
        for i in 0..<word.utf8CodeUnitCount where unsafe lower(rest[i]) != word.utf8Start[i] { return false }
        return true
      }
      guard let found else { return false }
      at += found.utf8CodeUnitCount
    }
    return true
  }
}

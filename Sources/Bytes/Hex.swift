/// Hexadecimal text, as it stands in signatures, identifiers and dumps.
@usableFromInline package enum Hex {
  /// Two lower-case digits for each byte.
  package static func encode(_ bytes: some Sequence<UInt8>) -> String {
    var text: [UInt8] = []
    text.reserveCapacity(2 * bytes.underestimatedCount)
    for byte in bytes {
      text.append(digit(byte >> 4))
      text.append(digit(byte & 15))
    }
    return String(decoding: text, as: UTF8.self)
  }

  /// `value` in lower-case digits, padded with zeros to the full width of the type.
  package static func encode<T: FixedWidthInteger & UnsignedInteger>(_ value: T) -> String {
    let digits = String(value, radix: 16)
    return String(repeating: "0", count: T.bitWidth / 4 - digits.count) + digits
  }

  /// The bytes that `text` spells in either case, or nil where it has an odd length or another character.
  package static func decode(_ text: some Sequence<UInt8>) -> [UInt8]? {
    var bytes: [UInt8] = []
    var high: UInt8?
    for character in text {
      guard let value = value(of: character) else { return nil }
      if let first = high {
        bytes.append(first << 4 | value)
        high = nil
      } else {
        high = value
      }
    }
    return high == nil ? bytes : nil
  }

  /// The value of one digit in either case, or nil.
  @inlinable @inline(__always)
  package static func value(of character: UInt8) -> UInt8? {
    switch character {
    case 0x30...0x39: character - 0x30
    case 0x41...0x46: character - 0x41 + 10
    case 0x61...0x66: character - 0x61 + 10
    default: nil
    }
  }

  /// The number that eight digits of either case spell, all at once; nil where one is none. `digits` is the text as it is
  /// loaded from memory, its first character in the lowest byte.
  ///
  /// With bytes below 0x80, adding 0x80 - n sets the high bit of those that are at least n and carries into no other.
  @inlinable @inline(__always)
  package static func word(_ digits: UInt64) -> UInt32? {
    let low: UInt64 = 0x0101_0101_0101_0101
    let high: UInt64 = 0x8080_8080_8080_8080
    let plain = digits & ~high
    let lower = plain | low &* 0x20
    let isDigit = (plain &+ low &* (0x80 - 0x30)) & ~(plain &+ low &* (0x80 - 0x3A)) & high
    let isLetter = (lower &+ low &* (0x80 - 0x61)) & ~(lower &+ low &* (0x80 - 0x67)) & high
    guard digits & high | ~(isDigit | isLetter) & high == 0 else { return nil }
    var value = (plain & (low &* 0x0F)) &+ (isLetter >> 7) &* 9
    value = value.byteSwapped
    value = (value | value >> 4) & 0x00FF_00FF_00FF_00FF
    value = (value | value >> 8) & 0x0000_FFFF_0000_FFFF
    return UInt32(truncatingIfNeeded: value | value >> 16)
  }

  /// The lower-case digit of a value below 16.
  @inlinable @inline(__always)
  package static func digit(_ value: UInt8) -> UInt8 {
    value < 10 ? 0x30 + value : 0x61 + value - 10
  }
}

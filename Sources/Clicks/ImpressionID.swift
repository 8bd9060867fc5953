import Bytes

/// The 128 bits that name one showing of an ad. Together with the ad they are a click's identity: the pair counts once.
///
/// Written as 32 hex digits or as a UUID with hyphens, either case. A UUID of version 7 (RFC 9562, 5.7) carries its
/// minting time in milliseconds in the first 48 bits; any other 128 bits are as good an identity but carry no time.
package struct ImpressionID: Hashable, Sendable {
  /// The first 64 bits.
  package var high: UInt64
  /// The last 64 bits.
  package var low: UInt64

  @inlinable
  package init(high: UInt64, low: UInt64) {
    self.high = high
    self.low = low
  }

  /// Reads 32 hex digits, or 8-4-4-4-12 of them with hyphens. Nil for anything else.
  package init?(_ text: UnsafeRawBufferPointer) {
    let hyphens: Bool
    switch text.count {
    case 32: hyphens = false
    case 36: hyphens = true
    default: return nil
    }
    var words: (UInt64, UInt64) = (0, 0)
    var digits = 0
    for i in 0..<text.count {
      let character = unsafe text[i]
      if hyphens, i == 8 || i == 13 || i == 18 || i == 23 {
        guard character == 0x2D else { return nil }
        continue
      }
      guard let value = Hex.value(of: character) else { return nil }
      if digits < 16 { words.0 = words.0 << 4 | UInt64(value) } else { words.1 = words.1 << 4 | UInt64(value) }
      digits += 1
    }
    guard digits == 32 else { return nil }
    self.init(high: words.0, low: words.1)
  }

  /// The same from a string.
  package init?(_ text: String) {
    var text = text
    let parsed = text.withUTF8 { unsafe ImpressionID(UnsafeRawBufferPointer($0)) }
    guard let parsed else { return nil }
    self = parsed
  }

  /// A version 7 UUID minted at `time` (milliseconds since 1970, 48 bits), with 74 random bits.
  package static func version7(at time: Int64, random: (UInt64, UInt64)) -> ImpressionID {
    precondition(time >= 0 && time < 1 << 48, "minting time \(time) outside 48 bits")
    return ImpressionID(
      high: UInt64(time) << 16 | 0x7000 | random.0 & 0x0FFF,
      low: 0x8000_0000_0000_0000 | random.1 >> 2)
  }

  /// Milliseconds since 1970 at which a version 7 UUID was minted; nil for every other identity.
  package var mintedAt: Int64? {
    guard high >> 12 & 0xF == 7, low >> 62 == 2 else { return nil }
    return Int64(high >> 16)
  }
}

extension ImpressionID: CustomStringConvertible {
  /// The UUID form, lower case.
  package var description: String {
    let digits = Array(Hex.encode(high) + Hex.encode(low))
    return [0..<8, 8..<12, 12..<16, 16..<20, 20..<32].map { String(digits[$0]) }.joined(separator: "-")
  }
}

import Bytes

/// The 128 bits that name one showing of an ad. Together with the ad they are a click's identity: the pair counts once.
///
/// Written as 32 hex digits or as a UUID with hyphens, either case. Any 128 bits are as good an identity as any others. A UUID
/// of version 7 (RFC 9562, 5.7) carries its minting time in milliseconds in the first 48 bits; but one in 64 numbers of
/// random bits looks like one, so that a time in the bits is believed only as far as being wrong does no harm:
///
///     expired            only where the id is spelled as a UUID and the time is plausible (`EventTimeLimits.judge`)
///     route, look-up     a time in the bits saves work, and changes no result (`minting(by:)`)
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
    guard let base = text.baseAddress else { return nil }
    let first: UInt32?, second: UInt32?, third: UInt32?, fourth: UInt32?
    switch text.count {
    case 32:
      first = unsafe Self.digits(base, 0)
      second = unsafe Self.digits(base, 8)
      third = unsafe Self.digits(base, 16)
      fourth = unsafe Self.digits(base, 24)
    case 36:
      guard unsafe text[8] == 0x2D, unsafe text[13] == 0x2D, unsafe text[18] == 0x2D, unsafe text[23] == 0x2D else {
        return nil
      }
      first = unsafe Self.digits(base, 0)
      second = unsafe Self.digits(base, 9, 14)
      third = unsafe Self.digits(base, 19, 24)
      fourth = unsafe Self.digits(base, 28)
    default: return nil
    }
    guard let first, let second, let third, let fourth else { return nil }
    self.init(high: UInt64(first) << 32 | UInt64(second), low: UInt64(third) << 32 | UInt64(fourth))
  }

  /// The number of the eight digits at `offset`.
  @inline(__always)
  private static func digits(_ base: UnsafeRawPointer, _ offset: Int) -> UInt32? {
    unsafe Hex.word(UInt64(littleEndian: base.loadUnaligned(fromByteOffset: offset, as: UInt64.self)))
  }

  /// The number of the four digits at `one` and the four at `other`.
  @inline(__always)
  private static func digits(_ base: UnsafeRawPointer, _ one: Int, _ other: Int) -> UInt32? {
    let low = UInt32(littleEndian: unsafe base.loadUnaligned(fromByteOffset: one, as: UInt32.self))
    let high = UInt32(littleEndian: unsafe base.loadUnaligned(fromByteOffset: other, as: UInt32.self))
    return Hex.word(UInt64(high) << 32 | UInt64(low))
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

  /// Milliseconds since 1970 in the first 48 bits, where these look like a UUID of version 7; nil for all others. What the
  /// number means nobody can tell from the bits.
  @inlinable
  package var timeInBits: Int64? {
    guard high >> 12 & 0xF == 7, low >> 62 == 2 else { return nil }
    return Int64(high >> 16)
  }

  /// The least time, ms since 1970, that is ever taken for one of minting: 2020-01-01. RFC 9562 is of 2024.
  package static let earliestMinting: Int64 = 1_577_836_800_000

  /// The time in the bits where it can be one of minting for somebody whose clock says at most `latest`, ms since 1970; nil
  /// where there is none, or where it cannot. Whoever says nil once may say the time later, never the other way.
  @inlinable
  package func minting(by latest: Int64) -> Int64? {
    guard let time = timeInBits, time >= Self.earliestMinting, time <= latest else { return nil }
    return time
  }

  /// The minting time that a spelling of this id claims, ms since 1970: that of a UUID of version 7 in its form with hyphens,
  /// of 36 characters; nil for 32 hex digits. Whether it is plausible is the door's to say, which has a clock.
  @inlinable
  package func claimedMinting(characters: Int) -> Int64? { characters == 36 ? timeInBits : nil }
}

extension ImpressionID: CustomStringConvertible {
  /// The 32 hex digits, lower case.
  package var digits: String { Hex.encode(high) + Hex.encode(low) }

  /// The UUID form, lower case.
  package var description: String {
    let digits = Array(digits)
    return [0..<8, 8..<12, 12..<16, 16..<20, 20..<32].map { String(digits[$0]) }.joined(separator: "-")
  }
}

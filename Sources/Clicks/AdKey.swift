import Bytes

/// An ad inside the engine: the first 64 bits of SHA-256 of its external id (rule R11). A pure function of the id, so
/// that the log needs no other file to be read; the catalog refuses the one collision that may ever come.
package struct AdKey: Hashable, Sendable, CustomStringConvertible {
  package var rawValue: UInt64

  @inlinable
  package init(rawValue: UInt64) { self.rawValue = rawValue }

  /// The key of `id`, with a hasher of the calling thread's.
  package init(_ id: AdID, by hasher: SHA256 = SHA256()) {
    var text = id.text
    rawValue = text.withUTF8 { unsafe hasher.first64(UnsafeRawBufferPointer($0)) }
  }

  /// 16 hex digits: the beginning of what `sha256sum` prints for the ad id.
  package var description: String { Hex.encode(rawValue) }
}

/// An ad's external id: 1 to 64 characters of `A-Z a-z 0-9 _ . -`.
package struct AdID: Hashable, Sendable, CustomStringConvertible {
  package let text: String

  /// Nil where `text` is empty, longer than 64 characters, or has another character.
  package init?(_ text: String) {
    var copy = text
    guard copy.withUTF8({ unsafe Self.isValid(UnsafeRawBufferPointer($0)) }) else { return nil }
    self.text = text
  }

  /// Whether the bytes are an ad id.
  package static func isValid(_ text: UnsafeRawBufferPointer) -> Bool {
    guard 1...64 ~= text.count else { return false }
    for i in 0..<text.count {
      switch unsafe text[i] {
      case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x5F, 0x2E, 0x2D: continue
      default: return false
      }
    }
    return true
  }

  package var description: String { text }
}

import Bytes

/// Percent-decoding as queries and paths use it (RFC 3986, 2.1). Every `%` must be followed by two hex digits.
package enum PercentCoding {
  /// Why bytes could not be decoded.
  package enum Failure: Error, Equatable, Sendable {
    /// A `%` without two hex digits behind it.
    case badEscape
    /// The result does not fit the room that was given.
    case tooLong
    /// The result is not UTF-8 where text was asked for.
    case notUTF8
    /// A path segment spells `/` or NUL as an escape.
    case forbidden
    /// A path segment escapes a byte that needs no escape.
    case needless
  }

  /// Decodes `source` into `target` and returns how many bytes were written. With `plusIsSpace`, as in a query, `+`
  /// stands for a space. Nothing is allocated.
  package static func decode(
    _ source: UnsafeRawBufferPointer, into target: UnsafeMutableRawBufferPointer, plusIsSpace: Bool
  ) throws(Failure) -> Int {
    var read = 0
    var written = 0
    let count = source.count
    while read < count {
      var byte = unsafe source[read]
      read += 1
      if byte == ASCII.percent {
        guard read + 2 <= count, let high = unsafe Hex.value(of: source[read]),
          let low = unsafe Hex.value(of: source[read + 1])
        else { throw .badEscape }
        byte = high << 4 | low
        read += 2
      } else if byte == ASCII.plus, plusIsSpace {
        byte = ASCII.space
      }
      if written == target.count { throw .tooLong }
      unsafe target[written] = byte
      written += 1
    }
    return written
  }

  /// The decoded text of `source`.
  package static func string(_ source: UnsafeRawBufferPointer, plusIsSpace: Bool) throws(Failure) -> String {
    if unsafe !source.contains(where: { $0 == ASCII.percent || $0 == ASCII.plus }) {
      guard let text = unsafe String(validating: source, as: UTF8.self) else { throw .notUTF8 }
      return text
    }
    var failure: Failure?
    var bytes = [UInt8](repeating: 0, count: source.count)
    let count = unsafe bytes.withUnsafeMutableBytes { target in
      do throws(Failure) {
        return try unsafe decode(source, into: target, plusIsSpace: plusIsSpace)
      } catch {
        failure = error
        return 0
      }
    }
    if let failure { throw failure }
    guard let text = String(validating: bytes[..<count], as: UTF8.self) else { throw .notUTF8 }
    return text
  }

  /// The segments of `path`, each decoded for itself: `/api/v1/ads/a%20b` has four. An escaped `/` or NUL is refused,
  /// since what it means depends on who looks, and so is an escape of a letter, a digit or one of `-._~`: a path is spelled
  /// in one way, so that a rule of a proxy about its text is a rule about what it means. A path without a leading `/` has no segments; `/` has one, empty.
  package static func segments(of path: UnsafeRawBufferPointer) throws(Failure) -> [String] {
    var result: [String] = []
    guard unsafe path.first == ASCII.slash else { return result }
    var start = 1
    while start <= path.count {
      var end = start
      while end < path.count, unsafe path[end] != ASCII.slash { end += 1 }
      let raw = unsafe UnsafeRawBufferPointer(rebasing: path[start..<end])
      if unsafe hasNeedlessEscape(raw) { throw .needless }
      let segment = try unsafe string(raw, plusIsSpace: false)
      if segment.utf8.contains(where: { $0 == ASCII.slash || $0 == 0 }) { throw .forbidden }
      result.append(segment)
      start = end + 1
    }
    return result
  }

  private static func hasNeedlessEscape(_ text: UnsafeRawBufferPointer) -> Bool {
    guard text.count > 2 else { return false }
    for i in 0..<(text.count - 2) where unsafe text[i] == ASCII.percent {
      guard let high = unsafe Hex.value(of: text[i + 1]), let low = unsafe Hex.value(of: text[i + 2]) else { continue }
      if isUnreserved(high << 4 | low) { return true }
    }
    return false
  }

  private static func isUnreserved(_ byte: UInt8) -> Bool {
    switch byte {
    case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, ASCII.dash, ASCII.dot, 0x5F, 0x7E: true
    default: false
    }
  }

  /// `text` with every byte but unreserved ones escaped, as it may stand in a query value or a path segment.
  package static func encode(_ text: String) -> String {
    var bytes: [UInt8] = []
    for byte in text.utf8 {
      if isUnreserved(byte) {
        bytes.append(byte)
      } else {
        bytes.append(ASCII.percent)
        for digit in [byte >> 4, byte & 15] { bytes.append(digit < 10 ? 0x30 + digit : 0x41 + digit - 10) }
      }
    }
    return String(decoding: bytes, as: UTF8.self)
  }
}

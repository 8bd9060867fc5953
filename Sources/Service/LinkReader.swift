import Bytes
import Catalog
import Clicks

// A link that is not spelled as it was minted. What mail clients, templates and people do to links changes the text around
// the parameters and seldom the parameters themselves, and these are told apart easily: an ad id has letters, digits, `_`, `.`
// and `-`, the others are hexadecimal. So whatever can be read in one way only is read:
//
//   &amp;  &#38;  &#x26;  &amp;amp;  \u0026  %26amp%3B  ;  ?          for &
//   &#61;  &#x3D;  %3D                                                for =
//   the query encoded once, twice or three times too often
//   =3D in front of every value (quoted-printable mail)
//   blanks, quotes, brackets and points around a value, and anything behind a full signature that is no letter or digit
//   blanks and line ends inside of the hexadecimal ones
//   blank parameters; parameters twice with the same value
//
// Nothing here makes a forged link good: what was read is what the signature is held against, and what counts once is the ad
// and the impression, in any spelling. A parameter with two different values is malformed, since two readers could take
// either.
//
//   round 0: the query as it came    split at & and ;     ─▶ whole? done
//                                    split at ? too       ─▶ whole? done
//   round 1: decoded once more       …                                     three rounds at most

/// What such a link says.
package struct LinkReader {
  /// A valid ad id.
  package private(set) var ad: [UInt8] = []
  /// 32 hex digits or a UUID with hyphens.
  package private(set) var impression: [UInt8] = []
  /// 64 hex digits in lower case, or a text of at most 64 bytes that is no signature.
  package private(set) var signature: [UInt8] = []
  /// 1 to 64 bytes; nil where the link names no key.
  package private(set) var kid: [UInt8]?
  private var faults: [(parameter: String, detail: String)] = []

  private static let rounds = 4
  /// No link is shorter: one character, 32 digits and 64 digits with their names.
  private static let shortest = "adId=1&impressionId=&signature=".utf8.count + 96

  /// Reads `query`. Throws all that is wrong with it as it came.
  package static func read(_ query: UnsafeRawBufferPointer) throws(ClickFault) -> LinkReader {
    var text = unsafe Array(query)
    let first = LinkReader(text, splitsAtQuestion: false)
    if first.faults.isEmpty { return first }
    if text.count >= shortest {
      for round in 0..<rounds {
        if round > 0 {
          let decoded = decodedOnce(text)
          if decoded == text { break }
          text = decoded
          let link = LinkReader(text, splitsAtQuestion: false)
          if link.faults.isEmpty { return link }
        }
        let link = LinkReader(text, splitsAtQuestion: true)
        if link.faults.isEmpty { return link }
      }
    }
    throw ClickFault(faults: first.faults)
  }

  // MARK: - One reading

  private init(_ text: [UInt8], splitsAtQuestion: Bool) {
    var ads: [[UInt8]] = []
    var impressions: [[UInt8]] = []
    var signatures: [[UInt8]] = []
    var kids: [[UInt8]] = []
    let pieces = text.split { $0 == 0x26 || $0 == 0x3B || splitsAtQuestion && $0 == 0x3F }
    for piece in pieces {
      let sign = piece.firstIndex(of: 0x3D) ?? piece.endIndex
      let value = Self.decoded(piece[sign...].dropFirst())
      switch Self.name(piece[..<sign]) {
      case .ad: ads.append(value)
      case .impression: impressions.append(value)
      case .signature: signatures.append(value)
      case .kid: if !Self.plain(value).isEmpty { kids.append(value) }
      case nil: break
      }
    }
    if let plain = Self.withoutQuotedPrintable([ads, impressions, signatures]) {
      (ads, impressions, signatures) = (plain[0], plain[1], plain[2])
    }
    ad = one(.ad, ads, Self.cleanAd)
    impression = one(.impression, impressions, Self.cleanImpression)
    signature = one(.signature, signatures, Self.cleanSignature)
    kid = kids.isEmpty ? nil : one(.kid, kids, Self.plainKid)
  }

  /// The only value of a parameter, cleaned; takes down what is wrong with it.
  private mutating func one(_ name: Name, _ values: [[UInt8]], _ clean: ([UInt8]) -> [UInt8]?) -> [UInt8] {
    let given = values.filter { !Self.isBlank($0) }
    guard !given.isEmpty else {
      faults.append((name.rawValue, values.isEmpty ? "is missing" : "is blank"))
      return []
    }
    var found: [UInt8]?
    for value in given {
      guard let cleaned = clean(value) else {
        faults.append((name.rawValue, name.rule))
        return []
      }
      if let found, found != cleaned {
        faults.append((name.rawValue, "is given twice, with different values"))
        return []
      }
      found = cleaned
    }
    return found ?? []
  }

  private enum Name: String, CaseIterable {
    case ad = "adId"
    case impression = "impressionId"
    case signature, kid

    var rule: String {
      switch self {
      case .ad: "must be 1 to 64 characters of A-Z a-z 0-9 _ . -"
      case .impression: "must be 32 hex digits or a UUID"
      case .signature: "must be 64 hex digits, and is longer"
      case .kid: "is longer than 64 characters"
      }
    }
  }

  private static func name(_ raw: ArraySlice<UInt8>) -> Name? {
    var text = trimmed(decoded(raw)[...], front: isWrapper, back: isWrapper)
    while text.first == 0x3F { text = text.dropFirst() }
    if let name = Name(rawValue: String(decoding: text, as: UTF8.self)) { return name }
    // `&ampadId=`: a reference that lost its semicolon.
    guard text.starts(with: "amp".utf8) else { return nil }
    return Name(rawValue: String(decoding: text.dropFirst(3), as: UTF8.self))
  }

  // MARK: - Values

  private static func cleanAd(_ value: [UInt8]) -> [UInt8]? {
    let text = plain(value)
    let valid = unsafe text.withUnsafeBytes { unsafe AdID.isValid($0) }
    return valid ? text : nil
  }

  private static func cleanImpression(_ value: [UInt8]) -> [UInt8]? {
    for text in [value, withoutBlanks(value)] {
      let text = text.drop(while: isWrapper)
      for count in [36, 32] where text.count >= count {
        let next = text.dropFirst(count).first
        guard next.map({ !isAlphanumeric($0) && $0 != 0x2D && $0 >= 0x20 }) ?? true else { continue }
        let part = Array(text.prefix(count))
        if ImpressionID(String(decoding: part, as: UTF8.self)) != nil { return part }
      }
    }
    return nil
  }

  private static func cleanSignature(_ value: [UInt8]) -> [UInt8]? {
    for text in [value, withoutBlanks(value)] {
      let text = text.drop(while: isWrapper)
      let digits = text.prefix { Hex.value(of: $0) != nil }
      if digits.count == 64, text.dropFirst(64).first.map({ !isAlphanumeric($0) }) ?? true {
        // Either case is the same signature.
        return digits.map { $0 &- 0x41 < 26 ? $0 | 0x20 : $0 }
      }
    }
    // A short one is not malformed but wrong.
    return value.count <= 64 ? value : nil
  }

  private static func plainKid(_ value: [UInt8]) -> [UInt8]? {
    let text = plain(value)
    return text.count <= 64 ? text : nil
  }

  /// A name without what cannot be part of one at its ends.
  private static func plain(_ value: [UInt8]) -> [UInt8] {
    Array(trimmed(value[...], front: isWrapper) { isWrapper($0) || isPunctuation($0) && !isNameByte($0) })
  }

  /// A key id of a link without the punctuation at its end, some of which a key id may end in: for a second try where no key
  /// has the id as it stands. Empty where nothing is left.
  package static func bareKid(_ value: UnsafeRawBufferPointer) -> [UInt8] {
    let text = unsafe Array(value)
    return Array(trimmed(text[...], front: isWrapper) { isWrapper($0) || isPunctuation($0) })
  }

  /// The values without the `3D` that an undecoded `=3D` has left in front of each, where it stands in front of all.
  private static func withoutQuotedPrintable(_ values: [[[UInt8]]]) -> [[[UInt8]]]? {
    func isMarked(_ value: [UInt8]) -> Bool { value.count > 2 && value[0] == 0x33 && value[1] | 0x20 == 0x64 }
    guard values.allSatisfy({ !$0.isEmpty && $0.allSatisfy(isMarked) }) else { return nil }
    // An impression and a signature of the right length may begin so by themselves.
    guard let signature = values[2].first, cleanSignature(signature).map({ $0.count != 64 }) ?? true else { return nil }
    return values.map { $0.map { Array($0.dropFirst(2)) } }
  }

  // MARK: - Bytes

  /// `text` without percent-encoding; a `%` without two digits behind it stands for itself.
  private static func decoded(_ text: ArraySlice<UInt8>) -> [UInt8] {
    var result: [UInt8] = []
    result.reserveCapacity(text.count)
    var at = text.startIndex
    while at < text.endIndex {
      var byte = text[at]
      at += 1
      if byte == 0x25, at + 2 <= text.endIndex, let high = Hex.value(of: text[at]),
        let low = Hex.value(of: text[at + 1])
      {
        byte = high << 4 | low
        at += 2
      } else if byte == 0x2B {
        byte = 0x20
      }
      result.append(byte)
    }
    return result
  }

  /// `text` with one layer of encoding taken off: percent-encoding, character references of HTML, escapes of JSON.
  private static func decodedOnce(_ text: [UInt8]) -> [UInt8] {
    var result: [UInt8] = []
    result.reserveCapacity(text.count)
    var at = 0
    while at < text.count {
      if let (byte, length) = escape(text[at...]) {
        result.append(byte)
        at += length
      } else {
        result.append(text[at])
        at += 1
      }
    }
    return result
  }

  /// The character that `text` begins with an escape of, and the escape's length.
  private static func escape(_ text: ArraySlice<UInt8>) -> (UInt8, Int)? {
    let first = text[text.startIndex]
    if first == 0x25 {
      guard text.count >= 3, let high = Hex.value(of: text[text.startIndex + 1]),
        let low = Hex.value(of: text[text.startIndex + 2])
      else { return nil }
      return (high << 4 | low, 3)
    }
    if first == 0x5C {
      guard text.count >= 6, text.dropFirst().starts(with: "u00".utf8),
        let high = Hex.value(of: text[text.startIndex + 4]), let low = Hex.value(of: text[text.startIndex + 5])
      else { return nil }
      return (high << 4 | low, 6)
    }
    guard first == 0x26, let end = text.prefix(10).firstIndex(of: 0x3B) else { return nil }
    let name = String(decoding: text[(text.startIndex + 1)..<end], as: UTF8.self)
    let length = end - text.startIndex + 1
    switch name.lowercased() {
    case "amp": return (0x26, length)
    case "equals": return (0x3D, length)
    case "quest": return (0x3F, length)
    case "nbsp": return (0x20, length)
    case "lt": return (0x3C, length)
    case "gt": return (0x3E, length)
    case "quot": return (0x22, length)
    case "apos": return (0x27, length)
    case "dash", "hyphen": return (0x2D, length)
    case "period": return (0x2E, length)
    case "lowbar": return (0x5F, length)
    default: break
    }
    guard name.hasPrefix("#") else { return nil }
    let digits = name.dropFirst()
    let code = digits.hasPrefix("x") || digits.hasPrefix("X") ? UInt8(digits.dropFirst(), radix: 16) : UInt8(digits)
    return code.flatMap { $0 < 0x80 ? ($0, length) : nil }
  }

  private static func trimmed(
    _ text: ArraySlice<UInt8>, front: (UInt8) -> Bool, back: (UInt8) -> Bool
  ) -> ArraySlice<UInt8> {
    var text = text.drop(while: front)
    while let last = text.last, back(last) { text.removeLast() }
    return text
  }

  /// `text` without white space of all kinds, the invisible ones that word processors put into long words included.
  private static func withoutBlanks(_ text: [UInt8]) -> [UInt8] {
    let invisible: [[UInt8]] = [
      [0xC2, 0xA0], [0xC2, 0xAD], [0xE2, 0x80, 0x8B], [0xE2, 0x80, 0x8C], [0xE2, 0x80, 0x8D], [0xE2, 0x81, 0xA0],
      [0xEF, 0xBB, 0xBF],
    ]
    var result: [UInt8] = []
    var at = 0
    while at < text.count {
      if isSpace(text[at]) {
        at += 1
      } else if let mark = invisible.first(where: { text[at...].starts(with: $0) }) {
        at += mark.count
      } else {
        result.append(text[at])
        at += 1
      }
    }
    return result
  }

  private static func isBlank(_ text: [UInt8]) -> Bool { text.allSatisfy(isSpace) }

  private static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || 0x09...0x0D ~= byte }

  /// What may stand in front of a value: white space, quotes, opening brackets, bytes of other scripts' marks.
  private static func isWrapper(_ byte: UInt8) -> Bool {
    isSpace(byte) || byte >= 0x80 || [0x22, 0x27, 0x28, 0x3C, 0x5B, 0x60, 0x7B].contains(byte)
  }

  private static func isPunctuation(_ byte: UInt8) -> Bool { 0x21...0x7E ~= byte && !isAlphanumeric(byte) }

  private static func isNameByte(_ byte: UInt8) -> Bool {
    isAlphanumeric(byte) || byte == 0x2D || byte == 0x2E || byte == 0x5F
  }

  private static func isAlphanumeric(_ byte: UInt8) -> Bool {
    0x30...0x39 ~= byte || 0x41...0x5A ~= byte || 0x61...0x7A ~= byte
  }
}

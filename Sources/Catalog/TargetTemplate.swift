import Bytes

// Where a click goes, made of three things:
//
//   https://shop.example/p/{adId}?cid={impressionId}#top      the catalog's URL; what is in braces is filled in
//          + gclid=x                                          what passQuery lets through of the request's query
//   https://shop.example/p/42?cid=0193…&gclid=x#top           Location
//
// Ad and campaign are known when the ad is loaded, so most targets are constant from then on and cost a click nothing.
//
//   invariant: scheme, host, port and every path segment begin as the catalog has them, whatever the request says;
//              no byte of the result is a control, a space or outside ASCII; the result has at most `maximumBytes`.

/// The target of one ad's clicks, ready to be filled in.
package struct TargetTemplate: Sendable {
  /// The URL before its `#`, cut where the impression's id goes; never empty.
  private let head: [[UInt8]]
  /// The rest from `#` on, cut likewise; empty where the URL has no fragment.
  private let tail: [[UInt8]]
  private let passes: PassQuery

  /// The longest `Location`, bytes.
  package static let maximumBytes = 8192

  /// What may stand in braces.
  package enum Placeholder: String, CaseIterable, Sendable {
    case adID = "{adId}"
    case impressionID = "{impressionId}"
    case campaignID = "{campaignId}"
  }

  /// Bytes that an impression's id fills in at most: its longest spelling.
  private static let impressionBytes = 36

  /// The template of a URL that `fault` found good. Of one that is older than placeholders, braces that are none stay as they
  /// are.
  package init(_ url: String, adID: String, campaignID: String?, passes: PassQuery = PassQuery("")) {
    self.passes = passes
    let parts = Self.parts(of: Array(url.utf8)[...])
    var head: [[UInt8]] = [[]]
    var tail: [[UInt8]] = []
    var isTail = false
    func append(_ bytes: some Sequence<UInt8>) {
      if isTail { tail[tail.count - 1] += bytes } else { head[head.count - 1] += bytes }
    }
    for part in parts {
      switch part {
      case .text(let bytes):
        guard !isTail, let hash = bytes.firstIndex(of: UInt8(ascii: "#")) else {
          append(bytes)
          continue
        }
        append(bytes[..<hash])
        isTail = true
        tail = [Array(bytes[hash...])]
      case .placeholder(.adID): append(adID.utf8)
      case .placeholder(.campaignID): append((campaignID ?? "").utf8)
      case .placeholder(.impressionID): if isTail { tail.append([]) } else { head.append([]) }
      }
    }
    self.head = head
    self.tail = tail
  }

  /// Whether every click goes to the same place.
  package var isConstant: Bool { head.count == 1 && tail.count <= 1 && passes.isEmpty }

  /// The target without a request's part in it.
  package var plain: [UInt8] {
    unsafe filled(
      impression: UnsafeRawBufferPointer(start: nil, count: 0), query: UnsafeRawBufferPointer(start: nil, count: 0))
  }

  /// Bytes that the template takes.
  var cost: Int {
    (head + tail).reduce(64) { $0 + $1.count + 32 } + passes.entries.reduce(0) { $0 + $1.utf8.count + 64 }
  }

  /// `Location` of a click: `impression` as the request spells it, decoded, and the request's `query` as it stands. A
  /// parameter that would make it longer than `maximumBytes` is left out.
  package func filled(impression: UnsafeRawBufferPointer, query: UnsafeRawBufferPointer) -> [UInt8] {
    var id: [UInt8] = []
    for i in 0..<impression.count { Self.append(unsafe impression[i], to: &id, keeping: Self.isUnreserved) }
    var result = Self.joined(head, by: id)
    let fragment = tail.isEmpty ? [] : Self.joined(tail, by: id)
    if !passes.isEmpty, query.count > 0 {
      unsafe append(query, to: &result, room: Self.maximumBytes - fragment.count)
    }
    return result + fragment
  }

  private static func joined(_ pieces: [[UInt8]], by id: [UInt8]) -> [UInt8] {
    var result: [UInt8] = []
    for (index, piece) in pieces.enumerated() { result += index == 0 ? piece : id + piece }
    return result
  }

  // MARK: - Parameters of the request

  private func append(_ query: UnsafeRawBufferPointer, to result: inout [UInt8], room: Int) {
    let mark = result.firstIndex(of: UInt8(ascii: "?"))
    let own = mark.map { Array(result[($0 + 1)...]) } ?? []
    let taken = Set(own.split(separator: UInt8(ascii: "&")).compactMap { Self.name(of: $0) })
    var separator: [UInt8] = mark == nil ? [UInt8(ascii: "?")] : [UInt8(ascii: "&")]
    if mark != nil, own.isEmpty || own.last == UInt8(ascii: "&") { separator = [] }
    for pair in unsafe Array(query).split(separator: UInt8(ascii: "&")) {
      let pair = Self.withoutEntity(pair)
      guard let name = Self.name(of: pair), !name.isEmpty, passes.admits(name), !taken.contains(name) else { continue }
      let text = Self.sendable(pair)
      guard result.count + separator.count + text.count <= room else { continue }
      result += separator + text
      separator = [UInt8(ascii: "&")]
    }
  }

  /// A pair without what a page that wrote `&amp;` for `&` left of it.
  private static func withoutEntity(_ pair: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
    var pair = pair
    while true {
      let start = pair.prefix(6).map { 0x41...0x5A ~= $0 ? $0 | 0x20 : $0 }
      if start.starts(with: "amp;".utf8) {
        pair = pair.dropFirst(4)
      } else if start == Array("amp%3b".utf8) {
        pair = pair.dropFirst(6)
      } else {
        return pair
      }
    }
  }

  /// The decoded name of a pair; nil where it has a bad escape.
  private static func name(of pair: ArraySlice<UInt8>) -> [UInt8]? {
    var name: [UInt8] = []
    var rest = pair.prefix { $0 != UInt8(ascii: "=") }
    while let byte = rest.popFirst() {
      switch byte {
      case UInt8(ascii: "%"):
        guard let high = rest.popFirst().flatMap({ Hex.value(of: $0) }),
          let low = rest.popFirst().flatMap({ Hex.value(of: $0) })
        else { return nil }
        name.append(high << 4 | low)
      case UInt8(ascii: "+"): name.append(UInt8(ascii: " "))
      default: name.append(byte)
      }
    }
    return name
  }

  /// The bytes as they came, those that no URI may hold percent-encoded.
  private static func sendable(_ pair: ArraySlice<UInt8>) -> [UInt8] {
    var result: [UInt8] = []
    for index in pair.indices {
      let byte = pair[index]
      let isEscape =
        byte == UInt8(ascii: "%") && index + 2 < pair.endIndex && Hex.value(of: pair[index + 1]) != nil
        && Hex.value(of: pair[index + 2]) != nil
      if isEscape { result.append(byte) } else { append(byte, to: &result, keeping: isURIByte) }
    }
    return result
  }

  private static func append(_ byte: UInt8, to result: inout [UInt8], keeping isKept: (UInt8) -> Bool) {
    if isKept(byte) { return result.append(byte) }
    result.append(UInt8(ascii: "%"))
    for digit in [byte >> 4, byte & 15] { result.append(digit < 10 ? 0x30 + digit : 0x37 + digit) }
  }

  private static func isUnreserved(_ byte: UInt8) -> Bool {
    switch byte {
    case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E, 0x5F, 0x7E: true
    default: false
    }
  }

  /// Unreserved and reserved characters of RFC 3986, but for `#`, which would end the query, and `%`, which begins an escape.
  private static func isURIByte(_ byte: UInt8) -> Bool {
    isUnreserved(byte) || "!$&'()*+,;=:@/?[]".utf8.contains(byte)
  }

  // MARK: - Reading a URL

  private enum Part {
    case text(ArraySlice<UInt8>)
    case placeholder(Placeholder)
  }

  /// Where scheme and authority of an absolute URL end.
  private static func endOfAuthority(_ url: ArraySlice<UInt8>) -> Int {
    guard let colon = url.firstIndex(of: UInt8(ascii: ":")) else { return url.endIndex }
    let start = min(colon + 3, url.endIndex)
    return url[start...].firstIndex { "/?#".utf8.contains($0) } ?? url.endIndex
  }

  /// The URL cut at its placeholders. Scheme and authority have none.
  private static func parts(of url: ArraySlice<UInt8>) -> [Part] {
    var parts: [Part] = []
    var start = url.startIndex
    var at = endOfAuthority(url)
    while let open = url[at...].firstIndex(of: UInt8(ascii: "{")) {
      guard let found = placeholder(at: open, in: url) else {
        at = open + 1
        continue
      }
      if start < open { parts.append(.text(url[start..<open])) }
      parts.append(.placeholder(found))
      start = open + found.rawValue.utf8.count
      at = start
    }
    if start < url.endIndex { parts.append(.text(url[start...])) }
    return parts
  }

  private static func placeholder(at open: Int, in url: ArraySlice<UInt8>) -> Placeholder? {
    Placeholder.allCases.first { url[open...].starts(with: $0.rawValue.utf8) }
  }

  /// What is wrong with `url` as the target of an ad, in words to go behind the field's name; nil where it is good: an absolute
  /// http or https URL, with placeholders in path, query or fragment alone.
  package static func fault(in url: String, adID: String?, campaignID: String?) -> String? {
    let bytes = Array(url.utf8)[...]
    if bytes.count <= TargetURL.maximumBytes, let fault = faultOfBraces(bytes) { return fault }
    if let fault = TargetURL.fault(in: url) { return fault }
    let parts = parts(of: bytes)
    var length = 0
    for part in parts {
      switch part {
      case .text(let text): length += text.count
      case .placeholder(.adID): length += adID?.utf8.count ?? 64
      case .placeholder(.impressionID): length += impressionBytes
      case .placeholder(.campaignID):
        guard let campaignID else {
          return "has {campaignId}, but the ad has no campaignId; give it one, or leave the placeholder out"
        }
        length += campaignID.utf8.count
      }
    }
    guard length <= maximumBytes else {
      return "comes to \(length) bytes when its placeholders are filled in, more than \(maximumBytes)"
    }
    return faultOfSegments(parts, adID: adID, campaignID: campaignID)
  }

  private static func faultOfBraces(_ url: ArraySlice<UInt8>) -> String? {
    let authority = endOfAuthority(url)
    var at = url.startIndex
    while let brace = url[at...].firstIndex(where: { $0 == UInt8(ascii: "{") || $0 == UInt8(ascii: "}") }) {
      guard url[brace] == UInt8(ascii: "{") else { return "has a } at byte \(brace) that closes nothing; write %7D" }
      guard let found = placeholder(at: brace, in: url) else {
        let known = Placeholder.allCases.map(\.rawValue).joined(separator: ", ")
        return "has a { at byte \(brace) that begins no placeholder (\(known)); write %7B for a brace"
      }
      guard brace >= authority else {
        return "has \(found.rawValue) in its scheme or host; placeholders stand in path, query or fragment"
      }
      if url[..<brace].suffix(2).contains(UInt8(ascii: "%")) {
        return "has \(found.rawValue) inside a percent escape at byte \(brace)"
      }
      at = brace + found.rawValue.utf8.count
    }
    return nil
  }

  /// A segment that ad or campaign would turn into `.` or `..` leads to another path.
  private static func faultOfSegments(_ parts: [Part], adID: String?, campaignID: String?) -> String? {
    // Most URLs are filled in nowhere.
    if parts.count <= 1, case .text? = parts.first { return nil }
    var segment = ""
    var isFilled = false
    for part in parts {
      switch part {
      case .placeholder(.adID):
        segment += adID ?? ""
        isFilled = true
      case .placeholder(.campaignID):
        segment += campaignID ?? ""
        isFilled = true
      case .placeholder(.impressionID): segment += "impression"
      case .text(let text):
        for byte in text {
          guard "/?#".utf8.contains(byte) else {
            segment.unicodeScalars.append(Unicode.Scalar(byte))
            continue
          }
          if isFilled, isDots(segment) { return "has a path segment that becomes \(segment) when it is filled in" }
          if byte != UInt8(ascii: "/") { return nil }
          segment = ""
          isFilled = false
        }
      }
    }
    return isFilled && isDots(segment) ? "has a path segment that becomes \(segment) when it is filled in" : nil
  }

  private static func isDots(_ segment: String) -> Bool {
    var bytes = Array(segment.utf8)
    var dots = 0
    while !bytes.isEmpty {
      if bytes[0] == UInt8(ascii: ".") {
        bytes.removeFirst()
      } else if bytes.count >= 3, bytes[0] == 0x25, bytes[1] == 0x32, bytes[2] | 0x20 == UInt8(ascii: "e") {
        bytes.removeFirst(3)
      } else {
        return false
      }
      dots += 1
    }
    return 1...2 ~= dots
  }
}

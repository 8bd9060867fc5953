// The grammar again, as plainly as it can be said: lines cut off at line feeds, no limits, no incremental state.
// Says `more` wherever a line is not whole, where the parser may already know better.

func referenceRead(_ bytes: [UInt8], bodyLimit: Int) -> Reading {
  var reading = Reading()
  var rest = bytes[...]
  func token(_ text: ArraySlice<UInt8>) -> Bool {
    !text.isEmpty
      && text.allSatisfy {
        let c = UnicodeScalar($0)
        return $0 < 0x80 && (c.properties.isAlphabetic || "0123456789!#$%&'*+-.^_`|~".unicodeScalars.contains(c))
      }
  }
  func hostlike(_ text: ArraySlice<UInt8>) -> Bool {
    text.allSatisfy {
      let c = UnicodeScalar($0)
      return $0 < 0x80
        && (c.properties.isAlphabetic || "0123456789-._~!$&'()*+,;=%:[]".unicodeScalars.contains(c))
    }
  }
  /// A line without its CR LF; nil where it is not whole; a thrown status where it has no CR or a control inside.
  struct Refused: Error { var status: Int }
  func line() throws -> ArraySlice<UInt8>? {
    guard let end = rest.firstIndex(of: 10) else { return nil }
    let line = rest[..<end]
    rest = rest[(end + 1)...]
    guard line.last == 13 else { throw Refused(status: 400) }
    let content = line.dropLast()
    if content.contains(where: { ($0 < 0x20 && $0 != 9) || $0 == 0x7F }) { throw Refused(status: 400) }
    return content
  }
  func string(_ text: ArraySlice<UInt8>) -> String { String(decoding: text, as: UTF8.self) }
  func trim(_ text: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
    var text = text
    while let c = text.first, c == 32 || c == 9 { text = text.dropFirst() }
    while let c = text.last, c == 32 || c == 9 { text = text.dropLast() }
    return text
  }
  func one() throws -> String? {
    guard var start = try line() else { return nil }
    if start.isEmpty {
      guard let second = try line() else { return nil }
      start = second
    }
    let parts = start.split(separator: 32, omittingEmptySubsequences: false)
    guard parts.count == 3, token(parts[0]) else { throw Refused(status: 400) }
    let split = parts[1].firstIndex(of: 0x3F)
    guard !parts[1].isEmpty, parts[1].allSatisfy({ $0 > 0x20 && $0 != 0x7F }),
      parts[1][..<(split ?? parts[1].endIndex)].allSatisfy({ $0 < 0x7F && $0 != 0x23 })
    else { throw Refused(status: 400) }
    var version = string(parts[2])
    guard version.utf8.count == 8, version.hasPrefix("HTTP/1."), "0123456789".contains(version.last!) else {
      throw Refused(status: 505)
    }
    if version != "HTTP/1.0" { version = "HTTP/1.1" }
    var path = parts[1][..<(split ?? parts[1].endIndex)]
    let query = split.map { parts[1][($0 + 1)...] } ?? []
    var authority = ""
    if path.first != 0x2F {
      let lower = string(path).lowercased()
      if string(parts[1]) == "*", string(parts[0]) == "OPTIONS" {
        // As it is.
      } else if lower.hasPrefix("http://") || lower.hasPrefix("https://") {
        path = path.dropFirst(lower.hasPrefix("https://") ? 8 : 7)
        let host = path.prefix { $0 != 0x2F }
        guard !host.isEmpty, hostlike(host) else { throw Refused(status: 400) }
        authority = string(host)
        path = path.dropFirst(host.count)
        if path.isEmpty { path = [0x2F] }
      } else {
        throw Refused(status: 400)
      }
    }
    var fields: [(name: String, value: ArraySlice<UInt8>)] = []
    while true {
      guard let field = try line() else { return nil }
      if field.isEmpty { break }
      guard let colon = field.firstIndex(of: 0x3A), token(field[..<colon]) else { throw Refused(status: 400) }
      fields.append((string(field[..<colon]), trim(field[(colon + 1)...])))
    }
    func all(_ name: String) -> [ArraySlice<UInt8>] { fields.filter { $0.name.lowercased() == name }.map(\.value) }
    let hosts = all("host")
    guard hosts.count <= 1, hosts.allSatisfy(hostlike), version == "HTTP/1.0" || hosts.count == 1 else {
      throw Refused(status: 400)
    }
    if authority.isEmpty { authority = hosts.first.map(string) ?? "" }
    if version == "HTTP/1.1", all("expect").contains(where: { string($0).lowercased() != "100-continue" }) {
      throw Refused(status: 417)
    }
    let lengths = all("content-length")
    let codings = all("transfer-encoding")
    guard lengths.count <= 1, codings.count <= 1, lengths.isEmpty || codings.isEmpty else {
      throw Refused(status: 400)
    }
    var body: [UInt8] = []
    if let length = lengths.first {
      guard !length.isEmpty, length.count <= 18, length.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }) else {
        throw Refused(status: 400)
      }
      let count = Int(string(length))!
      if count > bodyLimit { throw Refused(status: 413) }
      if rest.count < count { return nil }
      body = Array(rest.prefix(count))
      rest = rest.dropFirst(count)
    } else if let coding = codings.first {
      guard string(coding).lowercased() == "chunked", version == "HTTP/1.1" else { throw Refused(status: 400) }
      while true {
        guard let sizeLine = try line() else { return nil }
        let digits = sizeLine.prefix { $0 != 0x3B }
        guard !digits.isEmpty, digits.count <= 15, let size = Int(string(digits), radix: 16), digits.first != 0x2B,
          digits.first != 0x2D
        else { throw Refused(status: 400) }
        if size > bodyLimit - body.count { throw Refused(status: 413) }
        if size == 0 { break }
        if rest.count < size + 2 {
          if rest.count > size, rest[rest.startIndex + size] != 13 { throw Refused(status: 400) }
          return nil
        }
        body += rest.prefix(size)
        rest = rest.dropFirst(size)
        guard rest.starts(with: [13, 10]) else { throw Refused(status: 400) }
        rest = rest.dropFirst(2)
      }
      while true {
        guard let trailer = try line() else { return nil }
        if trailer.isEmpty { break }
        guard let colon = trailer.firstIndex(of: 0x3A), token(trailer[..<colon]) else { throw Refused(status: 400) }
      }
    }
    let shownQuery = unsafe Array(query).withUnsafeBytes { unsafe text($0) }
    let shownPath = unsafe Array(path).withUnsafeBytes { unsafe text($0) }
    var result = "\(string(parts[0])) \(shownPath) ?\(shownQuery) 1.\(version.last!) @\(authority)"
    for field in fields { result += " [\(field.name)=\(string(field.value))]" }
    return result + " {\(unsafe body.withUnsafeBytes { unsafe text($0) })}"
  }
  do {
    while let request = try one() { reading.requests.append(request) }
  } catch {
    reading.status = (error as? Refused)?.status
  }
  return reading
}

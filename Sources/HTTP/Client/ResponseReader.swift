// Answers, read from whatever comes: a struct that takes bytes and says when one is whole.

/// An answer as a client sees it.
package struct Response: Equatable, Sendable {
  package var status: Int
  /// Field lines in the order they came.
  package var headers: [(name: String, value: String)]
  package var body: [UInt8]
  /// Whether the server keeps the connection open.
  package var keepsAlive: Bool

  /// The value of the first field called `name`, without regard to case.
  package func header(_ name: String) -> String? {
    headers.first { $0.name.lowercased() == name.lowercased() }?.value
  }

  /// The body as text, bytes that are not UTF-8 replaced.
  package var text: String { String(decoding: body, as: UTF8.self) }

  package static func == (a: Response, b: Response) -> Bool {
    a.status == b.status && a.body == b.body && a.keepsAlive == b.keepsAlive
      && a.headers.elementsEqual(b.headers) { $0.name == $1.name && $0.value == $1.value }
  }
}

/// Takes the bytes of a connection and gives the answers in them.
package struct ResponseReader {
  /// Bytes of an answer's head that are taken; more is malformed.
  static let headLimit = 64 << 10

  private var bytes: [UInt8] = []
  /// Bytes in front that earlier answers took.
  private var taken = 0
  private var isEnded = false

  package init() {}

  /// Adds what has come.
  package mutating func feed(_ more: some Sequence<UInt8>) {
    if taken > 0 {
      bytes.removeFirst(taken)
      taken = 0
    }
    bytes.append(contentsOf: more)
  }

  /// No more bytes will come.
  package mutating func end() { isEnded = true }

  /// Whether bytes of an answer are at hand.
  package var isInside: Bool { bytes.count > taken }

  /// The next answer, or nil while it is not whole; interim ones (1xx) are passed over. `isHead` says that the request
  /// was HEAD, so that no body follows.
  package mutating func next(isHead: Bool) throws(ClientError) -> Response? {
    while true {
      guard let head = try readHead() else {
        if isEnded { throw .closed(isInside ? "in the middle of an answer's head" : "before an answer") }
        return nil
      }
      var response = head.response
      var position = head.end
      if response.status < 200 {
        taken = position
        continue
      }
      if !isHead, response.status != 204, response.status != 304 {
        guard let (body, end) = try readBody(response, from: position, keepsAlive: &response.keepsAlive) else {
          if isEnded { throw .closed("in the middle of an answer's body") }
          return nil
        }
        response.body = body
        position = end
      }
      taken = position
      return response
    }
  }

  private func readHead() throws(ClientError) -> (response: Response, end: Int)? {
    var position = taken
    guard let statusLine = try line(&position) else { return nil }
    let parts = statusLine.split(separator: " ", maxSplits: 2, omittingEmptySubsequences: false)
    guard parts.count >= 2, parts[0] == "HTTP/1.1" || parts[0] == "HTTP/1.0", parts[1].utf8.count == 3,
      let status = Int(parts[1]), status >= 100
    else { throw .malformed("the status line is '\(statusLine.prefix(80))'") }
    var response = Response(status: status, headers: [], body: [], keepsAlive: parts[0] == "HTTP/1.1")
    while true {
      guard let field = try line(&position) else { return nil }
      if field.isEmpty { break }
      guard let colon = field.firstIndex(of: ":"), colon != field.startIndex else {
        throw .malformed("a field line is '\(field.prefix(80))'")
      }
      let value = field[field.index(after: colon)...].drop { $0 == " " || $0 == "\t" }
      response.headers.append((name: String(field[..<colon]), value: String(value)))
    }
    switch response.header("connection")?.lowercased() {
    case "close": response.keepsAlive = false
    case "keep-alive": response.keepsAlive = true
    default: break
    }
    return (response, position)
  }

  /// The line at `position`, which moves behind its line end; nil while it is not whole.
  private func line(_ position: inout Int) throws(ClientError) -> String? {
    guard let end = bytes[position...].firstIndex(of: ASCII.lineFeed) else {
      if bytes.count - taken > Self.headLimit { throw .malformed("the head is longer than \(Self.headLimit) bytes") }
      return nil
    }
    guard end > position, bytes[end - 1] == ASCII.carriageReturn else { throw .malformed("a line ends without CR") }
    defer { position = end + 1 }
    return String(decoding: bytes[position..<end - 1], as: UTF8.self)
  }

  private func readBody(
    _ response: Response, from start: Int, keepsAlive: inout Bool
  ) throws(ClientError) -> (body: [UInt8], end: Int)? {
    if let coding = response.header("transfer-encoding") {
      guard coding.lowercased() == "chunked" else { throw .malformed("the transfer coding is '\(coding)'") }
      return try readChunks(from: start)
    }
    guard let announced = response.header("content-length") else {
      // The end of the connection ends the body.
      keepsAlive = false
      return isEnded ? (Array(bytes[start...]), bytes.count) : nil
    }
    guard let length = Int(announced), length >= 0, length <= 1 << 40 else {
      throw .malformed("the content length is '\(announced)'")
    }
    if bytes.count - start < length { return nil }
    return (Array(bytes[start..<start + length]), start + length)
  }

  private func readChunks(from start: Int) throws(ClientError) -> (body: [UInt8], end: Int)? {
    var body: [UInt8] = []
    var position = start
    while true {
      guard let sizeLine = try line(&position) else { return nil }
      let digits = sizeLine.prefix { $0 != ";" && $0 != " " }
      guard !digits.isEmpty, digits.utf8.count <= 10, let size = Int(digits, radix: 16), size >= 0 else {
        throw .malformed("a chunk's size is '\(sizeLine.prefix(80))'")
      }
      if size == 0 { break }
      if bytes.count - position < size + 2 { return nil }
      body.append(contentsOf: bytes[position..<position + size])
      position += size
      guard bytes[position] == ASCII.carriageReturn, bytes[position + 1] == ASCII.lineFeed else {
        throw .malformed("a chunk does not end where its size says")
      }
      position += 2
    }
    while true {
      guard let trailer = try line(&position) else { return nil }
      if trailer.isEmpty { return (body, position) }
    }
  }
}

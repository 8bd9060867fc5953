// An answer, written straight into the connection's output:
//
//   begin ─▶ header … ─▶ body
//
// `begin` writes the status line and Date; `body` writes Content-Length, Connection where it must be said, the empty
// line and the bytes. An answer that ends without `body` has an empty one; one that never began is a 500, since its
// handler forgot it. Nothing on this path allocates unless the output block overflows.

/// Writes one answer. Valid inside the closure it was given to.
@safe package struct ResponseWriter: ~Copyable {
  private enum State { case initial, headers, complete }

  private let output: UnsafeMutablePointer<OutputBuffer>
  private let blocks: BlockPool
  private let date: UnsafeRawBufferPointer
  private let isHead: Bool
  private let closes: Bool
  private let isOld: Bool
  private var state = State.initial
  private var status = 0

  /// Fields that `begin` adds whatever the answer turns out to be. Set before it.
  package var extraFields: [(name: StaticString, value: String)] = []

  /// - Parameters:
  ///   - date: the Date line, line end included.
  ///   - isHead: the request was HEAD: the body is left out, its length is told.
  ///   - closes: the connection ends with this answer.
  ///   - isOld: the client speaks HTTP/1.0, so that staying open must be said.
  init(
    output: UnsafeMutablePointer<OutputBuffer>, blocks: BlockPool, date: UnsafeRawBufferPointer, isHead: Bool,
    closes: Bool, isOld: Bool
  ) {
    unsafe self.output = output
    self.blocks = blocks
    unsafe self.date = date
    self.isHead = isHead
    self.closes = closes
    self.isOld = isOld
  }

  /// Begins the answer with a final status, 200…599. To be called once, first.
  package mutating func begin(_ status: Int) {
    precondition(state == .initial, "an answer begins once")
    precondition(status >= 200 && status <= 599, "not a final status")
    self.status = status
    state = .headers
    write("HTTP/1.1 ")
    writeDecimal(status)
    write(" ")
    write(reasonPhrase(status))
    write("\r\n")
    unsafe write(date)
    // What a redirect leads to is nobody's to guess at; everything else is what its type says.
    if status / 100 != 3 { write("X-Content-Type-Options: nosniff\r\n") }
    for (name, value) in extraFields { header(name, value) }
  }

  /// Adds a field. Control bytes in `value` (CR, LF, NUL and the like) are replaced by spaces, so that no value can
  /// end its line. Not for Date, Content-Length, Connection and Transfer-Encoding, which are the writer's own.
  package mutating func header(_ name: StaticString, _ value: UnsafeRawBufferPointer) {
    precondition(state == .headers, "fields stand between begin and body")
    write(name)
    write(": ")
    unsafe output.pointee.appendFieldValue(value, blocks)
    write("\r\n")
  }

  /// Adds a field; see the form for bytes.
  package mutating func header(_ name: StaticString, _ value: String) {
    var value = value
    value.withUTF8 { unsafe header(name, UnsafeRawBufferPointer($0)) }
  }

  /// Adds a field with a value of ours.
  package mutating func header(_ name: StaticString, _ value: StaticString) {
    unsafe header(name, UnsafeRawBufferPointer(start: value.utf8Start, count: value.utf8CodeUnitCount))
  }

  /// Adds whole field lines as they are, each with its CR LF: the fastest way to say what is always the same.
  package mutating func headerLines(_ lines: StaticString) {
    precondition(state == .headers, "fields stand between begin and body")
    write(lines)
  }

  /// Ends the answer with `bytes` as its body. With 204 and 304 there is no body, with HEAD only its length.
  package mutating func body(_ bytes: UnsafeRawBufferPointer) {
    precondition(state == .headers, "a body follows begin")
    state = .complete
    let hasBody = status != 204 && status != 304
    if hasBody {
      write("Content-Length: ")
      writeDecimal(bytes.count)
      write("\r\n")
    }
    if closes {
      write("Connection: close\r\n\r\n")
    } else if isOld {
      write("Connection: keep-alive\r\n\r\n")
    } else {
      write("\r\n")
    }
    if hasBody, !isHead { unsafe write(bytes) }
  }

  /// Ends the answer with `bytes` as its body.
  package mutating func body(_ bytes: [UInt8]) {
    unsafe bytes.withUnsafeBytes { unsafe body($0) }
  }

  /// Ends the answer with the UTF-8 of `text` as its body.
  package mutating func body(_ text: String) {
    var text = text
    text.withUTF8 { unsafe body(UnsafeRawBufferPointer($0)) }
  }

  /// Ends the head of an answer whose body comes in pieces. Until its end such a body is chunked; a client of HTTP/1.0
  /// does not know that, so for it the end of the connection ends the body.
  mutating func openBody() {
    if state == .initial { begin(500) }
    precondition(state == .headers, "an answer in pieces has no body of its own")
    state = .complete
    if !isOld { write("Transfer-Encoding: chunked\r\n") }
    write(closes || isOld ? "Connection: close\r\n\r\n" : "\r\n")
  }

  /// Makes a whole answer of what was written.
  mutating func finish() {
    if state == .initial { begin(500) }
    if state == .headers { unsafe body(UnsafeRawBufferPointer(start: nil, count: 0)) }
  }

  @inline(__always)
  private func write(_ text: StaticString) {
    unsafe write(UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
  }

  @inline(__always)
  private func write(_ bytes: UnsafeRawBufferPointer) { unsafe output.pointee.append(bytes, blocks) }

  private func writeDecimal(_ value: Int) { unsafe output.pointee.appendDecimal(value, blocks) }
}

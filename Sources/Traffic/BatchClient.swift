import Glibc
import Platform

/// What a server said of a batch.
package struct BatchAnswer: Sendable, Equatable {
  package var status: Int
  package var body: [UInt8]

  /// The body as text.
  package var text: String { String(decoding: body, as: UTF8.self) }

  /// The number behind `"name":` in the body; 0 where there is none.
  package func number(_ name: String) -> Int {
    guard let found = text.range(of: "\"\(name)\":") else { return 0 }
    return Int(text[found...].prefix { $0.isNumber }) ?? 0
  }
}

extension String {
  /// Where the text behind the first `other` begins.
  fileprivate func range(of other: String) -> Index? {
    var start = startIndex
    while start < endIndex {
      if self[start...].hasPrefix(other) { return index(start, offsetBy: other.count) }
      start = index(after: start)
    }
    return nil
  }
}

/// Sends batches of clicks, one after the other on one keep-alive connection, piece by piece: `begin`, `send` …, `finish`.
/// Blocks; belongs to one thread.
package final class BatchClient {
  /// The connection could not be used any more, or no answer came.
  package struct Failure: Error, CustomStringConvertible {
    package let description: String
  }

  private let address: ServerAddress
  private let timeout: Int32
  private var descriptor: Int32 = -1
  private var isChunked = false
  private var hasBroken = false

  /// A client of the server at `address` that waits at most `seconds` for anything.
  package init(_ address: ServerAddress, seconds: Int = 30) {
    self.address = address
    timeout = Int32(clamping: seconds * 1_000)
  }

  deinit { disconnect() }

  /// Closes the connection, in the middle of a batch or not.
  package func disconnect() {
    if descriptor >= 0 { close(descriptor) }
    descriptor = -1
  }

  /// Begins a batch of `length` bytes, chunked where nobody says how many.
  package func begin(token: String, length: Int? = nil, type: String = "application/x-ndjson") throws {
    if descriptor < 0 {
      descriptor = try address.connect()
      try wait(Int16(POLLOUT), "connecting")
    }
    isChunked = length == nil
    hasBroken = false
    let framing = length.map { "Content-Length: \($0)" } ?? "Transfer-Encoding: chunked"
    let head =
      "POST /api/v1/clicks HTTP/1.1\r\nHost: \(address)\r\nAuthorization: Bearer \(token)\r\n"
      + "Content-Type: \(type)\r\n\(framing)\r\n\r\n"
    try put(Array(head.utf8))
  }

  /// Sends a piece of the body. False where the server has answered or closed already: `finish` tells.
  @discardableResult
  package func send(_ bytes: UnsafeRawBufferPointer) throws -> Bool {
    guard bytes.count > 0 else { return !hasBroken }
    if isChunked { try put(Array("\(String(bytes.count, radix: 16))\r\n".utf8)) }
    try unsafe put(bytes)
    if isChunked { try put([13, 10]) }
    return !hasBroken
  }

  /// Sends a piece of the body.
  @discardableResult
  package func send(_ bytes: [UInt8]) throws -> Bool { try unsafe bytes.withUnsafeBytes { try unsafe send($0) } }

  /// Ends the body and waits for the answer.
  package func finish() throws -> BatchAnswer {
    if isChunked { try put(Array("0\r\n\r\n".utf8)) }
    var received: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 64 << 10)
    while true {
      switch ResponseHead.parse(received.span, from: 0, toHead: false) {
      case .broken: throw fail("no HTTP answer")
      case .head(let head):
        guard let body = head.body else { throw fail("an answer of unknown length") }
        if received.count >= head.length + body {
          let answer = BatchAnswer(
            status: head.outcome.status, body: Array(received[head.length..<head.length + body]))
          if head.closes || hasBroken { disconnect() }
          return answer
        }
      case .incomplete: break
      }
      try wait(Int16(POLLIN), "the answer")
      let count = unsafe chunk.withUnsafeMutableBytes { unsafe recv(descriptor, $0.baseAddress, $0.count, 0) }
      if count > 0 {
        received += chunk[..<count]
      } else if count == 0 || errno != EAGAIN && errno != EINTR {
        throw fail("the connection ended before the answer")
      }
    }
  }

  /// A whole batch in one go.
  package func post(_ body: [UInt8], token: String) throws -> BatchAnswer {
    try begin(token: token, length: body.count)
    try send(body)
    return try finish()
  }

  private func put(_ bytes: [UInt8]) throws { try unsafe bytes.withUnsafeBytes { try unsafe put($0) } }

  private func put(_ bytes: UnsafeRawBufferPointer) throws {
    guard let base = bytes.baseAddress, !hasBroken else { return }
    var sent = 0
    while sent < bytes.count {
      let count = unsafe Glibc.send(descriptor, base + sent, bytes.count - sent, Int32(MSG_NOSIGNAL))
      if count >= 0 {
        sent += count
      } else if errno == EAGAIN {
        // A server that cannot go on answers before it has taken everything.
        if try wait(Int16(POLLOUT | POLLIN), "sending") & Int16(POLLOUT) == 0 {
          hasBroken = true
          return
        }
      } else if errno == EPIPE || errno == ECONNRESET {
        hasBroken = true
        return
      } else if errno != EINTR {
        throw fail("send: errno \(errno)")
      }
    }
  }

  @discardableResult
  private func wait(_ events: Int16, _ what: String) throws -> Int16 {
    var entry = pollfd(fd: descriptor, events: events, revents: 0)
    while true {
      let count = unsafe poll(&entry, 1, timeout)
      if count > 0 { return entry.revents }
      if count == 0 { throw fail("timed out: \(what)") }
      if errno != EINTR { throw fail("poll: errno \(errno)") }
    }
  }

  private func fail(_ reason: String) -> Failure {
    disconnect()
    return Failure(description: "batch to \(address): \(reason)")
  }
}

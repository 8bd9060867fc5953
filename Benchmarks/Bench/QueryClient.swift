import Glibc

/// One keep-alive connection that asks and waits, with as little of its own as there can be: requests are written down before,
/// and an answer is its head up to `Content-Length` and so many bytes.
final class QueryClient {
  private let descriptor: Int32
  private var answer = [UInt8](repeating: 0, count: 1 << 20)
  private var count = 0

  /// Connects to `authority`, `IPv4:PORT`.
  init(_ authority: String) throws {
    let parts = authority.split(separator: ":")
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    guard parts.count == 2, let port = UInt16(parts[1]),
      unsafe inet_pton(AF_INET, String(parts[0]), &address.sin_addr) == 1
    else { throw BenchFailure("\(authority) is no IPv4 address with a port") }
    address.sin_port = port.bigEndian
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    let size = socklen_t(MemoryLayout<sockaddr_in>.size)
    let isConnected = unsafe withUnsafeBytes(of: &address) { bytes in
      unsafe connect(descriptor, bytes.baseAddress!.assumingMemoryBound(to: sockaddr.self), size) == 0
    }
    self.descriptor = descriptor
    guard isConnected else { throw BenchFailure("\(authority) cannot be reached: errno \(errno)") }
    var one: Int32 = 1
    unsafe setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &one, 4)
  }

  deinit { close(descriptor) }

  /// The request of a target by the bearer of a token.
  static func request(_ target: String, token: String) -> [UInt8] {
    Array("GET \(target) HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer \(token)\r\n\r\n".utf8)
  }

  /// Sends `request` and waits for the whole answer, whose text is then there.
  func ask(_ request: [UInt8]) throws {
    guard unsafe send(descriptor, request, request.count, Int32(MSG_NOSIGNAL)) == request.count else {
      throw BenchFailure("a request could not be sent: errno \(errno)")
    }
    count = 0
    var end: Int?
    while end.map({ count < $0 }) ?? true {
      if count == answer.count { answer.append(contentsOf: repeatElement(0, count: answer.count)) }
      let got = unsafe answer.withUnsafeMutableBytes {
        unsafe recv(descriptor, $0.baseAddress! + count, $0.count - count, 0)
      }
      guard got > 0 else { throw BenchFailure("the connection ended: errno \(errno)") }
      count += got
      if end == nil { end = length() }
    }
  }

  /// Bytes of the whole answer, once its head is there.
  private func length() -> Int? {
    guard let head = Self.find("\r\n\r\n", in: answer[..<count]),
      let field = Self.find("Content-Length: ", in: answer[..<head])
    else { return nil }
    return head + Self.number(answer[field..<head])
  }

  /// Whether the answer is 200.
  var isOK: Bool { answer[..<count].starts(with: "HTTP/1.1 200".utf8) }

  /// The first number behind `text`; nil where that does not stand there.
  func number(behind text: String) -> Int? {
    Self.find(text, in: answer[..<count]).map { Self.number(answer[$0..<count]) }
  }

  /// The beginning of the answer, for messages.
  var beginning: String { String(decoding: answer[..<min(count, 600)], as: UTF8.self) }

  private static func number(_ bytes: ArraySlice<UInt8>) -> Int {
    bytes.prefix { 0x30...0x39 ~= $0 }.reduce(0) { $0 * 10 + Int($1 - 0x30) }
  }

  /// The place behind the first `text`.
  private static func find(_ text: String, in bytes: ArraySlice<UInt8>) -> Int? {
    let wanted = Array(text.utf8)
    var i = bytes.startIndex
    while i + wanted.count <= bytes.endIndex {
      if bytes[i] == wanted[0], bytes[i..<(i + wanted.count)].elementsEqual(wanted) { return i + wanted.count }
      i += 1
    }
    return nil
  }
}

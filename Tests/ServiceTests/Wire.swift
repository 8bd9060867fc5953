import Glibc
import HTTP
import Platform

/// A bare connection to a server on 127.0.0.1, for what no decent client would send. Five seconds without a byte end it.
final class Wire {
  let descriptor: Int32
  private var reader = ResponseReader()
  private var isEnded = false

  /// Connects to `authority`, `127.0.0.1:PORT`.
  init(_ authority: String, seconds: Int = 5) throws {
    descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    var limit = timeval(tv_sec: seconds, tv_usec: 0)
    unsafe setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
    unsafe setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
    var one: Int32 = 1
    unsafe setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &one, 4)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = (authority.split(separator: ":").last.flatMap { UInt16($0) } ?? 0).bigEndian
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    let code = unsafe withUnsafePointer(to: &address) {
      unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        unsafe connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) < 0 ? errno : 0
      }
    }
    if code != 0 { throw SystemError("connect", authority, code: code) }
  }

  deinit { close(descriptor) }

  /// Sends all; false where the server has closed.
  @discardableResult func send(_ bytes: [UInt8]) -> Bool {
    var sent = 0
    while sent < bytes.count {
      let count = unsafe bytes.withUnsafeBytes {
        unsafe Glibc.send(descriptor, $0.baseAddress! + sent, $0.count - sent, Int32(MSG_NOSIGNAL))
      }
      if count < 0 { return false }
      sent += count
    }
    return true
  }

  @discardableResult func send(_ text: String) -> Bool { send(Array(text.utf8)) }

  static func get(_ target: String) -> String { "GET \(target) HTTP/1.1\r\nHost: t\r\n\r\n" }

  @discardableResult func get(_ target: String) -> Bool { send(Self.get(target)) }

  /// No more bytes come from here.
  func finish() { shutdown(descriptor, Int32(SHUT_WR)) }

  private func receive() -> [UInt8]? {
    var bytes = [UInt8](repeating: 0, count: 65_536)
    let got = unsafe bytes.withUnsafeMutableBytes { unsafe recv(descriptor, $0.baseAddress, $0.count, 0) }
    return got < 0 ? nil : Array(bytes[..<got])
  }

  /// The next answer; nil where the connection ends or nothing comes.
  func answer(isHead: Bool = false) -> Response? {
    while true {
      do { if let response = try reader.next(isHead: isHead) { return response } } catch { return nil }
      guard !isEnded, let bytes = receive() else { return nil }
      if bytes.isEmpty {
        isEnded = true
        reader.end()
      } else {
        reader.feed(bytes)
      }
    }
  }

  /// Whether an answer, or the end, is there now.
  var isReadable: Bool {
    var entry = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
    return unsafe poll(&entry, 1, 0) > 0
  }

  /// Whether the server closes without another answer.
  var ends: Bool { answer() == nil && isEnded }
}

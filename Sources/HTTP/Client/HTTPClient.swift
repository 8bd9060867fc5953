import CPlatform
import Glibc
import Platform

/// A blocking HTTP/1.1 client on one keep-alive connection, for commands and tests. Opened on the first request and
/// again after the server has closed it. Belongs to one thread at a time.
package final class HTTPClient {
  private let address: SocketAddress
  /// What `Host` says.
  private let authority: String
  private let connectTimeout: Int64
  private let readTimeout: Int64
  private var descriptor: Int32 = -1
  private var reader = ResponseReader()

  /// A client for the server at `authority`, `HOST:PORT`; nothing is sent yet. Timeouts are nanoseconds: to connect,
  /// and from a request's first byte to its answer's last.
  package init(
    _ authority: String, connectTimeout: Int64 = 5_000_000_000, readTimeout: Int64 = 30_000_000_000
  ) throws(ClientError) {
    do throws(SocketAddress.ParseError) {
      address = try SocketAddress.resolve(authority)
    } catch {
      throw .badAddress("\(error)")
    }
    self.authority = authority
    self.connectTimeout = connectTimeout
    self.readTimeout = readTimeout
  }

  deinit { disconnect() }

  /// Sends a request and waits for its answer. `target` is a path with its query. `Host` and, where there is a body or
  /// the method is one that has, `Content-Length` are added. A connection that was kept open and turns out to be closed
  /// before a byte of the answer came is opened again and the request repeated, once, if `method` is idempotent.
  package func request(
    _ method: String, _ target: String, headers: [(String, String)] = [], body: [UInt8] = []
  ) throws(ClientError) -> Response {
    let wasOpen = descriptor >= 0
    let bytes = message(method, target, headers, body)
    do throws(ClientError) {
      return try exchange(bytes, isHead: method == "HEAD")
    } catch {
      let answered = reader.isInside
      disconnect()
      guard case .closed = error, wasOpen, !answered, Self.idempotent.contains(method) else { throw error }
    }
    do throws(ClientError) {
      return try exchange(bytes, isHead: method == "HEAD")
    } catch {
      disconnect()
      throw error
    }
  }

  private static let idempotent: Set<String> = ["GET", "HEAD", "PUT", "DELETE", "OPTIONS"]

  /// Closes the connection; the next request opens another.
  package func disconnect() {
    if descriptor >= 0 { close(descriptor) }
    descriptor = -1
    reader = ResponseReader()
  }

  private func message(
    _ method: String, _ target: String, _ headers: [(String, String)], _ body: [UInt8]
  ) -> [UInt8] {
    var head = "\(method) \(target) HTTP/1.1\r\nHost: \(authority)\r\n"
    for (name, value) in headers { head += "\(name): \(value)\r\n" }
    if !body.isEmpty || ["POST", "PUT", "PATCH"].contains(method) { head += "Content-Length: \(body.count)\r\n" }
    return Array((head + "\r\n").utf8) + body
  }

  private func exchange(_ bytes: [UInt8], isHead: Bool) throws(ClientError) -> Response {
    if descriptor < 0 { try connectNow() }
    let deadline = tally_monotonic_ns() + readTimeout
    var refused = false
    var sent = 0
    while sent < bytes.count {
      let count = unsafe bytes.withUnsafeBytes {
        unsafe send(descriptor, $0.baseAddress! + sent, $0.count - sent, Int32(MSG_NOSIGNAL))
      }
      if count >= 0 {
        sent += count
      } else if errno == EAGAIN {
        // A server that refuses a body answers before it has taken it.
        let ready = try wait(POLLIN | POLLOUT, deadline, "sending the request")
        if ready & Int16(POLLOUT) == 0 { break }
      } else if errno == EPIPE || errno == ECONNRESET {
        refused = true
        break
      } else if errno != EINTR {
        throw .unreachable(SystemError("send", authority, code: errno))
      }
    }
    var chunk = [UInt8](repeating: 0, count: 64 << 10)
    while true {
      if let response = try reader.next(isHead: isHead) {
        if !response.keepsAlive || sent < bytes.count { disconnect() }
        return response
      }
      if !refused { _ = try wait(POLLIN, deadline, "waiting for the answer") }
      let count = unsafe chunk.withUnsafeMutableBytes { unsafe recv(descriptor, $0.baseAddress, $0.count, 0) }
      if count > 0 {
        reader.feed(chunk[..<count])
      } else if count == 0 {
        reader.end()
      } else if errno == ECONNRESET || errno == EPIPE || refused {
        throw .closed("reset by the server")
      } else if errno != EAGAIN && errno != EINTR {
        throw .unreachable(SystemError("recv", authority, code: errno))
      }
    }
  }

  private func connectNow() throws(ClientError) {
    let kind = Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue)
    let fresh = socket(address.family, kind, 0)
    if fresh < 0 { throw .unreachable(SystemError("socket", authority, code: errno)) }
    descriptor = fresh
    var one: Int32 = 1
    unsafe setsockopt(fresh, Int32(IPPROTO_TCP), TCP_NODELAY, &one, 4)
    let code = unsafe address.withPointer { unsafe connect(fresh, $0, address.length) < 0 ? errno : 0 }
    if code == 0 { return }
    guard code == EINPROGRESS else { throw .unreachable(SystemError("connect", authority, code: code)) }
    _ = try wait(POLLOUT, tally_monotonic_ns() + connectTimeout, "connecting to \(authority)")
    var failure: Int32 = 0
    var size: socklen_t = 4
    unsafe getsockopt(fresh, SOL_SOCKET, SO_ERROR, &failure, &size)
    if failure != 0 { throw .unreachable(SystemError("connect", authority, code: failure)) }
  }

  /// Waits until the connection is ready for one of `events`, or has failed; says which.
  private func wait(_ events: Int32, _ deadline: Int64, _ what: String) throws(ClientError) -> Int16 {
    while true {
      let rest = deadline - tally_monotonic_ns()
      if rest <= 0 { throw .timedOut(what) }
      var entry = pollfd(fd: descriptor, events: Int16(events), revents: 0)
      let count = unsafe poll(&entry, 1, Int32(clamping: (rest + 999_999) / 1_000_000))
      if count > 0 { return entry.revents }
      if count < 0, errno != EINTR { throw .unreachable(SystemError("poll", authority, code: errno)) }
    }
  }
}

import Glibc
import Platform

/// Where a server listens: a socket address, and the text for the `Host` header.
package struct ServerAddress: Sendable, CustomStringConvertible {
  /// `host:port` as it was given.
  package let description: String
  let family: Int32
  let bytes: [UInt8]

  /// Why a text is no address of a server.
  package struct Refused: Error, CustomStringConvertible {
    package let description: String
  }

  /// Looks up `host` (a name, an IPv4 or an IPv6 address without brackets).
  package init(host: String, port: UInt16) throws(Refused) {
    var hints = unsafe addrinfo()
    unsafe hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
    var list: UnsafeMutablePointer<addrinfo>?
    let result = unsafe getaddrinfo(host, String(port), &hints, &list)
    guard result == 0, let first = unsafe list else {
      throw Refused(description: "\(host): \(unsafe String(cString: gai_strerror(result)))")
    }
    defer { unsafe freeaddrinfo(list) }
    family = unsafe first.pointee.ai_family
    let raw = unsafe UnsafeRawBufferPointer(
      start: first.pointee.ai_addr, count: Int(first.pointee.ai_addrlen))
    bytes = unsafe Array(raw)
    description = host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
  }

  /// Reads `http://host[:port][/…]` or `host:port`; the path is ignored, the port is 80 where it is missing.
  package init(_ url: String) throws(Refused) {
    var rest = Substring(url)
    if rest.hasPrefix("http://") { rest = rest.dropFirst(7) }
    if rest.contains("://") {
      throw Refused(description: "\(url): only http:// can be loaded; put TLS in front of another listener")
    }
    rest = rest.prefix { $0 != "/" && $0 != "?" }
    var host = rest
    var port: UInt16 = 80
    let bracketed = rest.hasPrefix("[")
    if let colon = rest.lastIndex(of: ":"), !bracketed || rest[..<colon].hasSuffix("]") {
      guard let number = UInt16(rest[rest.index(after: colon)...]) else {
        throw Refused(description: "\(url): no port after the colon")
      }
      port = number
      host = rest[..<colon]
    }
    if bracketed, host.hasSuffix("]") { host = host.dropFirst().dropLast() }
    guard !host.isEmpty else { throw Refused(description: "\(url): no host") }
    try self.init(host: String(host), port: port)
  }

  /// A socket that connects without blocking; it is connected, or failed, once it is writable.
  func connect() throws(SystemError) -> Int32 {
    let type = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
    let descriptor = socket(family, type, 0)
    if descriptor < 0 { throw SystemError("socket", description, code: errno) }
    var on: Int32 = 1
    _ = unsafe setsockopt(
      descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &on, socklen_t(MemoryLayout<Int32>.size))
    let failed = unsafe bytes.withUnsafeBytes { raw -> Int32 in
      guard let base = raw.baseAddress else { return EINVAL }
      let address = unsafe base.assumingMemoryBound(to: sockaddr.self)
      return unsafe Glibc.connect(descriptor, address, socklen_t(raw.count)) == 0 ? 0 : errno
    }
    if failed != 0 && failed != EINPROGRESS {
      close(descriptor)
      throw SystemError("connect", description, code: failed)
    }
    return descriptor
  }
}

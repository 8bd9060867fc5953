import Glibc
import Platform

/// An IPv4 or IPv6 address with its port, written `127.0.0.1:8080` or `[::1]:8080`.
package struct SocketAddress: CustomStringConvertible, Sendable {
  private(set) var storage = sockaddr_storage()
  private(set) var length: socklen_t = 0

  /// What is wrong with a `HOST:PORT`.
  package struct ParseError: Error, Equatable, CustomStringConvertible {
    package var text: String
    package var reason: String
    package var description: String { "address '\(text)': \(reason)" }
  }

  /// The first address that `text`, `HOST:PORT`, names. HOST is an IPv4 address, an IPv6 address in brackets, or a name
  /// that the system resolves (which may take time); an empty HOST is every IPv4 interface. PORT is 0…65535.
  package static func resolve(_ text: String) throws(ParseError) -> SocketAddress {
    guard let colon = text.lastIndex(of: ":") else {
      throw ParseError(text: text, reason: "is not of the form HOST:PORT")
    }
    let portText = text[text.index(after: colon)...]
    guard !portText.isEmpty, portText.utf8.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }), let port = UInt16(portText) else {
      throw ParseError(text: text, reason: "the port is not a number from 0 to 65535")
    }
    var host = text[..<colon]
    var hints = unsafe addrinfo()
    if host.hasPrefix("[") {
      guard host.hasSuffix("]") else { throw ParseError(text: text, reason: "the bracket is not closed") }
      host = host.dropFirst().dropLast()
      unsafe hints.ai_family = AF_INET6
    } else if host.contains(":") {
      throw ParseError(text: text, reason: "an IPv6 address stands in brackets")
    }
    unsafe hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
    unsafe hints.ai_flags = AI_NUMERICSERV
    var found: UnsafeMutablePointer<addrinfo>?
    let code = unsafe getaddrinfo(host.isEmpty ? "0.0.0.0" : String(host), String(port), &hints, &found)
    guard code == 0, let first = unsafe found else {
      throw ParseError(text: text, reason: unsafe String(cString: gai_strerror(code)))
    }
    defer { unsafe freeaddrinfo(first) }
    var address = SocketAddress()
    unsafe memcpy(&address.storage, first.pointee.ai_addr, Int(first.pointee.ai_addrlen))
    unsafe address.length = first.pointee.ai_addrlen
    return address
  }

  /// The port, in the machine's byte order.
  package var port: UInt16 {
    unsafe withUnsafeBytes(of: storage) { UInt16(bigEndian: unsafe $0.load(fromByteOffset: 2, as: UInt16.self)) }
  }

  /// What belongs to one owner: an IPv4 address, also one that is written as IPv6, or the /64 of an IPv6 address.
  package var network: UInt64 {
    unsafe withUnsafeBytes(of: storage) { bytes in
      func word(_ offset: Int) -> UInt64 {
        UInt64(UInt32(bigEndian: unsafe bytes.load(fromByteOffset: offset, as: UInt32.self)))
      }
      guard family == AF_INET6 else { return word(4) }
      let upper = word(8) << 32 | word(12)
      // ::ffff:a.b.c.d is a.b.c.d.
      return upper == 0 && word(16) == 0xFFFF ? word(20) : upper
    }
  }

  /// Whether only this machine can reach it: 127.0.0.0/8 or ::1.
  package var isLoopback: Bool {
    unsafe withUnsafeBytes(of: storage) { bytes in
      family == AF_INET6
        ? unsafe bytes[8..<23].allSatisfy { $0 == 0 } && bytes[23] == 1 : unsafe family == AF_INET && bytes[4] == 127
    }
  }

  /// The address family, `AF_INET` or `AF_INET6`.
  var family: Int32 { Int32(storage.ss_family) }

  package var description: String {
    var host = [CChar](repeating: 0, count: 64)
    let code = unsafe withPointer { unsafe getnameinfo($0, length, &host, 64, nil, 0, NI_NUMERICHOST) }
    guard code == 0 else { return "?" }
    let text = String(decoding: host.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    return family == AF_INET6 ? "[\(text)]:\(port)" : "\(text):\(port)"
  }

  func withPointer<R>(_ body: (UnsafePointer<sockaddr>) -> R) -> R {
    unsafe withUnsafePointer(to: storage) {
      unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { unsafe body($0) }
    }
  }

  /// The local address of `descriptor`, or nil.
  static func local(of descriptor: Int32) -> SocketAddress? { unsafe ask(descriptor, getsockname) }

  /// The address of the other side of `descriptor`, or nil.
  static func peer(of descriptor: Int32) -> SocketAddress? { unsafe ask(descriptor, getpeername) }

  private static func ask(
    _ descriptor: Int32,
    _ call: (Int32, UnsafeMutablePointer<sockaddr>?, UnsafeMutablePointer<socklen_t>?) -> Int32
  ) -> SocketAddress? {
    var address = SocketAddress()
    address.length = socklen_t(MemoryLayout<sockaddr_storage>.size)
    let code = unsafe withUnsafeMutablePointer(to: &address.storage) { storage in
      unsafe storage.withMemoryRebound(to: sockaddr.self, capacity: 1) { unsafe call(descriptor, $0, &address.length) }
    }
    return code == 0 ? address : nil
  }
}

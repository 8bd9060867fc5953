import Glibc
import Platform
import Synchronization
import Traffic

/// A server of blocking sockets, a thread a connection, that answers what the test says, in pieces if it wants to.
final class ScriptedServer: Sendable {
  struct Request: Sendable {
    /// Counts all requests of the server, from 0.
    var number: Int
    var method: String
    var target: String
    /// Everything between the request line and the empty line.
    var headers: String
  }

  struct Reply: Sendable {
    /// Sent one after the other, each as a packet of its own.
    var pieces: [[UInt8]]
    /// Before the first piece.
    var delayMilliseconds: UInt32 = 0
    var closes = false

    init(_ pieces: [[UInt8]], delay: UInt32 = 0, closes: Bool = false) {
      self.pieces = pieces
      delayMilliseconds = delay
      self.closes = closes
    }

    init(_ text: String, delay: UInt32 = 0, closes: Bool = false) {
      self.init([Array(text.utf8)], delay: delay, closes: closes)
    }

    /// Not a byte.
    static let hangUp = Reply([], closes: true)
  }

  private struct State {
    var threads: [Thread] = []
    var connections: Set<Int32> = []
    var accepted = 0
    var requests = 0
    var isStopped = false
  }

  let address: ServerAddress
  private let listener: Int32
  private let respond: @Sendable (Request) -> Reply
  private let state = Mutex(State())

  init(_ respond: @escaping @Sendable (Request) -> Reply) throws {
    self.respond = respond
    let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    var name = sockaddr_in()
    name.sin_family = sa_family_t(AF_INET)
    name.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let bound = unsafe withUnsafeMutablePointer(to: &name) { pointer in
      unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
        unsafe bind(listener, address, length) == 0 && listen(listener, 1024) == 0
          && getsockname(listener, address, &length) == 0
      }
    }
    precondition(bound, "no loopback port: errno \(errno)")
    self.listener = listener
    address = try ServerAddress(host: "127.0.0.1", port: UInt16(bigEndian: name.sin_port))
    let acceptor = try Thread("accept") { [self] in accept() }
    state.withLock { $0.threads.append(acceptor) }
  }

  var accepted: Int { state.withLock { $0.accepted } }

  /// Cuts every connection and the listener, as a kill does, and waits for all threads.
  func stop() {
    let threads = state.withLock { state in
      state.isStopped = true
      for connection in state.connections { shutdown(connection, Int32(SHUT_RDWR)) }
      return state.threads
    }
    shutdown(listener, Int32(SHUT_RDWR))
    for thread in threads { thread.join() }
    close(listener)
  }

  private func accept() {
    while true {
      let connection = Glibc.accept(listener, nil, nil)
      guard connection >= 0 else { return }
      var on: Int32 = 1
      _ = unsafe setsockopt(connection, Int32(IPPROTO_TCP), TCP_NODELAY, &on, socklen_t(MemoryLayout<Int32>.size))
      let isLate = state.withLock { state in
        guard !state.isStopped, let thread = try? Thread("serve", { [self] in serve(connection) }) else { return true }
        state.connections.insert(connection)
        state.threads.append(thread)
        state.accepted += 1
        return false
      }
      if isLate { close(connection) }
    }
  }

  private func serve(_ connection: Int32) {
    defer {
      state.withLock { state in
        state.connections.remove(connection)
        close(connection)
      }
    }
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 16384)
    while true {
      while let request = takeRequest(&bytes) {
        let reply = respond(request)
        if reply.delayMilliseconds > 0 { usleep(reply.delayMilliseconds * 1000) }
        for (i, piece) in reply.pieces.enumerated() {
          if i > 0 { usleep(300) }
          let sent = unsafe piece.withUnsafeBytes {
            unsafe send(connection, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
          }
          if sent != piece.count { return }
        }
        if reply.closes { return }
      }
      let n = unsafe buffer.withUnsafeMutableBytes { unsafe recv(connection, $0.baseAddress, $0.count, 0) }
      guard n > 0 else { return }
      bytes.append(contentsOf: buffer[..<n])
    }
  }

  private func takeRequest(_ bytes: inout [UInt8]) -> Request? {
    let end = Array("\r\n\r\n".utf8)
    var i = 0
    while i + 4 <= bytes.count {
      if bytes[i] == end[0], bytes[i..<i + 4].elementsEqual(end) {
        let text = String(decoding: bytes[..<i], as: UTF8.self)
        bytes.removeFirst(i + 4)
        let line = text.prefix { $0 != "\r\n" }
        let words = line.split(separator: " ")
        let number = state.withLock { state in
          defer { state.requests += 1 }
          return state.requests
        }
        return Request(
          number: number, method: String(words[0]), target: String(words[1]),
          headers: String(text.dropFirst(line.count)))
      }
      i += 1
    }
    return nil
  }
}

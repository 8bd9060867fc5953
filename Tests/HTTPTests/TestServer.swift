import CPlatform
import Glibc
import HTTP
import Platform
import Synchronization

/// Routes for tests. Runs on the loop's thread alone.
final class TestHandler: RequestHandler {
  /// Exchanges of `/hold`, answered by `/release` in an order that it names.
  var held: [Exchange] = []
  /// Exchanges of `/turn`, answered at the end of the turn, last first.
  var ofThisTurn: [(Exchange, String)] = []
  var paces: [(ready: Int, active: Int)] = []
  var pause: Int64 = 0
  var bodyLimit = 100_000
  /// Bodies under way, and how many did not come to their end; see `StreamTests`.
  var bodies: [Exchange: BodyState] = [:]
  var abandonments = 0
  /// Answers under way in pieces.
  var streams: [Exchange] = []

  func refusal(of head: borrowing Request) -> ((inout ResponseWriter) -> Void)? {
    guard head.pathEquals("/forbidden") else { return nil }
    return { writer in writer.begin(401) }
  }

  /// How often a client of a held request was said to have closed its sending side.
  var hangUps = 0
  func hungUp(_ exchange: Exchange, on loop: EventLoop) { hangUps += 1 }

  func limit(for head: borrowing Request) -> Int { head.pathEquals("/nobody") ? 0 : bodyLimit }

  func handle(_ request: borrowing Request, _ exchange: Exchange, on loop: EventLoop) {
    let query = unsafe text(request.query)
    if request.pathEquals("/hold") {
      held.append(exchange)
    } else if request.pathEquals("/alone") {
      _ = loop.hold(exchange)
      held.append(exchange)
    } else if request.pathEquals("/release") {
      let all = held
      let order = query.split(separator: ",").compactMap { Int($0) }.filter { $0 < all.count }
      held = all.indices.filter { !order.contains($0) }.map { all[$0] }
      for number in order { loop.respond(all[number]) { ok(&$0, "held \(number)") } }
      loop.respond(exchange) { ok(&$0, "released") }
    } else if request.pathEquals("/turn") {
      ofThisTurn.append((exchange, query))
    } else if request.pathEquals("/later") {
      loop.submit { $0.respond(exchange) { ok(&$0, "later \(query)") } }
    } else if request.pathEquals("/twice") {
      for word in ["first", "second"] { loop.respond(exchange) { ok(&$0, word) } }
    } else if request.pathEquals("/echo") {
      loop.respond(exchange) { writer in
        writer.begin(200)
        unsafe writer.body(request.body)
      }
    } else if request.pathEquals("/big") {
      let size = Int(query)!
      loop.respond(exchange) { writer in
        writer.begin(200)
        writer.body([UInt8](repeating: 0x62, count: size))
      }
    } else if request.pathEquals("/empty") {
      loop.respond(exchange) { $0.begin(204) }
    } else if request.pathEquals("/forgotten") {
      loop.respond(exchange) { _ in }
    } else if request.pathEquals("/inject") {
      loop.respond(exchange) { writer in
        writer.begin(302)
        writer.header("Location", "http://x/\r\nSet-Cookie: a=b\0\t.")
      }
    } else if request.pathEquals("/peer") {
      loop.respond(exchange) { ok(&$0, "\(request.peer) \(request.listenerTag)") }
    } else if streamRoute(request, exchange, loop) {
      return
    } else if request.pathEquals("/statistics") {
      let s = loop.statistics
      let (hangUps, abandonments) = (hangUps, abandonments)
      loop.respond(exchange) {
        ok(&$0, "open \(s.open) requests \(s.requests) refused \(s.refused) hung up \(hangUps) left \(abandonments)")
      }
    } else {
      let name = request.methodName
      loop.respond(exchange) { ok(&$0, "\(name) \(unsafe text(request.path))") }
    }
  }

  func pace(ready: Int, active: Int) -> Int64 {
    paces.append((ready, active))
    return pause
  }

  func turn(on loop: EventLoop) {
    for (exchange, word) in ofThisTurn.reversed() { loop.respond(exchange) { ok(&$0, "turn \(word)") } }
    ofThisTurn = []
  }
}

func ok(_ writer: inout ResponseWriter, _ body: String) {
  writer.begin(200)
  writer.headerLines("Content-Type: text/plain\r\n")
  writer.body(body)
}

/// A server on a free port of the loopback, on a thread of its own.
final class TestServer {
  let loop: EventLoop
  let address: SocketAddress
  /// Where it listens besides.
  let second: SocketAddress?
  private let thread: Thread
  private var isStopped = false
  var authority: String { address.description }

  init(
    _ settings: LoopSettings = LoopSettings(), at address: String = "127.0.0.1:0",
    options: ListenerOptions = ListenerOptions(), second: ListenerOptions? = nil,
    budget: BufferBudget = BufferBudget(), prepare: (TestHandler) -> Void = { _ in }
  ) throws {
    let handler = TestHandler()
    prepare(handler)
    let loop = try EventLoop(handler: handler, settings: settings, budget: budget)
    self.address = try loop.listen(at: SocketAddress.resolve(address), tag: 7, options: options)
    self.second = try second.map { options in
      try loop.listen(at: SocketAddress.resolve("127.0.0.1:0"), tag: 8, options: options)
    }
    self.loop = loop
    thread = try Thread("test-loop") { loop.run() }
  }

  deinit { stop(drain: 0) }

  func stop(drain: Int64) {
    if isStopped { return }
    isStopped = true
    loop.stop(drain: drain)
    thread.join()
  }

  /// The counters, read on the loop's thread.
  func statistics() -> LoopStatistics {
    if isStopped { return loop.statistics }
    let box = Mutex<LoopStatistics?>(nil)
    return withExtendedLifetime(box) {
      let result = Box()
      loop.submit { result.value.withLock { [statistics = $0.statistics] in $0 = statistics } }
      while true {
        if let value = result.value.withLock({ $0 }) { return value }
        usleep(200)
      }
    }
  }

  private final class Box: Sendable { let value = Mutex<LoopStatistics?>(nil) }

  /// Waits until `condition` holds for the counters; false after twenty seconds.
  func eventually(_ condition: (LoopStatistics) -> Bool) -> Bool {
    for _ in 0..<4_000 {
      if condition(statistics()) { return true }
      usleep(5000)
    }
    return false
  }
}

/// A bare connection.
final class Wire {
  let descriptor: Int32
  private var reader = ResponseReader()
  private var isEnded = false

  init(_ server: TestServer, receiveBuffer: Int32 = 0, second: Bool = false) {
    descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    if receiveBuffer > 0 {
      var size = receiveBuffer
      unsafe setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &size, 4)
    }
    var limit = timeval(tv_sec: 5, tv_usec: 0)
    unsafe setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
    unsafe setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
    var one: Int32 = 1
    unsafe setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &one, 4)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = (second ? server.second! : server.address).port.bigEndian
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    let size = socklen_t(MemoryLayout<sockaddr_in>.size)
    let code = unsafe withUnsafePointer(to: &address) {
      unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { unsafe connect(descriptor, $0, size) }
    }
    precondition(code == 0, "connect: errno \(errno)")
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

  func get(_ target: String, _ fields: String = "") { send("GET \(target) HTTP/1.1\r\nHost: t\r\n\(fields)\r\n") }

  /// No more bytes come from here.
  func finish() { shutdown(descriptor, Int32(SHUT_WR)) }

  /// What comes next, at most `count` bytes; empty at the end, nil after five seconds without any or on a reset.
  func receive(_ count: Int = 65_536) -> [UInt8]? {
    var bytes = [UInt8](repeating: 0, count: count)
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

  /// Everything up to the end of the connection, as text; nil where it does not end properly.
  func rest() -> String? {
    var all: [UInt8] = []
    while let bytes = receive() {
      if bytes.isEmpty { return String(decoding: all, as: UTF8.self) }
      all += bytes
    }
    return nil
  }
}

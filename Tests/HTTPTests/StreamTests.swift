import CPlatform
import Glibc
import HTTP
import Platform
import Simulation
import Testing

/// A body that comes in pieces, as the handler of the tests keeps it: what came, in short.
struct BodyState {
  var mode: String
  var count = 0
  var hash: UInt64 = 14_695_981_039_346_656_037

  mutating func take(_ bytes: some Sequence<UInt8>) {
    for byte in bytes {
      hash = (hash ^ UInt64(byte)) &* 1_099_511_628_211
      count += 1
    }
  }

  var text: String { "\(count) \(hash)" }
}

/// `/body?MODE` streams its body and answers with what came:
///
///     hold     no piece before another connection asks for /resume     each   every piece asks for a pause
///     early    503 at the head      late   503 at the first piece      (else) all at once
///
/// `/stream` answers in pieces that other connections ask for: `/piece?TEXT`, `/big-piece?SIZE`, `/end`.
extension TestHandler {
  func streams(_ head: borrowing Request) -> Bool { head.pathEquals("/body") }

  func begin(_ head: borrowing Request, _ exchange: Exchange, on loop: EventLoop) -> Bool {
    let mode = unsafe String(decoding: head.query, as: UTF8.self)
    bodies[exchange] = BodyState(mode: mode)
    if mode == "early" { refuse(exchange, loop) }
    return mode != "hold"
  }

  func receive(_ piece: UnsafeRawBufferPointer, _ exchange: Exchange, on loop: EventLoop) -> Bool {
    unsafe bodies[exchange]!.take(piece)
    switch bodies[exchange]!.mode {
    case "late": refuse(exchange, loop)
    case "each":
      loop.submit { $0.resume(exchange) }
      return false
    default: break
    }
    return true
  }

  func end(_ exchange: Exchange, on loop: EventLoop) {
    let text = bodies.removeValue(forKey: exchange)!.text
    loop.respond(exchange) { ok(&$0, text) }
  }

  func abandoned(_ exchange: Exchange, on loop: EventLoop) {
    abandonments += 1
    bodies[exchange] = nil
    streams.removeAll { $0 == exchange }
  }

  private func refuse(_ exchange: Exchange, _ loop: EventLoop) {
    bodies[exchange] = nil
    loop.respond(exchange) { writer in
      writer.begin(503)
      writer.body("enough")
    }
  }

  func streamRoute(_ request: borrowing Request, _ exchange: Exchange, _ loop: EventLoop) -> Bool {
    let query = unsafe String(decoding: request.query, as: UTF8.self)
    var said = "done"
    if request.pathEquals("/resume") {
      for body in bodies.keys { loop.resume(body) }
    } else if request.pathEquals("/abandonments") {
      said = "\(abandonments) \(bodies.count) \(streams.count)"
    } else if request.pathEquals("/stream") {
      let goesOn = loop.beginAnswer(exchange) { writer in
        writer.begin(200)
        writer.headerLines("Content-Type: text/event-stream\r\n")
      }
      if goesOn { streams.append(exchange) }
      return true
    } else if request.pathEquals("/piece") || request.pathEquals("/big-piece") {
      let piece = request.pathEquals("/piece") ? Array(query.utf8) : [UInt8](repeating: 0x70, count: Int(query)!)
      said = streams.map { stream in
        unsafe piece.withUnsafeBytes { unsafe "\(loop.sendPiece(stream, $0))" }
      }.joined(separator: " ")
    } else if request.pathEquals("/end") {
      for stream in streams { loop.endAnswer(stream) }
      streams = []
    } else {
      return false
    }
    loop.respond(exchange) { ok(&$0, said) }
    return true
  }
}

@Suite struct StreamTests {
  private static func bytes(_ count: Int, _ chance: inout SeededGenerator) -> [UInt8] {
    (0..<count).map { _ in UInt8.random(in: 0...255, using: &chance) }
  }

  private static func expected(_ body: [UInt8]) -> String {
    var state = BodyState(mode: "")
    state.take(body)
    return state.text
  }

  /// `body` in chunks of random sizes, with extensions and trailers now and then.
  private static func chunked(_ body: [UInt8], _ chance: inout SeededGenerator) -> [UInt8] {
    var text: [UInt8] = []
    var position = 0
    while position < body.count {
      let size = min(body.count - position, 1 + chance.below(chance.below(2) == 0 ? 10 : 30_000))
      text += Array("\(String(size, radix: 16))\(chance.below(3) == 0 ? ";a=b" : "")\r\n".utf8)
      text += body[position..<position + size] + [13, 10]
      position += size
    }
    return text + Array((chance.below(2) == 0 ? "0\r\n\r\n" : "0\r\nX-Sum: 1\r\n\r\n").utf8)
  }

  private func told(_ server: TestServer, _ target: String) -> String? {
    let wire = Wire(server)
    wire.get(target)
    return wire.answer()?.text
  }

  private func eventually(_ condition: () -> Bool) -> Bool {
    for _ in 0..<400 {
      if condition() { return true }
      usleep(5_000)
    }
    return false
  }

  /// Whatever the framing, the pieces and the pauses: the handler gets the body's bytes, and the next request is read.
  @Test(arguments: 1...12) func aBodyArrivesInPieces(seed: UInt64) throws {
    var chance = SeededGenerator(seed: seed)
    let server = try TestServer { $0.bodyLimit = 1 << 30 }
    let wire = Wire(server)
    for _ in 0..<8 {
      let body = Self.bytes([1, 2, 100, 5_000, 70_000, 400_000][chance.below(6)], &chance)
      let mode = ["", "each"][chance.below(2)]
      var text: [UInt8]
      if chance.below(2) == 0 {
        text = Array("POST /body?\(mode) HTTP/1.1\r\nHost: t\r\nContent-Length: \(body.count)\r\n\r\n".utf8) + body
      } else {
        text = Array("POST /body?\(mode) HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n".utf8)
        text += Self.chunked(body, &chance)
      }
      text += Array("GET /next HTTP/1.1\r\nHost: t\r\n\r\n".utf8)
      var position = 0
      while position < text.count {
        let size = body.count > 6_000 ? 1 + chance.below(100_000) : 1 + chance.below(200)
        let end = min(text.count, position + size)
        wire.send(Array(text[position..<end]))
        if chance.below(4) == 0 { usleep(300) }
        position = end
      }
      #expect(wire.answer()?.text == Self.expected(body), "seed \(seed)")
      #expect(wire.answer()?.text == "GET /next", "seed \(seed)")
    }
    #expect(told(server, "/abandonments") == "0 0 0")
  }

  @Test func aPausedBodyHoldsItsClientAndNobodyElse() throws {
    let server = try TestServer { $0.bodyLimit = 1 << 30 }
    let wire = Wire(server)
    let size = 30 << 20
    wire.send("POST /body?hold HTTP/1.1\r\nHost: t\r\nContent-Length: \(size)\r\n\r\n")
    let chunk = [UInt8](repeating: 0x61, count: 1 << 16)
    func sendNow() -> Int {
      unsafe chunk.withUnsafeBytes {
        unsafe Glibc.send(wire.descriptor, $0.baseAddress!, $0.count, Int32(MSG_NOSIGNAL | MSG_DONTWAIT))
      }
    }
    var sent = 0
    while sent < size {
      let count = sendNow()
      if count <= 0 { break }
      sent += count
    }
    #expect(sent < size, "30 MB went into a server that takes nothing")
    usleep(100_000)
    let before = server.statistics()
    #expect(before.bytesIn < 1 << 20)
    usleep(50_000)
    #expect(server.statistics().turns < before.turns + 20, "the loop spins on a paused body")
    #expect(told(server, "/other") == "GET /other")
    #expect(told(server, "/resume") == "done")
    wire.send([UInt8](repeating: 0x61, count: size - sent))
    #expect(wire.answer()?.text == Self.expected([UInt8](repeating: 0x61, count: size)))
  }

  @Test(arguments: ["early", "late"]) func anAnswerBeforeTheEndCutsTheBody(mode: String) throws {
    let server = try TestServer { $0.bodyLimit = 1 << 30 }
    let wire = Wire(server)
    wire.send("POST /body?\(mode) HTTP/1.1\r\nHost: t\r\nContent-Length: 10000000\r\n\r\n")
    wire.send([UInt8](repeating: 0x61, count: 300_000))
    let answer = try #require(wire.answer())
    #expect(answer.status == 503 && answer.text == "enough" && !answer.keepsAlive)
    #expect(wire.rest() == "")
    #expect(told(server, "/abandonments") == "0 0 0")
  }

  @Test func aBodyThatBreaksOffIsAbandoned() throws {
    var settings = LoopSettings()
    settings.bodyTimeout = 100_000_000
    let server = try TestServer(settings) { $0.bodyLimit = 100_000 }
    func broken(_ text: String, closes: Bool = false, status: Int?) throws {
      let before = told(server, "/abandonments")
      let wire = Wire(server)
      wire.send("POST /body? HTTP/1.1\r\nHost: t\r\n" + text)
      if closes { wire.finish() }
      let answer = wire.answer()
      #expect(answer?.status == status && answer?.keepsAlive == false, "\(text)")
      let count = before.flatMap { Int($0.prefix { $0 != " " }) } ?? -1
      #expect(told(server, "/abandonments") == "\(count + 1) 0 0", "\(text)")
    }
    try broken("Content-Length: 10\r\n\r\nabc", closes: true, status: 400)
    try broken("Content-Length: 10\r\n\r\nabc", status: 408)
    try broken("Transfer-Encoding: chunked\r\n\r\n5\r\nabcdefg", status: 400)
    try broken("Transfer-Encoding: chunked\r\n\r\nx\r\n", status: 400)
    try broken("Transfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\nfffff\r\n", status: 413)
    do {
      let gone = Wire(server)
      gone.send("POST /body? HTTP/1.1\r\nHost: t\r\nContent-Length: 10\r\n\r\nabc")
      usleep(20_000)
      var reset = linger(l_onoff: 1, l_linger: 0)
      unsafe setsockopt(gone.descriptor, SOL_SOCKET, SO_LINGER, &reset, socklen_t(MemoryLayout<linger>.size))
    }
    #expect(eventually { told(server, "/abandonments") == "6 0 0" })
    // One that is too long by its own word never begins.
    let wire = Wire(server)
    wire.send("POST /body? HTTP/1.1\r\nHost: t\r\nContent-Length: 100001\r\n\r\n")
    #expect(wire.answer()?.status == 413)
    #expect(told(server, "/abandonments") == "6 0 0")
  }

  /// Pieces earn time: a steady sender may take longer than any one silence may last.
  @Test func aSteadySenderIsNotCut() throws {
    var settings = LoopSettings()
    settings.bodyTimeout = 200_000_000
    settings.minBodyRate = 100
    let server = try TestServer(settings)
    let wire = Wire(server)
    wire.send("POST /body? HTTP/1.1\r\nHost: t\r\nContent-Length: 120\r\n\r\n")
    for _ in 0..<12 {
      usleep(50_000)
      wire.send([UInt8](repeating: 0x61, count: 10))
    }
    #expect(wire.answer()?.text == Self.expected([UInt8](repeating: 0x61, count: 120)))
    // Slower than the least rate it is cut, though never silent for long.
    wire.send("POST /body? HTTP/1.1\r\nHost: t\r\nContent-Length: 1200\r\n\r\n")
    for _ in 0..<20 {
      usleep(50_000)
      wire.send("a")
    }
    #expect(wire.answer()?.status == 408)
  }

  @Test func aClientThatWaitsIsToldToGoOnOnceThePiecesAreWanted() throws {
    let server = try TestServer()
    let wire = Wire(server)
    let head = "HTTP/1.1\r\nHost: t\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n"
    wire.send("POST /body?hold \(head)")
    usleep(50_000)
    var entry = pollfd(fd: wire.descriptor, events: Int16(POLLIN), revents: 0)
    #expect(unsafe poll(&entry, 1, 0) == 0, "nobody wants the body yet")
    #expect(told(server, "/resume") == "done")
    #expect(wire.receive().map { String(decoding: $0, as: UTF8.self) } == "HTTP/1.1 100 Continue\r\n\r\n")
    wire.send("abc")
    #expect(wire.answer()?.text == Self.expected(Array("abc".utf8)))
    wire.send("POST /body?early \(head)")
    #expect(wire.answer()?.status == 503)
    #expect(wire.rest() == "")
  }

  @Test func aBodyUnderWayMayEndWhileTheLoopStops() throws {
    let server = try TestServer()
    let wire = Wire(server)
    wire.send("POST /body? HTTP/1.1\r\nHost: t\r\nContent-Length: 6\r\n\r\nabc")
    usleep(20_000)
    server.loop.stop(drain: 5_000_000_000)
    usleep(20_000)
    wire.send("def")
    let answer = wire.answer()
    #expect(answer?.text == Self.expected(Array("abcdef".utf8)) && answer?.keepsAlive == false)
    #expect(wire.rest() == "")
    server.stop(drain: 0)
  }

  // MARK: - Answers in pieces

  @Test func anAnswerComesInPieces() throws {
    let server = try TestServer()
    let wire = Wire(server)
    wire.get("/stream")
    wire.get("/behind")
    #expect(eventually { told(server, "/abandonments") == "0 0 1" })
    #expect(told(server, "/piece?one") == "taken")
    #expect(told(server, "/piece?two") == "taken")
    let first = wire.receive().map { String(decoding: $0, as: UTF8.self) } ?? ""
    #expect(first.hasPrefix("HTTP/1.1 200 OK\r\n") && first.contains("Transfer-Encoding: chunked\r\n"))
    #expect(told(server, "/piece?three") == "taken")
    #expect(told(server, "/end") == "done")
    var text = first
    while !text.hasSuffix("GET /behind"), let more = wire.receive(), !more.isEmpty {
      text += String(decoding: more, as: UTF8.self)
    }
    #expect(text.contains("\r\n\r\n3\r\none\r\n3\r\ntwo\r\n5\r\nthree\r\n0\r\n\r\nHTTP/1.1 200 OK"))
  }

  @Test func piecesOfALaterAnswerWaitForTheirTurn() throws {
    let server = try TestServer()
    let wire = Wire(server)
    wire.get("/hold")
    wire.get("/stream")
    wire.get("/behind")
    #expect(eventually { told(server, "/abandonments") == "0 0 1" })
    #expect(told(server, "/piece?one") == "taken")
    #expect(told(server, "/release?0") == "released")
    #expect(told(server, "/piece?two") == "taken")
    #expect(told(server, "/end") == "done")
    #expect(wire.answer()?.text == "held 0")
    #expect(wire.answer()?.text == "onetwo")
    #expect(wire.answer()?.text == "GET /behind")
  }

  @Test func oldClientsGetTheEndOfTheConnectionAndHeadNoPieces() throws {
    let server = try TestServer()
    let old = Wire(server)
    old.send("GET /stream HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
    #expect(eventually { told(server, "/abandonments") == "0 0 1" })
    #expect(told(server, "/piece?one") == "taken")
    #expect(told(server, "/end") == "done")
    let text = try #require(old.rest())
    #expect(text.contains("Connection: close\r\n\r\none") && text.hasSuffix("one") && !text.contains("chunked"))
    let head = Wire(server)
    head.send("HEAD /stream HTTP/1.1\r\nHost: t\r\n\r\n")
    #expect(head.answer(isHead: true)?.status == 200)
    head.get("/next")
    #expect(head.answer()?.text == "GET /next")
  }

  @Test func aSlowClientsPiecesAreNotKept() throws {
    let server = try TestServer()
    let wire = Wire(server, receiveBuffer: 4_096)
    wire.get("/stream")
    #expect(eventually { told(server, "/abandonments") == "0 0 1" })
    var taken = 0
    while taken < 1_000, told(server, "/big-piece?100000") == "taken" { taken += 1 }
    #expect(taken < 100, "\(taken) pieces of 100 kB wait for a client that reads nothing")
    var received = 0
    while received < taken * 100_000, let more = wire.receive(), !more.isEmpty { received += more.count }
    #expect(eventually { told(server, "/piece?x") == "taken" })
  }

  @Test func whoCannotBeServedAnyMoreIsAbandoned() throws {
    let server = try TestServer()
    do {
      let wire = Wire(server)
      wire.get("/stream")
      #expect(eventually { told(server, "/abandonments") == "0 0 1" })
    }
    #expect(eventually { told(server, "/abandonments") == "1 0 0" })
    let wire = Wire(server)
    wire.get("/stream")
    #expect(eventually { told(server, "/abandonments") == "1 0 1" })
    server.stop(drain: 50_000_000)
    #expect(wire.rest()?.contains("chunked") == true)
  }
}

import CPlatform
import Glibc
import HTTP
import Platform
import Simulation
import Testing

private let millisecond: Int64 = 1_000_000

@Suite struct EventLoopTests {
  @Test func oneConnectionServesManyRequests() throws {
    let server = try TestServer()
    let wire = Wire(server)
    for number in 0..<100 {
      wire.get("/\(number)")
      let answer = try #require(wire.answer())
      #expect(answer.status == 200 && answer.text == "GET /\(number)" && answer.keepsAlive)
    }
    let date = try #require(
      {
        wire.get("/"); return wire.answer()?.header("Date")
      }())
    #expect(date.utf8.count == 29 && date.hasSuffix(" GMT"))
    let statistics = server.statistics()
    #expect(statistics.accepted == 1 && statistics.requests == 101 && statistics.open == 1)
  }

  @Test func pipelinedRequestsAreAnsweredInOrderAndOneSend() throws {
    let server = try TestServer()
    let wire = Wire(server)
    wire.send(String(repeating: "GET /turn?x HTTP/1.1\r\nHost: t\r\n\r\n", count: 30))
    for _ in 0..<30 { #expect(wire.answer()?.text == "turn x") }
    #expect(server.statistics().sends <= 3)
  }

  /// Answers made in every order leave in the order of the requests.
  @Test(arguments: 1...20) func deferredAnswersLeaveInRequestOrder(seed: UInt64) throws {
    var chance = SeededGenerator(seed: seed)
    let server = try TestServer()
    let wire = Wire(server)
    let other = Wire(server)
    let count = 1 + chance.below(60)
    let order = (0..<count).shuffled(using: &chance)
    wire.send(String(repeating: "GET /hold HTTP/1.1\r\nHost: t\r\n\r\n", count: count) + "HEAD /after HTTP/1.0\r\n\r\n")
    #expect(server.eventually { $0.requests == count + 1 })
    let half = order.prefix(count / 2).map(String.init).joined(separator: ",")
    other.get("/release?\(half),\(order.suffix(count - count / 2).map(String.init).joined(separator: ","))")
    #expect(other.answer()?.text == "released")
    for number in 0..<count { #expect(wire.answer()?.text == "held \(number)", "seed \(seed)") }
    #expect(wire.answer(isHead: true)?.keepsAlive == false)
    #expect(wire.rest() == "", "seed \(seed)")
  }

  @Test func beyondThePipelineDepthTheLoopStopsReadingAndGoesOnLater() throws {
    var settings = LoopSettings()
    settings.pipelineDepth = 4
    let server = try TestServer(settings)
    let wire = Wire(server)
    let other = Wire(server)
    wire.send(
      String(repeating: "GET /hold HTTP/1.1\r\nHost: t\r\n\r\n", count: 4)
        + String(repeating: "GET /turn?z HTTP/1.1\r\nHost: t\r\n\r\n", count: 40))
    #expect(server.eventually { $0.requests == 4 })
    let turns = server.statistics().turns
    usleep(20_000)
    #expect(server.statistics().turns < turns + 10, "the loop spins on a connection that it may not read")
    other.get("/release?3,1,0,2")
    for number in 0..<4 { #expect(wire.answer()?.text == "held \(number)") }
    for _ in 0..<40 { #expect(wire.answer()?.text == "turn z") }
  }

  @Test func workFromOtherThreadsAnswersAndStaleExchangesAreNothing() throws {
    let server = try TestServer()
    let wire = Wire(server)
    wire.get("/later?1")
    #expect(wire.answer()?.text == "later 1")
    wire.get("/twice")
    wire.get("/next")
    #expect(wire.answer()?.text == "first")
    #expect(wire.answer()?.text == "GET /next")
    // A connection goes with its answer owed; its place is taken by another, which must not get it.
    do {
      let gone = Wire(server)
      gone.get("/hold")
      #expect(server.eventually { $0.open == 2 && $0.requests == 4 })
      var reset = linger(l_onoff: 1, l_linger: 0)
      unsafe setsockopt(gone.descriptor, SOL_SOCKET, SO_LINGER, &reset, socklen_t(MemoryLayout<linger>.size))
    }
    #expect(server.eventually { $0.open == 1 })
    let heir = Wire(server)
    heir.get("/hold")
    #expect(server.eventually { $0.open == 2 && $0.requests == 5 })
    wire.get("/release?0")
    #expect(wire.answer()?.text == "released")
    heir.get("/x")
    #expect(server.eventually { $0.requests == 7 })
    wire.get("/release?0")
    #expect(wire.answer()?.text == "released")
    #expect(heir.answer()?.text == "held 0")
    #expect(heir.answer()?.text == "GET /x")
    #expect(server.statistics().staleAnswers == 2)
  }

  @Test func headAndEmptyAnswersHaveNoBody() throws {
    let server = try TestServer()
    let wire = Wire(server)
    wire.send("HEAD /big?5000 HTTP/1.1\r\nHost: t\r\n\r\n")
    let head = try #require(wire.answer(isHead: true))
    #expect(head.header("content-length") == "5000" && head.body.isEmpty)
    wire.get("/empty")
    let empty = try #require(wire.answer())
    #expect(empty.status == 204 && empty.header("content-length") == nil)
    wire.get("/forgotten")
    #expect(wire.answer()?.status == 500)
    wire.get("/inject")
    let injected = try #require(wire.answer())
    #expect(injected.header("location") == "http://x/  Set-Cookie: a=b \t." && injected.header("set-cookie") == nil)
    wire.get("/")
    #expect(wire.answer()?.text == "GET /")
  }

  @Test func versionsAndConnectionFieldsDecideWhetherItStaysOpen() throws {
    let server = try TestServer()
    for (request, stays) in [
      ("GET / HTTP/1.1\r\nHost: t\r\n\r\n", true),
      ("GET / HTTP/1.1\r\nHost: t\r\nConnection: Close\r\n\r\n", false),
      ("GET / HTTP/1.1\r\nHost: t\r\nConnection: x, close\r\n\r\n", false),
      ("GET / HTTP/1.1\r\nHost: t\r\nConnection: closed\r\n\r\n", true),
      ("GET / HTTP/1.0\r\n\r\n", false),
      ("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", true),
      ("GET / HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n", false),
    ] {
      let wire = Wire(server)
      wire.send(request)
      let answer = try #require(wire.answer())
      #expect(answer.keepsAlive == stays, "\(request)")
      if !stays { #expect(wire.rest() == "", "\(request)") }
      if stays, request.contains("1.0") { #expect(answer.header("connection") == "keep-alive") }
    }
  }

  @Test func bodiesArriveWholeHoweverSentAndUpToTheirLimit() throws {
    let server = try TestServer()
    let wire = Wire(server)
    var chance = SeededGenerator(seed: 5)
    for size in [0, 1, 4000, 16_384, 20_000, 99_999, 100_000] {
      let body = (0..<size).map { _ in UInt8.random(in: 0...255, using: &chance) }
      wire.send("POST /echo HTTP/1.1\r\nHost: t\r\nContent-Length: \(size)\r\n\r\n")
      wire.send(body)
      #expect(wire.answer()?.body == body)
      wire.send("POST /echo HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n")
      var rest = body[...]
      var message: [UInt8] = []
      while !rest.isEmpty {
        let piece = rest.prefix(1 + chance.below(size > 50_000 ? 3000 : 20))
        rest = rest.dropFirst(piece.count)
        message += Array((String(piece.count, radix: 16) + ";x=y\r\n").utf8) + piece + [13, 10]
      }
      wire.send(message + Array("0\r\n\r\n".utf8))
      #expect(wire.answer()?.body == body)
    }
    wire.send("POST /echo HTTP/1.1\r\nHost: t\r\nContent-Length: 100001\r\n\r\nabc")
    let refusal = try #require(wire.answer())
    #expect(refusal.status == 413 && !refusal.keepsAlive)
    // The answer gets through although the client goes on sending for a while.
    wire.send([UInt8](repeating: 0, count: 50_000))
    wire.finish()
    #expect(wire.rest() == "")
    let chunked = Wire(server)
    chunked.send("POST /nobody HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n")
    #expect(chunked.answer()?.status == 413)
    #expect(server.statistics().rejected.bodyTooLarge == 2)
  }

  @Test func continueIsSaidWhenTheBodyIsWanted() throws {
    let server = try TestServer()
    let wire = Wire(server)
    let expecting = "POST /echo HTTP/1.1\r\nHost: t\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n"
    wire.send(expecting)
    #expect(wire.receive().map { String(decoding: $0, as: UTF8.self) } == "HTTP/1.1 100 Continue\r\n\r\n")
    wire.send("hello")
    #expect(wire.answer()?.text == "hello")
    // With the body at hand nobody waits.
    wire.send(expecting + "hullo")
    let both = try #require(wire.receive().map { String(decoding: $0, as: UTF8.self) })
    #expect(both.hasPrefix("HTTP/1.1 200") && both.hasSuffix("hullo"))
    // Behind an answer that is still owed it waits for its turn.
    let other = Wire(server)
    wire.get("/hold")
    wire.send(expecting)
    #expect(server.eventually { $0.requests == 3 })
    other.get("/release?0")
    #expect(other.answer()?.text == "released")
    var text = ""
    while !text.contains("100 Continue\r\n\r\n"), let more = wire.receive(), !more.isEmpty {
      text += String(decoding: more, as: UTF8.self)
    }
    #expect(text.hasPrefix("HTTP/1.1 200 OK") && text.hasSuffix("held 0HTTP/1.1 100 Continue\r\n\r\n"))
    wire.send("again")
    #expect(wire.answer()?.text == "again")
    let unwanted = Wire(server)
    unwanted.send("POST /nobody HTTP/1.1\r\nHost: t\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n")
    #expect(unwanted.rest()?.hasPrefix("HTTP/1.1 413") == true)
    let other2 = Wire(server)
    other2.send("POST /echo HTTP/1.1\r\nHost: t\r\nExpect: magic\r\nContent-Length: 5\r\n\r\n")
    #expect(other2.rest()?.hasPrefix("HTTP/1.1 417") == true)
  }

  @Test func aRefusalFollowsTheAnswersThatAreOwed() throws {
    let server = try TestServer()
    let wire = Wire(server)
    wire.send("GET /turn?1 HTTP/1.1\r\nHost: t\r\n\r\nGET /2 HTTP/1.1\r\nHost: t\r\n\r\nGET /3\r\n\r\nGET /4")
    #expect(wire.answer()?.text == "turn 1")
    #expect(wire.answer()?.text == "GET /2")
    let refusal = try #require(wire.answer())
    #expect(refusal.status == 400 && !refusal.keepsAlive)
    wire.finish()
    #expect(wire.rest() == "")
    #expect(server.statistics().rejected.badRequest == 1)
  }

  @Test func aHalfClosedClientGetsItsAnswers() throws {
    let server = try TestServer()
    let wire = Wire(server)
    let other = Wire(server)
    wire.send("GET /hold HTTP/1.1\r\nHost: t\r\n\r\nGET /2 HTTP/1.1\r\nHost: t\r\n\r\nGET /unfinished HT")
    wire.finish()
    #expect(server.eventually { $0.requests == 2 })
    let turns = server.statistics().turns
    usleep(20_000)
    #expect(server.statistics().turns < turns + 10, "the loop spins on a connection that has ended")
    other.get("/release?0")
    #expect(wire.answer()?.text == "held 0")
    #expect(wire.answer()?.text == "GET /2")
    #expect(wire.rest() == "")
  }

  @Test func aSlowClientIsServedByteByByte() throws {
    let server = try TestServer()
    let wire = Wire(server)
    for byte in "\r\nPOST /echo HTTP/1.1\r\nHost: t\r\nContent-Length: 3\r\n\r\nabcGET /x HTTP/1.1\r\nHost: t\r\n\r\n"
      .utf8
    {
      wire.send([byte])
      usleep(300)
    }
    #expect(wire.answer()?.text == "abc")
    #expect(wire.answer()?.text == "GET /x")
  }

  @Test func aClientThatNeverReadsIsHeldBackAndThenCut() throws {
    var settings = LoopSettings()
    settings.outputLimit = 100_000
    settings.sendTimeout = 300 * millisecond
    let server = try TestServer(settings)
    let wire = Wire(server, receiveBuffer: 4096)
    let ask = String(repeating: "GET /big?50000 HTTP/1.1\r\nHost: t\r\n\r\n", count: 64)
    for _ in 0..<16 { wire.send(ask) }
    #expect(server.eventually { $0.sendTimeouts == 1 && $0.open == 0 })
    // What the sockets hold, and the limit: far less than the 1,024 answers that were asked for.
    #expect(server.statistics().requests < 300)
  }

  @Test func aLargeAnswerReachesASlowReader() throws {
    let server = try TestServer()
    let wire = Wire(server, receiveBuffer: 4096)
    wire.get("/big?3000000")
    wire.get("/after")
    usleep(20_000)
    #expect(wire.answer()?.body == [UInt8](repeating: 0x62, count: 3_000_000))
    #expect(wire.answer()?.text == "GET /after")
  }

  @Test func timeLimits() throws {
    var settings = LoopSettings()
    settings.idleTimeout = 500 * millisecond
    settings.headerTimeout = 200 * millisecond
    settings.bodyTimeout = 200 * millisecond
    settings.minBodyRate = 1_000_000
    let server = try TestServer(settings)
    let silent = Wire(server)
    let idle = Wire(server)
    let halfHead = Wire(server)
    let halfBody = Wire(server)
    idle.get("/")
    #expect(idle.answer() != nil)
    halfHead.send("GET / HTTP/1.1\r\nHo")
    halfBody.send("POST /echo HTTP/1.1\r\nHost: t\r\nContent-Length: 100\r\n\r\nabc")
    // Dripping does not help.
    for _ in 0..<10 {
      halfHead.send("s")
      halfBody.send("x")
      usleep(30_000)
    }
    #expect(silent.rest() == "")
    #expect(idle.rest() == "")
    #expect(halfHead.answer()?.status == 408)
    #expect(halfBody.answer()?.status == 408)
    let statistics = server.statistics()
    #expect(statistics.idleTimeouts == 2 && statistics.rejected.timeout == 2)
  }

  @Test func moreConnectionsThanAllowedAreClosedAtOnceWhereAllAreBusy() throws {
    var settings = LoopSettings()
    settings.maxConnections = 3
    let server = try TestServer(settings)
    let wires = (0..<3).map { _ in Wire(server) }
    for wire in wires { wire.get("/hold") }
    #expect(server.eventually { $0.requests == 3 })
    for _ in 0..<5 { #expect(Wire(server).rest() == "") }
    #expect(server.statistics().refused == 5 && server.statistics().madeRoom == 0)
    // One of them asks for the answers, and the next stranger takes the place of the one that is idle then.
    wires[0].get("/release?0,1,2")
    #expect(wires[0].answer()?.text == "held 0" && wires[1].answer()?.text == "held 1")
    let wire = Wire(server)
    wire.get("/")
    #expect(wire.answer() != nil)
  }

  @Test func stoppingAnswersWhatIsOwedAndClosesTheRest() throws {
    let server = try TestServer()
    let idle = Wire(server)
    idle.get("/")
    _ = idle.answer()
    let busy = Wire(server)
    busy.get("/hold")
    let half = Wire(server)
    half.send("GET /half HTTP/1.1\r\nHo")
    #expect(server.eventually { $0.requests == 2 && $0.open == 3 && $0.bytesIn > 0 })
    usleep(5000)
    server.loop.stop(drain: 3_000 * millisecond)
    #expect(idle.rest() == "")
    half.send("st: t\r\n\r\nGET /none HTTP/1.1\r\nHost: t\r\n\r\n")
    #expect(half.answer()?.text == "GET /half")
    server.loop.submit { loop in
      guard let handler = loop.testHandler else { return }
      for exchange in handler.held { loop.respond(exchange) { $0.begin(200) } }
    }
    let last = try #require(busy.answer())
    #expect(last.status == 200 && !last.keepsAlive)
    #expect(busy.rest() == "")
    server.stop(drain: 0)
    #expect(throws: ClientError.self) { try HTTPClient(server.authority).request("GET", "/") }
  }

  @Test func stoppingEndsAtItsDeadline() throws {
    let server = try TestServer()
    let wire = Wire(server)
    wire.get("/hold")
    #expect(server.eventually { $0.requests == 1 })
    let begin = tally_monotonic_ns()
    server.stop(drain: 100 * millisecond)
    let elapsed = tally_monotonic_ns() - begin
    #expect(elapsed >= 100 * millisecond && elapsed < 2_000 * millisecond)
    #expect(wire.rest()?.isEmpty ?? true)
  }

  @Test(arguments: 1...3) func garbageConnectionsNeverHurtTheOthers(seed: UInt64) throws {
    var chance = SeededGenerator(seed: seed)
    let server = try TestServer()
    let pieces = [
      "GET ", "/ ", "HTTP/1.1\r\n", "Host: t\r\n", "\r\n", "Content-Length: 9\r\n", "\0", "\n", "0\r\n\r\n",
    ]
    for round in 0..<150 {
      let wire = Wire(server)
      var bytes: [UInt8] = []
      for _ in 0..<chance.below(30) {
        if chance.below(3) == 0 {
          bytes += (0..<chance.below(40)).map { _ in UInt8.random(in: 0...255, using: &chance) }
        } else {
          bytes += Array(pieces.randomElement(using: &chance)!.utf8)
        }
      }
      wire.send(bytes)
      if chance.below(2) == 0 {
        wire.finish()
        #expect(wire.rest() != nil, "seed \(seed), round \(round)")
      }
    }
    let wire = Wire(server)
    wire.get("/alive")
    #expect(wire.answer()?.text == "GET /alive")
  }

  @Test func pacingGathersTheReadyOnes() throws {
    let server = try TestServer(prepare: { $0.pause = 20 * millisecond })
    let wires = (0..<20).map { _ in Wire(server) }
    for wire in wires {
      wire.get("/turn?a")
      #expect(wire.answer() != nil)
    }
    let before = server.statistics()
    for wire in wires { wire.get("/turn?b") }
    for wire in wires { #expect(wire.answer()?.text == "turn b") }
    let after = server.statistics()
    #expect(after.sends - before.sends == 20 && after.turns - before.turns < 12)
  }

  @Test func loopsShareAPortWhereAsked() throws {
    var options = ListenerOptions()
    options.sharesPort = true
    options.deferAccept = 1
    let first = try TestServer(options: options)
    let second = try TestServer(at: first.authority, options: options)
    #expect(second.address.port == first.address.port)
    for number in 0..<40 {
      let answer = try HTTPClient(first.authority).request("GET", "/\(number)")
      #expect(answer.text == "GET /\(number)")
    }
    let counts = [first, second].map { $0.statistics().requests }
    #expect(counts.reduce(0, +) == 40 && !counts.contains(0))
    // A client that waits is served too.
    let wire = Wire(first)
    usleep(20_000)
    wire.get("/slow")
    #expect(wire.answer()?.text == "GET /slow")
  }

  @Test func listenersOfBothFamiliesTellThemselvesApart() throws {
    for address in ["127.0.0.1:0", "[::1]:0"] {
      guard let server = try? TestServer(at: address) else { continue }
      let answer = try HTTPClient(server.authority).request("GET", "/peer")
      #expect(answer.text.hasSuffix(" 7") && answer.text.hasPrefix(address.dropLast(1)))
      #expect(throws: SystemError.self) { try TestServer(at: server.authority) }
    }
  }
}

extension EventLoop {
  /// The handler, for tests that steer it from outside. On the loop's thread.
  fileprivate var testHandler: TestHandler? { requestHandler as? TestHandler }
}

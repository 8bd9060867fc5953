import Glibc
import HTTP
import Synchronization
import Testing

/// What many or greedy clients may take of a loop, and who goes when it is too much.
@Suite struct LimitTests {
  @Test func theLongestIdleConnectionMakesRoom() throws {
    var settings = LoopSettings()
    settings.maxConnections = 3
    let server = try TestServer(settings)
    let wires = (0..<3).map { _ in Wire(server) }
    for index in [1, 2, 0] {
      wires[index].get("/")
      #expect(wires[index].answer() != nil)
      usleep(10_000)
    }
    let new = Wire(server)
    new.get("/new")
    #expect(new.answer()?.text == "GET /new")
    // The one that asked first.
    #expect(wires[1].rest() == "")
    for index in [0, 2] {
      wires[index].get("/still")
      #expect(wires[index].answer()?.text == "GET /still")
    }
    #expect(server.statistics().madeRoom == 1 && server.statistics().refused == 0)
  }

  /// More than fit, all waiting when the loop looks: the last of them is not refused for the silence of the first ones, and
  /// those that came first go first.
  @Test(arguments: [1, 3, 4, 64]) func manyAtOnceMakeRoomForTheLast(limit: Int) throws {
    var settings = LoopSettings()
    settings.maxConnections = limit
    let server = try TestServer(settings)
    let gate = Gate()
    server.loop.submit { _ in gate.wait() }
    let strangers = (0..<limit + 40).map { _ in Wire(server) }
    let last = Wire(server)
    last.get("/last")
    gate.open()
    #expect(last.answer()?.text == "GET /last")
    #expect(server.statistics().refused == 0 && server.statistics().madeRoom == 41)
    for (number, wire) in strangers.enumerated() {
      if number < 41 {
        #expect(wire.rest() == "")
      } else {
        wire.get("/still")
        #expect(wire.answer()?.text == "GET /still")
      }
    }
  }

  /// Whatever strangers do, one with a request in progress stays.
  @Test func aRequestInProgressIsNeverGivenUp() throws {
    var settings = LoopSettings()
    settings.maxConnections = 4
    let server = try TestServer(settings)
    let (waiting, half) = (Wire(server), Wire(server))
    waiting.get("/hold")
    half.send("GET /half HTTP/1.1\r\nHost: t\r\n")
    #expect(server.eventually { $0.requests == 1 && $0.open == 2 })
    usleep(20_000)
    for _ in 0..<40 { _ = Wire(server) }
    half.send("\r\n")
    #expect(half.answer()?.text == "GET /half")
    let other = Wire(server)
    other.get("/release?0")
    #expect(other.answer()?.text == "released")
    #expect(waiting.answer()?.text == "held 0")
  }

  @Test func aListenerHasABoundOfItsOwn() throws {
    var settings = LoopSettings()
    settings.maxConnections = 2
    settings.extraConnections = 2
    var options = ListenerOptions()
    options.connections = 2
    let server = try TestServer(settings, second: options)
    let strangers = (0..<2).map { _ in Wire(server) }
    for wire in strangers { wire.get("/hold") }
    #expect(server.eventually { $0.requests == 2 })
    let admin = Wire(server, second: true)
    admin.get("/admin")
    #expect(admin.answer()?.text == "GET /admin")
    #expect(Wire(server).rest() == "")
    withExtendedLifetime(strangers) {}
  }

  @Test func aBodyThatIsRefusedAtTheHeadIsNotWaitedFor() throws {
    let server = try TestServer()
    let polite = Wire(server)
    polite.send("POST /forbidden HTTP/1.1\r\nHost: t\r\nExpect: 100-continue\r\nContent-Length: 90000\r\n\r\n")
    #expect(polite.rest()?.hasPrefix("HTTP/1.1 401 ") == true)
    let rude = Wire(server)
    rude.send(
      Array("POST /forbidden HTTP/1.1\r\nHost: t\r\nContent-Length: 90000\r\n\r\n".utf8)
        + [UInt8](repeating: 0x61, count: 50_000))
    #expect(rude.answer()?.status == 401)
    #expect(server.statistics().rejected.bodyTooLarge == 0)
  }

  /// Bytes earn time, but never more than the longest silence.
  @Test func aBodyThatCameFastEarnsNoLongSilence() throws {
    var settings = LoopSettings()
    settings.bodyTimeout = 300_000_000
    let server = try TestServer(settings)
    let wire = Wire(server)
    wire.send(
      Array("POST /echo HTTP/1.1\r\nHost: t\r\nContent-Length: 90000\r\n\r\n".utf8)
        + [UInt8](repeating: 0x61, count: 80_000))
    #expect(wire.answer()?.status == 408)
  }

  /// No time limit ends what memory is to end, however slow the machine is.
  private static var patient: LoopSettings {
    var settings = LoopSettings()
    settings.bodyTimeout = 3_600_000_000_000
    settings.sendTimeout = 3_600_000_000_000
    return settings
  }

  @Test func bodiesTogetherStayWithinTheBudget() throws {
    let budget = BufferBudget(limit: 4 << 20)
    let server = try TestServer(Self.patient, budget: budget) { $0.bodyLimit = 1 << 20 }
    let head = Array("POST /echo HTTP/1.1\r\nHost: t\r\nContent-Length: 1000000\r\n\r\n".utf8)
    let wires = (0..<12).map { _ in Wire(server) }
    for wire in wires {
      wire.send(head + [UInt8](repeating: 0x61, count: 900_000))
      let other = Wire(server)
      other.get("/light")
      #expect(other.answer()?.text == "GET /light")
    }
    #expect(server.eventually { $0.shed >= 7 }, "\(server.statistics()), \(budget.current) bytes, most \(budget.peak)")
    // A client that leaves takes its bytes along, and nobody has to be shed for them.
    withExtendedLifetime(wires) {}
    #expect(server.statistics().rejected.overloaded == server.statistics().shed)
    #expect(budget.current <= budget.limit)
    // Over by what one turn reads at most.
    #expect(budget.peak <= budget.limit + (4 << 20))
    server.stop(drain: 0)
  }

  @Test func answersThatNobodyTakesStayWithinTheBudget() throws {
    let budget = BufferBudget(limit: 4 << 20)
    let server = try TestServer(Self.patient, budget: budget)
    let wires = (0..<12).map { _ in Wire(server, receiveBuffer: 4096) }
    for wire in wires { wire.send(String(repeating: "GET /big?3000000 HTTP/1.1\r\nHost: t\r\n\r\n", count: 8)) }
    #expect(server.eventually { $0.shed >= 8 })
    withExtendedLifetime(wires) {}
    let other = Wire(server)
    other.get("/light")
    #expect(other.answer()?.text == "GET /light")
    #expect(budget.current <= budget.limit)
  }

  /// A held request is answered before another of its connection is looked at.
  @Test func nothingIsTakenOnBehindAHeldRequest() throws {
    let server = try TestServer()
    let (wire, other) = (Wire(server), Wire(server))
    wire.send(String(repeating: "GET /alone HTTP/1.1\r\nHost: t\r\n\r\n", count: 3))
    for number in 1...3 {
      #expect(server.eventually { $0.requests == number + (number - 1) })
      usleep(5_000)
      #expect(server.statistics().requests == number + (number - 1))
      other.get("/release?0")
      #expect(other.answer()?.text == "released")
      #expect(wire.answer()?.text == "held 0")
    }
  }

  /// Its handler hears when the client stops sending, whether more is unread or not, and when it has gone.
  @Test(arguments: [1, 2]) func theHandlerOfAHeldRequestHearsOfItsClient(_ count: Int) throws {
    let server = try TestServer()
    let other = Wire(server)
    func said(_ words: String) -> Bool {
      for _ in 0..<400 {
        other.get("/statistics")
        if other.answer()?.text.contains(words) ?? false { return true }
        usleep(5_000)
      }
      return false
    }
    do {
      let wire = Wire(server)
      wire.send(String(repeating: "GET /alone HTTP/1.1\r\nHost: t\r\n\r\n", count: count))
      wire.finish()
      #expect(said("hung up 1 left 0"))
      var reset = linger(l_onoff: 1, l_linger: 0)
      unsafe setsockopt(
        wire.descriptor, SOL_SOCKET, SO_LINGER, &reset, socklen_t(MemoryLayout<linger>.size))
    }
    #expect(said("hung up 1 left 1"))
  }
}

/// Holds a thread until somebody opens it.
private final class Gate: Sendable {
  private let isOpen = Mutex(false)

  func open() { isOpen.withLock { $0 = true } }
  func wait() { while !isOpen.withLock({ $0 }) { usleep(200) } }
}

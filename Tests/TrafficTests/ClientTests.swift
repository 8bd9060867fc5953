import Clicks
import Glibc
import Platform
import Synchronization
import Testing
import Traffic

/// The client against real sockets that answer well, badly, in pieces, late or not at all.
@Suite struct ClientTests {
  private static let secret = Array("loopback".utf8)

  /// `count` numbered requests, and what became of each.
  private final class Probe: RequestSource, Observer {
    private(set) var given = 0
    private(set) var outcomes: [UInt64: Outcome] = [:]
    private(set) var order: [UInt64] = []
    private(set) var latencies: [Int64] = []
    private let count: Int
    private let isHead: (Int) -> Bool

    init(_ count: Int, isHead: @escaping (Int) -> Bool = { _ in false }) {
      self.count = count
      self.isHead = isHead
    }

    func next(into plan: inout RequestPlan) -> Supply {
      guard given < count else { return .done }
      plan.tag = UInt64(given)
      plan.method = isHead(given) ? .head : .get
      plan.target.append(contentsOf: "/click?n=\(given)".utf8)
      given += 1
      return .ready
    }

    func finished(tag: UInt64, outcome: Outcome, latency: Int64) {
      #expect(outcomes[tag] == nil, "request \(tag) ended twice")
      outcomes[tag] = outcome
      order.append(tag)
      latencies.append(latency)
    }

    var unanswered: Int { outcomes.values.count { $0 == .noAnswer } }
  }

  private static func head(
    _ status: Int = 302, verdict: Verdict? = .valid, time: String? = "2026-11-23T17:00:00.123Z", body: Int = 0,
    more: String = ""
  ) -> String {
    "HTTP/1.1 \(status) Whatever\r\nLocation: https://example.com/\r\nContent-Length: \(body)\r\n"
      + (verdict.map { "X-Tally-Verdict: \($0.name)\r\n" } ?? "") + (time.map { "X-Tally-Time: \($0)\r\n" } ?? "")
      + more + "\r\n" + String(repeating: "b", count: body)
  }

  private static let good = Outcome(status: 302, verdict: .valid, eventTime: 1_795_453_200_123)

  private func options(_ connections: Int, depth: Int = 1) -> ClientOptions {
    var options = ClientOptions()
    options.connections = connections
    options.depth = depth
    options.answerTimeout = 5_000_000_000
    options.giveUpAfter = 3_000_000_000
    return options
  }

  private func run(
    _ probe: Probe, _ options: ClientOptions,
    _ respond: @escaping @Sendable (ScriptedServer.Request) -> ScriptedServer.Reply
  ) throws -> (ClientStatistics, accepted: Int) {
    let server = try ScriptedServer(respond)
    defer { server.stop() }
    var client = try ClickClient.make(options, ClientControl(server.address))
    let statistics = try client.run(source: probe, observer: probe)
    return (statistics, server.accepted)
  }

  @Test(arguments: [(1, 1), (8, 1), (3, 7), (1, 64)])
  func everyRequestIsAnsweredOnce(connections: Int, depth: Int) throws {
    let probe = Probe(500)
    let (statistics, accepted) = try run(probe, options(connections, depth: depth)) { request in
      #expect(request.method == "GET" && request.target == "/click?n=\(request.target.dropFirst(9))")
      #expect(request.headers.contains("\r\nHost: 127.0.0.1:"))
      return .init(Self.head(body: request.number % 3))
    }
    #expect(probe.outcomes.count == 500 && probe.outcomes.values.allSatisfy { $0 == Self.good })
    #expect(statistics.requests == 500 && statistics.lost == 0 && statistics.connected == connections)
    #expect(accepted == connections)
    if connections == 1 { #expect(probe.order == Array(0..<500)) }
  }

  @Test func answersComeInAnyPieces() throws {
    for seed: UInt64 in 1...3 {
      let probe = Probe(60, isHead: { $0 % 5 == 0 })
      _ = try run(probe, options(2, depth: 4)) { request in
        var generator = SplitMix64(seed: seed &* 1000 + UInt64(request.number))
        var text = Self.head(body: generator.below(3) * 40)
        if request.method == "HEAD" { text = Self.head(body: 0, more: "X-Length: 0\r\n") }
        if request.method == "HEAD" { text = text.replacing("Content-Length: 0", with: "Content-Length: 700") }
        if generator.below(4) == 0 { text = "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + text }
        if generator.below(4) == 0 { text = text.replacing("X-Tally-Verdict:", with: "x-tally-verdict:\t ") }
        let bytes = Array(text.utf8)
        var pieces: [[UInt8]] = []
        var at = 0
        while at < bytes.count {
          let next = min(bytes.count, at + 1 + generator.below(generator.below(3) == 0 ? 2 : 90))
          pieces.append(Array(bytes[at..<next]))
          at = next
        }
        return .init(pieces)
      }
      #expect(probe.outcomes.count == 60 && probe.outcomes.values.allSatisfy { $0 == Self.good }, "seed \(seed)")
    }
  }

  @Test func headersThatAreMissingOrOddAreNoGuesses() throws {
    let probe = Probe(6)
    _ = try run(probe, options(1)) { request in
      switch request.number {
      case 0: .init(Self.head(verdict: nil, time: nil))
      case 1: .init(Self.head(time: "yesterday"))
      case 2: .init(Self.head(verdict: nil, time: nil, more: "X-Tally-Verdict: validated\r\n"))
      case 3: .init(Self.head(time: "2026-11-23T18:00:00.1234+01:00"))
      case 4: .init(Self.head(503, verdict: nil, time: nil, body: 100))
      default: .init(Self.head(403, verdict: .badSignature, time: nil))
      }
    }
    #expect(probe.outcomes[0] == Outcome(status: 302))
    #expect(probe.outcomes[1] == Outcome(status: 302, verdict: .valid))
    #expect(probe.outcomes[2] == Outcome(status: 302))
    #expect(probe.outcomes[3] == Self.good)
    #expect(probe.outcomes[4] == Outcome(status: 503))
    #expect(probe.outcomes[5] == Outcome(status: 403, verdict: .badSignature))
  }

  @Test func aLostConnectionLeavesItsRequestsUnansweredAndIsMadeAgain() throws {
    let probe = Probe(100)
    let (statistics, accepted) = try run(probe, options(2, depth: 4)) { request in
      switch request.number % 10 {
      case 3: .hangUp
      case 6: .init([Array(Self.head().utf8.prefix(70))], closes: true)
      case 9: .init("SSH-2.0-OpenSSH_9.2 but longer\r\n")
      default: .init(Self.head())
      }
    }
    #expect(probe.outcomes.count == 100)
    #expect(probe.outcomes.values.allSatisfy { $0 == Self.good || $0 == .noAnswer })
    #expect(probe.unanswered >= 3 && probe.unanswered < 100)
    #expect(statistics.lost >= 3 && accepted > 3)
  }

  @Test func bodiesThatEndWithTheConnectionAndClosesAreNoLosses() throws {
    let probe = Probe(40)
    _ = try run(probe, options(2)) { request in
      let head = Self.head()
      return switch request.number % 4 {
      case 0: .init(Self.head(more: "Connection: close\r\n"), closes: true)
      case 1: .init(head.replacing("Content-Length: 0\r\n", with: "") + "until the end", closes: true)
      case 2: .init(head.replacing("Content-Length: 0", with: "Transfer-Encoding: chunked") + "0\r\n\r\n")
      // The answer is known though its body is cut.
      default: .init(head.replacing("Content-Length: 0", with: "Content-Length: 90") + "cut", closes: true)
      }
    }
    // The next request may have been on its way when the cut came.
    #expect(probe.outcomes.values.count { $0 == Self.good } >= 30)
    #expect(probe.outcomes.count == 40)
  }

  @Test func aConnectionARequestIsPossible() throws {
    let probe = Probe(50)
    var options = options(4)
    options.keepAlive = false
    let (statistics, accepted) = try run(probe, options) { request in
      #expect(request.headers.contains("\r\nConnection: close"))
      return .init(Self.head(), closes: true)
    }
    #expect(probe.unanswered == 0 && probe.outcomes.count == 50 && accepted >= 50 && statistics.lost == 0)
  }

  @Test func anOpenLoopChargesTheServerForItsPause() throws {
    let respond: @Sendable (ScriptedServer.Request) -> ScriptedServer.Reply = { request in
      .init(Self.head(), delay: request.number == 20 ? 400 : 0)
    }
    let closed = Probe(200)
    _ = try run(closed, options(1), respond)
    #expect(closed.latencies.count { $0 > 100_000_000 } == 1, "a closed loop omits")
    let open = Probe(200)
    var options = options(1)
    options.rate = 250
    let (statistics, _) = try run(open, options, respond)
    // 4 ms apart: of the 100 requests due in the pause, 75 wait longer than 100 ms.
    let slow = open.latencies.count { $0 > 100_000_000 }
    #expect(70...125 ~= slow, "\(slow)")
    #expect(statistics.elapsed >= 199 * 4_000_000)
  }

  @Test func whatIsNeverAnsweredEnds() throws {
    let probe = Probe(6)
    var options = options(3, depth: 2)
    options.answerTimeout = 100_000_000
    let (statistics, _) = try run(probe, options) { _ in .init("", delay: 0) }
    #expect(probe.outcomes.count == 6 && probe.unanswered == 6 && !statistics.unreachable)
  }

  @Test func nobodyThereIsUnreachable() throws {
    let server = try ScriptedServer { _ in .hangUp }
    server.stop()
    let probe = Probe(10)
    var options = options(2)
    options.giveUpAfter = 100_000_000
    var client = try ClickClient.make(options, ClientControl(server.address))
    let statistics = try client.run(source: probe, observer: probe)
    #expect(statistics.unreachable && statistics.refused > 2 && statistics.requests == 0 && probe.given == 0)
  }

  @Test func itStopsWhenToldOrWhenTheTimeIsOver() throws {
    let server = try ScriptedServer { _ in .init(Self.head()) }
    defer { server.stop() }
    let control = ClientControl(server.address)
    var options = options(2)
    options.duration = 50_000_000
    var client = try ClickClient.make(options, control)
    let probe = Probe(.max)
    let statistics = try client.run(source: probe, observer: probe)
    #expect(probe.given == probe.outcomes.count && probe.unanswered == 0 && statistics.elapsed < 2_000_000_000)
    control.stop()
    let nothing = Probe(.max)
    _ = try client.run(source: nothing, observer: nothing)
    #expect(nothing.given == 0)
  }

  @Test func browsersSettleEverythingAcrossKillsOfTheServer() throws {
    var options = MixOptions()
    options.total = 6000
    options.repeats = 0.1
    options.bursts = 0.02
    options.robots = 0.02
    let mix = BrowserMix(options, secret: Self.secret, time: KernelTime(), seed: 99)
    let honest = HonestServer(secret: Self.secret, catalog: mix.catalog)
    let time = KernelTime()
    /// One life: answers some thousand requests, loses answers now and then, and is cut by the test.
    func life() throws -> ScriptedServer {
      try ScriptedServer { request in
        let outcome = honest.answer(
          isHead: request.method == "HEAD",
          isPrefetch: request.headers.contains("urpose: pre")
            || request.headers.contains("X-Moz: prefetch"),
          isRobot: request.headers.contains("Googlebot"),
          target: request.target, at: time.wall())
        if request.number % 301 == 300 { return .hangUp }
        return .init(
          Self.head(
            outcome.status, verdict: outcome.verdict, time: outcome.eventTime.map { Timestamp.format($0) },
            body: outcome.status == 302 ? 0 : 20
          ).replacing(request.method == "HEAD" ? "Content-Length: 0" : "\u{1}", with: "Content-Length: 5"))
      }
    }
    var server = try life()
    let control = ClientControl(server.address)
    let runner = Runner(mix: mix, options: self.options(16), control: control)
    let thread = try Thread("browsers") { runner.run() }
    for _ in 0..<3 {
      let before = mix.progress.scripted
      while mix.progress.scripted < before + 1200 { usleep(2000) }
      server.stop()
      server = try life()
      control.address = server.address
    }
    thread.join()
    server.stop()
    #expect(!runner.statistics.unreachable && runner.statistics.lost >= 16)
    let (violations, count) = mix.ledger.violations()
    #expect(count == 0, "\(violations)")
    #expect(mix.ledger.expectation().isExact)
    #expect(mix.ledger.compare(honest.table) == [])
    let report = mix.report()
    #expect(mix.progress.scripted == 6000 && mix.progress.retried > 0 && report.unanswered >= mix.progress.retried)
    #expect(report.answered + report.unanswered == 6000 + mix.progress.retried)
  }
}

/// A client on a thread of its own.
private final class Runner: Sendable {
  private let mix: BrowserMix
  private let options: ClientOptions
  private let control: ClientControl
  private let result = Mutex(ClientStatistics())

  init(mix: BrowserMix, options: ClientOptions, control: ClientControl) {
    self.mix = mix
    self.options = options
    self.control = control
  }

  func run() {
    do {
      var client = try ClickClient.make(options, control)
      let statistics = try client.run(source: mix, observer: mix)
      result.withLock { $0 = statistics }
    } catch {
      Issue.record("\(error)")
    }
  }

  var statistics: ClientStatistics { result.withLock { $0 } }
}

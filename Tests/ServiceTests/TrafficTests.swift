import Clicks
import Demo
import Glibc
import HTTP
import Platform
import Service
import Simulation
import Synchronization
import Testing

/// Many clicks at once, and the life of a server around them.
@Suite struct TrafficTests {
  /// Ten thousand requests of all kinds, pipelined: answers come in the order of the requests although some wait for
  /// the disk, some for the catalog, and some for nothing.
  @Test(arguments: Seeds.list(2)) func pipelinedRequestsAreAnsweredInOrder(seed: Seed) throws {
    let service = try TestService()
    let (connections, each) = (4, 2_500)
    let failures = Failures()
    let (address, token) = (service.address, service.token)
    try withThreads(connections) { number in
      var generator = SeededGenerator(seed: seed.value &+ UInt64(number))
      var requests: [UInt8] = []
      var expected: [String] = []
      var before = (TestService.link("active", TestService.impression()), "302 \(TestService.landing) duplicate")
      for _ in 0..<each {
        let id = TestService.impression()
        var fields = ""
        var one = ("", "")
        switch generator.small(in: 0...40) {
        case 7: one = ("/-/healthy", "200 - -")
        case 8: one = ("/click?adId=x", "400 - malformed")
        case 9: one = (TestService.link("unheard-\(generator.next() % 50)", id), "404 - unknown-ad")
        case 10: one = (TestService.link("retreat", id), "302 \(TestService.fallback) paused")
        case 11:
          one = ("/api/v1/ads/other", "200 - -")
          fields = "Authorization: Bearer \(token)\r\n"
        case 12: one = ("/api/v1/ads/other", "401 - -")
        case 13 where before.0 != "": one = before
        case 14...20: one = (TestService.link("other", id), "302 \(TestService.otherLanding) valid")
        default:
          one = (TestService.link("active", id), "302 \(TestService.landing) valid")
          before = (one.0, "302 \(TestService.landing) duplicate")
        }
        if expected.isEmpty {
          one = (before.0, "302 \(TestService.landing) valid")
        }
        requests += "GET \(one.0) HTTP/1.1\r\nHost: t\r\n\(fields)\r\n".utf8
        expected.append(one.1)
      }
      guard let wire = try? Wire(address) else { return failures.note("connection \(number) cannot be made") }
      let shared = Sent(wire)
      let bytes = requests
      guard let sender = try? Thread("sender", { shared.value.send(bytes) }) else { return failures.note("no thread") }
      defer { sender.join() }
      for (place, text) in expected.enumerated() {
        guard let answer = wire.answer() else { return failures.note("connection \(number) ends at answer \(place)") }
        let got = "\(answer.status) \(answer.location ?? "-") \(answer.verdict ?? "-")"
        if got != text { failures.note("connection \(number), answer \(place): \(got) instead of \(text)") }
      }
    }
    #expect(failures.first == [], "\(seed)")
    let page = try service.metrics()
    let valid = page["tally_click_requests_total{verdict=\"valid\"}"] ?? -1
    #expect(try Double(service.total() + service.total("other")) == valid)
  }

  /// One impression on 64 connections at the same time counts once.
  @Test func oneImpressionAtOnceOnManyConnectionsCountsOnce() throws {
    let service = try TestService { $0.loops = 2 }
    let wires = try (0..<64).map { _ in try Wire(service.address) }
    let rounds = 40
    for _ in 0..<rounds {
      let link = TestService.link("active", TestService.impression())
      for wire in wires { wire.get(link) }
      let answers = wires.map { $0.answer() }
      #expect(answers.count { $0?.verdict == "valid" } == 1)
      #expect(answers.count { $0?.verdict == "duplicate" } == wires.count - 1)
      #expect(Set(answers.map { $0?.header("X-Tally-Time") }).count == 1)
    }
    #expect(try service.total() == rounds)
  }

  /// What was answered `valid` is in the next answer to a query, and positions and closed minutes never go back.
  @Test func seriesFollowTheClicksOverRestarts() throws {
    let service = try TestService { $0.shardOptions.allowedLateness = 0 }
    var (clicked, position) = (0, 0)
    var complete = ""
    for round in 0..<4 {
      for _ in 0..<25 {
        let answer = try service.click()
        #expect(answer.verdict == "valid")
        clicked += 1
        let series = try service.series()
        #expect(series.total == clicked)
        #expect(series.series.reduce(0) { $0 + $1.clicks } == clicked)
        #expect(series.position > position || round == 0)
        position = max(position, series.position)
        #expect(series.position == clicked)
        let through = series.completeThrough ?? ""
        #expect(through >= complete)
        complete = max(complete, through)
        // The minute of the click is named in its answer.
        let minute = try #require(answer.header("X-Tally-Time")).prefix(16) + ":00Z"
        #expect(series.series.contains { $0.minute == minute })
      }
      try service.restart()
      let series = try service.series()
      #expect(series.total == clicked && series.position == clicked)
      #expect(series.completeThrough ?? "" >= complete)
    }
    // With no lateness every minute before this one is closed soon after it ends, if clicks come or not.
    #expect(try eventually { try service.series().completeThrough != nil })
  }

  @Test func aSecondServerIsRefusedAndNamesTheHolder() throws {
    let service = try TestService()
    let second = Server(service.settings, environment: service.environment) { _ in }
    let error = #expect(throws: DirectoryLock.Refusal.self) { try second.start() }
    #expect("\(error!)".contains("process \(getpid())"), "\(error!)")
    #expect("\(error!)".contains(service.dataDirectory), "\(error!)")
    #expect("\(error!)".contains(service.address), "\(error!)")
    #expect(try service.click().verdict == "valid")
    service.stop()
    try second.start()
    second.stop()
    try service.start()
    #expect(try service.total() == 1)
  }

  /// Whatever a start has opened when it fails is closed again.
  @Test func aPortThatIsTakenLeavesNothingBehind() throws {
    let first = try TestService()
    let second = try TestService()
    second.stop()
    var settings = second.settings
    settings.adminListen = first.server.adminAddress
    for _ in 0..<3 {
      let failing = Server(settings, environment: second.environment) { _ in }
      let error = #expect(throws: SystemError.self) { try failing.start() }
      #expect("\(error!)".contains(first.server.adminAddress))
      #expect(try openFiles(of: second) == [])
    }
    try second.start()
    #expect(try second.click().verdict == "valid")
  }

  @Test func aStoppedServerHoldsNothing() throws {
    let service = try TestService()
    for _ in 0..<3 {
      #expect(try service.click().verdict == "valid")
      #expect(try service.click("nobody").status == 404)
      #expect(try !openFiles(of: service).isEmpty)
      let addresses = [service.address, service.server.adminAddress]
      service.stop()
      #expect(try openFiles(of: service) == [])
      for address in addresses { #expect(throws: SystemError.self) { try Wire(address) } }
      try service.start()
    }
  }

  /// The files in the data directory that this process has open.
  private func openFiles(of service: TestService) throws -> [String] {
    try KernelFileSystem().list("/proc/self/fd").compactMap { descriptor in
      var buffer = [CChar](repeating: 0, count: 4096)
      let count = unsafe readlink("/proc/self/fd/\(descriptor)", &buffer, buffer.count - 1)
      let path = String(decoding: buffer.prefix(max(0, count)).map { UInt8(bitPattern: $0) }, as: UTF8.self)
      return path.hasPrefix(service.dataDirectory) ? path : nil
    }
  }

  /// Garbage, half requests and clients that do not read, while honest clicks go on at their pace.
  @Test func badClientsDoNotDisturbGoodOnes() throws {
    let service = try TestService {
      $0.loopSettings.headerTimeout = 300_000_000
      $0.loopSettings.sendTimeout = 500_000_000
      $0.loopSettings.lingerTimeout = 200_000_000
    }
    let shared = Failures()
    let address = service.address
    var clicked = 0
    try withThreads(3) { number in
      var generator = SeededGenerator(seed: UInt64(number))
      for round in 0..<25 {
        guard let wire = try? Wire(address, seconds: 3) else { return shared.note("no connection") }
        switch number {
        case 0:
          wire.send(generator.bytes(1 + generator.small(in: 0...4000)) + Array("\r\n\r\n".utf8))
          if let answer = wire.answer(), !(400...505 ~= answer.status) { shared.note("garbage got \(answer.status)") }
        case 1:
          let link = Wire.get(TestService.link("active", TestService.impression()))
          wire.send(String(link.dropLast(1 + generator.small(in: 0...200))))
          // A request that never ends: 408, or simply hung up on, but no verdict.
          if round % 3 == 0 { wire.finish() }
          if let answer = wire.answer(), answer.status == 302 { shared.note("half a request was answered") }
        default:
          // Asks much and reads nothing.
          wire.send(String(repeating: Wire.get("/openapi.json"), count: 60))
        }
      }
    } _: {
      let client = try HTTPClient(address)
      for _ in 0..<300 {
        let answer = try client.request("GET", TestService.link("active", TestService.impression()))
        #expect(answer.verdict == "valid")
        clicked += 1
        usleep(2_000)
      }
    }
    #expect(shared.first == [])
    #expect(try service.total() == clicked)
    #expect(try service.ready().status == 200)
  }
}

/// What went wrong on other threads: the first ten.
final class Failures: Sendable {
  private let all = Mutex<[String]>([])
  func note(_ text: String) { all.withLock { if $0.count < 10 { $0.append(text) } } }
  var first: [String] { all.withLock { $0 } }
}

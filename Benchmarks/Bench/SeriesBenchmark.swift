import Clicks
import Platform
import Synchronization
import Traffic

/// Counts as users ask for them: a real server process, questions over one keep-alive connection, each sent when the last one is
/// answered, on a store whose counts are known (`SeriesStore`). A run in which one answer is wrong fails.
package final class SeriesBenchmark {
  private let server: MeasuredServer
  private let options: BenchOptions
  private let store: SeriesStore
  private let token: String
  private let count: Int
  private let clickSeconds: Int

  /// Clicks a second in the runs with clicks.
  private static let clickRate = 10_000

  /// How much it does.
  package struct Sizes {
    var ads: Int
    var busy: Int
    /// Questions of each kind.
    var questions: Int
    /// Seconds for which clicks come.
    var seconds: Int

    package init(ads: Int, busy: Int, questions: Int, seconds: Int) {
      (self.ads, self.busy, self.questions, self.seconds) = (ads, busy, questions, seconds)
    }
  }

  /// Makes the store and starts the server.
  package init(_ options: BenchOptions, _ sizes: Sizes) throws {
    self.options = options
    count = options.requests ?? sizes.questions
    clickSeconds = sizes.seconds
    let store = SeriesStore(ads: sizes.ads, busy: sizes.busy, now: options.time.wall())
    self.store = store
    server = try MeasuredServer(
      program: options.program, arguments: options.serverArguments, time: options.time
    ) { try store.write($0) }
    token = try server.token()
  }

  /// A question and what is right.
  private struct Question {
    var request: [UInt8]
    var total: Int
    /// Clicks of the first row.
    var first: Int?
  }

  /// `p50@Q` and `p99@Q`, µs from the first byte sent to the last one received, and `cpu@Q`, the server's CPU µs a question: of the
  /// series of one ad over 24 h by hour and by minute, of the 100 heaviest of all ads over a closed day, and of `/-/healthy`, which
  /// is what the way costs. With `+clicks` beside 10,000 clicks a second on 64 other connections.
  package func run() throws -> [Measurement] {
    let healthy = [Question(request: QueryClient.request("/-/healthy", token: token), total: 0)]
    let hours = questions("hour")
    let minutes = questions("minute")
    let top = [try topQuestion()]
    var measured = try measure("healthy", healthy, count)
    measured += try measure("hours", hours, count)
    measured += try measure("minutes", minutes, max(20, count / 5))
    measured += try measure("top", top, max(10, count / 100))
    measured += try measureBesideClicks("hours", hours)
    return measured + (try measureBesideClicks("minutes", minutes))
  }

  private func questions(_ granularity: String) -> [Question] {
    let end = store.now / 60_000
    return (0..<store.busy).map { ad in
      let target =
        "/api/v1/ads/\(SeriesStore.name(ad))/aggregates?from=\((end - 1_440) * 60)&to=\(end * 60)"
        + "&granularity=\(granularity)"
      return Question(
        request: QueryClient.request(target, token: token), total: store.clicks(of: ad, in: (end - 1_440)..<end))
    }
  }

  private func topQuestion() throws -> Question {
    let day = store.closedDay * 86_400
    let target = "/api/v1/top?from=\(day)&to=\(day + 86_400)&limit=100"
    return Question(
      request: QueryClient.request(target, token: token), total: store.firstDay.reduce(0, +),
      first: store.firstDay.max())
  }

  private func measure(_ name: String, _ questions: [Question], _ count: Int) throws -> [Measurement] {
    let client = try QueryClient(server.address.description)
    for question in questions { try ask(question, client, name) }
    let cpu = try server.cpu()
    let times = try ask(questions, client, name, count: count)
    let used = Double(try server.cpu() - cpu)
    return Self.quantiles(times, name) + [Measurement("cpu@\(name)", "µs", used / 1e3 / Double(count))]
  }

  private static func quantiles(_ times: [Int64], _ name: String) -> [Measurement] {
    let sorted = times.sorted()
    return [
      Measurement("p50@\(name)", "µs", Double(sorted[sorted.count / 2]) / 1e3),
      Measurement("p99@\(name)", "µs", Double(sorted[sorted.count * 99 / 100]) / 1e3),
    ]
  }

  /// Asks `count` times, or with `isOver` until that holds.
  private func ask(
    _ questions: [Question], _ client: QueryClient, _ name: String, count: Int,
    until isOver: () -> Bool = { false }
  ) throws -> [Int64] {
    var times: [Int64] = []
    while times.count < count, !isOver() {
      times.append(try ask(questions[times.count % questions.count], client, name))
    }
    return times
  }

  @discardableResult
  private func ask(_ question: Question, _ client: QueryClient, _ name: String) throws -> Int64 {
    let took = try elapsed(options.time) { try client.ask(question.request) }
    let total = client.number(behind: "\"total\":") ?? 0
    let first = question.first.map { _ in client.number(behind: "\"clicks\":") ?? 0 }
    guard client.isOK, total == question.total, first == question.first else {
      throw BenchFailure(
        "series, \(name): a total of \(question.total) is due, and \(question.first ?? 0) first: \(client.beginning)")
    }
    return took
  }

  private func measureBesideClicks(_ name: String, _ questions: [Question]) throws -> [Measurement] {
    let clicks = max(200, Self.clickRate * clickSeconds)
    let tape = ClickTape(clicks, minter: server.minter, ads: server.ads)
    var client = ClientOptions()
    client.connections = min(64, clicks)
    client.rate = Double(Self.clickRate)
    client.duration = 60_000_000_000
    let load = Load(tape, try ClickClient.make(client, ClientControl(server.address)))
    let thread = try Thread("clicks") { load.run() }
    let asker = try QueryClient(server.address.description)
    // At least a few, however short the clicks are.
    let result = Result {
      try ask(questions, asker, name, count: .max) { load.isOver } + ask(questions, asker, name, count: 1)
    }
    thread.join()
    try load.check(clicks)
    return Self.quantiles(try result.get(), "\(name)+clicks")
  }

  /// Clicks from another thread.
  private final class Load: @unchecked Sendable {
    private let tape: ClickTape
    private var client: ClickClient
    private let answers = AnswerCount()
    private var failure: (any Error)?
    private let over = Atomic<Bool>(false)

    init(_ tape: ClickTape, _ client: consuming ClickClient) {
      self.tape = tape
      self.client = client
    }

    var isOver: Bool { over.load(ordering: .acquiring) }

    func run() {
      do { _ = try client.run(source: tape, observer: answers) } catch { failure = error }
      over.store(true, ordering: .releasing)
    }

    /// Throws unless every click was redirected. To be called when the thread has ended.
    func check(_ count: Int) throws {
      if let failure { throw failure }
      guard answers.redirects == count else {
        throw BenchFailure("series: \(answers.redirects) of \(count) clicks were redirected")
      }
    }
  }
}

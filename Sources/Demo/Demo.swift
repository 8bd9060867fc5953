import Bytes
import Catalog
import Clicks
import Glibc
import HTTP
import JSON
import Platform
import Store
import Synchronization
import Traffic

// The whole system against itself: a real server process on a temporary directory, generated browsers clicking signed links
// over real sockets, a SIGKILL in the middle, and at the end every count against the browsers' own ledger.

/// What the demo is to do.
package struct DemoOptions: Sendable {
  /// Scripted requests.
  package var clicks = 20_000
  package var connections = 32
  /// Requests a second over all browsers.
  package var rate = 4_000.0
  /// How often the server is killed, evenly over the run.
  package var kills = 1
  /// Batches of late clicks that another click processor hands in meanwhile.
  package var batches = 20
  /// The viral ad turns hot and cold, which takes its minutes; then the traffic ends.
  package var hot = false
  package var seed: UInt64
  /// Further arguments for the server.
  package var serverArguments: [String] = []
  /// The program to serve with.
  package var program = ChildProcess.ownPath

  package init(seed: UInt64) { self.seed = seed }
}

/// How it ended.
package struct DemoResult: Sendable {
  package var report = LoadReport()
  package var kills = 0
  /// Batches of late clicks: how many had their answer, the clicks in them, lines refused, and how often a batch was sent
  /// again, for want of an answer or although it had one.
  package var batches = 0
  package var lateClicks = 0
  package var refusedLines = 0
  package var batchRepeats = 0
  /// Whether the viral ad turned hot and cold, where it was to.
  package var hasTurned: Bool?
  /// Rows (ad, minute) compared, and the clicks in them.
  package var rows = 0
  package var clicks = 0
  package var differences: [String] = []
  /// Longest time from the start of a killed server's successor until it was ready, ms.
  package var slowestRestart: Int64 = 0

  /// Whether every count is right.
  package var isExact: Bool { differences.isEmpty }
}

/// One run of the demo.
package final class Demo {
  private let options: DemoOptions
  private let directory: TemporaryDirectory
  private let time = KernelTime()
  private let mix: BrowserMix
  private let secret: [UInt8]
  private let print: (String) -> Void
  private let isInterrupted: () -> Bool

  private static let advertiser = "demo"
  private static let campaigns = ["always-on", "spring", "winter"]

  /// Somebody wants it to end.
  package struct Interrupted: Error, CustomStringConvertible {
    package var description: String { "interrupted" }
  }

  /// The server; running between `start` and the end of the demo.
  package let server: ServerProcess
  /// The admin token's text, once the server is up.
  package private(set) var token = ""
  /// A link that shows the advertiser's ads to whoever opens it, without a token, as long as the demo runs.
  package private(set) var dashboardLink = ""

  /// Prepares a directory with a signing key and the ads in its catalog. `print` gets one line at a time;
  /// `isInterrupted` is asked while the traffic runs.
  package init(
    _ options: DemoOptions, isInterrupted: @escaping () -> Bool = { false }, print: @escaping (String) -> Void
  ) throws {
    self.isInterrupted = isInterrupted
    self.options = options
    self.print = print
    directory = try TemporaryDirectory("tally-demo")
    let data = "\(directory.path)/data"
    server = ServerProcess(
      program: options.program, dataDirectory: data, logPath: "\(directory.path)/server.log",
      arguments: ["--verdict-header"] + options.serverArguments)
    var mixed = MixOptions()
    mixed.total = options.hot ? .max : options.clicks
    mixed.robots = 0.01
    let environment = Environment.kernel
    try environment.files.createDirectory(data)
    let catalog = try Catalog.open("\(data)/\(StoreFiles.catalog)", in: environment)
    let key = try catalog.addKey(kid: "demo")
    secret = key.secret.bytes
    mix = BrowserMix(mixed, kid: key.kid, secret: key.secret.bytes, time: time, seed: options.seed)
    let rows = mix.catalog.enumerated().map { index, ad in
      AdRow(
        line: index + 1,
        fields: AdFields(
          adID: ad.id.text, redirectURL: ad.redirectURL, advertiserID: Self.advertiser,
          campaignID: Self.campaigns[index % Self.campaigns.count], status: ad.isPaused ? "paused" : "active"))
    }
    _ = try catalog.importAds(rows) { _ in false }
  }

  /// Clicks, kills, restarts, and checks. The server is left running.
  package func run() throws -> DemoResult {
    let began = time.wall()
    try server.start()
    guard let secret = try AdminToken.read(in: server.dataDirectory, KernelFileSystem()) else {
      throw ServerProcess.Failure(description: "the server wrote no \(AdminToken.fileName)")
    }
    token = secret.reveal()
    print("server process \(server.processID ?? 0) on http://\(server.listen)")
    print("data in \(server.dataDirectory)")
    dashboardLink = try makeDashboardLink()
    print("counts in a browser: \(dashboardLink)")
    let count = options.hot ? "" : NumberText.grouped(options.clicks) + " "
    print(
      "\(count)scripted requests from \(NumberText.of(options.connections, "connection")), seed \(options.seed)")

    var result = DemoResult()
    let control = ClientControl(try ServerAddress("http://\(server.listen)"))
    let isCut = Flag()
    let batches = LateBatches(isStopped: { isCut.isSet })
    try batches.start(
      count: options.batches, pause: 200_000_000, ads: mix.catalog.filter { !$0.isPaused }.map(\.id),
      ledger: mix.ledger, secret: self.secret, to: server.listen, token: token, seed: options.seed)
    do {
      let browsers = try Browsers(options, mix, control)
      try watch(browsers, batches, control, &result)
      result.report = mix.report()
      result.report.statistics = try browsers.statistics()
    } catch {
      isCut.set()
      _ = batches.finish()
      throw error
    }
    try check(&result, batches.finish(), from: began)
    return result
  }

  /// Makes `dashboardLink`.
  private func makeDashboardLink() throws -> String {
    let answer = try HTTPClient(server.listen).request(
      "POST", "/api/v1/shares",
      headers: [("Authorization", "Bearer \(token)"), ("Content-Type", "application/json")],
      body: Array(#"{"advertiserId":"\#(Self.advertiser)","expires":"1d"}"#.utf8))
    guard answer.status == 201, let link = (try? JSONReader.read(answer.body))?["url"]?.text else {
      throw ServerProcess.Failure(description: "no link to the dashboard: \(answer.status) \(answer.text)")
    }
    return link
  }

  /// Shows the traffic until it ends, and kills the server on the way.
  private func watch(
    _ browsers: Browsers, _ batches: LateBatches, _ control: ClientControl, _ result: inout DemoResult
  ) throws {
    print("")
    print("  time  requests  counted  repeats  uncounted  no answer  server")
    let began = time.monotonic()
    let story =
      options.hot
      ? mix.viral.map { HotAdStory(mix, viral: $0, token: token, print: print) } : nil
    var shown = began
    while !browsers.isDone || !batches.isDone {
      usleep(20_000)
      if isInterrupted() {
        mix.stopNew()
        control.stop()
        _ = try? browsers.statistics()
        throw Interrupted()
      }
      story?.turn(server.admin)
      let now = time.monotonic()
      let due = options.clicks * (result.kills + 1) / (options.kills + 1)
      if result.kills < options.kills, mix.progress.scripted >= due {
        row(now - began, "up")
        try killAndRestart(&result, began)
        shown = time.monotonic()
      } else if now - shown >= (options.hot ? 5_000_000_000 : 500_000_000) {
        row(now - began, "up")
        shown = now
      }
    }
    row(time.monotonic() - began, "all settled")
    if let story { result.hasTurned = story.hasTurned.hot && story.hasTurned.cold }
  }

  private func killAndRestart(_ result: inout DemoResult, _ began: Int64) throws {
    server.kill()
    result.kills += 1
    row(time.monotonic() - began, "killed (SIGKILL)")
    usleep(300_000)
    let start = time.monotonic()
    try server.start()
    let took = (time.monotonic() - start) / 1_000_000
    result.slowestRestart = max(result.slowestRestart, took)
    row(time.monotonic() - began, "ready in \(took) ms")
  }

  private func row(_ elapsed: Int64, _ state: String) {
    let report = mix.report()
    let refused = [Verdict.expired, .bot, .prefetch, .head, .badSignature, .paused, .unknownAd, .malformed].reduce(0) {
      $0 + report.count($1)
    }
    let seconds = elapsed / 100_000_000
    print(
      pad("\(seconds / 10).\(seconds % 10)s", 6) + pad(NumberText.grouped(report.answered + report.unanswered), 10)
        + pad(NumberText.grouped(report.count(.valid)), 9) + pad(NumberText.grouped(report.count(.duplicate)), 9)
        + pad(NumberText.grouped(refused), 11) + pad(NumberText.grouped(report.unanswered), 11) + "  " + state)
  }

  private func check(_ result: inout DemoResult, _ late: LateBatches.Result, from began: Int64) throws {
    let ledger = mix.ledger
    // Late clicks are up to a day old.
    let actual = try TableReader(server.listen, token: token).counts(
      of: ledger.ads, from: began - 90_000_000, to: time.wall() + 120_000)
    let violations = ledger.violations()
    result.differences =
      ledger.compare(actual).map(\.description) + violations.first.map(\.description) + late.differences
    if result.hasTurned == false { result.differences.append("the viral ad did not turn hot and cold") }
    result.batches = late.batches
    result.lateClicks = late.clicks
    result.refusedLines = late.refused
    result.batchRepeats = late.retries + late.repeated
    if violations.count > violations.first.count {
      result.differences.append("and \(violations.count - violations.first.count) more violations")
    }
    if !ledger.expectation().isExact { result.differences.append("some clicks were never settled by a retry") }
    result.rows = actual.count
    result.clicks = actual.values.reduce(0, +)
  }

  private func pad(_ text: String, _ width: Int) -> String {
    String(repeating: " ", count: max(0, width - text.count)) + text
  }
}

/// A flag that one thread sets and others read.
private final class Flag: Sendable {
  private let value = Atomic<Bool>(false)

  var isSet: Bool { value.load(ordering: .relaxed) }
  func set() { value.store(true, ordering: .relaxed) }
}

/// The browsers on a thread of their own.
private final class Browsers: Sendable {
  private let thread: Thread
  private let result: Outcome

  private final class Outcome: Sendable {
    let value = Mutex<Result<ClientStatistics, SystemError>?>(nil)
  }

  init(_ options: DemoOptions, _ mix: BrowserMix, _ control: ClientControl) throws(SystemError) {
    var client = ClientOptions()
    client.connections = options.connections
    client.rate = options.rate
    client.giveUpAfter = 30_000_000_000
    let outcome = Outcome()
    let settings = client
    result = outcome
    thread = try Thread("browsers") {
      do throws(SystemError) {
        var client = try ClickClient.make(settings, control)
        let statistics = try client.run(source: mix, observer: mix)
        outcome.value.withLock { $0 = .success(statistics) }
      } catch { outcome.value.withLock { $0 = .failure(error) } }
    }
  }

  var isDone: Bool { result.value.withLock { $0 != nil } }

  /// Waits for the end.
  func statistics() throws(SystemError) -> ClientStatistics {
    thread.join()
    return try result.value.withLock { $0! }.get()
  }
}

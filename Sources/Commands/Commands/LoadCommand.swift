import CPlatform
import Catalog
import Clicks
import Glibc
import Platform
import Service
import Store
import Synchronization
import Traffic

/// `tally load`: click traffic with a ledger.
package enum LoadCommand {
  private static let url = Operand<String>(
    .text("URL"), "signed click URLs of one server; - reads them from standard input", count: .any)
  private static let urls = Option<String>("urls", .text("FILE"), "a file with a signed click URL on each line")
  private static let ads = Option<[AdID]>("ads", adList, "mints its own links for these ads; all: every active ad")
  private static let rate = Option<Int64>(
    "rate", .count(1...10_000_000), "requests a second, whatever the answers do (open loop)")
  private static let connections = Option<Int64>("connections", .count(1...20_000), "connections", standard: "64")
  private static let depth = Option<Int64>(
    "depth", .count(1...1024), "requests in flight on one connection", standard: "1")
  private static let duration = Option<Int64>(
    "duration", .duration(1_000_000...30 * 86_400_000_000_000), "how long; 10s where neither this nor --count is given")
  private static let count = Option<Int64>("count", .count(1...1_000_000_000_000), "how many requests")
  private static let ledgerFile = Option<String>(
    "ledger", .text("FILE"), "writes every send and answer to this new file, as CSV")

  private static let adList = ValueReader<[AdID]>("ID,…|all") { text throws(ValueFault) in
    if text == "all" { return [] }
    var list: [AdID] = []
    for id in text.split(separator: ",", omittingEmptySubsequences: false) {
      list.append(try ValueReader.adID.read(String(id)))
    }
    return list
  }

  package static let command = Command(
    "load", "sends clicks as fast as they are answered, or at a rate, and keeps a ledger",
    discussion: """
      Given links are sent in a circle, so that they are repeats from the second round on; without --count or --duration \
      each is sent once. With --ads fresh links are minted with the key in the data directory. \
      A server that runs with --verdict-header is held to its answers: one that no exact server gives is a violation, and \
      the status is then 3. In an open loop latency counts from the moment at which a request was due.
      """,
    operands: [url.declaration],
    options: [
      urls.declaration, ads.declaration, Target.dataDirectory.declaration, Target.address.declaration, rate.declaration,
      connections.declaration, depth.declaration, duration.declaration, count.declaration, ledgerFile.declaration,
      Option<String>.format.declaration,
    ],
    examples: ["tally load --ads all --duration 30s", "tally sign 42 --count 10000 | tally load - --rate 2000"]
  ) { arguments, console in
    let files = console.environment.files
    let (supply, address, size) = try traffic(arguments, console)
    let file = try arguments[ledgerFile].map { try LedgerFile(files, $0) }
    let ledger = Ledger(time: console.environment.time, file: file)
    let limit = arguments[count] ?? (arguments[duration] == nil ? size : nil)
    let source = LoadSource(supply, limit: limit ?? .max, ledger: ledger, environment: console.environment)
    var options = ClientOptions()
    options.connections = Int(arguments[connections] ?? 64)
    options.depth = Int(arguments[depth] ?? 1)
    options.rate = arguments[rate].map { Double($0) }
    options.duration = arguments[duration] ?? (limit == nil ? 10_000_000_000 : nil)
    let control: ClientControl
    do throws(ServerAddress.Refused) { control = ClientControl(try ServerAddress(address)) } catch {
      throw Failure("\(error)", .unavailable)
    }
    var report = try drive(source, options, control, console)
    report.0.statistics = report.1
    try ledger.close()
    return finish(report.0, ledger, arguments, console)
  }

  /// What is sent, where to, and how many requests make one round; nil for no end.
  private static func traffic(
    _ arguments: Arguments, _ console: Console
  ) throws -> (LoadSource.Supply, address: String, size: Int64?) {
    if let wanted = arguments[ads] {
      guard arguments.all(url).isEmpty, arguments[urls] == nil else {
        throw UsageError("--ads and URLs are two ways; choose one", command: "load")
      }
      let directory = arguments[Target.dataDirectory] ?? "."
      guard let address = try Target.server(arguments) else {
        throw Failure("nobody serves \(directory)", .unavailable)
      }
      let catalog = try CatalogFile.open(directory, console)
      let (ids, keys) = try signing(wanted, in: catalog, directory)
      return (.minted(ids, keys: keys), address, nil)
    }
    let links = try givenLinks(arguments, console)
    guard let first = links.first else {
      throw UsageError("no URL is given: name some, or --urls FILE, or --ads", command: "load")
    }
    if let other = links.first(where: { $0.authority != first.authority }) {
      throw UsageError("URLs of two servers: \(first.authority) and \(other.authority)", command: "load")
    }
    return (.links(links.map { ($0.target, $0.impression, $0.ad) }), first.authority, Int64(links.count))
  }

  /// The ads that are clicked, all active ones where none is wanted, and of each the newest key that may sign for it; a key that is
  /// bound to another advertiser may not.
  private static func signing(
    _ wanted: [AdID], in catalog: Catalog, _ directory: String
  ) throws -> (ids: [AdID], keys: [AdID: LoadSource.LinkKey]) {
    let active = try catalog.activeKeys()
    guard !active.isEmpty else { throw Failure("\(directory) has no active signing key; `tally keys add` makes one") }
    var ads: [(id: AdID, owner: String?)] = []
    if wanted.isEmpty {
      var cursor: AdID?
      repeat {
        let page = try catalog.ads(after: cursor, limit: Catalog.maximumPage)
        ads += page.ads.filter { $0.status == .active }.map { ($0.id, $0.advertiserID) }
        cursor = page.next
      } while cursor != nil
    } else {
      ads = try wanted.map { ($0, try catalog.ad($0)?.advertiserID) }
    }
    guard !ads.isEmpty else { throw Failure("\(directory) has no active ad; `tally ads put` makes one") }
    var keys: [AdID: LoadSource.LinkKey] = [:]
    for (id, owner) in ads {
      guard let key = active.first(where: { $0.advertiserID == nil || $0.advertiserID == owner }) else {
        throw Failure("no active signing key may sign for ad \(id); `tally keys add` makes one")
      }
      keys[id] = LoadSource.LinkKey(kid: key.kid, secret: key.secret.bytes)
    }
    return (ads.map(\.id), keys)
  }

  private static func givenLinks(_ arguments: Arguments, _ console: Console) throws -> [ClickLink] {
    var texts: [(text: String, place: String)] = []
    func lines(_ bytes: [UInt8], _ name: String) {
      let lines = bytes.split(separator: 0x0A, omittingEmptySubsequences: false)
      for (index, line) in lines.enumerated() where !line.isEmpty {
        texts.append((String(decoding: line.filter { $0 != 0x0D }, as: UTF8.self), "\(name):\(index + 1)"))
      }
    }
    for text in arguments.all(url) {
      if text == "-" {
        var bytes: [UInt8] = []
        while case let more = console.input(1 << 16), !more.isEmpty { bytes += more }
        lines(bytes, "standard input")
      } else {
        texts.append((text, "URL \"\(text.prefix(100))\""))
      }
    }
    if let path = arguments[urls] { lines(try console.environment.files.contents(path), path) }
    return try texts.map { text, place in
      do throws(ValueFault) { return try ClickLink(text) } catch {
        throw UsageError("\(place) \(error.reason)", command: "load")
      }
    }
  }

  /// Runs the client on a thread of its own, shows how far it is, and ends it early at SIGINT or SIGTERM.
  private static func drive(
    _ source: LoadSource, _ options: ClientOptions, _ control: ClientControl, _ console: Console
  ) throws -> (LoadReport, ClientStatistics) {
    let signals = tally_signal_fd(1 << UInt64(SIGINT) | 1 << UInt64(SIGTERM))
    defer { if signals >= 0 { close(signals) } }
    let run = ClientRun()
    let thread = try Thread("load") {
      // What is measured is the server, not how long this thread waits for its turn beside it.
      Thread.runSoon()
      run.perform(source, options, control)
    }
    var entry = pollfd(fd: signals, events: Int16(POLLIN), revents: 0)
    let began = console.environment.time.monotonic()
    while run.result == nil {
      if unsafe poll(&entry, 1, 50) > 0 { control.stop() }
      let elapsed = (console.environment.time.monotonic() - began) / 1_000_000_000
      console.progress("\(elapsed) s, \(source.report.answered) answers")
    }
    thread.join()
    console.clearProgress()
    guard let result = run.result else { preconditionFailure("the client ended without a result") }
    return (source.report, try result.get())
  }

  /// The client's end, across threads.
  private final class ClientRun: Sendable {
    private let ended = Mutex<Result<ClientStatistics, SystemError>?>(nil)

    var result: Result<ClientStatistics, SystemError>? { ended.withLock { $0 } }

    func perform(_ source: LoadSource, _ options: ClientOptions, _ control: ClientControl) {
      let result: Result<ClientStatistics, SystemError>
      do throws(SystemError) {
        var client = try ClickClient.make(options, control)
        result = .success(try client.run(source: source, observer: source))
      } catch { result = .failure(error) }
      ended.withLock { $0 = result }
    }
  }

  private static func finish(
    _ report: LoadReport, _ ledger: Ledger, _ arguments: Arguments, _ console: Console
  ) -> ExitStatus {
    switch arguments.format {
    case .json: console.print(report.json)
    case .table: report.lines.forEach { console.print($0) }
    }
    if report.answered > 0, report.withoutVerdict == report.answered {
      console.note("the server names no verdicts (--verdict-header), so its answers cannot be checked")
    }
    let violations = ledger.violations()
    for violation in violations.first { console.note("VIOLATION: \(violation)") }
    if violations.count > violations.first.count {
      console.note("and \(violations.count - violations.first.count) more violations")
    }
    if violations.count > 0 { return .differs }
    return report.answered == 0 && report.statistics.unreachable ? .unavailable : .done
  }
}

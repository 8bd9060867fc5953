import CPlatform
import Platform
import Traffic

/// A way of clicking.
package enum ClickVariant: String, CaseIterable, Sendable {
  /// Keep-alive connections, each sending its next click when the last one is answered.
  case closed
  /// Keep-alive connections, 20,000 clicks a second whatever the answers do.
  case paced
  /// The same at 10,000 a second, the reference load.
  case even
  /// Each click on a connection of its own.
  case connect

  /// Clicks a second that are intended; nil for as many as go.
  var rate: Double? {
    switch self {
    case .paced: 20_000
    case .even: 10_000
    case .closed, .connect: nil
    }
  }
}

/// The whole click path: a real server process, clicked over loopback sockets from this process. Every click is a distinct
/// validly signed impression; a run in which one is not answered 302, or not counted once, fails.
///
/// The server's CPU time a request is the figure to compare: the rate depends on what the generator leaves of the machine.
package final class ClickBenchmark {
  private let server: MeasuredServer
  private let options: BenchOptions
  private let variants: [ClickVariant]

  /// Starts the server, or finds the one to drive instead.
  package init(_ options: BenchOptions) throws {
    self.options = options
    variants = options.variants.isEmpty ? ClickVariant.allCases : options.variants
    if let address = options.against {
      server = try MeasuredServer(at: address, processes: options.serverProcesses, time: options.time)
    } else {
      server = try MeasuredServer(
        program: options.program, arguments: options.serverArguments, time: options.time)
    }
  }

  /// `HOST:PORT` of the server.
  package var address: String { server.address.description }

  /// For each way of clicking: `rate` of answers a second, `p50` and `p99` of their latency in µs, `cpu` of the server and
  /// `client` of this process in µs a request, and for a Tally `batch`, the clicks a commit, and `written`, the bytes of the
  /// log's frames a click.
  package func run() throws -> [Measurement] { try variants.flatMap { try run($0) } }

  private func requests(_ variant: ClickVariant) -> Int {
    if let requests = options.requests { return requests }
    switch variant {
    case .closed: return options.scale.pick(500, 80_000, 250_000)
    case .paced, .even: return options.scale.pick(500, 30_000, 80_000)
    case .connect: return options.scale.pick(100, 5_000, 20_000)
    }
  }

  private func run(_ variant: ClickVariant) throws -> [Measurement] {
    let count = requests(variant)
    let tape = ClickTape(count, minter: server.minter, ads: server.ads)
    let answers = AnswerCount()
    var client = ClientOptions()
    client.connections = min(options.connections, count)
    client.rate = variant.rate
    client.keepAlive = variant != .connect
    client.duration = 60_000_000_000
    var browsers = try ClickClient.make(client, ClientControl(server.address))

    let committed = try server.committed()
    let own = tally_process_cpu_ns()
    let cpu = try server.cpu()
    let statistics = try browsers.run(source: tape, observer: answers)
    let used = Double(try server.cpu() - cpu)
    let spent = Double(tally_process_cpu_ns() - own)
    let after = try server.committed()

    guard answers.redirects == count, answers.others == 0 else {
      throw BenchFailure(
        "click: of \(count) clicks \(answers.redirects) were redirected and \(answers.others) were not, on "
          + "\(statistics.connected) connections, \(statistics.lost) lost, \(statistics.refused) refused")
    }
    var measured = [
      Measurement("rate@\(variant)", "req/s", rate(count, statistics.elapsed)),
      Measurement("p50@\(variant)", "µs", Double(answers.latency.percentile(50)) / 1e3),
      Measurement("p99@\(variant)", "µs", Double(answers.latency.percentile(99)) / 1e3),
      Measurement("cpu@\(variant)", "µs/req", used / 1e3 / Double(count)),
      Measurement("client@\(variant)", "µs/req", spent / 1e3 / Double(count)),
    ]
    if server.isTally {
      guard after.clicks - committed.clicks == count else {
        throw BenchFailure("click: \(count) clicks were answered and \(after.clicks - committed.clicks) counted")
      }
      let commits = max(1, after.commits - committed.commits)
      measured.append(Measurement("batch@\(variant)", "clicks", Double(count) / Double(commits)))
      measured.append(
        Measurement("written@\(variant)", "B/click", Double(after.bytes - committed.bytes) / Double(count)))
    }
    return measured
  }
}

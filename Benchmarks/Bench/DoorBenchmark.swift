import CPlatform
import Clicks
import Glibc
import Platform
import Synchronization
import Traffic

/// A way of sending batches.
enum DoorVariant: String, CaseIterable {
  /// One connection, lines without signatures from a trusted sender, each a new impression.
  case trusted
  /// The same on four connections at once.
  case four
  /// One connection, signed lines.
  case signed
  /// One connection, a long body of the same lines over and over: what it takes of memory.
  case again
}

/// The batch door (`POST /api/v1/clicks`): a real server process, batches over loopback sockets from this process. Every line is a distinct
/// impression (but for `again`) and durable when the answer comes; a run in which one is not counted once fails.
package final class DoorBenchmark: @unchecked Sendable {
  private let server: MeasuredServer
  private let options: BenchOptions
  private let token: String
  private let lines: Int

  /// Starts the server and writes the signed lines down.
  package init(_ options: BenchOptions) throws {
    self.options = options
    server = try MeasuredServer(program: options.program, arguments: options.serverArguments, time: options.time)
    token = try server.token()
    lines = options.requests ?? options.scale.pick(8_192, 1_000_000, 4_000_000)
  }

  /// For each way: `rate` in clicks a second, `cpu` of the server and `client` of this process in ns a click, `batch`, the
  /// clicks a commit, and `peak`, the most memory the server had. For `again` the length of the body and what the server
  /// grew by while it came.
  package func run() throws -> [Measurement] { try DoorVariant.allCases.flatMap { try run($0) } }

  private func run(_ variant: DoorVariant) throws -> [Measurement] {
    let block = min(lines, 8_192)
    let time = options.time.wall()
    var count = lines / block * block
    var body: [UInt8] = []
    if variant == .signed {
      count = max(block, count / 5)
      body.reserveCapacity(count * 190)
      for i in 0..<count {
        server.minter.appendLine(
          ad: server.ads[i % server.ads.count], impression: server.minter.impression(), time: time, to: &body)
      }
    }
    let committed = try server.committed()
    let before = try server.resetPeak()
    let own = tally_process_cpu_ns()
    let cpu = try server.cpu()
    var answers: [BatchAnswer] = []
    let took = try elapsed(options.time) {
      switch variant {
      case .signed: answers = [try BatchClient(server.address).post(body, token: token)]
      case .trusted, .again: answers = [try send(count, block: block, isFresh: variant == .trusted, seed: 1)]
      case .four:
        let outcome = Outcome()
        let part = max(block, count / 4 / block * block)
        let threads = try (0..<4).map { number in
          try Thread("sender-\(number)") { [self] in
            outcome.add(Result { try send(part, block: block, isFresh: true, seed: UInt64(2 + number)) })
          }
        }
        for thread in threads { thread.join() }
        answers = try outcome.results.map { try $0.get() }
        count = part * 4
      }
    }
    let used = Double(try server.cpu() - cpu)
    let spent = Double(tally_process_cpu_ns() - own)
    let peak = try server.memory("VmHWM")
    let after = try server.committed()
    let fresh = variant == .again ? block : count
    let accepted = answers.reduce(0) { $0 + $1.number("accepted") }
    guard answers.allSatisfy({ $0.status == 200 }), accepted == fresh, after.clicks - committed.clicks == fresh,
      answers.reduce(0, { $0 + $1.number("duplicate") }) == count - fresh
    else {
      throw BenchFailure(
        "door \(variant): of \(count) lines \(accepted) were accepted and \(after.clicks - committed.clicks) counted: "
          + "\(answers.first?.text.prefix(500) ?? "")")
    }
    var measured = [
      Measurement("rate@\(variant)", "clicks/s", rate(count, took)),
      Measurement("cpu@\(variant)", "ns/click", used / Double(count)),
      Measurement("client@\(variant)", "ns/click", spent / Double(count)),
      Measurement("peak@\(variant)", "MiB", Double(peak) / 1_048_576),
    ]
    if variant == .again {
      let line = LineBlock(1, ads: server.ads, time: time, seed: 1).bytes.count
      measured.append(Measurement("body@\(variant)", "MiB", Double(count * line) / 1_048_576))
      measured.append(Measurement("grown@\(variant)", "MiB", max(0, Double(peak - before)) / 1_048_576))
    } else {
      let commits = max(1, after.commits - committed.commits)
      measured.append(Measurement("batch@\(variant)", "clicks", Double(count) / Double(commits)))
    }
    return measured
  }

  private final class Outcome: Sendable {
    private let state = Mutex<[Result<BatchAnswer, any Error>]>([])
    func add(_ result: Result<BatchAnswer, any Error>) { state.withLock { $0.append(result) } }
    var results: [Result<BatchAnswer, any Error>] { state.withLock { $0 } }
  }

  /// Sends `count` lines as one batch, block by block.
  private func send(_ count: Int, block size: Int, isFresh: Bool, seed: UInt64) throws -> BatchAnswer {
    let time = options.time.wall()
    var block = LineBlock(size, ads: server.ads, time: time, seed: seed ^ UInt64(bitPattern: time) << 20)
    let client = BatchClient(server.address, seconds: 60)
    try client.begin(token: token, length: count / size * block.bytes.count)
    for number in 0..<(count / size) {
      if isFresh, number > 0 { block.renew(at: time) }
      guard try client.send(block.bytes) else { break }
    }
    return try client.finish()
  }
}

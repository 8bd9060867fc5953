import Clicks
import Glibc
import JSON
import Platform
import ReferenceLoad
import Synchronization
import Traffic

// The clients of `Tests/soak --reference`, in a process of their own, so that their book survives whatever becomes of the server.
//
//   reference <ads> <rate> <connections> <length> <lifetime> <horizon> <lateness> <seed>        times in milliseconds
//
// It is told line by line at standard input what to do, and answers each second line of a run with one line of JSON:
//
//   key KID SECRET, token TOKEN, address HOST:PORT     before the start; an address again where the server has come back elsewhere
//   start                                              browsers and batches begin
//   progress                                           what became of the traffic, and the latencies since the last time
//   stop                                               nothing new; answers when all is settled
//   compare                                            every count of the server against the book
//
// At the end of its input it ends.

/// What the lines are about.
private final class Session {
  private let options: ReferenceOptions
  private let rate: Double
  private let connections: Int
  private let seed: UInt64
  private let time = KernelTime()
  private var kid: String?
  private var secret: [UInt8] = []
  private var token = ""
  private var control: ClientControl?
  private var mix: ReferenceMix?
  private var late: LateClicks?
  private var browsers: Thread?
  private let ended = Ended()
  private var began: Int64 = 0

  /// How the browsers' run ended, across threads.
  private final class Ended: Sendable {
    let fault = Mutex<String?>(nil)
  }

  init?(_ arguments: [String]) {
    let numbers = arguments.compactMap { Int($0) }
    guard numbers.count == 8, arguments.count == 8, numbers.allSatisfy({ $0 > 0 }) else { return nil }
    var options = ReferenceOptions()
    options.ads = numbers[0]
    options.length = Int64(numbers[3])
    options.lifetime = Int64(numbers[4])
    options.horizon = Int64(numbers[5])
    options.lateness = Int64(numbers[6])
    self.options = options
    (rate, connections, seed) = (Double(numbers[1]), numbers[2], UInt64(numbers[7]))
  }

  /// Does what a line says; false at a line that nobody knows.
  func perform(_ line: String) throws -> Bool {
    let words = line.split(separator: " ").map(String.init)
    switch (words.first, words.count) {
    case ("key", 3): (kid, secret) = (words[1], Array(words[2].utf8))
    case ("token", 2): token = words[1]
    case ("address", 2):
      let address = try ServerAddress(words[1])
      if let control { control.address = address } else { control = ClientControl(address) }
    case ("start", 1): try start()
    case ("progress", 1): say(progress)
    case ("stop", 1):
      late?.finish()
      mix?.stop()
      browsers?.join()
      browsers = nil
      say(progress)
    case ("compare", 1): try compare()
    default: return false
    }
    return true
  }

  private func start() throws {
    guard let control else { throw Usage() }
    let mix = ReferenceMix(options, kid: kid, secret: secret, time: time, seed: seed)
    let late = LateClicks(options, control)
    (self.mix, self.late, began) = (mix, late, time.wall())
    var client = ClientOptions()
    client.connections = connections
    client.rate = rate
    client.giveUpAfter = 600_000_000_000
    let (settings, ended) = (client, ended)
    browsers = try Thread("browsers") {
      Thread.runSoon()
      do throws(SystemError) {
        var client = try ClickClient.make(settings, control)
        if try client.run(source: mix, observer: mix).unreachable { ended.fault.withLock { $0 = "nobody answered" } }
      } catch { ended.fault.withLock { $0 = "\(error)" } }
    }
    try late.start(mix, secret: secret, token: token, time: time, seed: seed &+ 1)
  }

  private var progress: JSONValue {
    guard let mix, let late else { return .null }
    let (browsers, batches) = (mix.progress(), late.result)
    let report = browsers.report
    let faults = mix.violations + batches.faults + [ended.fault.withLock { $0 }].compactMap { $0 }
    let verdicts = Verdict.allCases.filter { report.count($0) > 0 }
    return .object([
      "answered": .integer(report.answered), "unanswered": .integer(report.unanswered),
      "verdicts": .object(verdicts.map { JSONValue.Member($0.name, .integer(report.count($0))) }),
      "windowAnswered": .integer(browsers.window.answered),
      "windowP50": .integer(browsers.window.latency.percentile(50)),
      "windowP99": .integer(browsers.window.latency.percentile(99)),
      "repeats": .integer(browsers.repeats), "behindHorizon": .integer(browsers.behindHorizon),
      "validBehindHorizon": .integer(browsers.validBehindHorizon), "retries": .integer(browsers.retries),
      "uncertain": .integer(browsers.uncertain), "batches": .integer(batches.batches),
      "lateClicks": .integer(batches.clicks), "refusedLines": .integer(batches.refused),
      "batchRetries": .integer(batches.retries), "batchesAgain": .integer(batches.repeated),
      "batchesBehindHorizon": .integer(batches.repeatedBehindHorizon),
      "faults": .array(faults.map { .string($0) }),
    ])
  }

  private func compare() throws {
    guard let mix, let control else { throw Usage() }
    var expected = mix.counted
    expected.sort()
    var comparison = Comparison(expected)
    var served = try ServedCounts("\(control.address)", token: token)
    // Whole minutes around all clicks: batches have some of before the start.
    try served.read(
      ads: options.ads + 1, from: began - options.lateness - 120_000, to: time.wall() + 60_000,
      count: { comparison.add($0) }, ended: { comparison.end(below: $0) })
    say(
      .object([
        "expected": .integer(expected.total), "counted": .integer(comparison.clicks), "rows": .integer(comparison.rows),
        "lost": .integer(comparison.lost), "double": .integer(comparison.double),
        "unreconciled": .integer(served.unreconciled),
        "faults": .array(comparison.faults.map { .string($0) }),
      ]))
  }

  private func say(_ value: JSONValue) {
    print(String(decoding: value.encoded(), as: UTF8.self))
    fflush(nil)
  }

  /// A line came too early.
  struct Usage: Error {}
}

@main struct Reference {
  static func main() throws {
    guard let session = Session(Array(CommandLine.arguments.dropFirst())) else {
      print("usage: reference <ads> <rate> <connections> <length> <lifetime> <horizon> <lateness> <seed>")
      exit(2)
    }
    while let line = readLine() {
      guard try session.perform(line) else {
        print("unknown: \(line.prefix(40))")
        exit(2)
      }
    }
    exit(0)
  }
}

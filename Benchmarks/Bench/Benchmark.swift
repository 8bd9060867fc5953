import Platform
import Store

/// How much a benchmark does.
package enum Scale: Sendable {
  /// Milliseconds: for the test suite, where the work is checked and the times mean nothing.
  case tiny
  /// About a second a run: for a look.
  case quick
  /// What is quoted.
  case full

  /// The value for this scale.
  func pick<T>(_ tiny: T, _ quick: T, _ full: T) -> T {
    switch self {
    case .tiny: tiny
    case .quick: quick
    case .full: full
    }
  }
}

/// A named benchmark. `prepare` does once what is not measured and returns the run, which may be called again and again.
package struct Benchmark: Sendable {
  package let name: String
  /// One line for the list.
  package let summary: String
  package let prepare: @Sendable (BenchOptions) throws -> () throws -> [Measurement]

  /// All benchmarks, in the order in which they run.
  package static let all: [Benchmark] = [
    Benchmark(name: "hash", summary: "SipHash, SHA-256 of an ad id, HMAC of a link: ns each") { options in
      let benchmark = HashBenchmark(rounds: options.scale.pick(1_000, 200_000, 1_000_000))
      return { benchmark.run(options.time) }
    },
    Benchmark(name: "parse", summary: "the head of a 357-byte click request: ns each") { options in
      let benchmark = ParseBenchmark(rounds: options.scale.pick(1_000, 200_000, 1_000_000))
      return { try benchmark.run(options.time) }
    },
    Benchmark(name: "dedup", summary: "dedup index, filling and with 4 % repeats: keys/s, bytes a key") { options in
      let sizes = options.scale.pick([10_000], [1_000_000], [1_000_000, 6_000_000])
      return { try sizes.flatMap { try DedupBenchmark(keys: $0).run(options.time) } }
    },
    Benchmark(name: "commit", summary: "one shard committing to disk: clicks/s, times, bytes written") { options in
      let benchmark = CommitBenchmark(
        batches: options.scale.pick(
          [(1, 5), (20, 5), (270, 3), (4096, 2)], [(1, 500), (20, 500), (270, 300), (4096, 60)],
          [(1, 3_000), (20, 3_000), (270, 2_000), (4096, 250)]))
      return { try benchmark.run(options.time) }
    },
    Benchmark(name: "hot-ads", summary: "one ad all of the traffic against 10,000, over 1, 2 and 4 shards: clicks/s") {
      options in
      let benchmark = HotAdsBenchmark(
        clicks: options.scale.pick(20_000, 400_000, 1_200_000),
        shards: options.scale.pick([1, 3], [1, 2, 4], [1, 2, 4]))
      return { try benchmark.run(options.time) }
    },
    Benchmark(name: "recover", summary: "opening a store whose log holds N clicks: s, clicks/s") { options in
      let benchmark = try RecoverBenchmark(clicks: options.scale.pick(5_000, 500_000, 4_000_000), options.time)
      return { try benchmark.run(options.time) }
    },
    Benchmark(name: "columnar", summary: "segments and minute runs: rows/s, bytes a row, series of an ad in µs") {
      options in
      let benchmark = try ColumnarBenchmark(
        directory: options.dataDirectory, scale: options.scale.pick(0.0001, 0.02, 0.25),
        queries: options.queries ?? options.scale.pick(20, 300, 1_000), tiers: ShardOptions().runTiers)
      return { try benchmark.run(options.time) }
    },
    Benchmark(name: "recount", summary: "tally reconcile of a day in which repeats were counted, and once more: s") {
      options in
      let benchmark = try RecountBenchmark(
        program: options.program, directory: options.dataDirectory, scale: options.scale.pick(0.0001, 0.05, 0.25))
      return { try benchmark.run(options.time) }
    },
    Benchmark(name: "lookup", summary: "ids looked up in all segments, there and absent, warm and cold: µs an id") {
      options in
      let benchmark = try LookupBenchmark(
        LookupBenchmark.Sizes(
          rows: options.scale.pick(3_000, 131_072, 131_072),
          segments: options.scale.pick([2, 3], [20, 100], [20, 100, 400]),
          timed: options.scale.pick(3, 20, 100),
          batches: options.scale.pick([1, 64], [1, 40, 4_096], [1, 40, 4_096]),
          lookups: options.scale.pick(128, 8_192, 16_384)), options.time)
      return { try benchmark.run() }
    },
    Benchmark(name: "click", summary: "a real server answering signed clicks over sockets: req/s, CPU a request") {
      options in
      let benchmark = try ClickBenchmark(options)
      return { try benchmark.run() }
    },
    Benchmark(name: "series", summary: "a real server asked for counts over one connection: µs, CPU a question") {
      options in
      let benchmark = try SeriesBenchmark(
        options,
        SeriesBenchmark.Sizes(
          ads: options.scale.pick(1_000, 60_000, 1_000_000), busy: options.scale.pick(5, 100, 100),
          questions: options.scale.pick(40, 4_000, 20_000), seconds: options.scale.pick(0, 2, 5)))
      return { try benchmark.run() }
    },
    Benchmark(name: "door", summary: "a real server taking batches of clicks: clicks/s, CPU a click, memory") {
      options in
      let benchmark = try DoorBenchmark(options)
      return { try benchmark.run() }
    },
  ]
}

/// What to run and how.
package struct BenchOptions: Sendable {
  /// Names of benchmarks; empty: all.
  package var names: [String] = []
  package var scale = Scale.full
  /// Runs that count, and runs before them that do not.
  package var runs = 5
  package var warmUps = 1

  /// The program to serve and to recount with.
  package var program = ChildProcess.ownPath

  // Of the click path alone.

  /// Further arguments for it.
  package var serverArguments: [String] = []
  /// Another server to drive instead, `HOST:PORT`, and the processes whose CPU time is its own.
  package var against: String?
  package var serverProcesses: [Int32] = []
  /// Which ways of clicking; empty: all.
  package var variants: [ClickVariant] = []
  package var connections = 64
  /// Requests of a run; nil: as the scale says.
  package var requests: Int?

  /// Where the data sets of `columnar` and `recount` are; nil: small ones are made for the run.
  package var dataDirectory: String?
  /// Queries of each kind; nil: as the scale says.
  package var queries: Int?

  package let time: any TimeSource = KernelTime()

  package init() {}
}

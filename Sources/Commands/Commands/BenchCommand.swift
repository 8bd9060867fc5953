import Bench
import Platform

/// `tally bench`: the engine's benchmarks.
package enum BenchCommand {
  private static let names = Operand<String>(
    .choice(Benchmark.all.map(\.name)), name: "NAME", "which benchmarks; without one all", count: .any)
  private static let quick = Option<Bool>(toggle: "quick", "about a second a run, and three runs")
  private static let list = Option<Bool>(toggle: "list", "says what the benchmarks measure and runs none")
  private static let runs = Option<Int64>("runs", .count(1...1_000), "runs that count; 5, or 3 with --quick")
  private static let warmUps = Option<Int64>("warm-up", .count(0...100), "runs before them that do not", standard: "1")
  private static let way = Option<String>(
    "way", .choice(ClickVariant.allCases.map(\.rawValue)), "click: only this way of clicking")
  private static let connections = Option<Int64>(
    "connections", .count(1...10_000), "click: connections", standard: "64")
  private static let requests = Option<Int64>("requests", .count(1...20_000_000), "click: requests of a run")
  private static let against = Option<String>(
    "against", .address, "click: drives another server instead of a Tally of its own")
  private static let processes = Option<[Int32]>(
    "server-pid", processList, "click: the processes of that server, for its CPU time")

  private static let data = Option<String>(
    "data", .text("DIR"), "the data sets that --write-data wrote; without it columnar and recount make small ones")
  private static let queries = Option<Int64>("queries", .count(1...1_000_000), "columnar: queries of each kind")
  private static let written = Option<String>(
    "write-data", .text("DIR"), "writes these data sets into DIR, for other programs too, and runs nothing")
  private static let fraction = Option<Double>(
    "scale", decimal, "--write-data: so much of 20 million clicks and of 43 million rows", standard: "1")
  private static let identifiers = Option<String>(
    "ids", .choice(DataSets.Identifiers.allCases.map(\.rawValue)), "--write-data: kind of the impression ids",
    standard: "random")
  private static let spread = Option<String>(
    "spread", .choice(DataSets.Spread.allCases.map(\.rawValue)),
    "--write-data: how clicks are spread over ads; skewed makes 4 million, a quarter of them on one ad",
    standard: "usual")
  private static let writtenStore = Option<String>(
    "write-store", .text("DIR"),
    "commits the clicks of --data into a new store DIR as /click does, so that repeats count, and runs nothing")
  private static let checkedStore = Option<String>(
    "check-store", .text("DIR"),
    "holds the minute table of store DIR against the exact count of --data, and runs nothing")

  private static let decimal = ValueReader<Double>("X") { text throws(ValueFault) in
    guard let value = Double(text), value > 0, value <= 1 else {
      throw ValueFault("is \"\(text)\"; it must be a number above 0 and at most 1")
    }
    return value
  }

  private static let processList = ValueReader<[Int32]>("PID,…") { text throws(ValueFault) in
    let numbers = text.split(separator: ",", omittingEmptySubsequences: false).map { Int32($0) }
    guard !numbers.contains(where: { $0 ?? 0 <= 0 }) else { throw ValueFault("is \"\(text)\", not process ids") }
    return numbers.compactMap(\.self)
  }

  package static let command = Command(
    "bench", "measures the engine on this machine",
    discussion: """
      Prints the median, the least and the greatest of several runs. Files are made under TMPDIR, or /tmp, and removed: \
      let it name a directory on the disk that is to be measured. Benchmarks/README.md says what each figure means.
      """,
    operands: [names.declaration],
    options: [
      quick.declaration, list.declaration, runs.declaration, warmUps.declaration, way.declaration,
      connections.declaration, requests.declaration, against.declaration, processes.declaration, data.declaration,
      queries.declaration, written.declaration, fraction.declaration, identifiers.declaration, spread.declaration,
      writtenStore.declaration, checkedStore.declaration, Option<String>.format.declaration,
    ],
    examples: ["tally bench --quick", "tally bench click --way closed --runs 7 --format json"]
  ) { arguments, console in
    if arguments[list] == true {
      for benchmark in Benchmark.all {
        console.print(benchmark.name + String(repeating: " ", count: 10 - benchmark.name.count) + benchmark.summary)
      }
      return .done
    }
    if let directory = arguments[written] {
      let files = KernelFileSystem()
      try files.createDirectory(directory)
      try DataSets.write(
        files, directory, scale: arguments[fraction] ?? 1,
        identifiers: arguments[identifiers].flatMap(DataSets.Identifiers.init(rawValue:)) ?? .random,
        spread: arguments[spread].flatMap(DataSets.Spread.init(rawValue:)) ?? .usual)
      return .done
    }
    if let directory = arguments[writtenStore] {
      let end = console.environment.time.wall() - BrowserStore.age
      console.print(try BrowserStore.write(directory, try dataSets(arguments), end: end).json)
      return .done
    }
    if let directory = arguments[checkedStore] {
      let (rows, clicks) = try StoreCheck.compare(directory, try dataSets(arguments))
      console.print("{\"rows\":\(rows),\"clicks\":\(clicks)}")
      return .done
    }
    var options = BenchOptions()
    options.names = arguments.all(names)
    options.scale = arguments[quick] == true ? .quick : .full
    options.runs = arguments[runs].map(Int.init) ?? (arguments[quick] == true ? 3 : 5)
    options.warmUps = Int(arguments[warmUps] ?? 1)
    options.variants = arguments[way].flatMap(ClickVariant.init(rawValue:)).map { [$0] } ?? []
    options.connections = Int(arguments[connections] ?? 64)
    options.requests = arguments[requests].map(Int.init)
    options.against = arguments[against]
    options.serverProcesses = arguments[processes] ?? []
    options.dataDirectory = arguments[data]
    options.queries = arguments[queries].map(Int.init)
    let isTable = if case .table = arguments.format { true } else { false }
    if isTable { console.print(BenchReport.heading) }
    let figures = try BenchRunner.run(options) { benchmark in
      console.progress("\(benchmark.name): \(benchmark.summary)")
    } finished: { figures in
      console.clearProgress()
      guard isTable else { return }
      for figure in figures { console.print(BenchReport.line(figure)) }
      console.flush()
    }
    if !isTable { console.print(BenchReport.json(figures)) }
    return .done
  }

  /// The data sets that a store is made of, or held against.
  private static func dataSets(_ arguments: Arguments) throws -> DataSets {
    guard let directory = arguments[data] else {
      throw UsageError("--write-store and --check-store need --data", command: "bench")
    }
    return try DataSets(KernelFileSystem(), directory)
  }
}

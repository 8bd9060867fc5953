/// Runs benchmarks: the preparation, the warm-ups that are thrown away, then the runs that count.
package enum BenchRunner {
  /// The figures of the benchmarks that `options` names, in order; `finished` gets those of each as soon as they are there.
  /// Throws `BenchFailure` for an unknown name, and whatever a benchmark throws.
  @discardableResult
  package static func run(
    _ options: BenchOptions, began: (Benchmark) -> Void = { _ in }, finished: ([Figure]) -> Void = { _ in }
  ) throws -> [Figure] {
    var all: [Figure] = []
    for benchmark in try select(options.names) {
      began(benchmark)
      let figures = try figures(of: benchmark, options)
      finished(figures)
      all += figures
    }
    return all
  }

  /// The benchmarks of these names; all for none.
  package static func select(_ names: [String]) throws -> [Benchmark] {
    if names.isEmpty { return Benchmark.all }
    return try names.map { name in
      guard let found = Benchmark.all.first(where: { $0.name == name }) else {
        throw BenchFailure("no benchmark is named \(name): \(Benchmark.all.map(\.name).joined(separator: ", "))")
      }
      return found
    }
  }

  private static func figures(of benchmark: Benchmark, _ options: BenchOptions) throws -> [Figure] {
    let run = try benchmark.prepare(options)
    for _ in 0..<options.warmUps { _ = try run() }
    var order: [Measurement] = []
    var samples: [[Double]] = []
    for _ in 0..<max(1, options.runs) {
      for (index, measurement) in try run().enumerated() {
        if index == order.count {
          order.append(measurement)
          samples.append([])
        }
        precondition(order[index].name == measurement.name, "a run measures the same each time")
        samples[index].append(measurement.value)
      }
    }
    return zip(order, samples).map {
      Figure(benchmark: benchmark.name, name: $0.name, unit: $0.unit, samples: $1)
    }
  }
}

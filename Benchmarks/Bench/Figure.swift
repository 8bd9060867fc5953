import Platform

// What a benchmark returns. A run yields measurements; the same measurement over several runs is a figure, and what is
// printed is its median with the least and the greatest: on a machine with other work a mean says nothing.

/// One number that one run of a benchmark came to.
package struct Measurement: Sendable, Equatable {
  /// What was measured, and after an `@` under which condition: `rate@270`.
  package var name: String
  /// `clicks/s`, `µs`, `ns`, `B`, …
  package var unit: String
  package var value: Double

  package init(_ name: String, _ unit: String, _ value: Double) {
    self.name = name
    self.unit = unit
    self.value = value
  }
}

/// One measurement over all runs.
package struct Figure: Sendable, Equatable {
  package let benchmark: String
  package let name: String
  package let unit: String
  /// In the order of the runs; never empty.
  package let samples: [Double]

  package init(benchmark: String, name: String, unit: String, samples: [Double]) {
    precondition(!samples.isEmpty)
    self.benchmark = benchmark
    self.name = name
    self.unit = unit
    self.samples = samples
  }

  /// The middle sample, or the mean of the two in the middle.
  package var median: Double {
    let sorted = samples.sorted()
    let middle = sorted.count / 2
    return sorted.count % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
  }

  package var least: Double { samples.min()! }
  package var greatest: Double { samples.max()! }
}

/// A benchmark could not be run, or what it ran gave wrong answers: then its times are worth nothing.
package struct BenchFailure: Error, CustomStringConvertible {
  package let description: String
  package init(_ description: String) { self.description = description }
}

/// Nanoseconds per `count` things as a rate a second.
func rate(_ count: Int, _ nanoseconds: Int64) -> Double { Double(count) * 1e9 / Double(max(1, nanoseconds)) }

/// Time that passes while `body` runs, ns.
func elapsed(_ time: any TimeSource, _ body: () throws -> Void) rethrows -> Int64 {
  let began = time.monotonic()
  try body()
  return time.monotonic() - began
}

/// Keeps the optimiser from leaving out what makes `value`.
@inline(never) func keep(_ value: UInt64) { unsafe kept = value }
nonisolated(unsafe) private var kept: UInt64 = 0

// Where the seeds of property tests come from. The same ones in every run, so that a run can be compared with the last;
// more of them on request, and one alone to see a failure again:
//
//   TALLY_SEED=12345 swift test ...    this seed alone
//   TALLY_SEEDS=100000 swift test ...  so many instead of the test's own number

import Glibc

/// The seed of one run of a property test. Describes itself as what to set to see the run again.
package struct Seed: Sendable, Hashable, CustomStringConvertible {
  package let value: UInt64

  package init(_ value: UInt64) { self.value = value }

  /// Chance that this seed decides.
  package var generator: SeededGenerator { SeededGenerator(seed: value) }

  package var description: String { "TALLY_SEED=\(value)" }
}

/// The seeds of a property test.
package enum Seeds {
  /// `count` seeds, unless the environment says otherwise. As arguments of a test they are printed when it fails; in a
  /// loop, put `"\(seed)"` into each expectation.
  package static func list(_ count: Int) -> [Seed] {
    if let one = variable("TALLY_SEED") { return [Seed(one)] }
    let count = variable("TALLY_SEEDS").map { Int(clamping: $0) } ?? count
    var state: UInt64 = 1
    return (0..<count).map { _ in Seed(SeededGenerator.mix(&state) >> 16) }
  }

  /// Runs `body` once for each of `count` seeds. An error ends the loop, after its seed was printed.
  package static func run(_ count: Int, _ body: (Seed) throws -> Void) throws {
    for seed in list(count) {
      do { try body(seed) } catch {
        print("\(seed): \(error)")
        throw error
      }
    }
  }

  private static func variable(_ name: String) -> UInt64? {
    guard let text = unsafe getenv(name) else { return nil }
    guard let value = UInt64(unsafe String(cString: text)) else { fatalError("\(name) is not a number") }
    return value
  }
}

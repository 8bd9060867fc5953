/// Steps of a campaign that may fail where faults are injected: how often each was tried, and done. A step that never succeeds tests
/// nothing, so a campaign says so.
package struct Attempts: Sendable {
  private struct Step {
    var tried = 0
    var done = 0
    var failure: (any Error)?
  }

  private var steps: [String: Step] = [:]

  package init() {}

  /// Tries a step. Nil where it failed.
  @discardableResult
  package mutating func attempt<R>(_ step: String, _ body: () throws -> R) -> R? {
    steps[step, default: Step()].tried += 1
    do {
      let result = try body()
      steps[step]!.done += 1
      return result
    } catch {
      steps[step]!.failure = error
      return nil
    }
  }

  /// Why a step failed last; nil where it never did.
  package func failure(of step: String) -> (any Error)? { steps[step]?.failure }

  /// Steps that were tried and never done.
  package var neverDone: [String] {
    steps.filter { $0.value.done == 0 }.sorted { $0.key < $1.key }
      .map { "\($0.key) was tried \($0.value.tried) times and never done: \($0.value.failure!)" }
  }

  /// The steps of both.
  package static func + (a: Attempts, b: Attempts) -> Attempts {
    var sum = a
    for (name, step) in b.steps {
      sum.steps[name, default: Step()].tried += step.tried
      sum.steps[name]!.done += step.done
      sum.steps[name]!.failure = step.failure ?? sum.steps[name]!.failure
    }
    return sum
  }
}

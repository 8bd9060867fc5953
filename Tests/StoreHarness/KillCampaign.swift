import Platform
import Simulation

/// The process is killed at every I/O call while the machine goes on: the next process finds what the page cache holds,
/// synced or not. Then, at a place that the seed chooses, the power fails. What the second process took for durable
/// without having synced it is gone then.
package enum KillCampaign {
  /// Kills `scenario` at every `stride`th I/O call. Stops early once `limit` violations are found.
  package static func run(_ scenario: Scenario, seed: UInt64, stride: Int = 1, limit: Int = 5) -> Findings {
    var findings = Findings()
    let calls = scenario.calls(seed: seed)
    for index in Swift.stride(from: Int(seed % UInt64(stride)), to: calls, by: stride) {
      for inFlight in [true, false] {
        let place = "\(scenario), seed \(seed), killed at call \(index) (in flight: \(inFlight))"
        findings = findings + kill(scenario, at: index, inFlight: inFlight, seed: seed, place)
        if findings.violations.count >= limit { return findings }
      }
    }
    return findings
  }

  private static func kill(
    _ scenario: Scenario, at index: Int, inFlight: Bool, seed: UInt64, _ place: String
  ) -> Findings {
    var findings = Findings()
    var generator = SeededGenerator(seed: seed &+ UInt64(index))
    let machine = SimulatedMachine(seed: seed)
    machine.disk.faults = FaultPlan(crashAt: index, inFlight: inFlight)
    let first = Run(machine, shards: scenario.shards)
    first.perform(scenario)
    findings.runs += 1
    func report(_ faults: [String], _ after: String) { findings.violations += faults.map { "\(place)\(after): \($0)" } }
    report(first.faults, "")

    // The second process, on what the cache holds. In half of the cases the power fails while it starts.
    machine.disk.faults = generator.oneIn(2) ? FaultPlan() : FaultPlan(crashAt: generator.small(in: 0...80))
    machine.disk.capacity = nil
    let second = Run(machine, ledger: first.ledger)
    second.observe(first.observed)
    second.perform(Scenario("second life", []))
    second.retry()
    second.perform(.commit(1))
    report(second.faults, ", second life")
    if let refusal = second.refusal, !machine.disk.isCrashed { report(["does not open: \(refusal)"], ", second life") }
    findings.recoveries += 1

    for survival in [Survival.nothing, .everything, .random(generator.next()), .torn(generator.next())] {
      let third = Run(machine.crashed(survival), ledger: second.ledger)
      third.observe(second.observed)
      findings.crashPoints += 1
      report(third.check(), ", then \(survival)")
      guard third.open() else {
        report(["does not open: \(third.refusal.map { "\($0)" } ?? "?")"], ", then \(survival)")
        continue
      }
      third.retry()
      report(third.faults + third.check(), ", then \(survival), third life")
      findings.recoveries += 1
    }
    return findings
  }
}

extension Scenario {
  /// I/O calls of the script where nothing goes wrong.
  func calls(seed: UInt64) -> Int {
    let run = Run(SimulatedMachine(seed: seed), shards: shards)
    run.perform(self)
    return run.machine.disk.operationCount
  }
}

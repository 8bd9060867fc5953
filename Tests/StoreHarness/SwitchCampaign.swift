import Platform
import Shards
import Simulation
import Store

/// A process that rewrites a store to another number of shards is killed at every I/O call. The next one finds what the page
/// cache holds, synced or not, removes the layout that it does not need, and takes clicks. Then the power fails. Whatever
/// `STORE` says then, its shards have to be there, with every click that was acknowledged.
package enum SwitchCampaign {
  private static let script = Scenario("before", [.commit(5), .wait(200_000), .commit(3), .settle, .commit(2)])

  /// Kills at every `stride`th call. Stops early once `limit` violations are found.
  package static func run(seed: UInt64, stride: Int = 1, limit: Int = 5) -> Findings {
    var findings = Findings()
    let (whole, _) = rewrite(seed, FaultPlan())
    let calls = whole.machine.disk.operationCount
    for index in Swift.stride(from: Int(seed % UInt64(stride)), to: calls, by: stride) {
      let place = "seed \(seed), killed at call \(index)"
      let (first, isDone) = rewrite(seed, FaultPlan(crashAt: index, inFlight: index % 2 == 0))
      findings.runs += 1
      if isDone { findings.violations.append("\(place): the rewriting was not killed") }
      let machine = first.machine
      machine.disk.faults = FaultPlan()
      let second = Run(machine, ledger: first.ledger)
      second.perform(Scenario("second life", [.commit(1)]))
      findings.recoveries += 1
      report(second, "\(place), second life", &findings)
      for survival in [Survival.nothing, .everything, .random(seed ^ UInt64(index)), .torn(UInt64(index))] {
        let third = Run(machine.crashed(survival), ledger: second.ledger)
        findings.crashPoints += 1
        findings.violations += third.check().map { "\(place), then \(survival): \($0)" }
        third.perform(Scenario("third life", [.commit(1)]))
        report(third, "\(place), then \(survival)", &findings)
        findings.violations += third.check().map { "\(place), then \(survival), third life: \($0)" }
      }
      if findings.violations.count >= limit { return findings }
    }
    return findings
  }

  private static func report(_ run: Run, _ place: String, _ findings: inout Findings) {
    findings.violations += run.faults.map { "\(place): \($0)" }
    if let refusal = run.refusal { findings.violations.append("\(place): does not open: \(refusal)") }
  }

  /// A store of one shard, with clicks, which becomes one of two while `faults` are in force. Says whether it came to its end.
  private static func rewrite(_ seed: UInt64, _ faults: FaultPlan) -> (run: Run, isDone: Bool) {
    let run = Run(SimulatedMachine(seed: seed))
    run.perform(script)
    run.end()
    run.machine.disk.faults = faults
    let done = try? Resharding(run.machine.environment, Run.path, options: Scenario.options).run(shards: 2)
    return (run, done != nil)
  }
}

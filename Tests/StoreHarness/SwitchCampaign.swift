import Platform
import Shards
import Simulation
import Store
import Synchronization

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
      cut(second, [.nothing, .everything, .random(seed ^ UInt64(index)), .torn(UInt64(index))], place, &findings)
      if findings.violations.count >= limit { return findings }
    }
    return findings
  }

  /// The process is killed around the switch, where the new `STORE` may stand in the page cache alone, and at its last call; then
  /// the power fails inside the opening that follows, at every `stride`th call of it. The opening after that succeeds by itself,
  /// whatever had been removed, numbered and replaced by then. Stops early once `limit` violations are found.
  package static func cutOpenings(seed: UInt64, stride: Int = 1, limit: Int = 5) -> Findings {
    var findings = Findings()
    let switched = Mutex<Int?>(nil)
    let (whole, _) = rewrite(seed, FaultPlan()) { operation in
      if operation.destination == "\(Run.path)/\(StoreFiles.store)" { switched.withLock { $0 = operation.index } }
    }
    let calls = whole.machine.disk.operationCount
    guard let rename = switched.withLock({ $0 }) else {
      findings.violations.append("seed \(seed): the rewriting puts no STORE in its place")
      return findings
    }
    for (index, inFlight) in [
      (rename, false), (rename, true), (rename + 1, false), (rename + 2, true), (rename + 4, false), (calls - 1, false),
    ] {
      var call = Int(seed % UInt64(stride))
      while true {
        let place = "seed \(seed), killed at call \(index) (in flight: \(inFlight)), opening cut at call \(call)"
        let (first, _) = rewrite(seed, FaultPlan(crashAt: index, inFlight: inFlight))
        first.machine.disk.faults = FaultPlan(crashAt: call, inFlight: call % 2 == 0)
        let second = Run(first.machine, ledger: first.ledger)
        findings.runs += 1
        if second.open() { break }
        findings.violations += second.faults.map { "\(place): \($0)" }
        if !first.machine.disk.isCrashed {
          findings.violations.append("\(place): does not open: \(second.refusal.map { "\($0)" } ?? "?")")
        }
        let chance = seed &+ UInt64(index * 1_000 + call)
        cut(second, [.nothing, .random(chance), .torn(chance)], place, &findings)
        if findings.violations.count >= limit { return findings }
        call += stride
      }
    }
    return findings
  }

  /// The power fails, and the next process reads, takes a click, and is read again.
  private static func cut(_ run: Run, _ survivals: [Survival], _ place: String, _ findings: inout Findings) {
    for survival in survivals {
      let next = Run(run.machine.crashed(survival), ledger: run.ledger)
      findings.crashPoints += 1
      findings.violations += next.check().map { "\(place), then \(survival): \($0)" }
      next.perform(Scenario("third life", [.commit(1)]))
      report(next, "\(place), then \(survival)", &findings)
      findings.violations += next.check().map { "\(place), then \(survival), third life: \($0)" }
    }
  }

  private static func report(_ run: Run, _ place: String, _ findings: inout Findings) {
    findings.violations += run.faults.map { "\(place): \($0)" }
    if let refusal = run.refusal { findings.violations.append("\(place): does not open: \(refusal)") }
  }

  /// A store of one shard, with clicks, which becomes one of two while `faults` are in force and `watch` is told of each call.
  /// Says whether it came to its end.
  private static func rewrite(
    _ seed: UInt64, _ faults: FaultPlan, watch: (@Sendable (DiskOperation) -> Void)? = nil
  ) -> (run: Run, isDone: Bool) {
    let run = Run(SimulatedMachine(seed: seed))
    run.perform(script)
    run.end()
    run.machine.disk.faults = faults
    if let watch { run.machine.disk.onOperation = watch }
    let done = try? Resharding(run.machine.environment, Run.path, options: Scenario.options).run(shards: 2)
    return (run, done != nil)
  }
}

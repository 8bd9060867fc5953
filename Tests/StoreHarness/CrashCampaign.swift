import Bytes
import Platform
import Simulation
import Store

/// What a campaign did and found.
package struct Findings: Sendable, CustomStringConvertible {
  package var runs = 0
  package var crashPoints = 0
  package var recoveries = 0
  package var faultsInjected = 0
  package var violations: [String] = []
  /// Steps that may fail where a fault is injected.
  package var attempts = Attempts()

  package init() {}

  /// What two campaigns did and found together.
  package static func + (a: Findings, b: Findings) -> Findings {
    var sum = a
    sum.runs += b.runs
    sum.crashPoints += b.crashPoints
    sum.recoveries += b.recoveries
    sum.faultsInjected += b.faultsInjected
    sum.violations += b.violations
    sum.attempts = sum.attempts + b.attempts
    return sum
  }

  package var description: String {
    "\(runs) runs, \(crashPoints) crash points, \(recoveries) recoveries, \(faultsInjected) faults injected, "
      + "\(violations.count) violations"
  }
}

/// T1: every I/O call of a script is a place to crash, and each crash has eight ways to lose what was not synced.
package enum CrashCampaign {
  /// Crashes `scenario` at every `stride`th I/O call, and the recoveries from it as well, up to `depth` times in a row.
  /// Stops early once `limit` violations are found.
  package static func run(
    _ scenario: Scenario, seed: UInt64, stride: Int = 1, depth: Int = 1, limit: Int = 5
  ) -> Findings {
    var findings = Findings()
    let whole = Run(SimulatedMachine(seed: seed), shards: scenario.shards)
    whole.perform(scenario)
    findings.runs += 1
    findings.violations += (whole.faults + whole.check() + whole.attempts.neverDone).map {
      "\(scenario), no crash: \($0)"
    }
    if let refusal = whole.refusal { findings.violations.append("\(scenario), no crash: \(refusal)") }
    let calls = whole.machine.disk.operationCount
    for index in Swift.stride(from: Int(seed % UInt64(stride)), to: calls, by: stride) {
      for inFlight in [true, false] {
        let run = Run(SimulatedMachine(seed: seed), shards: scenario.shards)
        run.machine.disk.faults = FaultPlan(crashAt: index, inFlight: inFlight)
        run.perform(scenario)
        findings.runs += 1
        let variants = Survival.eight(seed: seed ^ UInt64(index), unsynced: run.machine.disk.unsyncedCount)
        for survival in variants {
          let place = "\(scenario), seed \(seed), crash at call \(index) (in flight: \(inFlight)), \(survival)"
          findings = findings + recover(run, survival, place, seed: seed, depth: depth)
          if findings.violations.count >= limit { return findings }
        }
      }
    }
    return findings
  }

  /// Starts again on what survived, checks, retries what is unknown, goes on, and starts once more.
  private static func recover(
    _ before: Run, _ survival: Survival, _ place: String, seed: UInt64, depth: Int
  ) -> Findings {
    var findings = Findings()
    findings.crashPoints += 1
    let machine = before.machine.crashed(survival)
    machine.disk.capacity = nil
    let run = Run(machine, ledger: before.ledger)
    func report(_ faults: [String]) { findings.violations += faults.map { "\(place): \($0)" } }
    report(before.faults)

    // Reading alone first: it must change nothing and agree with the ledger.
    run.observe(before.observed)
    report(run.check())
    guard run.open() else {
      report(["the store does not open: \(run.refusal.map { "\($0)" } ?? "?")"])
      return findings
    }
    findings.recoveries += 1
    let calls = machine.disk.operationCount
    report(run.check())
    run.retry()
    run.perform(.commit(2))
    run.perform(.wait(60))
    report(run.faults + run.check())

    // Recovery may crash as well, at a place the seed chooses.
    if depth > 0 {
      var generator = SeededGenerator(seed: seed &+ UInt64(before.machine.disk.operationCount) &+ UInt64(depth))
      let again = Run(before.machine.crashed(survival), ledger: before.ledger)
      again.machine.disk.capacity = nil
      again.observe(before.observed)
      again.machine.disk.faults = FaultPlan(crashAt: generator.small(in: 0...max(0, calls - 1)))
      again.perform(Scenario("reopening", [.commit(1)]))
      findings =
        findings
        + recover(again, .random(generator.next()), place + ", then again", seed: seed &+ 1, depth: depth - 1)
    }
    return findings
  }
}

import Glibc
import Platform
import Simulation

/// T5: every I/O call of a script fails once, in every way, alone or with all that follow; the process lives on. Nothing
/// is acknowledged after a failed write or sync of log or manifest, and none of them is touched again (`FailureWatch`).
/// Then the disk is well again: a new process on the same machine, and one on what each power cut leaves, must open and
/// agree with the ledger.
package enum ErrorCampaign {
  /// The ways in which the `index`th call, or the `index`th sync of a file, can fail.
  package static func faults(at index: Int, seed: UInt64) -> [Fault] {
    var generator = SeededGenerator(seed: seed &+ UInt64(index))
    let writes: Set<DiskOperation.Kind> = [.write, .allocate, .open, .createDirectory, .rename]
    return [
      Fault(.error(EIO), at: index), Fault(.error(EIO), at: index, sticky: true),
      Fault(.error(EIO, performed: true), at: index),
      Fault(.error(ENOSPC), at: index, sticky: true, kinds: writes), Fault(.error(ENOSPC), at: index, kinds: writes),
      Fault(.error(EDQUOT), at: index, kinds: writes), Fault(.error(EDQUOT), at: index, sticky: true, kinds: writes),
      Fault(.short(1 + generator.small(in: 0...5000)), at: index), Fault(.short(512), at: index, sticky: true),
      Fault(.lostSync(.kept), at: index), Fault(.lostSync(.reverted), at: index),
      Fault(.lostSync(.kept, persisting: .random(generator.next())), at: index, sticky: generator.oneIn(2)),
      Fault(.lostSync(.reverted, persisting: .torn(generator.next())), at: index),
    ]
  }

  /// Fails `scenario` at every `stride`th call. Stops early once `limit` violations are found.
  package static func run(_ scenario: Scenario, seed: UInt64, stride: Int = 1, limit: Int = 5) -> Findings {
    var findings = Findings()
    let calls = scenario.calls(seed: seed)
    for index in Swift.stride(from: Int(seed % UInt64(stride)), to: calls, by: stride) {
      for fault in faults(at: index, seed: seed) {
        // Beyond the last call that counts for this fault there is nothing to fail.
        guard let found = fail(scenario, fault, seed: seed) else { continue }
        findings = findings + found
        if findings.violations.count >= limit { return findings }
      }
    }
    return findings
  }

  /// One run with one fault; nil where the fault hit no call.
  private static func fail(_ scenario: Scenario, _ fault: Fault, seed: UInt64) -> Findings? {
    var findings = Findings()
    let place = "\(scenario), seed \(seed), \(fault.effect) at \(fault.at)\(fault.sticky ? " and later" : "")"
    func report(_ faults: [String], _ after: String = "") {
      findings.violations += faults.map { "\(place)\(after): \($0)" }
    }
    let machine = SimulatedMachine(seed: seed)
    machine.disk.faults = FaultPlan(fault)
    let first = Run(machine, shards: scenario.shards)
    first.perform(scenario)
    guard machine.disk.faultsInjected > 0 else { return nil }
    findings.runs += 1
    findings.faultsInjected += machine.disk.faultsInjected
    report(first.faults)
    if let refusal = first.refusal, !(refusal is SystemError) { report(["an I/O error looks like damage: \(refusal)"]) }
    machine.disk.faults = FaultPlan()
    machine.disk.capacity = nil

    for survival in [Survival.nothing, .everything, .random(seed &+ UInt64(fault.at))] {
      findings.crashPoints += 1
      let crashed = Run(machine.crashed(survival), ledger: first.ledger)
      crashed.observe(first.observed)
      report(life(crashed), ", then \(survival)")
      findings.recoveries += 1
    }
    let next = Run(machine, ledger: first.ledger)
    next.observe(first.observed)
    report(life(next), ", restarted")
    let last = Run(machine.crashed(.nothing), ledger: next.ledger)
    last.observe(next.observed)
    report(life(last), ", restarted, then nothing survives")
    findings.recoveries += 2
    return findings
  }

  /// A whole life on a disk that is well.
  private static func life(_ run: Run) -> [String] {
    var faults = run.check()
    guard run.open() else { return faults + ["does not open: \(run.refusal.map { "\($0)" } ?? "?")"] }
    run.retry()
    run.perform(.commit(2))
    faults += run.faults + run.check()
    return faults
  }
}

import Glibc
import Platform
import Simulation

/// Syncs that fail for good, seen over several processes on one page cache. Linux marks the pages of a failed write-back
/// clean and keeps them: whoever reads the file through the cache finds bytes that the device does not have, and a later sync
/// reports success without having written them. So a process that starts again may find a manifest, a slot or a name that
/// the next power cut takes away.
///
///     life 1   the script, in which the k-th sync fails, or it and all later ones
///     life 2…  the same cache: sound again, or its syncs fail again, or all changes fail from some place on
///     power    of what no sync has covered some survives; the rest is gone, the pages that were marked clean too
///     check    what was acknowledged in any life is there, once, and the store goes on
package enum LostSyncCampaign {
  private static let syncs: Set<DiskOperation.Kind> = [.synchronizeData, .synchronize, .synchronizeDirectory]

  private static let changes = syncs.union([.write, .rename, .remove, .allocate, .createDirectory])

  /// The ways in which the `index`th sync can fail.
  private static func faults(at index: Int, _ generator: inout SeededGenerator) -> [Fault] {
    let sticky = generator.oneIn(2)
    return [
      Fault(.lostSync(.kept), at: index, sticky: sticky), Fault(.lostSync(.kept), at: index, sticky: !sticky),
      Fault(.lostSync(.kept, persisting: .random(generator.next())), at: index, sticky: sticky),
      Fault(.lostSync(.kept, persisting: .torn(generator.next())), at: index, sticky: sticky),
      Fault(.lostSync(.reverted, persisting: .random(generator.next())), at: index, sticky: sticky),
      // The pages stay dirty, and a later sync writes them.
      Fault(.error(EIO), at: index, sticky: sticky, kinds: syncs),
    ]
  }

  /// Fails `scenario` at every `stride`th sync. Stops early once `limit` violations are found.
  package static func run(_ scenario: Scenario, seed: UInt64, stride: Int = 1, limit: Int = 5) -> Findings {
    var findings = Findings()
    var index = Int(seed % UInt64(stride))
    while true {
      var generator = SeededGenerator(seed: seed &+ UInt64(index) &* 977)
      var isHit = false
      for fault in faults(at: index, &generator) {
        guard let found = fail(scenario, fault, seed: seed, &generator) else { continue }
        isHit = true
        findings = findings + found
        if findings.violations.count >= limit { return findings }
      }
      if !isHit { return findings }
      index += stride
    }
  }

  /// All lives of one fault; nil where it hit no sync.
  private static func fail(
    _ scenario: Scenario, _ fault: Fault, seed: UInt64, _ generator: inout SeededGenerator
  ) -> Findings? {
    var findings = Findings()
    var place = "\(scenario), seed \(seed), \(fault.effect) at sync \(fault.at)\(fault.sticky ? " and later" : "")"
    let machine = SimulatedMachine(seed: seed)
    func report(_ faults: [String]) { findings.violations += faults.map { "\(place): \($0)" } }
    machine.disk.faults = FaultPlan(fault)
    var run = Run(machine, shards: scenario.shards)
    run.perform(scenario)
    guard machine.disk.faultsInjected > 0 else { return nil }
    findings.runs += 1
    findings.faultsInjected += machine.disk.faultsInjected
    report(run.faults)

    for _ in 0...generator.small(in: 0...2) where !machine.disk.isCrashed {
      let (plan, words) = plan(&generator)
      place += ", \(words)"
      machine.disk.faults = plan
      machine.disk.capacity = nil
      let next = Run(machine, ledger: run.ledger, shards: scenario.shards)
      next.observe(run.observed)
      next.perform(Scenario("again", []))
      next.retry()
      for step in work where next.store != nil && !machine.disk.isCrashed { next.perform(step) }
      report(next.faults)
      if let refusal = next.refusal, !(refusal is SystemError) || machine.disk.faultsInjected == 0,
        !machine.disk.isCrashed
      {
        report(["does not open: \(refusal)"])
      }
      findings.recoveries += 1
      run = next
    }

    for survival in [Survival.nothing, .everything, .random(generator.next()), .torn(generator.next())] {
      findings.crashPoints += 1
      let last = Run(machine.crashed(survival), ledger: run.ledger)
      last.observe(run.observed)
      report(last.check().map { "then \(survival): \($0)" })
      guard last.open() else {
        report(["then \(survival): does not open: \(last.refusal.map { "\($0)" } ?? "?")"])
        continue
      }
      last.retry()
      report((last.faults + last.check()).map { "then \(survival), opened: \($0)" })
      findings.recoveries += 1
    }
    return findings
  }

  /// What goes wrong in a life on the same cache.
  private static func plan(_ generator: inout SeededGenerator) -> (FaultPlan, String) {
    switch generator.next() % 4 {
    case 0: return (FaultPlan(), "started again")
    case 1:
      let index = generator.small(in: 0...40)
      return (FaultPlan(Fault(.lostSync(.kept), at: index, sticky: generator.oneIn(2))), "syncs fail again at \(index)")
    default:
      // Nothing reaches the disk any more, as if the power failed there: mostly in the middle of the opening.
      let index = generator.small(in: 0...30)
      let fault = Fault(.error(EIO), at: index, sticky: true, kinds: changes)
      return (FaultPlan(fault), "changes fail from \(index) on")
    }
  }

  /// Enough to fill a slot, take the next one, seal, and use slots again.
  private static let work: [Step] =
    [.commit(2), .prepare, .settle] + Array(repeating: .commit(2), count: 15) + [
      .prepare, .commit(3), .settle, .commit(1),
    ]
}

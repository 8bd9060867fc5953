import Platform
import Simulation
import Store

/// T16 over several shards: ads turn hot and cold, their clicks come again after the horizon, rows are damaged in any shard, the
/// machine crashes, and recounts run in between. In the end every row, summed over the shards, is the fold of distinct clicks.
package enum RoutedRecountCampaign {
  /// The history that `seed` decides: up to three lives.
  package static func run(seed: UInt64) -> Findings {
    var findings = Findings()
    var generator = SeededGenerator(seed: seed)
    var options = Scenario.options
    options.dedupHorizon = 1_000
    options.rawRetention = 30 * 86_400_000
    options.recountChunk = generator.pick([1, 5, 1_000])
    options.segmentRows = generator.pick([5, 40, 1_000])
    let shards = 2 + Int(generator.next() % 3)
    var machine = SimulatedMachine(seed: seed)
    var ledger = ClientLedger(allowsLateRepeats: true)
    for life in 1...(1 + generator.small(in: 0...2)) {
      machine.disk.faults =
        life == 1 || generator.oneIn(2)
        ? FaultPlan() : FaultPlan(crashAt: generator.small(in: 0...600), inFlight: generator.oneIn(2))
      let run = RoutedRun(machine, shards: shards, ledger: ledger, options: options)
      run.perform(steps(&generator))
      findings.runs += 1
      findings.violations += run.faults.map { "seed \(seed), \(shards) shards, life \(life): \($0)" }
      machine.disk.faults = FaultPlan()
      machine = machine.crashed(
        generator.pick(Survival.eight(seed: generator.next(), unsynced: machine.disk.unsyncedCount)))
      findings.crashPoints += 1
      ledger = run.ledger
    }
    let last = RoutedRun(machine, shards: shards, ledger: ledger, options: options)
    // What was damaged has to be closed before it is compared, and what the comparison finds late comes with the second.
    last.perform([.late(60), .wait(400_000), .settle, .recount(.deep(nil)), .recount(.deep(0..<1 << 40))])
    findings.recoveries += 1
    findings.violations += (last.faults + last.checkRecounted()).map {
      "seed \(seed), \(shards) shards, the end: \($0)"
    }
    return findings
  }

  private static func steps(_ generator: inout SeededGenerator) -> [RoutedStep] {
    (0..<generator.small(in: 10...60)).map { _ in
      switch generator.next() % 20 {
      case 0...4: .clicks(1 + generator.small(in: 0...30), mintedIn: generator.edge(in: -200_000...60_000))
      case 5: .timeless(1 + generator.small(in: 0...9))
      case 6...8: .late(1 + generator.small(in: 0...60))
      case 9, 10:
        .hot(chosen(generator.next()))
      case 11: .refresh
      case 12...14: .wait(generator.edge(in: 0...200_000))
      case 15: .settle
      case 16: .plant(generator.next())
      case 17: .recount(.changes)
      case 18: .recount(.deep(nil))
      default: generator.oneIn(2) ? .restart : .kill
      }
    }
  }

  private static func chosen(_ bits: UInt64) -> Set<UInt64> {
    Set((0..<RoutedRun.ads).filter { bits >> $0 & 1 == 1 })
  }
}

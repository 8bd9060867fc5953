import Clicks
import Glibc
import Platform
import Simulation

/// T2: random histories. A store lives up to six lives; each follows a random script, meets a random fault, and ends by a
/// good restart, a kill or a power cut at a random call, which may well lie inside the recovery from the last one. After
/// each life the disk agrees with the client's ledger, and at the end everything is settled.
package enum RandomCampaign {
  /// The history that `seed` decides.
  package static func run(seed: UInt64) -> Findings {
    var findings = Findings()
    var generator = SeededGenerator(seed: seed)
    var machine = SimulatedMachine(seed: seed)
    var ledger = ClientLedger()
    // One history in three is that of several shards.
    let shards = seed % 3 == 2 ? 2 + Int(seed / 3 % 2) : 1
    var sight = Sight()
    // Some lives are long: days are rolled up, and raw clicks retire.
    var patience: Int64 = 120_000_000
    func report(_ faults: [String], _ place: String) {
      findings.violations += faults.map { "seed \(seed), \(place): \($0)" }
    }

    for life in 1...(1 + generator.small(in: 0...5)) {
      machine.disk.faults = plan(&generator)
      let run = Run(machine, ledger: ledger, shards: shards)
      run.observe(sight)
      // Some lives capture strings, and the settings change from one to the next.
      run.capture = CaptureSet(rawValue: UInt16((seed &* 5 &+ UInt64(life) &* 3) % 7)).intersection(.all)
      let scenario = Scenario("life \(life)", steps(&generator, &patience))
      run.perform(scenario)
      findings.runs += 1
      findings.faultsInjected += machine.disk.faultsInjected
      report(run.faults, scenario.name)
      if let refusal = run.refusal, !(refusal is SystemError) { report(["\(refusal)"], scenario.name) }
      (ledger, sight) = (run.ledger, run.observed)
      machine.disk.faults = FaultPlan()
      if generator.oneIn(2) { machine.disk.capacity = nil }
      if !generator.oneIn(3) {
        machine = machine.crashed(
          generator.pick(Survival.eight(seed: generator.next(), unsynced: machine.disk.unsyncedCount)))
        findings.crashPoints += 1
      }
      let reader = Run(machine, ledger: ledger)
      reader.observe(sight)
      report(reader.check(), "after \(scenario.name)")
      if !findings.violations.isEmpty { return findings }
    }

    machine.disk.capacity = nil
    let last = Run(machine, ledger: ledger)
    last.observe(sight)
    if !last.open() { report(["does not open: \(last.refusal.map { "\($0)" } ?? "?")"], "the end") }
    last.retry()
    report(last.faults + last.check(), "the end")
    findings.recoveries += 1
    let after = Run(machine.crashed(.nothing), ledger: last.ledger)
    after.observe(last.observed)
    report(after.check(), "a power cut after the end")
    return findings
  }

  private static func plan(_ generator: inout SeededGenerator) -> FaultPlan {
    switch generator.next() % 8 {
    case 0, 1: FaultPlan()
    case 2...5: FaultPlan(crashAt: generator.small(in: 0...300), inFlight: generator.oneIn(2))
    default: FaultPlan(generator.pick(ErrorCampaign.faults(at: generator.small(in: 0...200), seed: generator.next())))
    }
  }

  private static func steps(_ generator: inout SeededGenerator, _ patience: inout Int64) -> [Step] {
    var steps: [Step] = []
    for _ in 0..<generator.small(in: 0...40) {
      switch generator.next() % 29 {
      case 0...7: steps.append(.commit(1 + generator.small(in: 0...300)))
      case 8...10: steps.append(.repeats(1 + generator.small(in: 0...200)))
      case 11: steps.append(.twins(1 + generator.small(in: 0...50)))
      case 12...13:
        let wait = Int64(generator.small(in: 0...(generator.oneIn(6) ? 20_000_000 : 200_000)))
        guard wait <= patience else { continue }
        patience -= wait
        steps.append(.wait(wait))
      case 14...17: steps.append(.prepare)
      case 18: steps.append(.restart)
      case 19: steps.append(.kill)
      case 20: steps.append(.capacity(UInt64(generator.small(in: 0...300_000))))
      case 21: steps.append(.capacity(nil))
      // Two days to either side: two such jumps are no reason to refuse an opening.
      case 22: steps.append(.clock(generator.edge(in: -172_800_000...172_800_000)))
      case 23, 24: steps.append(.late(1 + generator.small(in: 0...9), minutes: Int64(generator.small(in: 0...2_880))))
      case 25, 26: steps.append(.settle)
      default: steps += [.commit(1), .wait(0)]
      }
    }
    return steps
  }
}

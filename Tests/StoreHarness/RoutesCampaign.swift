import Simulation

/// Hot intervals that open and close at every point of a history, with impressions minted ahead and behind, on a machine that
/// crashes. After each life the shards together agree with the ledger: each identity once, whichever shards its copies met.
package enum RoutesCampaign {
  /// The history that `seed` decides: up to four lives.
  package static func run(seed: UInt64) -> Findings {
    var findings = Findings()
    var generator = SeededGenerator(seed: seed)
    var machine = SimulatedMachine(seed: seed)
    let shards = 2 + Int(generator.next() % 3)
    var last = RoutedRun(machine, shards: shards)
    func report(_ faults: [String], _ place: String) {
      findings.violations += faults.map { "seed \(seed), \(shards) shards, \(place): \($0)" }
    }
    for life in 1...(1 + generator.small(in: 0...3)) {
      machine.disk.faults =
        generator.oneIn(2)
        ? FaultPlan() : FaultPlan(crashAt: generator.small(in: 0...400), inFlight: generator.oneIn(2))
      let run = RoutedRun(machine, shards: shards, ledger: last.ledger, closed: last.closed)
      run.perform(steps(&generator))
      findings.runs += 1
      report(run.faults, "life \(life)")
      if let refusal = run.refusal, !machine.disk.isCrashed { report(["does not open: \(refusal)"], "life \(life)") }
      machine.disk.faults = FaultPlan()
      machine = machine.crashed(
        generator.pick(Survival.eight(seed: generator.next(), unsynced: machine.disk.unsyncedCount)))
      findings.crashPoints += 1
      last = RoutedRun(machine, shards: shards, ledger: run.ledger, closed: run.closed)
      report(last.check() + last.faults, "after life \(life)")
      if !findings.violations.isEmpty { return findings }
    }
    settle(last, &findings, "seed \(seed), the end")
    return findings
  }

  /// Crashes a script in which ads turn hot and cold at every `stride`th I/O call, with eight ways to lose what was not synced.
  package static func crash(seed: UInt64, stride: Int = 1, limit: Int = 5) -> Findings {
    var findings = Findings()
    let shards = 2 + Int(seed % 2)
    let whole = RoutedRun(SimulatedMachine(seed: seed), shards: shards)
    whole.perform(script)
    findings.runs += 1
    findings.violations += (whole.faults + whole.check()).map { "no crash: \($0)" }
    let calls = whole.machine.disk.operationCount
    for index in Swift.stride(from: Int(seed % UInt64(stride)), to: calls, by: stride) {
      for inFlight in [true, false] {
        let run = RoutedRun(SimulatedMachine(seed: seed), shards: shards)
        run.machine.disk.faults = FaultPlan(crashAt: index, inFlight: inFlight)
        run.perform(script)
        findings.runs += 1
        for survival in Survival.eight(seed: seed ^ UInt64(index), unsynced: run.machine.disk.unsyncedCount) {
          let place = "crash at call \(index) (in flight: \(inFlight)), \(survival)"
          let next = RoutedRun(
            run.machine.crashed(survival), shards: shards, ledger: run.ledger, closed: run.closed)
          findings.crashPoints += 1
          findings.violations += (run.faults + next.check()).map { "\(place): \($0)" }
          settle(next, &findings, place)
          if findings.violations.count >= limit { return findings }
        }
      }
    }
    return findings
  }

  /// A committer holds the routes that it took while new ones were being written, and uses them long after.
  package static func held(seed: UInt64) -> Findings {
    var findings = Findings()
    let run = RoutedRun(SimulatedMachine(seed: seed), shards: 2)
    run.perform([
      .clicks(6, mintedIn: 0), .hot([0, 1, 2]), .wait(15_000), .clicks(30, mintedIn: 60_000), .refresh, .repeats(40),
      .refresh, .repeats(40),
    ])
    findings.runs += 1
    findings.violations += run.faults + run.check()
    return findings
  }

  /// Opens, retries, sends everything once more after each hot interval may have begun, and checks.
  private static func settle(_ run: RoutedRun, _ findings: inout Findings, _ place: String) {
    guard run.open() else {
      findings.violations.append("\(place): does not open: \(run.refusal.map { "\($0)" } ?? "?")")
      return
    }
    findings.recoveries += 1
    run.retry()
    run.perform([.refresh, .repeats(40), .wait(100_000), .clicks(6, mintedIn: 0), .refresh, .repeats(60)])
    run.retry()
    findings.violations += (run.faults + run.check()).map { "\(place): \($0)" }
  }

  /// Ads 0 and 1 turn hot, one of them twice, with clicks on both sides of each border.
  private static let script: [RoutedStep] = [
    .clicks(6, mintedIn: 0), .clicks(6, mintedIn: 60_000), .hot([0, 1]), .clicks(6, mintedIn: 60_000), .repeats(6),
    .wait(12_000), .clicks(12, mintedIn: 59_999), .repeats(9), .hot([1]), .clicks(6, mintedIn: 60_000), .wait(80_000),
    .clicks(12, mintedIn: 0), .clicks(6, mintedIn: -60_000), .repeats(20), .hot([0]), .wait(90_000), .repeats(20),
    .clicks(9, mintedIn: 30_000), .timeless(4), .repeats(30),
  ]

  /// Early ids: their time comes while the ad is hot, or has been, and the process ends between.
  private static let earlyScript: [RoutedStep] = [
    .clicks(3, mintedIn: 0), .lookalikes(12, timeIn: 500_000), .lookalikes(6, timeIn: 90_000_000_000_000),
    .hot([0, 1, 2]),
    .lookalikes(12, timeIn: 600_000), .repeats(20), .wait(100_000), .repeats(30), .settle, .wait(500_000), .refresh,
    .repeats(40), .restart, .repeats(40), .hot([1]), .wait(200_000), .repeats(60), .kill,
    .lookalikes(6, timeIn: 400_000),
    .hot([0, 1, 2]), .wait(500_000), .repeats(80),
  ]

  /// That script, with every click sent again at its end.
  package static func early(seed: UInt64) -> Findings {
    var findings = Findings()
    let run = RoutedRun(SimulatedMachine(seed: seed), shards: 2 + Int(seed % 3))
    run.perform(earlyScript)
    findings.runs += 1
    findings.violations += (run.faults + run.check()).map { "seed \(seed): \($0)" }
    if findings.violations.isEmpty { settle(run, &findings, "seed \(seed), the end") }
    return findings
  }

  private static func steps(_ generator: inout SeededGenerator) -> [RoutedStep] {
    var steps: [RoutedStep] = []
    for _ in 0..<generator.small(in: 0...60) {
      switch generator.next() % 20 {
      case 0...6:
        steps.append(.clicks(1 + generator.small(in: 0...30), mintedIn: generator.edge(in: -200_000...60_000)))
      case 7:
        let count = 1 + generator.small(in: 0...9)
        // Soon decided, on the list of early ids, of a time when the raw click has retired, or of any year.
        let ahead: Int64 = generator.pick([
          generator.edge(in: -60_000...400_000), generator.edge(in: 361_000...900_000), 90_000_000_000_000,
        ])
        steps.append(generator.oneIn(2) ? .timeless(count) : .lookalikes(count, timeIn: ahead))
      case 8...10: steps.append(.repeats(1 + generator.small(in: 0...60)))
      case 11...13:
        let chosen = generator.next()
        steps.append(.hot(Set((0..<RoutedRun.ads).filter { chosen >> $0 & 1 == 1 })))
      case 14: steps.append(.refresh)
      case 15: steps.append(.begin)
      case 16, 17:
        steps.append(.wait(generator.oneIn(3) ? generator.edge(in: 0...900_000) : generator.edge(in: 0...100_000)))
      case 18: steps.append(generator.oneIn(2) ? .settle : .begin)
      default: steps.append(generator.oneIn(2) ? .restart : .kill)
      }
    }
    return steps
  }
}

import Clicks
import Platform
import Simulation
import Store

/// T16: whatever was wrong, missing or counted again, a recount makes every row the fold of distinct clicks, with clicks
/// coming in the middle of it, and a second one changes nothing.
package enum RecountCampaign {
  /// The life of one seed, to its end.
  package static func run(seed: UInt64, steps: Int = 60) -> Findings {
    whole(RecountRun(seed: seed), seed: seed, steps: steps, recoveries: \.recounts)
  }

  /// One life and its end; `recoveries` counts what it is about.
  static func whole<Life: RecountRun>(
    _ run: Life, seed: UInt64, steps: Int, recoveries: KeyPath<Life, Int>
  ) -> Findings {
    run.live(steps: steps)
    run.finish()
    var findings = Findings()
    findings.runs += 1
    findings.recoveries += run[keyPath: recoveries]
    findings.faultsInjected += Int(run.corrections)
    findings.violations += run.violations.map { "seed \(seed): \($0)" }
    return findings
  }

  /// The same with a crash at every `stride`th I/O call. What survives is opened and recounted; every row has to be the fold
  /// of the log's distinct clicks then.
  package static func crash(seed: UInt64, steps: Int = 40, stride: Int, limit: Int = 3) -> Findings {
    let whole = RecountRun(seed: seed)
    whole.live(steps: steps)
    return crash(seed: seed, calls: whole.machine.disk.operationCount, stride: stride, limit: limit) { faults in
      let run = RecountRun(seed: seed)
      run.machine.disk.faults = faults
      run.live(steps: steps)
      return (run, { RecountRun(seed: seed &+ 1, machine: $0) })
    }
  }

  /// Crashes a life of `calls` calls at every `stride`th from `start` on. `live` lives it with the faults it is given, and says
  /// who lives on.
  static func crash(
    seed: UInt64, from start: Int = 0, calls: Int, stride: Int, limit: Int,
    _ live: (FaultPlan) -> (RecountRun, (SimulatedMachine) -> RecountRun)
  ) -> Findings {
    var findings = Findings()
    for index in Swift.stride(from: start + Int(seed % UInt64(stride)), to: calls, by: stride) {
      let (run, next) = live(FaultPlan(crashAt: index, inFlight: index % 2 == 0))
      findings.runs += 1
      for survival in [Survival.nothing, .everything, .random(seed ^ UInt64(index)), .torn(UInt64(index))] {
        findings.crashPoints += 1
        let after = next(run.machine.crashed(survival))
        let place = "seed \(seed), crash at call \(index), \(survival)"
        let before = log(after.machine, run.logged)
        guard after.open() else {
          findings.violations.append("\(place): \(after.violations)")
          continue
        }
        after.lives(on: run)
        after.finish(before, wasPristine: run.isPristine)
        findings.recoveries += 1
        findings.violations += after.violations.map { "\(place): \($0)" }
        if findings.violations.count >= limit { return findings }
      }
    }
    return findings
  }

  /// The same with an I/O call that fails, once or for good, and a process that goes on; then a new one on a sound disk.
  package static func errors(seed: UInt64, steps: Int = 40, stride: Int, limit: Int = 3) -> Findings {
    var findings = Findings()
    let whole = RecountRun(seed: seed)
    whole.live(steps: steps)
    let calls = whole.machine.disk.operationCount
    for index in Swift.stride(from: Int(seed % UInt64(stride)), to: calls, by: stride) {
      for fault in ErrorCampaign.faults(at: index, seed: seed).enumerated().filter({ $0.offset % 3 == index % 3 }).map(
        \.element)
      {
        let run = RecountRun(seed: seed)
        run.machine.disk.faults = FaultPlan(fault)
        run.live(steps: steps)
        guard run.machine.disk.faultsInjected > 0 else { continue }
        findings.runs += 1
        findings.faultsInjected += run.machine.disk.faultsInjected
        let after = RecountRun(seed: seed &+ 1, machine: run.machine.crashed(.everything))
        let before = log(after.machine, run.logged)
        if after.open() { after.finish(before, wasPristine: false) }
        findings.recoveries += 1
        findings.violations += (run.violations + after.violations).map {
          "seed \(seed), \(fault.effect) at \(index)\(fault.sticky ? " and later" : ""): \($0)"
        }
        if findings.violations.count >= limit { return findings }
      }
    }
    return findings
  }

  /// The clicks that count, in the order of the log: those that have retired, as they were answered, and what is kept.
  private static func log(
    _ machine: SimulatedMachine, _ answered: [(identity: ClickIdentity, minute: Minute)]
  ) -> [(identity: ClickIdentity, minute: Minute)] {
    guard let found = try? Contents(machine.environment, Run.path) else { return [] }
    return answered.prefix(Int(found.retired)) + found.clicks.map { ($0.identity, $0.minute) }
  }

  /// Lives of one seed leave the same segments and files of corrections, byte for byte, however many threads merge.
  package static func repeated(seed: UInt64, steps: Int = 60) -> [String] {
    same(seed: seed) { threads in
      let run = RecountRun(seed: seed, threads: threads)
      run.live(steps: steps)
      return run
    }
      + same(seed: seed) { threads in
        let run = MarkRun(seed: seed, threads: threads)
        run.live(steps: steps)
        return run
      }
  }

  private static func same(seed: UInt64, _ live: (_ threads: Int) -> RecountRun) -> [String] {
    let runs = [1, 1, 2, 2, 0].map { live($0) }
    let files = runs.map { run in
      run.machine.disk.files().map(\.path).filter { $0.contains("/corr/") || $0.contains("/seg/") }
    }
    var faults = runs.flatMap(\.violations)
    for other in 1..<runs.count {
      if files[0] != files[other] { faults.append("seed \(seed): other files in life \(other)") }
      faults += files[0].filter { runs[0].machine.disk.bytes(of: $0) != runs[other].machine.disk.bytes(of: $0) }
        .map { "seed \(seed): \($0) in life \(other)" }
    }
    return faults
  }
}

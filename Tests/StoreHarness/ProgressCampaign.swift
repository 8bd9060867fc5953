import ClickLog
import Clicks
import Platform
import Simulation
import Store

/// A file of clicks is imported in pieces of any size, each with its progress; the process is killed or the power fails at any
/// call, the disk fills, clicks are refused. Whoever goes on goes on at the line that the shard names, and in the end each
/// line is there once.
///
///     lines of progress that was answered ≤ lines that a restart finds ≤ lines whose clicks are in the log, every one
package enum ProgressCampaign {
  private static let lines = 400

  /// One import that is interrupted at some of its first `calls` calls of the disk in each life.
  package static func run(seed: UInt64, calls: Int = 400) -> Findings {
    var findings = Findings()
    var generator = SeededGenerator(seed: seed)
    var machine = SimulatedMachine(seed: seed)
    let source: (UInt64, UInt64) = (seed, ~seed)
    var answered: UInt64 = 0
    var lives = 0
    var strangers: UInt64 = 0
    func report(_ fault: String) { findings.violations.append("seed \(seed), life \(lives): \(fault)") }

    while findings.violations.isEmpty {
      lives += 1
      guard lives < 300 else {
        report("the import finds no end at line \(answered)")
        break
      }
      let isLast = lives > 40
      // Some lives meet reads that fail: of those clicks nobody knows whether they are new.
      let reads = Fault(
        .error(5), at: generator.small(in: 0...60), sticky: generator.oneIn(4), kinds: [.read], path: "/seg/")
      machine.disk.faults =
        isLast
        ? FaultPlan()
        : generator.oneIn(3)
          ? FaultPlan(reads) : FaultPlan(crashAt: generator.small(in: 1...calls), inFlight: generator.oneIn(2))
      var options = Scenario.options
      options.dedupHorizon = 2_000
      options.segmentRows = 30
      let store: Store
      do { store = try Store.open(machine.environment, Run.path, options: options) } catch {
        if !machine.disk.isCrashed, machine.disk.faultsInjected == 0 { report("does not open: \(error)") }
        machine = next(machine, &generator)
        continue
      }
      let shard = store.shards[0]
      let found = shard.core.progress(ofSource: source.0, source.1)?.lines ?? 0
      if found < answered { report("line \(found) after \(answered) was answered") }
      let faults = machine.disk.faults
      machine.disk.faults = FaultPlan()
      check(machine, found, report)
      machine.disk.faults = faults
      var line = Int(found)
      while line < lines, !machine.disk.isCrashed {
        if shard.slots.needsPreparation { try? shard.slots.prepare() }
        let end = min(lines, line + 1 + generator.small(in: 0...9))
        let batch = (line..<end).map { click($0) }
        var isWhole = true
        machine.time.advance(milliseconds: 1)
        shard.commit(
          batch.span,
          progress: SourceProgress(high: source.0, low: source.1, lines: UInt64(end), bytes: UInt64(end) * 9)
        ) { _, answer in isWhole = isWhole && (answer.verdict == .valid || answer.verdict == .duplicate) }
        if isWhole {
          line = end
          answered = UInt64(end)
        } else if let believed = shard.core.progress(ofSource: source.0, source.1)?.lines, believed > answered,
          believed > found
        {
          report("line \(believed) is believed, but only \(answered) were answered")
        }
        if case .failed = shard.condition.state { break }
        if !isWhole, machine.disk.faultsInjected > 0 { break }
        if !isWhole || generator.oneIn(3) {
          machine.time.advance(milliseconds: 5_000)
          settle(shard, machine, &findings.attempts, report)
        }
        if generator.oneIn(12) { others(shard, machine, &strangers, &findings.attempts, report) }
      }
      let isDone = line == lines && !machine.disk.isCrashed
      machine = next(machine, &generator)
      findings.crashPoints += 1
      if isDone { break }
    }
    guard findings.violations.isEmpty else { return findings }
    machine.disk.faults = FaultPlan()
    do {
      let store = try Store.open(machine.environment, Run.path, options: Scenario.options)
      let found = store.shards[0].core.progress(ofSource: source.0, source.1)
      if found?.lines != UInt64(lines) || found?.bytes != UInt64(lines) * 9 { report("ends at \(found as Any)") }
      check(machine, UInt64(lines), report)
      // Done to its end: nothing of it is kept.
      let none: [ClickRequest] = []
      store.shards[0].commit(
        none.span, progress: SourceProgress(high: source.0, low: source.1, lines: 0, bytes: 0)
      ) { _, _ in }
      if generator.oneIn(2) { try store.shards[0].maintenance.settle() }
      let again = try Store.open(machine.crashed(.nothing).environment, Run.path, options: Scenario.options)
      if let left = again.shards[0].core.progress(ofSource: source.0, source.1) { report("is kept at \(left)") }
    } catch { report("does not open: \(error)") }
    findings.runs += 1
    findings.recoveries += lives
    return findings
  }

  /// Clicks of nobody's file fill slots, until those that say how far the import is are used again.
  private static func others(
    _ shard: Shard, _ machine: SimulatedMachine, _ strangers: inout UInt64, _ attempts: inout Attempts,
    _ report: (String) -> Void
  ) {
    for _ in 0..<2 {
      for _ in 0..<16 where !machine.disk.isCrashed {
        strangers += 1
        let batch = [
          ClickRequest(
            identity: ClickIdentity(
              ad: AdKey(rawValue: 99), impression: ImpressionID(high: strangers &* 0x9E37_79B9_7F4A_7C15, low: 6)))
        ]
        if shard.slots.needsPreparation { try? shard.slots.prepare() }
        shard.commit(batch.span) { _, _ in }
        machine.time.advance(milliseconds: 10_000)
      }
      machine.time.advance(milliseconds: 400_000)
      settle(shard, machine, &attempts, report)
    }
  }

  /// All of maintenance, which fails where the disk does, and nowhere else.
  private static func settle(
    _ shard: Shard, _ machine: SimulatedMachine, _ attempts: inout Attempts, _ report: (String) -> Void
  ) {
    let isDone: Void? = attempts.attempt("settle") { try shard.maintenance.settle() }
    if isDone == nil, !machine.disk.isCrashed, machine.disk.faultsInjected == 0 {
      report("settle: \(attempts.failure(of: "settle")!)")
    }
    shard.maintain()
  }

  private static func next(_ machine: SimulatedMachine, _ generator: inout SeededGenerator) -> SimulatedMachine {
    let survival = generator.pick(Survival.eight(seed: generator.next(), unsynced: machine.disk.unsyncedCount))
    let crashed = machine.crashed(survival)
    crashed.time.advance(milliseconds: Int64(generator.small(in: 0...5_000)))
    return crashed
  }

  private static func click(_ line: Int) -> ClickRequest {
    ClickRequest(
      identity: ClickIdentity(
        ad: AdKey(rawValue: UInt64(line % 7)), impression: ImpressionID(high: UInt64(line) &* 0x9E37_79B9, low: 5)),
      eventTime: 1_750_000_000_000 - Int64(line % 50) * 61_000, source: Click.Source.imported.rawValue)
  }

  /// The first `count` lines are in the log, and no line is there twice.
  private static func check(_ machine: SimulatedMachine, _ count: UInt64, _ report: (String) -> Void) {
    guard !machine.disk.isCrashed else { return }
    do {
      let clicks = try Contents(machine.environment, Run.path).clicks.map(\.identity)
      let found = Set(clicks)
      if found.count != clicks.count { report("\(clicks.count - found.count) lines are there twice") }
      for line in 0..<Int(count) where !found.contains(click(line).identity) {
        report("line \(line) of the first \(count) is not there")
        break
      }
    } catch { if !machine.disk.isCrashed { report("the store cannot be read: \(error)") } }
  }
}

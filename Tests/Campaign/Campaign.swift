import Glibc
import Platform
import Simulation
import StoreHarness
import Synchronization

// The long runs: all campaigns of the suite with fresh seeds, on every core, until time is over.
//
//   campaign <minutes> <seed> <threads> [<name>]        called by Tests/campaign
//
// A violation is printed with what is needed to see it again, and ends the run with exit code 1.

/// One campaign of the suite: what it is called, and one turn of it under a seed.
struct Turn: Sendable {
  let name: String
  let run: @Sendable (_ seed: UInt64) throws -> Findings

  /// All of them; a thread takes one after the other, and the cheap random ones between.
  static let all: [Turn] = [
    Turn(name: "scripts") { seed in
      Scenario.all.reduce(Findings()) { $0 + CrashCampaign.run($1, seed: seed, stride: .max / 2) }
    },
    Turn(name: "T1") { CrashCampaign.run($0.scenario, seed: $0, depth: 5) },
    Turn(name: "T2") { seed in (0..<200).reduce(Findings()) { $0 + RandomCampaign.run(seed: seed &* 200 &+ $1) } },
    Turn(name: "lost syncs") { LostSyncCampaign.run($0.scenario, seed: $0) },
    Turn(name: "kill") { KillCampaign.run($0.scenario, seed: $0) },
    Turn(name: "T2") { seed in (0..<200).reduce(Findings()) { $0 + RandomCampaign.run(seed: ~seed &* 200 &+ $1) } },
    Turn(name: "T12") { seed in (0..<50).reduce(Findings()) { $0 + MetamorphicCampaign.run(seed: seed &* 50 &+ $1) } },
    Turn(name: "T16") { seed in (0..<100).reduce(Findings()) { $0 + RecountCampaign.run(seed: seed &* 100 &+ $1) } },
    Turn(name: "T16 crashes") {
      RecountCampaign.crash(seed: $0, stride: 17) + RecountCampaign.errors(seed: $0, stride: 41)
    },
    Turn(name: "marks") { seed in (0..<50).reduce(Findings()) { $0 + MarkCampaign.run(seed: seed &* 50 &+ $1) } },
    Turn(name: "marks, crashes") { MarkCampaign.crash(seed: $0, stride: 1) },
    Turn(name: "seals") { seed in (0..<50).reduce(Findings()) { $0 + SealCampaign.run(seed: seed &* 50 &+ $1) } },
    Turn(name: "seals, crashes") { SealCampaign.crash(seed: $0, stride: 17) },
    Turn(name: "T13") { RebuildCampaign.run(seed: $0) },
    Turn(name: "exchange") { seed in (0..<10).reduce(Findings()) { $0 + ExchangeCampaign.run(seed: seed &* 10 &+ $1) }
    },
    Turn(name: "switch") { SwitchCampaign.run(seed: $0) + SwitchCampaign.cutOpenings(seed: $0) },
    Turn(name: "T5") { ErrorCampaign.run($0.scenario, seed: $0) },
    Turn(name: "T4") { try DamageCampaign.run(seed: $0, sparse: 1, random: 3_000) },
    Turn(name: "T3") { try RotCampaign.run(seed: $0, sample: 16, allBits: true, stride: 4) },
    Turn(name: "routes") { seed in (0..<100).reduce(Findings()) { $0 + RoutesCampaign.run(seed: seed &* 100 &+ $1) } },
    Turn(name: "routes, crashes") { RoutesCampaign.crash(seed: $0) },
    Turn(name: "T16 over shards") { seed in
      (0..<100).reduce(Findings()) { $0 + RoutedRecountCampaign.run(seed: seed &* 100 &+ $1) }
    },
    Turn(name: "event time") { seed in
      (0..<50).reduce(Findings()) { $0 + EventTimeCampaign.run(seed: seed &* 50 &+ $1) }
    },
    Turn(name: "progress") { seed in (0..<20).reduce(Findings()) { $0 + ProgressCampaign.run(seed: seed &* 20 &+ $1) }
    },
    Turn(name: "horizon") { seed in (0..<50).reduce(Findings()) { $0 + HorizonCampaign.run(seed: seed &* 50 &+ $1) } },
  ]
}

extension UInt64 {
  /// The script that a seed chooses.
  fileprivate var scenario: Scenario {
    let all = Scenario.all + Scenario.sharded
    return all[Int(self % UInt64(all.count))]
  }
}

/// What all threads have found.
final class Score: Sendable {
  private let found = Mutex<[String: Findings]>([:])

  /// Whether nothing was violated yet.
  var isClean: Bool { found.withLock { $0.values.allSatisfy { $0.violations.isEmpty } } }

  /// The counters by campaign, in order of their names.
  var table: [(name: String, findings: Findings)] {
    found.withLock { $0.sorted { $0.key < $1.key }.map { ($0.key, $0.value) } }
  }

  func add(_ name: String, _ findings: Findings, seed: UInt64) {
    for violation in findings.violations { print("VIOLATION \(name), seed \(seed): \(violation)") }
    found.withLock { $0[name] = ($0[name] ?? Findings()) + findings }
  }

  /// Turns of thread `number` of `threads` until `end`, in ns of the monotonic clock.
  func work(_ turns: [Turn], _ number: Int, of threads: Int, seed: UInt64, until end: Int64) {
    let time = KernelTime()
    var turn = number
    while time.monotonic() < end, isClean {
      let campaign = turns[turn % turns.count]
      let turnSeed = seed &+ UInt64(turn)
      do { add(campaign.name, try campaign.run(turnSeed), seed: turnSeed) } catch {
        var failed = Findings()
        failed.violations.append("\(error)")
        add(campaign.name, failed, seed: turnSeed)
      }
      turn += threads
    }
  }
}

@main struct Campaign {
  static func main() throws {
    let arguments = CommandLine.arguments
    if arguments.count == 6, let reach = ImportReach(arguments[3...]) {
      switch arguments[1] {
      case "write-clicks": return try reach.write(arguments[2])
      case "check-clicks":
        let faults = try reach.check(arguments[2])
        faults.prefix(20).forEach { print($0) }
        exit(faults.isEmpty ? 0 : 1)
      default: break
      }
    }
    guard arguments.count == 4 || arguments.count == 5, let minutes = Double(arguments[1]),
      let seed = UInt64(arguments[2]),
      let threads = Int(arguments[3]), minutes > 0, threads > 0
    else {
      print("usage: campaign <minutes> <seed> <threads> [<name>]")
      exit(2)
    }
    let turns = Turn.all.filter { arguments.count == 4 || $0.name == arguments[4] }
    let score = Score()
    let end = KernelTime().monotonic() + Int64(minutes * 60e9)
    let workers = try (0..<threads).map { number in
      try Thread("campaign-\(number)") { score.work(turns, number, of: threads, seed: seed, until: end) }
    }
    for worker in workers { worker.join() }
    for (name, findings) in score.table {
      print(
        "\(name),\(findings.runs),\(findings.crashPoints),\(findings.recoveries),\(findings.faultsInjected),"
          + "\(findings.violations.count)")
    }
    exit(score.isClean ? 0 : 1)
  }
}

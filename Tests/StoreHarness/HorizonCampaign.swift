import Clicks
import Platform
import Simulation
import Store

/// The dedup horizon where it matters: a shard gets repeats whose age lies around the time to live, through restarts,
/// kills, power cuts and jumps of the wall clock. Age is running time alone.
///
///     age < TTL           duplicate, with the event time of the first copy
///     age ≥ TTL + 1 s     counted again
///     between             either
package enum HorizonCampaign {
  private static let timeToLive: Int64 = 2_000

  private struct First {
    var running: Int64
    var eventTime: Int64
  }

  /// One history of `steps` clicks.
  package static func run(seed: UInt64, steps: Int = 400) -> Findings {
    var history = History(seed: seed)
    for _ in 0..<steps where history.findings.violations.isEmpty { history.step() }
    history.findings.runs += 1
    return history.findings
  }

  private struct History {
    var findings = Findings()
    private let seed: UInt64
    private var generator: SeededGenerator
    private var machine: SimulatedMachine
    private var store: Store?
    /// Milliseconds that the store has been running, by the model.
    private var running: Int64 = 0
    private var first: [ClickIdentity: First] = [:]
    private var sent: [ClickIdentity] = []

    init(seed: UInt64) {
      self.seed = seed
      generator = SeededGenerator(seed: seed)
      machine = SimulatedMachine(seed: seed)
      open()
    }

    mutating func step() {
      switch generator.next() % 16 {
      case 0:
        machine.time.jumpWall(milliseconds: generator.edge(in: -10_000...10_000) * generator.pick([1, 1000, 100_000]))
      case 1: restart()
      case 2: store?.shards[0].maintain()
      case 3:
        do { try store?.shards[0].maintenance.perform(.sealLog) } catch {
          findings.violations.append("seed \(seed), seal the log: \(error)")
        }
      case 4...9: send(generator.oneIn(3) ? fresh() : sent.last ?? fresh())
      default: sendAtEdge()
      }
    }

    /// Lets time go by until some earlier click is about as old as the time to live, and repeats it.
    private mutating func sendAtEdge() {
      guard let identity = sent.suffix(6).randomElement(using: &generator), let known = first[identity] else { return }
      let edge = generator.pick([timeToLive - 1, timeToLive - 1, timeToLive, timeToLive + 999, timeToLive + 1_000, 700])
      let pause = known.running + edge - running
      if pause > 0 { advance(pause) }
      send(identity)
    }

    private mutating func advance(_ milliseconds: Int64) {
      machine.time.advance(milliseconds: milliseconds)
      running += milliseconds
    }

    private mutating func fresh() -> ClickIdentity {
      let number = UInt64(first.count)
      let identity = ClickIdentity(ad: AdKey(rawValue: number % 5), impression: ImpressionID(high: seed, low: number))
      sent.append(identity)
      return identity
    }

    private mutating func send(_ identity: ClickIdentity) {
      guard let shard = store?.shards[0] else { return }
      if shard.slots.needsPreparation { try? shard.slots.prepare() }
      let batch = [ClickRequest(identity: identity)]
      var got = ClickAnswer(.unknown)
      shard.commit(batch.span) { got = $1 }
      let known = first[identity]
      let age = known.map { running - $0.running }
      let problem: String? =
        switch (got.verdict, age) {
        case (.valid, nil): nil
        case (.valid, .some(let age)): age < timeToLive ? "counted again after \(age) ms" : nil
        case (.duplicate, nil): "a duplicate of nothing"
        case (.duplicate, .some(let age)):
          age >= timeToLive + 1_000
            ? "still a duplicate after \(age) ms"
            : got.eventTime != known!.eventTime ? "a duplicate with the time \(got.eventTime)" : nil
        default: "answered \(got.verdict.name) (\(shard.condition.state))"
        }
      if let problem { findings.violations.append("seed \(seed), \(identity.impression): \(problem)") }
      if got.verdict == .valid { first[identity] = First(running: running, eventTime: got.eventTime) }
    }

    /// Another life. A click just before it makes the recorded running time exact; the time in between does not count.
    private mutating func restart() {
      send(fresh())
      switch generator.next() % 3 {
      case 0: store?.shards[0].close()
      case 1: machine = machine.crashed(generator.oneIn(2) ? .nothing : .everything)
      default: break
      }
      store = nil
      machine.time.advance(milliseconds: generator.edge(in: 0...10_000))
      open()
      findings.recoveries += 1
    }

    private mutating func open() {
      var options = Scenario.options
      options.dedupHorizon = timeToLive
      options.acceptClock = true
      // Of what segments hold, an opening takes all back, some of it, or nothing, and looks the rest up.
      options.recallLimit = generator.pick([0, 30, 1 << 20])
      options.segmentFanIn = 2
      do { store = try Store.open(machine.environment, Run.path, options: options) } catch {
        findings.violations.append("seed \(seed): does not open: \(error)")
      }
    }
  }
}

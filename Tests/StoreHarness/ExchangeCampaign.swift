import Platform
import Simulation
import Store

/// Shard directories that are not what the store left there: missing, emptied, exchanged, copied over a neighbour, another store's,
/// put back from before; and a `STORE` that was put back. Each is refused by whoever reads the store and by whoever opens
/// it, and nothing on the disk is changed by that. What can be accepted opens then, and from then on as ever.
package enum ExchangeCampaign {
  private static let shards = 3

  /// One thing done to a stopped store.
  private struct Damage {
    var name: String
    /// The shard that does not fit.
    var shard: Int
    var isAcceptable: Bool
    /// Clicks that the shard has left.
    var left: UInt64
  }

  /// A store of two lives that `seed` decides, and everything that can be done to its directories.
  package static func run(seed: UInt64, limit: Int = 5) -> Findings {
    var findings = Findings()
    var generator = SeededGenerator(seed: seed)
    let machine = SimulatedMachine(seed: seed)
    let first = life(machine, ClientLedger(), &generator)
    if generator.oneIn(2) { first.end() }
    let old = machine.disk.crash(.everything)
    // From the middle of the second life, which ends in good order then.
    let second = Run(machine, ledger: first.ledger, shards: shards)
    second.perform(Scenario("second life", [.commit(12)]))
    let isClosed = generator.oneIn(2)
    let middle = isClosed ? machine.disk.crash(.everything) : nil
    second.perform(Scenario("second life", [.commit(30), .settle]))
    let positions = second.store?.shards.map(\.position) ?? []
    if isClosed { second.end() }
    findings.runs += 1
    findings.violations += second.faults
    let foreign = SimulatedMachine(seed: ~seed)
    life(foreign, ClientLedger(), &generator).end()

    for shard in 0..<shards {
      let (place, neighbour) = (path(shard), path((shard + 1) % shards))
      func attempt(_ name: String, accepts: Bool, left: UInt64 = 0, _ spoil: (SimulatedDisk) throws -> Void) {
        let disk = machine.disk.crash(.everything)
        findings.crashPoints += 1
        do {
          try spoil(disk)
          let damage = Damage(name: name, shard: shard, isAcceptable: accepts, left: left)
          findings.violations += check(damage, disk, seed, positions, place).map {
            "seed \(seed), shard \(shard) \(name): \($0)"
          }
        } catch { findings.violations.append("seed \(seed), shard \(shard) \(name): \(error)") }
      }
      attempt("is missing", accepts: true) { try $0.removeTree(place) }
      attempt("is empty", accepts: true) {
        try $0.removeTree(place)
        try $0.createDirectory(place)
      }
      attempt("is its neighbour", accepts: false) { try copy($0, neighbour, to: $0, place) }
      attempt("is exchanged", accepts: false) {
        try copy($0, place, to: $0, "/aside")
        try copy($0, neighbour, to: $0, place)
        try copy($0, "/aside", to: $0, neighbour)
      }
      attempt("is foreign", accepts: false) { try copy(foreign.disk, place, to: $0, place) }
      let before = (try? position(old, shard)) ?? 0
      attempt("is of the life before", accepts: true, left: before) { try copy(old, place, to: $0, place) }
      if let middle, let left = try? position(middle, shard), left < positions[shard] {
        attempt("is of the middle", accepts: true, left: left) { try copy(middle, place, to: $0, place) }
      }
      if findings.violations.count >= limit { return findings }
    }
    return findings
  }

  private static func path(_ shard: Int) -> String { "\(Run.path)/\(StoreFiles.shard(shard))" }

  @discardableResult
  private static func life(
    _ machine: SimulatedMachine, _ ledger: ClientLedger, _ generator: inout SeededGenerator
  ) -> Run {
    let run = Run(machine, ledger: ledger, shards: shards)
    run.perform(
      Scenario(
        "life",
        [.commit(20 + generator.small(in: 0...20)), .wait(200_000), .commit(9)] + (generator.oneIn(2) ? [.settle] : []))
    )
    return run
  }

  private static func position(_ disk: SimulatedDisk, _ shard: Int) throws -> UInt64 {
    let environment = SimulatedMachine(seed: 1, disk: disk).environment
    guard let identity = try Store.identify(disk, Run.path) else { return 0 }
    return try Store.read(environment, Run.path, identity, shard: shard, options: Scenario.options).nextPosition
  }

  private static func check(
    _ damage: Damage, _ disk: SimulatedDisk, _ seed: UInt64, _ positions: [UInt64], _ place: String
  ) -> [String] {
    var faults: [String] = []
    let machine = SimulatedMachine(seed: seed &+ 1, disk: disk, time: SimulatedTime(wall: 1_750_000_500_000))
    let environment = machine.environment
    func isNamed(_ error: any Error) -> Bool {
      (error as? StoreMismatch)?.faults.contains { $0.shard == damage.shard && $0.directory == place } ?? false
    }
    let identity = try? Store.identify(disk, Run.path)
    do {
      _ = try Store.read(environment, Run.path, identity!, shard: damage.shard, options: Scenario.options)
      faults.append("it is read")
    } catch { if !isNamed(error) { faults.append("read: \(error)") } }
    var options = Scenario.options
    let store = (try? disk.contents("\(Run.path)/\(StoreFiles.store)")) ?? []
    do {
      _ = try Store.open(environment, Run.path, options: options)
      faults.append("it is opened")
    } catch { if !isNamed(error) { faults.append("open: \(error)") } }
    if (try? disk.contents("\(Run.path)/\(StoreFiles.store)")) != store { faults.append("STORE was changed") }
    options.acceptShards = [damage.shard]
    do {
      let opened = try Store.open(environment, Run.path, options: options)
      guard damage.isAcceptable else { return faults + ["it was accepted"] }
      let found = opened.shards.map(\.position)
      for shard in found.indices where found[shard] != (shard == damage.shard ? damage.left : positions[shard]) {
        faults.append("shard \(shard) has \(found[shard]) clicks, it had \(positions[shard])")
      }
      opened.close()
      // From now on it is the shard, and the word of the operator stands there.
      let again = try Store.open(environment, Run.path, options: Scenario.options)
      let acceptance = again.identity.marks[damage.shard].acceptance
      if acceptance?.found != damage.left || acceptance?.known ?? 0 < damage.left {
        faults.append("noted: \(acceptance as Any)")
      }
      if again.shards.map(\.position) != found {
        faults.append("another opening finds \(again.shards.map(\.position))")
      }
    } catch { if damage.isAcceptable || !isNamed(error) { faults.append("accepted: \(error)") } }
    return faults
  }

  /// Puts a copy of a directory in the place of another.
  private static func copy(
    _ source: SimulatedDisk, _ from: String, to target: SimulatedDisk, _ to: String
  ) throws {
    try target.removeTree(to)
    try target.createDirectory(to)
    for name in try source.list(from) {
      if let bytes = source.bytes(of: "\(from)/\(name)") {
        try target.open("\(to)/\(name)", .create).writeAll(bytes, at: 0)
      } else {
        try copy(source, "\(from)/\(name)", to: target, "\(to)/\(name)")
      }
    }
  }
}

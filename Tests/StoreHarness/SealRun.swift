import Clicks
import Platform
import Simulation
import Store

// One life of a store whose months are sealed, with clicks of sealed months, repeats of them, recounts and merges behind. What
// has to hold beside all that holds for `RecountRun`:
//
//   a row of a sealed month is what it was when the month was sealed, and what was damaged since becomes that again
//   row + credits = the fold of distinct clicks
//
// A life damages rows of sealed months or of others, never both: what was sealed wrong, and damaged then, nobody can tell.

final class SealRun: RecountRun {
  /// The rows of sealed months as they were first seen.
  private(set) var frozen: [Month: [Row: UInt64]] = [:]
  /// Rows of sealed months were damaged.
  private var isSealDamaged = false
  private(set) var seals = 0

  /// Few, so that credits are merged in most lives.
  override class var correctionFanIn: Int { 4 }

  override func step() {
    switch chance.next() % 12 {
    case 0, 1: seal()
    // Far enough back to meet months before this one.
    case 2, 3: commit(1 + chance.small(in: 0...4), minutesAgo: Int64(chance.small(in: 1_000...60_000)))
    // No more than what a store believes of a clock, and what its own follows at once.
    case 4, 5: wait(Int64(chance.small(in: 1...6)) * 86_400_000)
    case 6: restartAndLook()
    case 7 where !plants: damage()
    default: super.step()
    }
    if let shard, !machine.disk.isCrashed { isFrozen(shard, "on the way") }
  }

  private func restartAndLook() {
    guard machine.disk.faultsInjected == 0 else { return }
    restart()
  }

  private func damage() {
    guard let shard, !shard.state.seals.isEmpty else { return }
    isSealDamaged = true
    isPristine = false
    attempt("damage") { try Self.plant(shard.maintenance, ads: 4, ofSealed: true, using: &chance) }
  }

  /// Seals the month before this one, with clicks that come meanwhile.
  private func seal() {
    guard let shard else { return }
    let now = Month(containing: Minute(containing: machine.time.wall()))
    let month = Month(index: now.index - 1)!
    if chance.oneIn(2) { recount(.changes, isQuiet: true) }
    attempt("seal of \(month)") {
      var turns = 0
      do {
        let seal = try shard.maintenance.seal(month, isDry: chance.oneIn(4)) { [self] in
          turns += 1
          guard turns < 20, turns % 2 == 0 else { return true }
          commit(1, minutesAgo: Int64(chance.small(in: 1_000...60_000)))
          machine.time.advance(milliseconds: chance.pick([1, 61_000]))
          return true
        }
        seals += 1
        if try shard.maintenance.seal(month, isDry: true) != seal, shard.state.seal(of: month) != nil {
          violations.append("\(month) is sealed again, and differently")
        }
      } catch is NotSealable {}
    }
    shard.maintain()
  }

  override func isFrozen(_ shard: Shard, _ when: String, isLast: Bool = false) {
    do {
      let rows = try shard.live.rows()
      for seal in shard.state.seals {
        var found: [Row: UInt64] = [:]
        for row in rows where seal.month.minutes.contains(row.minute.index) {
          found[Row(ad: row.ad, minute: row.minute)] = row.clicks
        }
        guard let known = frozen[seal.month] else {
          frozen[seal.month] = found
          continue
        }
        if known != found, !machine.disk.isCrashed, !isSealDamaged || isLast {
          violations.append("\(when): rows of \(seal.month) have changed since it was sealed")
        }
      }
    } catch {
      if !machine.disk.isCrashed, machine.disk.faultsInjected == 0 { violations.append("\(when): \(error)") }
    }
  }

  override func lives(on before: RecountRun) { if let before = before as? SealRun { frozen = before.frozen } }
}

/// Sealed months under random lives, crashes and failing calls.
package enum SealCampaign {
  /// The life of one seed, to its end.
  package static func run(seed: UInt64, steps: Int = 60) -> Findings {
    RecountCampaign.whole(SealRun(seed: seed), seed: seed, steps: steps, recoveries: \.seals)
  }

  /// The same with a crash at every `stride`th I/O call. What survives is opened, recounted and sealed on.
  package static func crash(seed: UInt64, steps: Int = 40, stride: Int, limit: Int = 3) -> Findings {
    let whole = SealRun(seed: seed)
    whole.live(steps: steps)
    return RecountCampaign.crash(seed: seed, calls: whole.machine.disk.operationCount, stride: stride, limit: limit) {
      faults in
      let run = SealRun(seed: seed)
      run.machine.disk.faults = faults
      run.live(steps: steps)
      return (run, { SealRun(seed: seed &+ 1, machine: $0) })
    }
  }
}

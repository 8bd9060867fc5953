// The machine that the simulation steers: clocks that move when told, chance from a seed, a disk that crashes.

import Platform
import Synchronization

/// Clocks that stand still until they are moved.
package final class SimulatedTime: TimeSource {
  /// Both in nanoseconds.
  private let clocks: Mutex<(monotonic: Int64, wall: Int64)>

  /// - Parameters:
  ///   - monotonic: nanoseconds.
  ///   - wall: milliseconds since 1970; the default is a minute in 2025.
  package init(monotonic: Int64 = 1_000_000_000, wall: Int64 = 1_750_000_020_000) {
    clocks = Mutex((monotonic, wall * 1_000_000))
  }

  package func monotonic() -> Int64 { clocks.withLock { $0.monotonic } }
  package func wall() -> Int64 { clocks.withLock { $0.wall / 1_000_000 } }

  /// Moves both clocks on; `nanoseconds` is not negative.
  package func advance(nanoseconds: Int64) {
    precondition(nanoseconds >= 0)
    clocks.withLock {
      $0.monotonic += nanoseconds
      $0.wall += nanoseconds
    }
  }

  /// Moves both clocks on; `milliseconds` is not negative.
  package func advance(milliseconds: Int64) { advance(nanoseconds: milliseconds * 1_000_000) }

  /// Moves the wall clock alone, either way.
  package func jumpWall(milliseconds: Int64) { clocks.withLock { $0.wall += milliseconds * 1_000_000 } }

  /// Sets the wall clock, in milliseconds since 1970.
  package func setWall(_ milliseconds: Int64) { clocks.withLock { $0.wall = milliseconds * 1_000_000 } }

  /// Sets the monotonic clock, in nanoseconds: as a restarted machine may, to anything.
  package func setMonotonic(_ nanoseconds: Int64) { clocks.withLock { $0.monotonic = nanoseconds } }
}

/// Chance that a seed decides.
package final class SimulatedChance: ChanceSource, CustomStringConvertible {
  /// What it was started with.
  package let seed: UInt64
  private let generator: Mutex<SeededGenerator>

  package init(seed: UInt64) {
    self.seed = seed
    generator = Mutex(SeededGenerator(seed: seed))
  }

  package func next() -> UInt64 { generator.withLock { $0.next() } }

  package var description: String { "seed \(seed)" }
}

/// A whole machine for an engine to run on.
package struct SimulatedMachine: Sendable {
  package let disk: SimulatedDisk
  package let time: SimulatedTime
  package let chance: SimulatedChance

  package init(
    seed: UInt64, disk: SimulatedDisk = SimulatedDisk(), time: SimulatedTime = SimulatedTime()
  ) {
    self.disk = disk
    self.time = time
    chance = SimulatedChance(seed: seed)
  }

  /// What the engine gets.
  package var environment: Environment { Environment(files: disk, time: time, chance: chance) }

  /// The machine after a power cut: what survives on its disk, a monotonic clock that began anew, the wall clock as it
  /// was, other chance. This one stays as it is.
  package func crashed(_ survival: Survival) -> SimulatedMachine {
    let fresh = SimulatedTime(wall: time.wall())
    return SimulatedMachine(seed: chance.seed &+ 0x9E37_79B9_7F4A_7C15, disk: disk.crash(survival), time: fresh)
  }
}

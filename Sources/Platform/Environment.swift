import CPlatform

// Time and chance come in as arguments, beside the file system: what the simulation holds, the simulation can steer.

/// The two clocks of the machine.
package protocol TimeSource: AnyObject, Sendable {
  /// Nanoseconds of a clock that only goes forward while the machine runs.
  func monotonic() -> Int64
  /// Milliseconds since 1970 as the machine believes; it may jump either way at any time.
  func wall() -> Int64
}

/// Where chance comes from: identities of stores, keys, tokens.
package protocol ChanceSource: AnyObject, Sendable {
  /// 64 bits that nobody can predict in production, and that a seed decides in a simulation.
  func next() -> UInt64
}

/// Everything outside that an engine may touch, as one argument.
package struct Environment: Sendable {
  package let files: any FileSystem
  package let time: any TimeSource
  package let chance: any ChanceSource

  package init(files: any FileSystem, time: any TimeSource, chance: any ChanceSource) {
    self.files = files
    self.time = time
    self.chance = chance
  }

  /// The real machine.
  package static var kernel: Environment {
    Environment(files: KernelFileSystem(), time: KernelTime(), chance: KernelChance())
  }
}

/// CLOCK_MONOTONIC and CLOCK_REALTIME.
package final class KernelTime: TimeSource {
  package init() {}
  package func monotonic() -> Int64 { tally_monotonic_ns() }
  package func wall() -> Int64 { tally_realtime_ns() / 1_000_000 }
}

/// The kernel's random generator.
package final class KernelChance: ChanceSource {
  package init() {}
  package func next() -> UInt64 {
    var value: UInt64 = 0
    unsafe withUnsafeMutableBytes(of: &value) { unsafe tally_random($0.baseAddress, $0.count) }
    return value
  }
}

extension ChanceSource {
  /// `count` random bytes.
  package func bytes(_ count: Int) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(count)
    while bytes.count < count {
      var word = next()
      for _ in 0..<min(8, count - bytes.count) {
        bytes.append(UInt8(truncatingIfNeeded: word))
        word >>= 8
      }
    }
    return bytes
  }
}

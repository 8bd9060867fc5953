// Which of the unsynced changes a crash leaves on the device. Contract (d) of `FileSystem` allows every choice, so each
// case here is one adversary: the device that wrote nothing, everything, a prefix, any subset, or half of each write.

/// What survives of the changes that no sync covered. Changes are numbered in the order they were made.
package enum Survival: Sendable, Equatable, CustomStringConvertible {
  case nothing
  case everything
  /// The first so many.
  case prefix(Int)
  /// Those whose bit is set; the 65th and later are lost. For small exhaustive enumerations.
  case subset(UInt64)
  /// A random subset; a part of the writes torn at sectors.
  case random(UInt64)
  /// Every write torn at sectors, most other changes there.
  case torn(UInt64)

  /// The eight that every crash point is tried with: nothing, everything, a prefix, four random subsets, torn.
  /// - Parameter unsynced: how many changes there are (`SimulatedDisk.unsyncedCount`).
  package static func eight(seed: UInt64, unsynced: Int) -> [Survival] {
    var generator = SeededGenerator(seed: seed)
    return [.nothing, .everything, .prefix(Int.random(in: 0...unsynced, using: &generator))]
      + (0..<4).map { _ in .random(generator.next()) } + [.torn(generator.next())]
  }

  package var description: String {
    switch self {
    case .nothing: "nothing survives"
    case .everything: "everything survives"
    case .prefix(let count): "the first \(count) survive"
    case .subset(let mask): "subset 0x\(String(mask, radix: 16))"
    case .random(let seed): "random subset \(seed)"
    case .torn(let seed): "torn \(seed)"
    }
  }
}

/// Applies a `Survival`: asked about each change in order.
struct SurvivalJudge {
  enum Fate { case lost, whole, torn }

  private let survival: Survival
  private var generator: SeededGenerator
  private var position = 0
  /// The chance of a change, in sixteenths.
  private var odds = 8
  /// What happened to the call that the next piece may continue.
  private var last = Fate.lost

  init(_ survival: Survival) {
    self.survival = survival
    switch survival {
    case .random(let seed):
      generator = SeededGenerator(seed: seed)
      odds = [2, 8, 14][Int(generator.next() % 3)]
    case .torn(let seed):
      generator = SeededGenerator(seed: seed)
      odds = 14
    default: generator = SeededGenerator(seed: 0)
    }
  }

  /// The pieces of one write share their fate, and their number.
  mutating func fate(of change: Change) -> Fate {
    var isWrite = false
    if case .write(_, _, let continued) = change {
      if continued { return last }
      isWrite = true
    }
    defer { position += 1 }
    switch survival {
    case .nothing: last = .lost
    case .everything: last = .whole
    case .prefix(let count): last = position < count ? .whole : .lost
    case .subset(let mask): last = position < 64 && mask & (1 << UInt64(position)) != 0 ? .whole : .lost
    case .random:
      last = Int(generator.next() % 16) < odds ? .whole : .lost
      if isWrite, generator.oneIn(4) { last = .torn }
    case .torn:
      last = isWrite ? .torn : Int(generator.next() % 16) < odds ? .whole : .lost
    }
    return last
  }

  /// The sectors of a page that a torn write leaves.
  mutating func sectors() -> UInt8 { UInt8(truncatingIfNeeded: generator.next() >> 32) }

  /// Brings a change of data with that fate to `content`. Call `dropTail` when all are done.
  mutating func apply(_ change: Change, _ fate: Fate, to content: inout Content) {
    guard fate != .lost else { return }
    switch change {
    case .write(_, let piece, _):
      if fate == .whole { content.put(piece) } else { content.put(piece, sectors: sectors()) }
    case .size(_, let size): content.extend(to: size)
    case .reserve(_, let size): content.reserve(size)
    case .entry: preconditionFailure("not a change of data")
    }
  }
}

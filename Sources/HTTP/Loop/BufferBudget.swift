import Synchronization

// One bound over all bytes that wait in memory for somebody: received and not yet handled, made and not yet taken.
//
//   held  =  Σ over loops: blocks that connections borrow  +  what handlers hold on behalf of requests (`Charge`)
//
//   held ≤ tightAt          all is well
//   held > tightAt          nothing large is begun: its client gets 503
//   held > limit            the connections that hold most are cut, until the rest fits
//
// A loop counts for itself and tells once a turn, so that a click costs no shared memory.

/// What all loops and handlers of a service hold for requests and answers, and how much that may be.
package final class BufferBudget: Sendable {
  /// Bytes that may be held.
  package let limit: Int
  private let held = Atomic<Int>(0)
  private let highest = Atomic<Int>(0)
  private let turnedAway = Atomic<Int>(0)

  /// A budget of `limit` bytes, at least 1 MiB.
  package init(limit: Int = 256 << 20) {
    precondition(limit >= 1 << 20)
    self.limit = limit
  }

  /// Bytes that are held now, as the loops said last.
  package var current: Int { held.load(ordering: .relaxed) }

  /// The most bytes that were ever held.
  package var peak: Int { highest.load(ordering: .relaxed) }

  /// Requests that were answered 503 for want of memory before they held any.
  package var refused: Int { turnedAway.load(ordering: .relaxed) }

  /// Whether so much is held that nothing large is to be begun.
  package var isTight: Bool { current > limit / 4 * 3 }

  /// The longest body that one request may have in memory: so no single one makes it tight.
  package var bodyLimit: Int { limit / 4 }

  /// Whether `bytes` more would fit.
  package func fits(_ bytes: Int) -> Bool { current + bytes <= limit }

  /// Counts a request that was turned away.
  package func countRefusal() { turnedAway.add(1, ordering: .relaxed) }

  /// Bytes that must go before the rest fits.
  var excess: Int { current - limit }

  func move(by bytes: Int) {
    let now = held.add(bytes, ordering: .relaxed).newValue
    var seen = highest.load(ordering: .relaxed)
    while now > seen {
      let (exchanged, original) = highest.weakCompareExchange(expected: seen, desired: now, ordering: .relaxed)
      if exchanged { return }
      seen = original
    }
  }

  /// What a handler holds for a request, from now until the last reference to it goes.
  package final class Charge: Sendable {
    private let budget: BufferBudget
    private let bytes: Int

    package init(_ budget: BufferBudget, _ bytes: Int) {
      self.budget = budget
      self.bytes = bytes
      if bytes > 0 { budget.move(by: bytes) }
    }

    deinit { if bytes > 0 { budget.move(by: -bytes) } }
  }
}

import Platform
import Store
import Synchronization

// What somebody wants to know of a click without counting it. The dedup index belongs to the committer alone, so the question goes
// there and the asking thread waits:
//
//   query worker ─▶ waiting ─bell▶ committer, between two batches: judge ─▶ answer ─bell▶ query worker

/// Questions to one committer.
final class Inquiries: Sendable {
  private final class Inquiry: Sendable {
    let request: ClickRequest
    private let known = Mutex<ClickAnswer?>(nil)

    init(_ request: ClickRequest) { self.request = request }

    var answer: ClickAnswer? { known.withLock { $0 } }
    func set(_ answer: ClickAnswer) { known.withLock { $0 = answer } }
  }

  /// Questions that may wait; the next one is not taken.
  private static let limit = 64

  private let waiting = Mutex<[Inquiry]>([])
  private let count = Atomic<Int>(0)
  private let answered = Doorbell()

  /// Whether there is one: costs the committer one load a turn.
  var areWaiting: Bool { count.load(ordering: .sequentiallyConsistent) > 0 }

  /// Waits for the answer to `request`, at most `nanoseconds`; nil where none came or too many wait. `bell` wakes the committer.
  func ask(_ request: ClickRequest, nanoseconds: Int64, by bell: Doorbell) -> ClickAnswer? {
    let inquiry = Inquiry(request)
    let isTaken = waiting.withLock { waiting in
      guard waiting.count < Self.limit else { return false }
      waiting.append(inquiry)
      count.store(waiting.count, ordering: .sequentiallyConsistent)
      return true
    }
    guard isTaken else { return nil }
    bell.ring()
    _ = answered.wait(nanoseconds: nanoseconds) { inquiry.answer != nil }
    return inquiry.answer
  }

  /// Answers everything that waits.
  func answer(_ judge: (ClickRequest) -> ClickAnswer) {
    let taken = waiting.withLock { waiting in
      defer { waiting = [] }
      count.store(0, ordering: .sequentiallyConsistent)
      return waiting
    }
    for inquiry in taken { inquiry.set(judge(inquiry.request)) }
    answered.ring()
  }
}

import Clicks
import Platform
import Store
import Synchronization

/// The way between one event loop and one committer, both directions in one bounded ring: the slot in which a click goes
/// is the slot in which its answer comes back.
///
///     answered ≤ committed ≤ tail ≤ answered + capacity
///
///     loop:       write requests at its own end, publish them all at once (tail), read answers up to committed
///     committer:  read requests up to tail, decide and sync, write answers, publish (committed)
///
/// One producer, one consumer; the cursors stand on cache lines of their own. A full ring is the loop's to handle: the
/// click is redirected unrecorded (R13).
@safe package final class CommitRing: @unchecked Sendable {
  private let requests: UnsafeMutablePointer<ClickRequest>
  private let answers: UnsafeMutablePointer<ClickAnswer>
  /// Captured strings beside the requests, where a store keeps any.
  private let strings: UnsafeMutablePointer<ClickStrings?>?
  private let tail = PaddedCursor()
  private let committed = PaddedCursor()

  /// Slots; a power of two.
  package let capacity: Int
  /// Wakes the loop when `committed` moves.
  private let answered: any Bell

  /// A ring of `capacity` slots, with room for captured strings where it `captures`. A thread that waits for several rings
  /// gives them one bell.
  package init(capacity: Int, captures: Bool = false, answered: any Bell) {
    precondition(capacity > 0 && capacity & (capacity - 1) == 0)
    self.capacity = capacity
    self.answered = answered
    unsafe requests = .allocate(capacity: capacity)
    unsafe answers = .allocate(capacity: capacity)
    let empty = ClickRequest(
      identity: .init(ad: .init(rawValue: 0), impression: .init(high: 0, low: 0)))
    unsafe requests.initialize(repeating: empty, count: capacity)
    unsafe answers.initialize(repeating: ClickAnswer(.unrecorded), count: capacity)
    unsafe strings = captures ? .allocate(capacity: capacity) : nil
    unsafe strings?.initialize(repeating: nil, count: capacity)
  }

  deinit {
    unsafe requests.deallocate()
    unsafe answers.deallocate()
    unsafe strings?.deinitialize(count: capacity)
    unsafe strings?.deallocate()
  }

  // MARK: The loop's side

  /// Puts a request in the slot of `ticket`, which is not published yet; strings only in a ring that captures.
  package func put(_ request: ClickRequest, _ strings: ClickStrings? = nil, at ticket: Int) {
    unsafe requests[ticket & (capacity - 1)] = request
    if let slots = unsafe self.strings { unsafe slots[ticket & (capacity - 1)] = strings }
  }

  /// Lets the committer see every ticket below `end`.
  package func publish(_ end: Int) { tail.value.store(end, ordering: .sequentiallyConsistent) }

  /// Tickets below this one have their answers.
  package var committedEnd: Int { committed.value.load(ordering: .acquiring) }

  /// The answer of a ticket below `committedEnd`.
  package func answer(_ ticket: Int) -> ClickAnswer { unsafe answers[ticket & (capacity - 1)] }

  /// The strings of a ticket that the one who asks may see; nil where none are captured.
  package func strings(_ ticket: Int) -> ClickStrings? {
    guard let strings = unsafe strings else { return nil }
    return unsafe strings[ticket & (capacity - 1)]
  }

  // MARK: The committer's side

  /// Tickets below this one wait for the committer.
  package var publishedEnd: Int { tail.value.load(ordering: .sequentiallyConsistent) }

  /// The request of a ticket below `publishedEnd`.
  package func request(_ ticket: Int) -> ClickRequest { unsafe requests[ticket & (capacity - 1)] }

  /// Writes the answer of a ticket that the loop cannot see yet.
  package func setAnswer(_ answer: ClickAnswer, at ticket: Int) { unsafe answers[ticket & (capacity - 1)] = answer }

  /// Lets the loop see the answers below `end`.
  package func commit(_ end: Int) {
    committed.value.store(end, ordering: .sequentiallyConsistent)
    answered.ring()
  }
}

/// A cursor alone on its cache lines.
private final class PaddedCursor: Sendable {
  private let before = InlineArray<16, UInt64>(repeating: 0)
  let value = Atomic<Int>(0)
  private let after = InlineArray<16, UInt64>(repeating: 0)
}

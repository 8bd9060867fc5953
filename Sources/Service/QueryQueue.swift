import HTTP
import Platform
import Synchronization

// Queries over many rows wait here for the thread that computes them. Each token has a queue of its own and they take turns,
// so that a light query waits for one other of each token at most, however many somebody else has asked:
//
//   token a: q q q q q q ─╮
//   token b: q           ─┼─ one of each in turn ─▶ computed ─▶ its loop
//   token c: q q         ─╯
//   clients that have closed their sending side: last, at most `patientLimit`
//
// Nothing is computed for a client that has gone, and nothing while answers that wait to be sent take most of the memory.

/// A request whose answer takes long, and what has become of its client.
package final class Ticket: Sendable {
  package init() {}

  private let fate = Atomic<UInt8>(0)

  /// The client has closed its sending side: it may have gone, or wait.
  package func hangUp() { _ = fate.compareExchange(expected: 0, desired: 1, ordering: .relaxed) }
  /// The connection is closed.
  package func leave() { fate.store(2, ordering: .relaxed) }

  var hasHungUp: Bool { fate.load(ordering: .relaxed) >= 1 }
  var hasLeft: Bool { fate.load(ordering: .relaxed) == 2 }
}

/// Queries by token, and the thread that computes them.
package final class QueryQueue: Sendable {
  /// One query.
  package struct Entry: Sendable {
    var ticket: Ticket
    /// Computes and answers.
    var compute: @Sendable () -> Void
    /// Answers that there is no room.
    var refuse: @Sendable () -> Void

    package init(ticket: Ticket, compute: @escaping @Sendable () -> Void, refuse: @escaping @Sendable () -> Void) {
      self.ticket = ticket
      self.compute = compute
      self.refuse = refuse
    }

    /// Work of ours in a query's place, which no client waits for and no answer comes of.
    init(_ work: @escaping @Sendable () -> Void) { self.init(ticket: Ticket(), compute: work, refuse: work) }
  }

  /// What became of queries, counted.
  package struct Counts: Sendable {
    package var computed = 0
    /// Those that nobody waited for any more.
    package var dropped = 0
    /// Those that found their queue full, or the memory taken.
    package var refused = 0
  }

  private struct State {
    var lines: [String: Line<Entry>] = [:]
    /// Tokens with a query, in the order of their turns.
    var turns: [String] = []
    var patient: [Entry] = []
    var waiting = 0
    var counts = Counts()
  }

  /// Queries of one token that may wait, and those of clients that may have gone.
  private static let tokenLimit = 256
  private static let patientLimit = 16
  /// Queries that may wait in all.
  private static let limit = 4_096

  private let state = Mutex(State())
  private let thread = BackgroundThread()
  private let budget: BufferBudget

  package init(_ budget: BufferBudget) { self.budget = budget }

  package func start() throws(SystemError) {
    try thread.start("queries") { [self] in run() }
  }

  /// Computes what waits, then ends the thread.
  package func stop() { thread.stop() }

  /// Queries that wait.
  package var depth: Int { state.withLock { $0.waiting } }

  package var counts: Counts { state.withLock { $0.counts } }

  /// Counts a query that was computed elsewhere.
  func noteComputed() { state.withLock { $0.counts.computed += 1 } }

  /// Puts a query at the end of its token's queue; false where that is full.
  package func submit(_ token: String, _ entry: Entry) -> Bool {
    let isTaken = state.withLock { state in
      guard state.waiting < Self.limit, state.lines[token]?.count ?? 0 < Self.tokenLimit else {
        state.counts.refused += 1
        return false
      }
      if state.lines[token] == nil { state.turns.append(token) }
      state.lines[token, default: Line()].append(entry)
      state.waiting += 1
      return true
    }
    if isTaken { thread.bell.ring() }
    return isTaken
  }

  private enum Next {
    case compute(Entry)
    case refuse(Entry)
    case nothing
  }

  private func run() {
    while true {
      switch state.withLock({ next(&$0) }) {
      case .compute(let entry): entry.compute()
      case .refuse(let entry): entry.refuse()
      case .nothing:
        if thread.isStopping { return }
        thread.sleep(nanoseconds: -1) { state.withLock { $0.waiting > 0 } }
      }
    }
  }

  private func next(_ state: inout State) -> Next {
    while !state.turns.isEmpty {
      let token = state.turns.removeFirst()
      guard let entry = state.lines[token]?.popFirst() else { continue }
      if state.lines[token]?.count == 0 { state.lines[token] = nil } else { state.turns.append(token) }
      if entry.ticket.hasHungUp, !entry.ticket.hasLeft {
        state.patient.append(entry)
        guard state.patient.count > Self.patientLimit else { continue }
        return give(state.patient.removeFirst(), &state, isRefused: true)
      }
      if let next = judged(entry, &state) { return next }
    }
    while !state.patient.isEmpty {
      if let next = judged(state.patient.removeFirst(), &state) { return next }
    }
    return .nothing
  }

  /// What is to be done with an entry whose turn has come; nil where nobody waits for it.
  private func judged(_ entry: Entry, _ state: inout State) -> Next? {
    guard entry.ticket.hasLeft else { return give(entry, &state, isRefused: budget.isTight) }
    state.waiting -= 1
    state.counts.dropped += 1
    return nil
  }

  private func give(_ entry: Entry, _ state: inout State, isRefused: Bool) -> Next {
    state.waiting -= 1
    if isRefused { state.counts.refused += 1 } else { state.counts.computed += 1 }
    return isRefused ? .refuse(entry) : .compute(entry)
  }
}

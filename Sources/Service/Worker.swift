import Platform
import Synchronization

/// How urgent work is that a `Worker` does. A click that waits goes first, a request next, and what takes long comes in parts
/// that let the others by. None starves: behind a long row of more urgent work one piece of the next rank is done.
package enum WorkRank: Int, CaseIterable, Sendable {
  /// A browser waits for it.
  case click
  /// A client waits for its answer.
  case request
  /// A part of something long, which submits the next part when it is done.
  case part

  /// So many in a row, while others of a later rank wait.
  var inARow: Int {
    switch self {
    case .click: 64
    case .request: 8
    case .part: .max
    }
  }
}

/// A thread that does one thing after another with a state of its own, for whatever must not be done on an event loop: the
/// catalog's disk, checks of whole files. The queues are bounded; work that finds its own full is refused, and the caller
/// answers 503.
package final class Worker<State>: Sendable {
  typealias Work = @Sendable (State) -> Void

  private struct Queues {
    var lines = WorkRank.allCases.map { _ in Line<Work>() }
    /// Of each rank, how many were done since one of a later rank was.
    var inARow = WorkRank.allCases.map { _ in 0 }
    var underWay: WorkRank?
    var isStopping = false

    /// Takes the next thing to do.
    mutating func next() -> Work? {
      let waiting = WorkRank.allCases.filter { lines[$0.rawValue].count > 0 }
      guard let first = waiting.first else { return nil }
      let rank = waiting.first { inARow[$0.rawValue] < $0.inARow } ?? first
      for other in WorkRank.allCases where other.rawValue < rank.rawValue { inARow[other.rawValue] = 0 }
      inARow[rank.rawValue] = waiting.last == rank ? 0 : inARow[rank.rawValue] + 1
      underWay = rank
      return lines[rank.rawValue].popFirst()
    }
  }

  private let queues = Mutex(Queues())
  private let thread = BackgroundThread()
  private let limit: Int
  private let name: String

  /// A worker with at most `limit` things of each rank, the one that it does among them.
  package init(_ name: String, limit: Int = 4096) {
    self.name = name
    self.limit = limit
  }

  /// Starts the thread, which makes and owns the state.
  package func start(_ make: @escaping @Sendable () -> State) throws(SystemError) {
    try thread.start(name) { [self] in run(make()) }
  }

  /// Puts work at the end of its rank's queue; false where that is full or the worker stops.
  package func submit(as rank: WorkRank = .request, _ work: @escaping @Sendable (State) -> Void) -> Bool {
    let taken = queues.withLock { queues in
      let held = queues.lines[rank.rawValue].count + (queues.underWay == rank ? 1 : 0)
      guard !queues.isStopping, held < limit else { return false }
      queues.lines[rank.rawValue].append(work)
      return true
    }
    if taken { thread.bell.ring() }
    return taken
  }

  /// Whether what is under way should come to its end.
  package var isStopping: Bool { queues.withLock { $0.isStopping } }

  /// How much is not done yet, what is under way among it.
  package var depth: Int {
    queues.withLock { queues in queues.lines.reduce(queues.underWay == nil ? 0 : 1) { $0 + $1.count } }
  }

  /// Does what is queued, then ends the thread.
  package func stop() {
    queues.withLock { $0.isStopping = true }
    thread.stop()
  }

  private func run(_ state: State) {
    while true {
      let work = queues.withLock { queues in
        queues.underWay = nil
        return queues.next()
      }
      if let work {
        work(state)
      } else if isStopping {
        return
      } else {
        thread.sleep(nanoseconds: -1) { queues.withLock { queues in queues.lines.contains { $0.count > 0 } } }
      }
    }
  }
}

/// First in, first out.
struct Line<Element> {
  private var elements: [Element?] = []
  private var head = 0

  var count: Int { elements.count - head }

  mutating func append(_ element: Element) { elements.append(element) }

  mutating func popFirst() -> Element? {
    guard head < elements.count else { return nil }
    let first = elements[head]
    elements[head] = nil
    head += 1
    if head == elements.count {
      elements.removeAll(keepingCapacity: elements.count < 4_096)
      head = 0
    } else if head >= 1_024, head > elements.count / 2 {
      elements.removeFirst(head)
      head = 0
    }
    return first
  }
}

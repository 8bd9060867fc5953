import Clicks
import Store

/// A line that waits for a committer: which batch, by its place among the worker's, and which line of it.
struct WaitingLine {
  var place: UInt32
  /// How often it was answered `unrecorded` before.
  var attempts: UInt32 = 0
  var line: Int
}

/// A line's click on its way to a committer.
struct LineClick {
  var request: ClickRequest
  /// What is captured of it, where anything is.
  var strings: ClickStrings?
}

/// One door worker's end of the way to one committer. As `Lane` is for a loop, but its answers go to batches, and nobody is
/// given up: a batch can wait.
struct BatchLane {
  let ring: CommitRing
  let committer: Committer
  private var waiting: [WaitingLine]
  private var tail = 0
  private var published = 0
  private var collected = 0

  init(ring: CommitRing, committer: Committer) {
    self.ring = ring
    self.committer = committer
    waiting = Array(repeating: WaitingLine(place: 0, line: 0), count: ring.capacity)
  }

  /// Lines without an answer.
  var outstanding: Int { tail - collected }

  /// Whether answers are there to be collected.
  var hasAnswers: Bool { ring.committedEnd > collected }

  /// Hands a line, with its captured strings, over with the next `publish`; false where the ring is full.
  @inline(__always)
  mutating func push(_ click: LineClick, _ line: WaitingLine) -> Bool {
    guard tail - collected < ring.capacity else { return false }
    ring.put(click.request, click.strings, at: tail)
    waiting[tail & (ring.capacity - 1)] = line
    tail += 1
    return true
  }

  /// Lets the committer see what was pushed.
  mutating func publish() {
    guard tail > published else { return }
    published = tail
    ring.publish(tail)
    committer.published.ring()
  }

  /// Whether enough was pushed for a commit of its own.
  var isWorthPublishing: Bool { tail - published >= 2_048 }

  /// Gives back the lines whose answers have come.
  @inline(__always)
  mutating func collect(_ body: (WaitingLine, LineClick, ClickAnswer) -> Void) {
    let end = ring.committedEnd
    while collected < end {
      let click = LineClick(request: ring.request(collected), strings: ring.strings(collected))
      body(waiting[collected & (ring.capacity - 1)], click, ring.answer(collected))
      collected += 1
    }
  }
}

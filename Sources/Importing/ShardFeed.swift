import ClickLog
import Clicks
import Platform
import Store
import Synchronization

// A shard at the end of an import: a thread of its own commits what comes, in the order in which it comes, and does the
// steps of its maintenance between two pieces. Nothing else touches the shard.
//
//   reader ──pieces──▶ [ at most 16 wait ] ──▶ commit, commit, … with the piece's progress in its last frame ─▶ maintenance

/// What the reader hands to a shard: the clicks of some lines that belong to it, and how far the source is with them.
struct ImportPiece: Sendable {
  var clicks: [ClickRequest]
  /// What is captured of each; nil where nothing is.
  var strings: CapturedStrings?
  var progress: SourceProgress
}

/// The thread that drives one shard. The shard is the thread's from `start` to the end of `finish`.
final class ShardFeed: @unchecked Sendable {
  private struct State {
    var waiting: [ImportPiece] = []
    /// Pieces that were handed over and are not durable yet.
    var pending = 0
    var isEnded = false
    /// The source was read to its end.
    var isComplete = false
    var accepted: UInt64 = 0
    var duplicate: UInt64 = 0
    var failure: String?
    var isDone = false
  }

  private let shard: Shard
  private let state = Mutex(State())
  private let bell = Doorbell()
  private var thread: Thread?

  /// Pieces that may wait, of some 0.8 MB each where there are two shards: while one shard makes a segment the other goes on.
  private static let depth = 16

  init(_ shard: Shard) { self.shard = shard }

  func start(_ index: Int) throws(SystemError) {
    thread = try Thread("import-\(index)") { [self] in run() }
  }

  /// Hands a piece over; waits while enough wait. False: the shard takes no more.
  func put(_ piece: ImportPiece) -> Bool {
    _ = bell.wait(nanoseconds: -1) { state.withLock { $0.waiting.count < Self.depth || $0.failure != nil } }
    let isTaken = state.withLock { state in
      guard state.failure == nil else { return false }
      state.waiting.append(piece)
      state.pending += 1
      return true
    }
    bell.ring()
    return isTaken
  }

  /// Waits until all that was handed over is durable. False: it is not.
  func drain() -> Bool {
    _ = bell.wait(nanoseconds: -1) { state.withLock { $0.pending == 0 || $0.failure != nil } }
    return state.withLock { $0.failure == nil }
  }

  /// Nothing more comes: waits until what came is durable, and says why it is not. `isComplete`: the source has ended.
  func finish(isComplete: Bool) -> String? {
    state.withLock {
      $0.isEnded = true
      $0.isComplete = isComplete
    }
    bell.ring()
    thread?.join()
    thread = nil
    return state.withLock { $0.failure }
  }

  /// Clicks counted so far, and repeats.
  var counts: (accepted: UInt64, duplicate: UInt64) { state.withLock { ($0.accepted, $0.duplicate) } }

  private func run() {
    while true {
      _ = bell.wait(nanoseconds: -1) { state.withLock { !$0.waiting.isEmpty || $0.isEnded } }
      let piece = state.withLock { $0.waiting.isEmpty ? nil : $0.waiting.removeFirst() }
      guard let piece else { break }
      bell.ring()
      if let failure = commit(piece) {
        state.withLock { $0.failure = failure }
        bell.ring()
        break
      }
      state.withLock { $0.pending -= 1 }
      bell.ring()
      while shard.maintenance.turn() {}
    }
    if state.withLock({ $0.failure == nil }) {
      // Nothing more will come of it: event time is where the clock is, as after any silence, and minutes close by that.
      if state.withLock({ $0.isComplete }) {
        shard.core.watermark.note(shard.core.clock.now(), at: shard.core.clock.now())
      }
      do {
        // What is in segments need not be read again by the next opening.
        try shard.maintenance.perform(.sealLog)
      } catch { state.withLock { $0.failure = "\(error)" } }
    }
    shard.maintain()
    shard.close()
  }

  /// Commits a piece in as few frames as there may be. Returns why it could not be.
  private func commit(_ piece: ImportPiece) -> String? {
    var start = 0
    repeat {
      if shard.slots.needsPreparation { do throws(SystemError) { try shard.slots.prepare() } catch {} }
      let end = end(of: piece, from: start)
      var accepted: UInt64 = 0
      var duplicate: UInt64 = 0
      var other = 0
      let isLast = end == piece.clicks.count
      shard.commit(
        piece.clicks.span.extracting(start..<end), captured: piece.strings?.part(start..<end),
        progress: isLast ? piece.progress : nil
      ) { _, answer in
        switch answer.verdict {
        case .valid: accepted += 1
        case .duplicate: duplicate += 1
        default: other += 1
        }
      }
      state.withLock {
        $0.accepted += accepted
        $0.duplicate += duplicate
      }
      if other > 0 { return reason(other) }
      start = end
    } while start < piece.clicks.count
    shard.maintain()
    return nil
  }

  /// How far a frame of the clicks from `start` on reaches.
  private func end(of piece: ImportPiece, from start: Int) -> Int {
    guard let strings = piece.strings else { return min(start + shard.batchLimit, piece.clicks.count) }
    var (end, bytes) = (start, 0)
    while end < piece.clicks.count, shard.takes(end + 1 - start, strings: bytes + strings.bytes(at: end)) {
      bytes += strings.bytes(at: end)
      end += 1
    }
    return end
  }

  private func reason(_ clicks: Int) -> String {
    switch shard.condition.state {
    case .waiting(let reason), .failed(let reason): reason
    case .recording:
      "\(clicks) clicks could not be recorded: the dedup index is full, or a file cannot tell whether they are new"
    }
  }
}

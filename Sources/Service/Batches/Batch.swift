import Catalog
import Clicks
import Glibc
import HTTP
import Records
import Synchronization

// One batch on its way:
//
//   event loop: append … end | abort ──pieces──▶ door worker: take … ──▶ answer ──mailbox──▶ event loop
//                     ▲ pause                        │ resume
//                     ╰──────────────────────────────╯
//
//   invariant: bytes that wait < highWater + one piece, so a batch takes bounded memory whatever its size

/// A piece of a body in memory that is used again.
@safe final class BatchPiece: @unchecked Sendable {
  static let capacity = 128 << 10
  private let memory = UnsafeMutableRawPointer.allocate(byteCount: BatchPiece.capacity, alignment: 64)
  fileprivate(set) var count = 0

  deinit { unsafe memory.deallocate() }

  var bytes: UnsafeRawBufferPointer { unsafe UnsafeRawBufferPointer(start: memory, count: count) }

  /// Takes the first bytes of `source` that there is room for and says how many.
  func append(_ source: UnsafeRawBufferPointer) -> Int {
    let taken = min(source.count, Self.capacity - count)
    if taken > 0, let from = source.baseAddress {
      unsafe memcpy(memory + count, from, taken)
      count += taken
    }
    return taken
  }
}

/// Pieces that nobody uses now; a few are kept.
final class PiecePool: Sendable {
  private static let keep = 32
  private let free = Mutex<[BatchPiece]>([])

  func take() -> BatchPiece { free.withLock { $0.popLast() } ?? BatchPiece() }

  func give(_ piece: BatchPiece) {
    piece.count = 0
    free.withLock { if $0.count < Self.keep { $0.append(piece) } }
  }
}

/// What the sender of a batch asks for, beyond the usual.
struct BatchTerms: Sendable {
  /// `history=true`: clicks older than the maximum lateness count too, and those of ads that are paused now.
  var admitsHistory = false
  /// `sealed=credit`: clicks of sealed months become credits.
  var takesSealed = false
}

/// A batch of clicks between the loop that receives it and the worker that reads it.
final class Batch: @unchecked Sendable {
  /// Bytes that may wait for the worker before the loop stops reading.
  static let highWater = 512 << 10

  let exchange: Exchange
  let loop: EventLoop
  /// Names it in its answer.
  let requestID: String
  /// Sends its answer, from any thread.
  let answer: @Sendable (APIResponse) -> Void
  /// What its token allows. Set before the worker gets it.
  var grant = Grant(tokenID: "", scopes: [], advertiserID: nil)
  /// What its sender has asked for. Set before the worker gets it.
  var terms = BatchTerms()

  private struct Inbox {
    var pieces: [BatchPiece] = []
    var bytes = 0
    var isEnded = false
    var isAborted = false
    var isPaused = false
  }

  private let inbox = Mutex(Inbox())

  // The worker's own.

  /// What unpacks its body, and says where that is no text.
  let front: TextFront
  var splitter = LineSplitter()
  var report = BatchReport()
  /// Whether lines need no signature.
  var isTrusted = false
  /// The advertiser whose ads alone are in reach; nil for all.
  var advertiser: String?
  /// Lines without an answer from the committers.
  var outstanding = 0
  /// Lines whose frame failed.
  var unknown = 0
  /// Every line was read, or no more will be; and since when, monotonic nanoseconds.
  var isRead = false
  var readAt: Int64 = 0
  /// Why it cannot go on, and since when; whether that is its body's fault.
  var failure: String?
  var isMalformed = false
  var failedAt: Int64 = 0
  /// Its answer is on its way.
  var isAnswered = false
  /// Its client has gone.
  var isOrphaned = false

  /// A batch whose sender says that its body is gzip, or does not; of which `limit` bytes of text are read.
  init(
    exchange: Exchange, loop: EventLoop, requestID: String, isGzip: Bool, limit: UInt64,
    answer: @escaping @Sendable (APIResponse) -> Void
  ) {
    front = TextFront(limit: limit, mustBeGzip: isGzip)
    self.exchange = exchange
    self.loop = loop
    self.requestID = requestID
    self.answer = answer
  }

  // MARK: The loop's side

  /// Puts bytes behind those that wait; false where enough do.
  func append(_ source: UnsafeRawBufferPointer, _ pool: PiecePool) -> Bool {
    inbox.withLock { inbox in
      var taken = 0
      while taken < source.count {
        if inbox.pieces.last.map({ $0.count == BatchPiece.capacity }) ?? true { inbox.pieces.append(pool.take()) }
        let rest = unsafe UnsafeRawBufferPointer(rebasing: source[taken...])
        taken += unsafe inbox.pieces[inbox.pieces.count - 1].append(rest)
      }
      inbox.bytes += source.count
      inbox.isPaused = inbox.bytes >= Self.highWater
      return !inbox.isPaused
    }
  }

  /// The body has come whole.
  func end() { inbox.withLock { $0.isEnded = true } }

  /// The rest of the body will not come.
  func abort() { inbox.withLock { $0.isAborted = true } }

  // MARK: The worker's side

  /// Whether `take` would give something new.
  var hasNews: Bool {
    inbox.withLock { !$0.pieces.isEmpty || $0.isAborted && !isOrphaned || $0.isEnded && !isRead }
  }

  /// What has come since the last call, and whether the loop waits to be asked for more.
  func take() -> (pieces: [BatchPiece], isEnded: Bool, isAborted: Bool, wasPaused: Bool) {
    inbox.withLock { inbox in
      defer {
        inbox.pieces = []
        inbox.bytes = 0
        inbox.isPaused = false
      }
      return (inbox.pieces, inbox.isEnded, inbox.isAborted, inbox.isPaused)
    }
  }
}

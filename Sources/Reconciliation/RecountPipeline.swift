import Platform
import Segments
import Synchronization

// Two threads share the work where there are two. One reads, merges and marks, the other counts and writes; what is most work and
// depends on its batch alone, turning rows into the bytes of the merged segment, falls to whichever has nothing else to do.
//
//     merging thread    free ─▶ fill ─▶ filled ┐              ┌─▶ ready
//                                              ├─▶ encoding ─▶┤
//     calling thread                           ┘              └─▶ ready ─▶ take, in the order of the merge ─▶ free
//
// Without a merged segment, and where it is written page by page, nothing is encoded and a filled batch is ready. Whatever fails
// on one side ends the other; the error comes out on the calling thread.
//
// Beside clicks the merging thread works only where nobody else wants the processor, and the calling one, which is not of that
// class and may hold locks, leaves all that is between `fill` and `take` to it. While it waits, which may take long, it lets pass
// what cannot wait.

enum RecountPipeline {
  /// Enough that one thread can encode some while the other fills or takes others.
  private static let batches = 4
  /// How long the calling thread waits for an idle one before it looks whether something else is to be done, ns.
  private static let patience: Int64 = 20_000_000

  /// Hands all batches of `merger` to `take`, in order, on the calling thread. `rows` is how many rows there are. `encoders`:
  /// one for each thread, or none.
  static func run(
    _ merger: RowMerger, _ encoders: [GroupEncoder], _ settings: RecountSettings, rows: UInt64,
    _ take: (RowBatch) throws -> Void
  ) throws {
    var done: UInt64 = 0
    func settle(_ batch: RowBatch) throws {
      try take(batch)
      done += UInt64(batch.count)
      settings.progress(done, rows)
      batch.removeAll()
      if settings.shouldStop() { throw RecountStopped() }
    }
    // A thread more is not worth its while for a few batches.
    let isIdle = settings.mergesWhenIdle
    guard settings.threads > 1 || isIdle, rows > settings.rowsOfOneThread else {
      let batch = merger.batch(forGroups: !encoders.isEmpty)
      while try merger.fill(batch) {
        if let encoder = encoders.first { batch.encode(encoder) }
        try settle(batch)
      }
      return
    }
    let handoff = Handoff((0..<batches).map { _ in merger.batch(forGroups: !encoders.isEmpty) })
    let thread = try Thread("recount-merge") {
      if isIdle { Thread.runWhenIdle() }
      do {
        while true {
          switch handoff.nextForMerger() {
          case .fill(let batch):
            if try merger.fill(batch) { handoff.add(batch, isReady: encoders.isEmpty) } else { handoff.end(nil) }
          case .encode(let batch):
            batch.encode(encoders.last!)
            handoff.makeReady(batch)
          case .take: preconditionFailure("batches are taken on the calling thread")
          case .end: return
          }
        }
      } catch { handoff.end(error) }
    }
    defer {
      handoff.stop()
      thread.join()
    }
    while true {
      guard let next = try handoff.nextForTaker(encodes: !isIdle, nanoseconds: isIdle ? patience : -1) else {
        if settings.shouldStop() { throw RecountStopped() }
        continue
      }
      switch next {
      case .take(let batch):
        try settle(batch)
        handoff.makeFree(batch)
      case .encode(let batch):
        batch.encode(encoders[0])
        handoff.makeReady(batch)
      case .fill: preconditionFailure("batches are filled on the merging thread")
      case .end: return
      }
    }
  }
}

/// Batches between two threads.
private final class Handoff: Sendable {
  /// What a thread is to do next.
  enum Work {
    case fill(RowBatch)
    case encode(RowBatch)
    case take(RowBatch)
    /// Nothing is left.
    case end
  }

  private struct State {
    var free: [RowBatch]
    /// In the order of the merge.
    var line: [RowBatch] = []
    var hasEnded = false
    var failure: (any Error)?
    var isStopped = false

    /// The first batch that is to be encoded, which is encoded from now on.
    mutating func nextToEncode() -> Work? {
      guard let batch = line.first(where: { $0.stage == .filled }) else { return nil }
      batch.stage = .encoding
      return .encode(batch)
    }
  }

  private let state: Mutex<State>
  private let bell = Doorbell()

  init(_ batches: [RowBatch]) { state = Mutex(State(free: batches)) }

  /// The merging thread's next work, once there is some.
  func nextForMerger() -> Work {
    next(nanoseconds: -1) { state in
      if state.isStopped { return .end }
      // Filling first: nobody else can.
      if !state.hasEnded, let batch = state.free.popLast() { return .fill(batch) }
      return state.nextToEncode() ?? (state.hasEnded ? .end : nil)
    }!
  }

  /// The calling thread's next work; nil where there is none for so long, less than 0 for ever. `encodes`: some may be encoding.
  /// Throws what ended the other side.
  func nextForTaker(encodes: Bool, nanoseconds: Int64) throws -> Work? {
    let work: Result<Work, any Error>? = next(nanoseconds: nanoseconds) { state in
      if let failure = state.failure { return .failure(failure) }
      if let first = state.line.first, first.stage == .ready {
        state.line.removeFirst()
        return .success(.take(first))
      }
      if encodes, let work = state.nextToEncode() { return .success(work) }
      return state.hasEnded && state.line.isEmpty ? .success(.end) : nil
    }
    return try work?.get()
  }

  /// What `choose` finds, once it finds something.
  private func next<T>(nanoseconds: Int64, _ choose: (inout State) -> sending T?) -> T? {
    var chosen: T?
    _ = bell.wait(nanoseconds: nanoseconds) {
      chosen = state.withLock { choose(&$0) }
      return chosen != nil
    }
    return chosen
  }

  /// A filled batch, the next one in the order of the merge.
  func add(_ batch: RowBatch, isReady: Bool) {
    state.withLock { state in
      batch.stage = isReady ? .ready : .filled
      state.line.append(batch)
    }
    bell.ring()
  }

  func makeReady(_ batch: RowBatch) {
    state.withLock { _ in batch.stage = .ready }
    bell.ring()
  }

  func makeFree(_ batch: RowBatch) {
    state.withLock { state in
      batch.stage = .free
      state.free.append(batch)
    }
    bell.ring()
  }

  /// No more batches come, because of `failure` or because all are made.
  func end(_ failure: (any Error)?) {
    state.withLock {
      $0.hasEnded = true
      $0.failure = failure
    }
    bell.ring()
  }

  func stop() {
    state.withLock { $0.isStopped = true }
    bell.ring()
  }
}

import Platform
import Synchronization

// Two threads share the work where there are two: one reads, decodes and merges, the other counts and writes. Batches go
// round between them.
//
//     merging thread   free ─▶ fill ─▶ ready
//     calling thread   ready ─▶ take ─▶ free
//
// Whatever fails on one side ends the other; the error comes out on the calling thread.

enum RecountPipeline {
  private static let batches = 3

  /// Hands all batches of `merger` to `take`, in order, on the calling thread. `rows` is how many rows there are.
  static func run(
    _ merger: RowMerger, _ settings: RecountSettings, rows: UInt64, _ take: (RowBatch) throws -> Void
  ) throws {
    var done: UInt64 = 0
    func settle(_ batch: RowBatch) throws {
      try take(batch)
      done += batch.read
      settings.progress(done, rows)
      batch.removeAll()
      if settings.shouldStop() { throw RecountStopped() }
    }
    guard settings.threads > 1 else {
      let batch = RowBatch()
      while try merger.fill(batch) { try settle(batch) }
      return
    }
    let handoff = Handoff((0..<batches).map { _ in RowBatch() })
    let thread = try Thread("recount-merge") {
      do {
        while let batch = handoff.nextFree() {
          guard try merger.fill(batch) else { break }
          handoff.makeReady(batch)
        }
        handoff.end(nil)
      } catch { handoff.end(error) }
    }
    defer {
      handoff.stop()
      thread.join()
    }
    while let batch = try handoff.nextReady() {
      try settle(batch)
      handoff.makeFree(batch)
    }
  }
}

/// Batches between two threads.
private final class Handoff: Sendable {
  private struct State {
    var free: [RowBatch]
    var ready: [RowBatch] = []
    var hasEnded = false
    var failure: (any Error)?
    var isStopped = false
  }

  private let state: Mutex<State>
  private let bell = Doorbell()

  init(_ batches: [RowBatch]) { state = Mutex(State(free: batches)) }

  /// An empty batch; nil once the other side has stopped.
  func nextFree() -> RowBatch? {
    var batch: RowBatch?
    _ = bell.wait(nanoseconds: -1) {
      state.withLock { state in
        if state.isStopped { return true }
        batch = state.free.popLast()
        return batch != nil
      }
    }
    return batch
  }

  func makeReady(_ batch: RowBatch) {
    state.withLock { $0.ready.append(batch) }
    bell.ring()
  }

  func makeFree(_ batch: RowBatch) {
    state.withLock { $0.free.append(batch) }
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

  /// The next full batch; nil at the end. Throws what ended the other side.
  func nextReady() throws -> RowBatch? {
    var batch: RowBatch?
    var failure: (any Error)?
    _ = bell.wait(nanoseconds: -1) {
      state.withLock { state in
        if !state.ready.isEmpty {
          batch = state.ready.removeFirst()
          return true
        }
        failure = state.failure
        return state.hasEnded
      }
    }
    if let failure { throw failure }
    return batch
  }
}

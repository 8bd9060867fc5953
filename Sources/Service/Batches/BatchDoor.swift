import Catalog
import Clicks
import HTTP
import Platform
import Store
import Synchronization

// The batch door: `POST /api/v1/clicks`.
//
//   loop: head ─▶ place free? ─▶ catalog thread: token ─▶ worker, round robin
//   loop: pieces ══▶ worker: lines ─▶ JSON ─▶ signature ─▶ ad ─▶ times ══ring══▶ committer
//                                         ╰───────── rejected ◀────────────╯
//                    worker: every line settled ─▶ 200 ─▶ loop
//
// Reading and verifying are the workers', so that no batch delays a click; each has a ring of its own to each committer.
// A full ring or a disk without room makes the worker wait, then the loop, then the client (R13).

/// The batch door of a service, as its loops see it.
final class BatchDoor: Sendable {
  let pool: PiecePool
  let workers: [BatchWorker]
  private let limit: Int
  /// Places taken, by token.
  private let places = Mutex<[String: Int]>([:])
  private let next = Atomic<Int>(0)

  /// A door of `workers` that takes at most `limit` batches at once.
  init(workers: [BatchWorker], limit: Int, pool: PiecePool) {
    self.workers = workers
    self.pool = pool
    self.limit = limit
  }

  /// Batches under way.
  var openBatches: Int { places.withLock { $0.values.reduce(0, +) } }

  /// Takes a place for a batch of this token; throws 503 where there is none, or the token has half of all.
  func enter(_ token: String) throws(Problem) {
    let problem: Problem? = places.withLock { places in
      if places.values.reduce(0, +) >= limit { return .tooManyBatches }
      if places[token, default: 0] >= max(1, limit / 2) { return .tooManyBatchesOfToken }
      places[token, default: 0] += 1
      return nil
    }
    if let problem { throw problem }
  }

  /// Gives a place back.
  func leave(_ token: String) {
    places.withLock { places in
      let left = places[token, default: 1] - 1
      places[token] = left > 0 ? left : nil
    }
  }

  /// Gives a batch to a worker and returns it.
  func assign(_ batch: Batch) -> BatchWorker {
    let worker = workers[next.add(1, ordering: .relaxed).oldValue % workers.count]
    worker.add(batch)
    return worker
  }

  /// The catalog has changed.
  func forget(_ ads: [AdKey]) { for worker in workers { worker.forget(ads) } }

  /// The signing keys have changed.
  func use(_ keys: [ActiveKey]) { for worker in workers { worker.use(keys) } }

  /// The counters of all workers.
  var counts: BatchCounts { workers.reduce(into: BatchCounts()) { $0.add($1.counters) } }

  /// Lets the workers see that the service stops taking.
  func wake() { for worker in workers { worker.bell.ring() } }

  /// Ends the workers; what the committers have not answered is nobody's.
  func stop() { for worker in workers { worker.stop() } }
}

/// What the door has done since it was opened.
struct BatchCounts: Sendable {
  /// Batches that were answered 200, that were answered 503, and whose client has gone.
  var done = 0
  var stopped = 0
  var abandoned = 0
  var bytes = 0
  var accepted = 0
  var duplicate = 0
  var rejected = InlineArray<9, Int>(repeating: 0)
  /// Lines that were written again since the log had no room.
  var retried = 0
  var cache: AdCache.Statistics?

  mutating func add(_ other: BatchCounts) {
    done += other.done
    stopped += other.stopped
    abandoned += other.abandoned
    bytes += other.bytes
    accepted += other.accepted
    duplicate += other.duplicate
    for i in rejected.indices { rejected[i] += other.rejected[i] }
    retried += other.retried
  }

  mutating func count(_ report: BatchReport) {
    accepted += report.accepted
    duplicate += report.duplicate
    for i in rejected.indices { rejected[i] += report.rejectedCount[i] }
  }
}

import Clicks
import JSON
import Synchronization

/// What an operator can ask a running service for.
package enum JobKind: String, CaseIterable, Sendable {
  case flush
  case sealLog = "seal-log"
  case compact
  case retain
  case verify
  case reconcile
  case seal
}

/// Why a job was refused, or could not do all of its work, as data: a job that fails with it has this as its result.
package protocol JobRefusal: Error {
  var json: JSONValue { get }
}

/// Something that was asked for and takes a while: what it is, how far it is, what came of it.
package struct Job: Sendable {
  package enum State: String, Sendable {
    case queued, running, done, failed
  }

  package var id: String
  package var kind: JobKind
  package var state = State.queued
  /// The time of the schedule that it was begun for; nil where somebody asked for it. Logical ms since 1970, like all
  /// times.
  package var scheduled: Int64?
  package var queued: Int64
  package var started: Int64?
  package var finished: Int64?
  /// Steps done so far: merges, files, or clicks that were read; and of how many, where that is known.
  package var steps: UInt64 = 0
  package var total: UInt64?
  /// What it did, or why it was refused; nil until then.
  package var result: JSONValue?
  /// Why it failed.
  package var error: String?

  /// For programs.
  package var json: JSONValue {
    .object([
      "id": .string(id), "kind": .string(kind.rawValue), "state": .string(state.rawValue),
      "scheduled": .optional(scheduled.map { Timestamp.format($0) }),
      "queued": .string(Timestamp.format(queued)), "started": .optional(started.map { Timestamp.format($0) }),
      "finished": .optional(finished.map { Timestamp.format($0) }), "steps": .integer(steps),
      "total": total.map { .integer($0) } ?? .null, "result": result ?? .null,
      "error": .optional(error),
    ])
  }
}

/// The jobs of a service since its start, the last hundred of them. Any thread may use it.
package final class Jobs: Sendable {
  private struct State {
    var jobs: [Job] = []
    var count: UInt64 = 0
  }

  private let state = Mutex(State())
  private let prefix: String
  private let clock: @Sendable () -> Int64
  private let ended: @Sendable (Job) -> Void

  /// Jobs that are kept.
  package static let limit = 100

  /// - Parameters:
  ///   - prefix: begins each id: unlike for each start, so that no id means another job later.
  ///   - clock: the logical time, ms since 1970.
  ///   - ended: told of each job that has come to its end.
  package init(
    prefix: String, clock: @escaping @Sendable () -> Int64, ended: @escaping @Sendable (Job) -> Void = { _ in }
  ) {
    self.prefix = prefix
    self.clock = clock
    self.ended = ended
  }

  /// Whether a job of this kind waits or runs.
  package func isBusy(_ kind: JobKind) -> Bool {
    state.withLock { state in state.jobs.contains { $0.kind == kind && $0.finished == nil } }
  }

  /// Every job, the newest first.
  package var all: [Job] { state.withLock { $0.jobs.reversed() } }

  /// The job of this id.
  package func job(_ id: String) -> Job? { state.withLock { state in state.jobs.first { $0.id == id } } }

  /// A new job that waits; nil where all that are kept wait or run.
  package func add(_ kind: JobKind, scheduled: Int64? = nil) -> Job? {
    let now = clock()
    return state.withLock { state in
      if state.jobs.count >= Self.limit {
        guard let oldest = state.jobs.firstIndex(where: { $0.finished != nil }) else { return nil }
        state.jobs.remove(at: oldest)
      }
      state.count += 1
      let job = Job(id: "\(prefix)\(state.count)", kind: kind, scheduled: scheduled, queued: now)
      state.jobs.append(job)
      return job
    }
  }

  /// The job takes its turn.
  package func begin(_ id: String) {
    let now = clock()
    change(id) {
      $0.state = .running
      $0.started = now
    }
  }

  /// So many steps are done, of `total` where that is known.
  package func progress(_ id: String, steps: UInt64, of total: UInt64? = nil) {
    change(id) {
      $0.steps = steps
      $0.total = total
    }
  }

  /// The job has ended.
  package func finish(_ id: String, _ result: Result<JSONValue, any Error>) {
    let now = clock()
    change(id) { job in
      job.finished = now
      switch result {
      case .success(let value):
        job.state = .done
        job.result = value
      case .failure(let error):
        job.state = .failed
        job.error = "\(error)"
        job.result = (error as? any JobRefusal)?.json
      }
    }
    if let job = job(id) { ended(job) }
  }

  private func change(_ id: String, _ body: (inout Job) -> Void) {
    state.withLock { state in
      guard let i = state.jobs.firstIndex(where: { $0.id == id }) else { return }
      body(&state.jobs[i])
    }
  }
}

import Clicks
import Synchronization

/// What an operator can ask a running service for.
package enum JobKind: String, CaseIterable, Sendable {
  case flush
  case sealLog = "seal-log"
  case compact
  case retain
  case verify
}

/// Something that was asked for and takes a while: what it is, how far it is, what came of it.
package struct Job: Sendable {
  package enum State: String, Sendable {
    case queued, running, done, failed
  }

  package var id: String
  package var kind: JobKind
  package var state = State.queued
  /// Logical ms since 1970.
  package var queued: Int64
  package var started: Int64?
  package var finished: Int64?
  /// Steps done so far: merges, or files that were read.
  package var steps: UInt64 = 0
  /// What it did; nil until it is done.
  package var result: JSONValue?
  /// Why it failed.
  package var error: String?

  /// For programs.
  package var json: JSONValue {
    .object([
      "id": .string(id), "kind": .string(kind.rawValue), "state": .string(state.rawValue),
      "queued": .string(Timestamp.format(queued)), "started": .optional(started.map { Timestamp.format($0) }),
      "finished": .optional(finished.map { Timestamp.format($0) }), "steps": .integer(steps), "result": result ?? .null,
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

  /// Jobs that are kept.
  package static let limit = 100

  /// - Parameters:
  ///   - prefix: begins each id: unlike for each start, so that no id means another job later.
  ///   - clock: the logical time, ms since 1970.
  package init(prefix: String, clock: @escaping @Sendable () -> Int64) {
    self.prefix = prefix
    self.clock = clock
  }

  /// Every job, the newest first.
  package var all: [Job] { state.withLock { $0.jobs.reversed() } }

  /// The job of this id.
  package func job(_ id: String) -> Job? { state.withLock { state in state.jobs.first { $0.id == id } } }

  /// A new job that waits; nil where all that are kept wait or run.
  package func add(_ kind: JobKind) -> Job? {
    let now = clock()
    return state.withLock { state in
      if state.jobs.count >= Self.limit {
        guard let oldest = state.jobs.firstIndex(where: { $0.finished != nil }) else { return nil }
        state.jobs.remove(at: oldest)
      }
      state.count += 1
      let job = Job(id: "\(prefix)\(state.count)", kind: kind, queued: now)
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

  /// So many steps are done.
  package func progress(_ id: String, steps: UInt64) { change(id) { $0.steps = steps } }

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
      }
    }
  }

  private func change(_ id: String, _ body: (inout Job) -> Void) {
    state.withLock { state in
      guard let i = state.jobs.firstIndex(where: { $0.id == id }) else { return }
      body(&state.jobs[i])
    }
  }
}

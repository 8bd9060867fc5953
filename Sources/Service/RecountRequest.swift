import Clicks
import Corrections
import JSON
import Platform
import Reconciliation
import Store
import Synchronization

/// What a recount was asked to do, for a server and for a directory alike.
package struct RecountRequest: Sendable {
  /// Event times, ms since 1970, that bound the minutes; nil for no bound.
  package var from: Int64?
  package var to: Int64?
  /// It only says what it would change.
  package var isDry: Bool
  /// Only what clicks have changed since the last recount.
  package var changes: Bool

  package init(from: Int64? = nil, to: Int64? = nil, isDry: Bool = false, changes: Bool = false) {
    self.from = from
    self.to = to
    self.isDry = isDry
    self.changes = changes
  }

  /// Where the result lists segments with repeats that have no earlier copy, or lack, for no reason.
  package static let unprovenRepeats = "unprovenRepeats"

  /// What the shards are asked.
  package var scope: RecountScope {
    if changes { return .changes }
    guard from != nil || to != nil else { return .deep(nil) }
    let first = from.map { Minute(containing: $0).index } ?? 0
    let end = to.map { Minute(containing: $0 + 59_999).index } ?? Int64(1) << 40
    return .deep(first..<max(first, end))
  }

  /// Recounts all shards side by side, each when it has done what is under way. `progress` is told now and then how many raw
  /// clicks of how many were read, and ends the work by returning false: what was corrected stays corrected.
  package func perform(
    _ shards: [Maintenance], progress: (_ done: UInt64, _ total: UInt64) -> Bool = { _, _ in true }
  ) throws -> JSONValue {
    let total = shards.reduce(UInt64(0)) { sum, maintenance in
      sum + maintenance.core.live.version.segments.reduce(0) { $0 + UInt64($1.summary.rows) }
    }
    let results = try recount(shards) { progress(min($0, total), total) }
    var sum: RecountReport?
    var codes: [(shard: Int, row: Correction)] = []
    var alone: [SealedMonthsDiffer.Entry] = []
    var unproven: [String] = []
    var isComplete = true
    for (shard, result) in results.enumerated() {
      do {
        let report = try result.get()
        codes += report.samples.map { (shard, $0) }
        alone += (SealedRowsDiffer(report)?.months ?? []).map { .init(shard: shard, month: $0.month, rows: $0.rows) }
        unproven += report.proof.unproven.map { "shard \(shard): \($0)" }
        sum = sum.map { $0 + report } ?? report
      } catch is RecountStopped { isComplete = false }
    }
    return Self.json(
      sum ?? RecountReport(mark: RecountMark()), codes, alone, unproven, shards, isDry: isDry,
      isComplete: isComplete)
  }

  /// What each shard's recount came to. Each has a thread; `goesOn` is asked on the calling one.
  private func recount(
    _ shards: [Maintenance], goesOn: (_ done: UInt64) -> Bool
  ) throws -> [Result<RecountReport, any Error>] {
    let board = RecountBoard(shards.count)
    let (scope, isDry) = (scope, isDry)
    var threads: [Thread] = []
    do {
      for (number, shard) in shards.enumerated() {
        threads.append(
          try Thread("recount-\(number)") {
            board.end(
              number,
              Result {
                try shard.recount(
                  scope, isDry: isDry, goesOn: { !board.isStopped }, progress: { done, _ in board.note(number, done) })
              })
          })
      }
    } catch {
      board.stop()
      for thread in threads { thread.join() }
      throw error
    }
    while !board.waitForAll(nanoseconds: 50_000_000) { if !goesOn(board.done) { board.stop() } }
    for thread in threads { thread.join() }
    _ = goesOn(board.done)
    return board.results
  }

  private static func json(
    _ report: RecountReport, _ samples: [(shard: Int, row: Correction)], _ alone: [SealedMonthsDiffer.Entry],
    _ unproven: [String], _ shards: [Maintenance], isDry: Bool, isComplete: Bool
  ) -> JSONValue {
    let minutes = report.minutes.flatMap { $0.isEmpty ? nil : $0 }
    func moment(_ minute: Int64?) -> JSONValue {
      .optional(minute.flatMap { $0 >= 0 ? "\(Minute(index: $0))" : nil })
    }
    return .object([
      "complete": .bool(isComplete), "dryRun": .bool(isDry), "from": moment(minutes?.lowerBound),
      "to": moment(minutes?.upperBound), "rawClicks": .integer(report.rawClicks),
      "rowsChecked": .integer(report.rows + report.rollUpRows), "clicks": .integer(report.clicks),
      "rowsCorrected": .integer(report.corrections),
      "corrected": .object(
        CorrectionReason.allCases.map { .init($0.name, .integer(report.corrected[$0] ?? 0)) }),
      "clicksAdded": .integer(report.added), "clicksRemoved": .integer(report.removed),
      "repeatsRemoved": .integer(report.repeats), "rowsCredited": .integer(report.credits),
      "repeatsOfRetired": .integer(report.proof.ofRetired),
      Self.unprovenRepeats: .array(unproven.map { .string($0) }), SealedMonthsDiffer.member: .array(alone.map(\.json)),
      "samples": .array(
        samples.prefix(RecountReport.sampleLimit).map { shard, row in
          guard case .object(let members) = API.json(row) else { return .null }
          let key = shards[shard].core.live.key(of: row.code)
          return .object([.init("adKey", .optional(key.map { "\($0)" }))] + members)
        }),
    ])
  }
}

/// What recounts of several shards tell of themselves.
private final class RecountBoard: Sendable {
  private struct State {
    var done: [UInt64]
    var results: [Result<RecountReport, any Error>?]
  }

  private let state: Mutex<State>
  private let stopped = Atomic(false)
  private let bell = Doorbell()

  init(_ shards: Int) {
    state = Mutex(State(done: Array(repeating: 0, count: shards), results: Array(repeating: nil, count: shards)))
  }

  /// Clicks that were read.
  var done: UInt64 { state.withLock { $0.done.reduce(0, +) } }
  var isStopped: Bool { stopped.load(ordering: .relaxed) }
  /// Of all shards, once all have ended.
  var results: [Result<RecountReport, any Error>] { state.withLock { $0.results.map { $0! } } }

  func stop() { stopped.store(true, ordering: .relaxed) }
  func note(_ shard: Int, _ done: UInt64) { state.withLock { $0.done[shard] = done } }

  func end(_ shard: Int, _ result: Result<RecountReport, any Error>) {
    state.withLock { $0.results[shard] = result }
    bell.ring()
  }

  /// Waits a while for all shards; false where some have not ended by then.
  func waitForAll(nanoseconds: Int64) -> Bool {
    bell.wait(nanoseconds: nanoseconds) { state.withLock { $0.results.allSatisfy { $0 != nil } } }
  }
}

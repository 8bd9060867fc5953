import Platform
import ClickLog
import Store
import Synchronization

/// The one thread that drives a shard: takes what the loops have published, commits it as one batch, publishes the answers,
/// and looks after the shard when nothing comes. What arrives during a sync is the next batch: group commit needs no
/// other clock here, since the loops pace themselves (R1).
package final class Committer: Sendable {
  private let rings: [CommitRing]
  /// Rung by a loop that has published.
  package let published = Doorbell()
  private let stopping = Atomic<Bool>(false)
  private let thread = Mutex<Thread?>(nil)

  /// A committer for the clicks of `rings`.
  package init(rings: [CommitRing]) { self.rings = rings }

  /// Starts the thread, which owns the shard from now on.
  func start(_ shard: Once<Shard>, index: Int) throws(SystemError) {
    let started = try Thread("committer-\(index)") { [self] in run(shard.take()) }
    thread.withLock { $0 = started }
  }

  /// Commits what is published, closes the shard in good order and ends the thread. The loops have ended before.
  package func stop() {
    stopping.store(true, ordering: .sequentiallyConsistent)
    published.ring()
    let running = thread.withLock { current in
      let running = current
      current = nil
      return running
    }
    running?.join()
  }

  private func run(_ shard: Shard) {
    var taken = [Int](repeating: 0, count: rings.count)
    // Reused from batch to batch.
    var batch: [ClickRequest] = []
    var parts: [(ring: Int, from: Int, count: Int)] = []
    let limit = shard.batchLimit
    batch.reserveCapacity(limit)
    let idle = max(10, shard.options.markAfter) * 1_000_000
    var maintained = shard.environment.time.monotonic()
    var first = 0
    while true {
      batch.removeAll(keepingCapacity: true)
      // Each batch begins with another ring, so that a full one cannot starve the rest.
      first = rings.isEmpty ? 0 : (first + 1) % rings.count
      parts.removeAll(keepingCapacity: true)
      for offset in rings.indices {
        let i = (first + offset) % rings.count
        let count = min(rings[i].publishedEnd - taken[i], limit - batch.count)
        guard count > 0 else { continue }
        for ticket in taken[i]..<(taken[i] + count) { batch.append(rings[i].request(ticket)) }
        parts.append((i, taken[i], count))
      }
      if batch.isEmpty {
        if stopping.load(ordering: .sequentiallyConsistent) { break }
        shard.maintain()
        maintained = shard.environment.time.monotonic()
        _ = published.wait(nanoseconds: idle) { hasWork(taken) || stopping.load(ordering: .sequentiallyConsistent) }
        continue
      }
      commit(batch, parts, to: shard)
      for part in parts {
        taken[part.ring] += part.count
        rings[part.ring].commit(taken[part.ring])
      }
      let now = shard.environment.time.monotonic()
      if now - maintained > 1_000_000_000 {
        shard.maintain()
        maintained = now
      }
    }
    shard.close()
  }

  private func hasWork(_ taken: [Int]) -> Bool {
    for i in rings.indices where rings[i].publishedEnd > taken[i] { return true }
    return false
  }

  private func commit(_ batch: [ClickRequest], _ parts: [(ring: Int, from: Int, count: Int)], to shard: Shard) {
    var part = 0
    var start = 0
    shard.commit(batch.span) { index, answer in
      // Answers come in the order of the batch, except where a fault was planted.
      if index < start { (part, start) = (0, 0) }
      while index >= start + parts[part].count {
        start += parts[part].count
        part += 1
      }
      rings[parts[part].ring].setAnswer(answer, at: parts[part].from + index - start)
    }
  }
}

/// Makes log slots ahead of need, since pre-writing one takes the disk a while. Tries again each second while the disk is
/// full, so that a shard goes on by itself when space returns.
package final class SlotKeeper: Sendable {
  private let pools: [SlotPool]
  private let bell = Doorbell()
  private let stopping = Atomic<Bool>(false)
  private let thread = Mutex<Thread?>(nil)

  /// A keeper for the pools of all shards.
  package init(_ pools: [SlotPool]) { self.pools = pools }

  /// Starts the thread.
  package func start() throws(SystemError) {
    let started = try Thread("slots") { [self] in run() }
    thread.withLock { $0 = started }
  }

  /// Ends the thread; a slot in the making is finished first.
  package func stop() {
    stopping.store(true, ordering: .sequentiallyConsistent)
    bell.ring()
    let running = thread.withLock { current in
      let running = current
      current = nil
      return running
    }
    running?.join()
  }

  private func run() {
    for pool in pools { pool.keep(by: bell) }
    while !stopping.load(ordering: .sequentiallyConsistent) {
      var failed = false
      for pool in pools where pool.needsPreparation {
        // The error stays in the pool, where readiness reads it.
        do throws(SystemError) { try pool.prepare() } catch { failed = true }
      }
      let needy = pools
      _ = bell.wait(nanoseconds: 1_000_000_000) {
        // After a failure only time helps.
        stopping.load(ordering: .sequentiallyConsistent) || !failed && needy.contains { $0.needsPreparation }
      }
    }
  }
}

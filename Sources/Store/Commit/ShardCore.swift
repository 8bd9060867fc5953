import ClickLog
import Files
import Platform
import Synchronization

/// What the two sides of a shard share: the committer, which takes clicks, and the maintenance, which makes files of them.
package final class ShardCore: Sendable {
  package let environment: Environment
  package let directory: String
  package let store: StoreID
  package let options: ShardOptions
  package let clock: LogicalClock
  package let manifest: SharedManifest
  /// What readers may use, from any thread.
  package let live: LiveTable
  /// Log slots.
  package let slots: SlotPool
  /// Running time when the store was opened, ms.
  let recoveredRunning: UInt64
  /// Verdicts on their way into their tables, from any thread.
  package var verdicts: VerdictCounts { live.verdicts }
  /// How far event time has come.
  package let watermark: Watermark
  /// Whether clicks are recorded, from any thread.
  package let condition = ShardCondition()
  /// Ends a long merge when the store closes.
  package let interruption = Interruption()
  /// What maintenance may use, together with that of the other shards.
  let budget: StoreBudget

  /// How far sources of clicks are durable.
  let sources: Mutex<SourceTable>
  /// Position after the last click, once the shard was closed in good order.
  let ended = Mutex<UInt64?>(nil)
  /// Where replay starts, for whoever must not wait for the manifest.
  let floor: Atomic<UInt64>

  /// Slots that the manifest no longer names, but the committer may still read.
  private let leaving = Mutex<(slots: [UInt32], logStart: UInt64)>(([], 0))

  init(
    environment: Environment, directory: String, store: StoreID, options: ShardOptions, clock: LogicalClock,
    budget: StoreBudget, manifest: SharedManifest, live: LiveTable, slots: SlotPool, recoveredRunning: UInt64,
    watermark: Int64,
    sources: SourceTable
  ) {
    self.sources = Mutex(sources)
    self.watermark = Watermark(watermark, idleAfter: options.idleAfter, time: environment.time)
    floor = Atomic(manifest.state.floor)
    self.recoveredRunning = recoveredRunning
    self.environment = environment
    self.directory = directory
    self.store = store
    self.options = options
    self.clock = clock
    self.budget = budget
    self.manifest = manifest
    self.live = live
    self.slots = slots
  }

  /// Milliseconds this store has been running, over all its runs.
  var runningTime: UInt64 { recoveredRunning + clock.elapsed() }

  /// Maintenance: these slots hold only clicks below `logStart`, which are in segments now.
  func leave(_ slots: [UInt32], logStart: UInt64) {
    leaving.withLock {
      $0.slots += slots
      $0.logStart = max($0.logStart, logStart)
    }
  }

  /// The committer: where the log starts now, and which slots are free once it reads nothing below.
  func takeLeaving() -> (slots: [UInt32], logStart: UInt64)? {
    leaving.withLock { leaving in
      guard !leaving.slots.isEmpty else { return nil }
      let taken = leaving
      leaving.slots = []
      return taken
    }
  }

  /// How far a source is durable in this shard; nil where nothing of it is known.
  package func progress(ofSource high: UInt64, _ low: UInt64) -> SourceProgress? {
    sources.withLock { $0.progress(ofSource: high, low) }
  }

  /// Ends recording for good (K8): what counts with the log, like the routes, is not known to be on disk.
  package func fail(_ error: SystemError) { condition.set(.failed("\(error)")) }

  /// Ends recording for good, for a reason that is not the disk's.
  package func fail(_ reason: String) { condition.set(.failed(reason)) }
}

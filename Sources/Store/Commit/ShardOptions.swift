import ClickLog
import Clicks
import Files

/// How a shard works. Sizes in bytes, times in milliseconds.
package struct ShardOptions: Sendable {
  /// Bytes of a new log slot: a multiple of 4,096 in `SlotPool.sizes`.
  package var slotBytes = 64 << 20
  /// Bytes of a manifest copy where a snapshot does not need more.
  package var manifestBytes = Manifest.defaultBytes
  /// Bytes of the volume that new slots leave free.
  package var diskReserve: UInt64 = 64 << 20
  /// Repeats inside it are dropped at once: 1 s to 24 h.
  package var dedupHorizon: Int64 = 600_000
  /// Impressions the dedup index is sized for at the start; it grows by itself.
  package var expectedImpressions = 1_000_000
  /// Clicks of segments that an opening takes back into the dedup index, at most; those of the horizon that are older are
  /// looked up in the segments until the horizon has passed them.
  package var recallLimit = 2 << 20
  /// Verdicts are told to this process, so an opening marks the minutes whose verdicts went with the one before.
  package var keepsVerdicts = false
  /// False: the shard is opened for its maintenance alone, without a dedup index; nothing may be committed.
  package var takesClicks = true
  /// The dedup index never takes more; clicks beyond it are refused as unrecorded.
  package var dedupLimit = 4 << 30
  /// A minute closes when the watermark is this far past its end.
  package var allowedLateness: Int64 = 120_000
  /// Without a click that moves it for this long, the watermark follows the clock.
  package var idleAfter: Int64 = 10_000
  /// Event times may be ahead of the clock by this much; what lets a click through sees to it.
  package var maxFuture: Int64 = EventTimeLimits().maxFuture
  /// A checkpoint is made at the latest after this long, or so many clicks.
  package var checkpointInterval: Int64 = 60_000
  package var checkpointClicks: UInt64 = 8_000_000
  /// A checkpoint is made as soon as a minute may close. False: only for the two reasons above, so that who takes in the clicks
  /// of many minutes a second writes a file for many of them, and not several for each.
  package var closesMinutesAtOnce = true
  /// An idle log marks everything durable after this long.
  package var markAfter: Int64 = 50
  /// Rows of a segment made from the log; also what is sealed at once.
  package var segmentRows = 1 << 20
  /// Bytes of captured strings that end a segment made from the log, at the next frame.
  package var segmentStrings = 64 << 20
  /// Clicks are sealed once full slots of so many bytes hold nothing else than what a segment could hold. A start reads the log
  /// back, and few clicks a second leave frames, and so slots, nearly empty.
  package var sealLogBytes = 256 << 20
  /// Clicks are sealed at the latest after this long.
  package var sealAfter: Int64 = 600_000
  /// Segments of like size that are merged into one, and the rows that a merged one has at most: see `CompactionPlan`.
  package var segmentFanIn = 16
  package var segmentLimit = 64 << 20
  /// Widths of base runs, in minutes: each a multiple of the one before, a day among them. Rows are merged from width to
  /// width (engine §6.1).
  package var runTiers: [Int64] = [10, 60, 360, 1_440, 5_760, 23_040]
  /// Patches of one day and table that are merged into one.
  package var patchFanIn = 8
  /// Files of corrections that are merged into one.
  package var correctionFanIn = 16
  /// What changed is recounted this often; 0: only when it is asked for.
  package var recountInterval: Int64 = 600_000
  /// Rows that a recount compares between two looks at what cannot wait.
  package var recountPause = 4_096
  /// Threads of a merge of segments, however short it is; nil: two for a long one where the store has one shard, else one.
  package var mergeThreads: Int?
  /// Whether recounts merge on a thread of the idle scheduling class: beside clicks.
  package var mergesWhenIdle = false
  /// Changes of rows that one record of a recount carries, about.
  package var recountChunk = 1 << 18
  /// Repeats found by a recount that wait in memory for their rows; more wait in a file. 32 bytes each.
  package var recountRepeats = 1 << 19
  /// Raw clicks are kept this long after they were received.
  package var rawRetention: Int64 = 7 * 86_400_000
  /// Minute rows are kept this long; hours and days for ever.
  package var minuteRetention: Int64 = 400 * 86_400_000
  /// How immutable files are read.
  package var access = SealedFile.Access.mapped
  /// What maintenance may use of the machine.
  package var budget = WorkBudget()
  /// Leave out derived files that are damaged, and make them again.
  package var rebuild = false
  /// Believe the wall clock even where it is more than seven days from the store's time.
  package var acceptClock = false
  /// Shards that are taken as they are found, though `STORE` knows them otherwise.
  package var acceptShards: Set<Int> = []

  package init() {}

  /// How long a receive day is, ms: raw clicks that were received in one become one file at most, which retires as a whole (R20). A
  /// day, or a sixth of the raw retention where that is less than two days, so that clicks stay little longer than they have to.
  package var receiveDay: Int64 {
    let day: Int64 = 86_400_000
    return rawRetention >= 2 * day ? day : max(60_000, rawRetention / 6)
  }
}

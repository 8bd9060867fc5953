// A test suite is as strong as the faults it notices. Each case below is one line of damage that a tired engineer could
// commit; built with the `Sabotage` trait, the suite turns them on one at a time and must fail for each. In every other
// build `sabotaged` is the constant false and the optimiser removes the branch.

/// The faults that can be planted.
@usableFromInline package enum Sabotage: String, CaseIterable, Sendable {
  /// Answers leave before the sync.
  case answerBeforeSync
  /// A duplicate's answer does not wait for the batch it was decided in.
  case duplicateBeforeBarrier
  /// The fold sees a batch that is not durable.
  case foldBeforeSync
  /// A renamed file's directory is not synced.
  case noDirectorySync
  /// A file is renamed into place without having been synced.
  case noFileSyncBeforeRename
  /// After a crash the log goes on in the slot it crashed in.
  case appendBehindCrash
  /// An open store keeps the epoch it had.
  case noNewEpoch
  /// Frame checksums are not bound to the slot's generation.
  case noGenerationSeed
  /// Damaged acknowledged data is taken for a torn tail and cut off.
  case ignorePromise
  /// Each frame promises one frame more than is durable.
  case promiseTooHigh
  /// A manifest that lost acknowledged records is taken as it stands.
  case acceptOlderManifest
  /// A failed sync is taken for a success.
  case ignoreSyncError
  /// A failed sync is tried again.
  case retrySync
  /// A short write is taken for a whole one.
  case ignoreShortWrite
  /// The dedup watermark expires a repeat one second early.
  case watermarkEarly
  /// A tag match is taken for the same click.
  case trustTag
  /// A full line of the dedup index forgets that it overflowed.
  case forgetOverflow
  /// Positions in the dedup index are compared without regard to their wrap.
  case signedWrap
  /// Recycled slots are used before the manifest says they are free.
  case recycleEarly
  /// The wall clock drives the dedup horizon.
  case wallClockHorizon
  /// A frame whose checksum does not hold is taken for good.
  case trustTornFrame
  /// Older manifests are removed before the new one has its name for good.
  case removeManifestEarly
  /// Where the newest manifest cannot be read, an older one is taken.
  case fallBackToOlderManifest
  /// A slot takes clicks before its header is synced.
  case noHeaderSync
  /// A repeat is answered as such although its batch failed.
  case answerRepeatsAfterFailure
  /// Frames that a killed process wrote and did not sync are taken for durable.
  case trustUnsyncedTail
  /// A shard is taken for the one that belongs there, whatever `STORE` knows of it.
  case trustShards
  /// `STORE` tells of an opening before the manifests do.
  case numberStoreFirst
  /// Names that a killed process made and did not sync are taken for durable.
  case trustUnsyncedNames
  /// An opening removes an older layout while the name of the `STORE` that says so may stand in the page cache alone.
  case trustUnsyncedStore
  /// A data directory that a killed process made, and did not sync, is taken for durable.
  case trustUnsyncedDirectory
  /// Block checksums are not bound to their file and place.
  case noBlockSeed
  /// A block whose checksum does not hold is taken for good.
  case trustBlocks
  /// The manifest's digest of a file is not compared.
  case ignoreDigest
  /// Of two runs with a row the older one wins.
  case olderRunWins
  /// A late row is written as its change, not as the new total.
  case lateRowsAsChanges
  /// Late rows of a day that is rolled up do not reach its hours and days.
  case forgetRollUps
  /// The replay floor is the applied position, whatever minutes are open.
  case floorTooHigh
  /// Replay counts clicks again that a run holds already.
  case replayClosed
  /// Slots are used again before their clicks are in a segment.
  case recycleBeforeSeal
  /// Raw clicks retire while the dedup horizon still reaches them.
  case retireInsideHorizon
  /// Raw clicks retire without leaving their sums in BASE rows.
  case retireWithoutBase
  /// A recount marks repeats inside a segment alone.
  case keepRepeatsOfOthers
  /// Of equal clicks a recount marks all but the one received last.
  case markFirstCopy
  /// A merge takes marks back whose first copy it does not see.
  case unmark
  /// A merge takes marks back whose earlier copies have all retired.
  case forgetOrphanMark
  /// A recount does not record where the earlier copies of its repeats are.
  case forgetEarlierCopies
  /// A merge of segments leaves what was recorded of earlier copies with the segments that it replaced.
  case leaveEarlierCopies
  /// A merge marks repeats in minutes that are still open.
  case markOpenMinutes
  /// A merge counts what the sums of its inputs counted, whatever it marks.
  case trustSums
  /// A recount swaps the segments that it merged and leaves the rows as they were.
  case swapWithoutDifferences
  /// A recount forgets the counts that it put aside.
  case forgetSpilledCounts
  /// A committer counts what is another shard's.
  case trustRoutes
  /// A hot interval begins among minting times that were decided already.
  case intervalAtOnce
  /// New routes are in force before they are on disk.
  case routesNotSynced
  /// What is decided moves ahead while new routes are being written.
  case decideWhileWriting
  /// Raw clicks retire before what came since the last recount is compared with them.
  case retireBeforeRecount
  /// Raw clicks leave their repeats in BASE rows as well.
  case repeatsIntoBase
  /// A rebuild counts the repeats again that recounts removed.
  case repeatsReturn
  /// A merge of correction files forgets which clicks count no longer.
  case dropMergedRepeats
  /// A recount writes the value that it computed at its position, whatever came after.
  case recountAbsolute
  /// A recount's mark becomes durable before its rows.
  case markWithoutRows
  /// A recount takes away a repeat that an earlier one took away.
  case removeRepeatsTwice
  /// A recount leaves hours and days as they were.
  case recountForgetsRollUps
  /// A recount finds repeats among the new clicks alone.
  case noLookBack
  /// A repeat in an open minute is passed over for good.
  case forgetOpenRepeats
  /// An event time from the future moves the watermark beyond the clock.
  case watermarkNotCapped
  /// The watermark follows the clock although clicks move it.
  case heartbeatEarly
  /// Clicks that the dedup index no longer knows are not looked up in segments.
  case skipLookups
  /// Clicks of the horizon that an opening did not take back into the index are looked up nowhere.
  case skipHorizonLookups
  /// A filter of a segment does not know an id of its rows.
  case leaveOutOfFilter
  /// A filter of a segment leaves out ids whose time was still to come.
  case earlyOutOfFilter
  /// Early ids of a hot ad go by their hash.
  case earlyNotAsked
  /// The dedup index forgets clicks that are in no segment yet.
  case expireBeforeSeal
  /// A source's progress is believed before its clicks are synced.
  case progressBeforeSync
  /// A source's progress goes on past clicks that could not be recorded.
  case progressOfUnrecorded
  /// Slots are used again although the manifest does not know what their frames said of sources.
  case forgetProgress
  /// The strings captured of a batch are given to its new clicks by their number, whatever repeats stand between them.
  case stringsOfOthers
  /// Late clicks and recounts change rows of a sealed month.
  case patchSealedRows
  /// A replay applies clicks of a sealed month again that are credits already.
  case creditAgain
  /// A recount compares the rows of a sealed month without their credits.
  case forgetCredits
  /// A recount takes damage of sealed rows for what clicks have changed.
  case creditDamage
  /// A merge of correction files forgets which changes are credits.
  case mergeCreditsAsChanges
  /// An opening uses slots again that are free by a manifest which may stand in the page cache alone.
  case believePageCache
}

#if Sabotage
  import Synchronization

  private let active = Mutex<Sabotage?>(nil)

  /// Whether `fault` is planted now.
  package func sabotaged(_ fault: Sabotage) -> Bool { active.withLock { $0 } == fault }

  /// Plants `fault` for the time of `body`.
  package func withSabotage<R>(_ fault: Sabotage?, _ body: () throws -> R) rethrows -> R {
    let before = active.withLock { current in
      defer { current = fault }
      return current
    }
    defer { active.withLock { $0 = before } }
    return try body()
  }
#else
  /// Whether `fault` is planted now: never, in this build.
  @inlinable @inline(__always)
  package func sabotaged(_ fault: Sabotage) -> Bool { false }
#endif

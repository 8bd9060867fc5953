import Clicks
import Files
import Platform
import Reconciliation
import Segments

// A recount that changes nothing, of a shard that nobody holds: every raw click that is kept is compared with all others,
// and what counts twice is told. Sums and rows are held against each other elsewhere; this is about identities alone. Nor can
// two shards have the same click where each has only those that are routed to it, so that is looked at click by click.
//
//     repeats below the floor of the last recount    are recorded, all of them      otherwise the table counts them
//     repeats above it                               are found by the next recount  no fault yet
//     repeats without an earlier copy                as many as the manifest tells of retired ones (`RepeatProof`)

/// What came of it.
package struct DeepCheck: Sendable {
  /// Raw clicks that were read, and when they were received and happened; nil where none are kept.
  package var rawClicks: UInt64 = 0
  package var receiveTimes: ClosedRange<Int64>?
  package var eventTimes: ClosedRange<Int64>?
  /// Clicks per row that a recount should have taken away and did not.
  package var missed: [RowCount] = []
  /// Repeats that came since the last recount.
  package var pending: UInt64 = 0
  /// Recorded repeats whose click is another one's than the record says.
  package var strange: [StrangeRepeat] = []
  /// Repeats without an earlier copy.
  package var proof = RepeatProof()
  /// Positions of clicks that belong to another shard.
  package var misplaced: [UInt64] = []
}

/// A click that is recorded as a repeat, and is none of the row that the record names.
package struct StrangeRepeat: Sendable {
  package var position: UInt64
  package var recorded: RowCount
  package var found: RowCount
}

extension ShardRecovery {
  /// Compares every raw click that is kept; `isHere` says whether a click is routed to this shard that was received at the time,
  /// ms since 1970, or a little later. Counts that do not fit into
  /// memory go to the shard's `tmp`.
  package func deepCheck(
    _ files: any FileSystem, store: StoreID, isHere: (ClickIdentity, _ received: Int64) -> Bool
  ) throws -> DeepCheck {
    var check = DeepCheck()
    let state = manifest?.state ?? ManifestState()
    let recorded = try version.recordedRepeats(in: state.retired..<UInt64.max)
    var known: [UInt64: (code: UInt32, minute: Int64)] = [:]
    for found in recorded { known[found.position] = (found.code, found.minute) }
    var missed: [(code: UInt32, minute: Int64)] = []
    var alone: [UInt64] = []
    let settings = RecountSettings(files: files, temporary: "\(directory)/\(StoreFiles.temporary)", threads: 2)
    let merge = try RecountMerge.run(
      MergeRequest(
        version.segments, recorded: recorded.positions(in: version.segments), markedBefore: Minute(index: .max)),
      settings
    ) { mark in
      if mark.earlier == .gone { alone.append(mark.position) }
      if mark.origin == .kept { return }
      if let record = known[mark.position] {
        guard record != (mark.code, mark.minute.index) else { return }
        check.strange.append(
          StrangeRepeat(
            position: mark.position, recorded: RowCount(code: record.code, bucket: record.minute, count: 1),
            found: RowCount(code: mark.code, bucket: mark.minute.index, count: 1)))
      } else if mark.position < state.recounted.floor, mark.minute.index < state.recounted.through,
        mark.minute.index >= state.minutesFrom
      {
        missed.append((mark.code, mark.minute.index))
      } else {
        check.pending += 1
      }
    }
    check.rawClicks = merge.summary.rows
    check.missed = RowCount.counted(missed)
    check.proof = RepeatProof(alone, version, state)
    func join(_ a: ClosedRange<Int64>?, _ b: ClosedRange<Int64>) -> ClosedRange<Int64> {
      a.map { min($0.lowerBound, b.lowerBound)...max($0.upperBound, b.upperBound) } ?? b
    }
    for segment in version.segments {
      let cursor = segment.cursor()
      let received = try segment.receiveFloors()
      while let row = try cursor.next() {
        // A code without an ad is told by the check of the tables.
        guard Int(row.code) < minutes.ads.count else { continue }
        let identity = ClickIdentity(ad: minutes.ads.key(row.code), impression: row.impression)
        if !isHere(identity, received.floor(row.position &- segment.summary.positions.lowerBound)) {
          check.misplaced.append(row.position)
        }
      }
      check.receiveTimes = join(check.receiveTimes, segment.summary.receiveTimes)
      check.eventTimes = join(check.eventTimes, segment.summary.eventTimes)
    }
    var seen: Set<ClickIdentity> = []
    try forEachClick(files, store: store, from: state.sealed) { position, click in
      check.rawClicks += 1
      if !isHere(click.identity, click.receiveTime) { check.misplaced.append(position) }
      check.receiveTimes = join(check.receiveTimes, click.receiveTime...click.receiveTime)
      check.eventTimes = join(check.eventTimes, click.eventTime...click.eventTime)
      let isNew = seen.insert(click.identity).inserted
      guard let code = minutes.ads.code(of: click.ad) else { return }
      if try !isNew || version.segments.contains(where: { try $0.contains(code: code, impression: click.impression) }) {
        check.pending += 1
      }
    }
    return check
  }

  /// The positions of the repeats that recounts have found and of which no earlier copy is kept any more, ascending.
  package func lastCopies(_ files: any FileSystem) throws -> [UInt64] {
    let state = manifest?.state ?? ManifestState()
    // Where nothing has retired each has one.
    guard state.retired > 0, !version.segments.isEmpty else { return [] }
    let recorded = try version.recordedRepeats(in: state.retired..<UInt64.max)
    var found: [UInt64] = []
    let settings = RecountSettings(files: files, temporary: "\(directory)/\(StoreFiles.temporary)", threads: 2)
    _ = try RecountMerge.run(
      MergeRequest(
        version.segments, recorded: recorded.positions(in: version.segments), markedBefore: Minute(index: .min)),
      settings
    ) { if $0.earlier == .gone { found.append($0.position) } }
    return found.sorted()
  }
}

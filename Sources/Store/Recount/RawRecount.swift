import Clicks
import Corrections
import Files
import Platform
import Reconciliation
import Segments

// The raw clicks of a recount, gone through once. Segments that no recount has merged stand last, and become one for each day of
// receipt (R20): their repeats are marked, their sums counted from the rows. Those before were merged by a recount once; they
// are read where clicks of theirs waited for their minute to close, and by a deep recount, and stay as they are:
//
//     segments     [ merged │ merged, unsettled ] [ new │ new │ new │ new ]
//     changes                 read: found repeats     one merge a day ─▶ merged segment, with the record of the last chunk
//     deep           all read and counted             are listed by position
//
// What is found is marked in the output whatever becomes of the comparison, so the output counts only where every repeat was
// recorded, credited or corrected: otherwise it is thrown away and the next recount merges again.

/// Segments that a recount has merged and nothing lists yet.
struct MergedSegments {
  /// Has the new ones.
  let edit: ShardEdit
  /// What they replace: neighbours up to the last segment.
  var inputs: [Segment] = []

  /// The positions of their clicks.
  var positions: Range<UInt64> {
    inputs.first!.summary.positions.lowerBound..<inputs.last!.summary.positions.upperBound
  }
}

/// What the raw clicks came to.
struct RawRecount {
  /// Repeats that no run has recorded and no segment had marked.
  let new: FoundRepeats
  /// Clicks that were read.
  private(set) var rawClicks: UInt64 = 0
  /// The version's segments, those that were merged in the place of their inputs.
  private(set) var segments: [Segment]
  /// Clicks that the sums of `segments` have and that count no longer, by row.
  private(set) var taken: [RowCount] = []
  /// What the repeats without an earlier copy prove; nothing where not all raw clicks were read.
  private(set) var proof = RepeatProof()
  /// Nil where none was merged.
  private(set) var merged: MergedSegments?
  /// Counts of segments that were counted from their rows and not merged; nil: sums say it.
  private var counted: (merge: RecountMerge, positions: Range<UInt64>)?

  private init(_ version: Version, _ new: FoundRepeats) {
    segments = version.segments
    self.new = new
  }

  /// Goes through `inputs` at the recount's position. `edit` gets the segments that new ones become; nil: none are merged.
  static func run(
    _ inputs: [Segment], of version: Version, _ state: ManifestState, minutes: Range<Int64>, target: RecountMark,
    isDeep: Bool, _ settings: RecountSettings, merging edit: ShardEdit?, _ context: MaintenanceContext
  ) throws -> RawRecount {
    let recorded = try version.recordedRepeats(in: state.retired..<target.position)
    var found = RawRecount(
      version, FoundRepeats(settings.files, in: settings.temporary, limit: context.core.options.recountRepeats))
    /// Clicks marked in what is merged are in no sum; others are taken away row by row.
    var marks: [RepeatMark] = []
    var alone: [UInt64] = []
    func merge(_ segments: [Segment], into target: SegmentTarget?) throws -> RecountMerge {
      let first = segments[0].summary.positions.lowerBound
      let before = found.rawClicks
      var settings = settings
      settings.progress = { [told = settings.progress] in told(before + $0, before + $1) }
      let merge = try RecountMerge.run(
        MergeRequest(
          segments,
          // Those of earlier days as they have become: one file is asked for a day, and not each that it was made of.
          older: sabotaged(.noLookBack) ? [] : found.segments.filter { $0.summary.positions.lowerBound < first },
          recorded: sabotaged(.removeRepeatsTwice) ? [] : recorded.positions(in: segments),
          markedFrom: Minute(index: minutes.lowerBound), markedBefore: Minute(index: minutes.upperBound), into: target),
        settings
      ) { mark in
        if mark.earlier == .gone { alone.append(mark.position) }
        guard mark.origin == .found else { return }
        try found.new.add(FoundRepeat(mark))
        if target == nil { marks.append(mark) }
      }
      found.rawClicks += merge.summary.rows
      return merge
    }
    let groups = edit == nil ? [] : try groups(inputs, context)
    let others = Array(inputs.dropLast(groups.joined().count))
    if let first = others.first, let last = others.last {
      let merge = try merge(others, into: nil)
      if isDeep { found.counted = (merge, first.summary.positions.lowerBound..<last.summary.positions.upperBound) }
    }
    for group in groups {
      var target = edit!.target(try edit!.newFile(.segment), context.mergeFiles)
      target.recount = context.recountUnderWay
      let (reference, _) = try merge(group, into: target).finish()!
      context.count { $0.segmentBytes += reference.bytes }
      try edit!.open(.segment, reference)
      found.replace(group, by: edit!)
    }
    if isDeep, inputs.count == version.segments.count { found.proof = RepeatProof(alone, version, state) }
    found.new.end()
    let gone = found.counted?.positions
    let still = recorded.filter { repeats in
      !(found.merged?.positions.contains(repeats.position) ?? false) && !(gone?.contains(repeats.position) ?? false)
    }
    found.taken = RowCount.counted(
      still.map { ($0.code, $0.minute) } + (isDeep ? [] : marks.map { ($0.code, $0.minute.index) }))
    return found
  }

  /// The segment that the edit has opened last takes the place of a group.
  private mutating func replace(_ group: [Segment], by edit: ShardEdit) {
    let place = segments.firstIndex { $0 === group[0] }!
    segments.replaceSubrange(place..<(place + group.count), with: [edit.added.segments.last!])
    merged = merged ?? MergedSegments(edit: edit)
    merged!.inputs += group
  }

  /// The last of `inputs` that no recount has merged, by the day of their receipt (R20 c), none with more rows than one segment
  /// may have. None where the volume has no room for them.
  private static func groups(_ inputs: [Segment], _ context: MaintenanceContext) throws -> [[Segment]] {
    let fresh = inputs.suffix(inputs.reversed().prefix { $0.summary.recount == 0 && $0.isKnown }.count)
    let core = context.core
    let bytes = fresh.reduce(0) { $0 + $1.file.reference.bytes }
    guard try core.environment.files.availableSpace(at: core.directory) >= 2 * bytes + core.options.diskReserve else {
      return []
    }
    var groups: [[Segment]] = []
    for segment in fresh {
      let day = segment.receiveDay(of: core.options.receiveDay)
      let rows = (groups.last ?? []).reduce(segment.summary.rows) { $0 + $1.summary.rows }
      if let last = groups.last?.last, last.receiveDay(of: core.options.receiveDay) == day,
        rows <= core.options.segmentLimit
      {
        groups[groups.count - 1].append(segment)
      } else {
        groups.append([segment])
      }
    }
    return groups
  }

  /// The counts of raw clicks whose minute is in `minutes`, in streams that add up, less what is `taken`.
  func counts(in minutes: Range<Int64>) -> [RowStream] {
    let summed = segments.filter { segment in
      segment.overlaps(minutes) && !(counted?.positions.contains(segment.summary.positions.lowerBound) ?? false)
    }
    var streams = summed.map { RowStream($0) }
    if let counts = counted?.merge.counts() {
      streams.append(
        RowStream { rows in
          while rows.count < RowStream.batch, let sum = try counts.next() {
            rows.append(RowCount(code: sum.code, bucket: sum.minute.index, count: sum.clicks))
          }
        })
    }
    return streams
  }
}

extension Segment {
  /// The receive day, each of `length` ms, in which its last click was received: their number from 1970 on.
  func receiveDay(of length: Int64) -> Int64 { summary.receiveTimes.upperBound.dividedDown(by: length) }
}

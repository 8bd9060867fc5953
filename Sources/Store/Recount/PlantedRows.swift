import Clicks
import Files
import Platform
import Reconciliation
import Runs
import Segments

// What a recount or a check has to find: rows, marks and records that are wrong. Nothing but tests calls it.

extension Maintenance {
  /// Writes a patch that changes rows of `key` by what no click says, in one record, for tests of the recount. Ads without a
  /// code are left out; no row falls below zero.
  package func plant(
    _ changes: [(ad: AdKey, bucket: Int64, change: Int64)], in key: RunTableKey = .minutes
  ) throws {
    try exclusively { try plant(changes, in: key, $0) }
  }

  private func plant(
    _ changes: [(ad: AdKey, bucket: Int64, change: Int64)], in key: RunTableKey, _ context: MaintenanceContext
  ) throws {
    let table = core.live.version.table(key)
    var days: [Int64: [RunChange]] = [:]
    for change in changes {
      guard let code = core.live.code(of: change.ad) else { continue }
      let present = try table.series(of: code, in: change.bucket..<(change.bucket + 1)).first?.count ?? 0
      let day = change.bucket.dividedDown(by: key.bucketsPerDay)
      guard !(days[day] ?? []).contains(where: { $0.code == code && $0.bucket == change.bucket }) else { continue }
      days[day, default: []].append(
        RunChange(code: code, bucket: change.bucket, change: max(change.change, -Int64(present))))
    }
    guard !days.isEmpty else { return }
    try ShardEdit.perform(context) { edit in
      for (_, rows) in days.sorted(by: { $0.key < $1.key }) {
        let sorted = rows.sorted { ($0.code, $0.bucket) < ($1.code, $1.bucket) }
        let window = sorted.map(\.bucket).min()!..<(sorted.map(\.bucket).max()! + 1)
        try edit.writePatch(key, to: table, window: window, position: core.manifest.state.applied) { change in
          for row in sorted { try change(row) }
        }
      }
      try edit.install(isRevised: true)
    }
  }
}

extension Maintenance {
  /// Marks the clicks at `positions`, ascending, whether they repeat others or not, and takes them out of their minute rows: books,
  /// sums and rows agree with each other then.
  package func plant(marksAt positions: [UInt64]) throws {
    try exclusively { context in
      for segment in core.live.version.segments {
        let own = positions.filter { segment.summary.positions.contains($0) }
        if !own.isEmpty { try ShardEdit.perform(context) { try plant(own, in: segment, $0) } }
      }
    }
  }

  private func plant(_ positions: [UInt64], in segment: Segment, _ edit: ShardEdit) throws {
    var days: [Int64: [RowCount]] = [:]
    var target = edit.target(try edit.newFile(.segment), core.environment.files)
    target.recount = max(1, core.manifest.state.lastRecount)
    let settings = RecountSettings(
      files: core.environment.files, temporary: "\(core.directory)/\(StoreFiles.temporary)", threads: 1)
    let merge = try RecountMerge.run(
      MergeRequest([segment], recorded: positions, markedBefore: Minute(index: .min), into: target), settings
    ) { mark in
      guard mark.origin == .recorded else { return }
      let row = RowCount(code: mark.code, bucket: mark.minute.index, count: 1)
      days[Day(ofMinute: mark.minute.index).index, default: []].append(row)
    }
    try edit.open(.segment, try merge.finish()!.0)
    for (_, rows) in days.sorted(by: { $0.key < $1.key }) {
      let sums = RowCount.counted(rows.map { ($0.code, $0.bucket) })
      let window = sums.map(\.bucket).min()!..<(sums.map(\.bucket).max()! + 1)
      try edit.writePatch(
        .minutes, to: core.live.version.table(.minutes), window: window, position: core.manifest.state.applied
      ) { change in
        for sum in sums { try change(RunChange(code: sum.code, bucket: sum.bucket, change: -Int64(sum.count))) }
      }
    }
    try edit.install(
      removing: [StoreFile(kind: .segment, reference: segment.file.reference)], closing: [segment.file])
  }

  /// Records `count` repeats in the segment that has `position`, with their earlier copies in that which has `copy`.
  package func plant(earlierCopies count: UInt64, of position: UInt64, at copy: UInt64) throws {
    try exclusively { context in
      let ends = [position, copy].map { core.live.version.segment(at: $0)!.summary.positions.upperBound }
      try ShardEdit.perform(context) { edit in
        edit.earlierCopies.add(count, of: ends[0], in: ends[1])
        try edit.install()
      }
    }
  }
}

#if Sabotage
  import Clicks
  import Files
  import Platform
  import Reconciliation
  import Segments
  import Simulation

  /// Merges of three segments whose clicks repeat each other, in so little memory that counts are put aside:
  ///
  ///     1   the second and the third, the first is asked, some minutes are still open
  ///     2   what came of it, once the first has retired, all minutes are closed
  enum RecountEngineCampaign {
    private struct Identity: Hashable {
      var code: UInt32
      var impression: ImpressionID

      init(_ row: SegmentRow) { (code, impression) = (row.code, row.impression) }
    }

    private static let rowsOfSegment = 1_500
    private static let start: Int64 = 1_750_000_020_000

    private static func target(_ number: UInt64, _ disk: SimulatedDisk) -> SegmentTarget {
      SegmentTarget(
        files: disk, path: "\(number).seg", temporary: "tmp/\(number).seg", store: StoreID(high: 1, low: 2),
        number: number, created: 0)
    }

    /// Rows and counts that are not those of a dictionary.
    @Sendable static func run() throws -> [String] {
      var chance = SeededGenerator(seed: 31)
      let disk = SimulatedDisk()
      try disk.createDirectory("tmp")
      var rows: [SegmentRow] = []
      let segments = try (0..<UInt64(3)).map { try seal($0, &rows, disk, &chance) }
      // In the order of positions, with the marks that are due.
      var seen = Set(rows[..<rowsOfSegment].map(Identity.init))
      var due = Array(rows[rowsOfSegment...])
      let open = Minute(containing: start + 300_000)
      for i in due.indices where !seen.insert(Identity(due[i])).inserted { due[i].isRepeat = due[i].minute < open }
      var (violations, merged) = try merge(
        MergeRequest(
          Array(segments[1...]), older: [segments[0]], markedBefore: open, into: target(10, disk)), due, disk)
      seen = []
      for i in due.indices where !seen.insert(Identity(due[i])).inserted { due[i].isRepeat = true }
      let request = MergeRequest([merged], markedBefore: Minute(index: .max), into: target(11, disk))
      violations += try merge(request, due, disk).violations
      return violations
    }

    private static func seal(
      _ number: UInt64, _ rows: inout [SegmentRow], _ disk: SimulatedDisk, _ chance: inout SeededGenerator
    ) throws -> Segment {
      var builder = SegmentBuilder(first: UInt64(rows.count))
      builder.step(receiveTime: start, runningTime: number)
      for _ in 0..<rowsOfSegment {
        var row = SegmentRow(
          impression: ImpressionID(high: chance.next(), low: chance.next()), code: UInt32(chance.next() % 40),
          eventTime: start + Int64(chance.next() % 600_000), position: UInt64(rows.count), source: .browser)
        if !rows.isEmpty, chance.oneIn(10) {
          let other = chance.pick(rows)
          (row.impression, row.code) = (other.impression, other.code)
        }
        builder.add(row.impression, code: row.code, eventTime: row.eventTime, source: row.source)
        rows.append(row)
      }
      let (reference, _) = try builder.seal(to: target(number, disk))
      return try Segment.open(disk, "\(number).seg", reference: reference, access: .read)
    }

    /// Merges; says what is not as `due`, rows in the order of positions.
    private static func merge(
      _ request: MergeRequest, _ due: [SegmentRow], _ disk: SimulatedDisk
    ) throws -> (violations: [String], Segment) {
      var sums: [SegmentSum: UInt64] = [:]
      for row in due where !row.isRepeat {
        sums[SegmentSum(code: row.code, minute: row.minute, clicks: 0), default: 0] += 1
      }
      func expect(_ next: () throws -> SegmentSum?, _ what: String) rethrows -> [String] {
        var found: [SegmentSum: UInt64] = [:]
        while let row = try next() { found[SegmentSum(code: row.code, minute: row.minute, clicks: 0)] = row.clicks }
        if found == sums { return [] }
        return ["\(what) are \(found.values.reduce(0, +)) clicks, \(sums.values.reduce(0, +)) are due"]
      }
      let merge = try RecountMerge.run(request, RecountSettings(files: disk, temporary: "tmp", memory: 4_096))
      var violations = try expect(merge.counts().next, "the counts")
      // Sums that are not those of the rows are not even written.
      let sealed: (SealedReference, SegmentSummary)?
      do { sealed = try merge.finish() } catch {
        violations.append("\(error)")
        return (violations, request.inputs[0])
      }
      let merged = try Segment.open(disk, request.target!.path, reference: sealed!.0, access: .read)
      violations += try expect(merged.sumCursor().next, "the sums")
      var rows: [SegmentRow] = []
      let cursor = merged.cursor()
      while let row = try cursor.next() { rows.append(row) }
      rows.sort { $0.position < $1.position }
      let wrong = zip(rows, due).count { $0 != $1 }
      if wrong > 0 || rows.count != due.count { violations.append("\(wrong) of \(rows.count) rows are wrong") }
      return (violations, merged)
    }
  }
#endif

#if Sabotage
  import Clicks
  import Files
  import Platform
  import Reconciliation
  import Segments
  import Simulation

  /// A recount of three segments whose clicks repeat each other, in so little memory that counts are put aside.
  enum RecountEngineCampaign {
    /// Rows that are not those of a dictionary.
    @Sendable static func run() throws -> [String] {
      var chance = SeededGenerator(seed: 31)
      let disk = SimulatedDisk()
      try disk.createDirectory("tmp")
      var segments: [Segment] = []
      var rows: [SegmentRow] = []
      var due: [SegmentSum: UInt64] = [:]
      for number in 0..<UInt64(3) {
        var builder = SegmentBuilder(first: UInt64(rows.count))
        builder.step(receiveTime: 1_750_000_000_000, runningTime: number)
        for _ in 0..<1_500 {
          var row = SegmentRow(
            impression: ImpressionID(high: chance.next(), low: chance.next()), code: UInt32(chance.next() % 40),
            eventTime: 1_750_000_000_000 + Int64(chance.next() % 600_000), position: UInt64(rows.count),
            source: .browser)
          var isRepeat = false
          if !rows.isEmpty, chance.oneIn(10) {
            let other = chance.pick(rows)
            (row.impression, row.code, isRepeat) = (other.impression, other.code, true)
          }
          builder.add(row.impression, code: row.code, eventTime: row.eventTime, source: row.source)
          if !isRepeat { due[SegmentSum(code: row.code, minute: row.minute, clicks: 0), default: 0] += 1 }
          rows.append(row)
        }
        let (reference, _) = try builder.seal(
          to: SegmentTarget(
            files: disk, path: "\(number).seg", temporary: "tmp/\(number).seg", store: StoreID(high: 1, low: 2),
            number: number, created: 0))
        segments.append(try Segment.open(disk, "\(number).seg", reference: reference, access: .read))
      }
      let recount = try Recount.run(segments, RecountSettings(files: disk, temporary: "tmp", memory: 4_096))
      let counts = recount.counts()
      var found: [SegmentSum: UInt64] = [:]
      while let row = try counts.next() {
        found[SegmentSum(code: row.code, minute: row.minute, clicks: 0)] = row.clicks
      }
      return found == due ? [] : ["\(found.values.reduce(0, +)) clicks are counted, \(due.values.reduce(0, +)) are due"]
    }
  }
#endif

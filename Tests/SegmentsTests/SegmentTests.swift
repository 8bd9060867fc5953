import Bytes
import Clicks
import Files
import Segments
import Simulation
import Testing

/// A segment says what plain arrays say, however it is asked.
@Suite struct SegmentTests {
  /// Every way of reading, against the reference. `probes`: how many rows are looked up.
  static func expect(
    _ segment: Segment, is reference: Reference, probes: Int = 100, using chance: inout SeededGenerator,
    _ remark: String
  ) throws {
    let sorted = reference.sorted
    let summary = segment.summary
    #expect(summary.positions == reference.first..<(reference.first + UInt64(reference.entries.count)), "\(remark)")
    let events = reference.entries.map(\.row.eventTime)
    #expect(summary.eventTimes == events.min()!...events.max()!, "\(remark)")
    let received = reference.entries.map(\.receiveTime)
    #expect(summary.receiveTimes == received.min()!...received.max()!, "\(remark)")
    #expect(
      summary.runningTimes == reference.entries[0].runningTime...reference.entries.last!.runningTime, "\(remark)")
    let isFirst = segment.file.header.version == 1
    let due = reference.mintings
    let minted = isFirst ? reference.entries.compactMap(\.row.impression.timeInBits) : due.minted
    #expect(summary.mintingTimes == (minted.isEmpty ? nil : minted.min()!...minted.max()!), "\(remark)")
    // Whoever has an early id asks for it; in a segment of the first version nobody knows which those are.
    let lost = due.early.filter { !isFirst && !segment.early.mayHold($0, $0.timeInBits!) }
    #expect(lost == [], "\(remark)")
    #expect(summary.captured == reference.captured, "\(remark)")
    #expect(summary.marked == UInt64(sorted.count { $0.row.isRepeat }), "\(remark)")

    try expectRows(segment, sorted, remark)
    try expectParts(segment, sorted, &chance, remark)
    try expectLog(segment, reference, &chance, remark)
    var sums: [SegmentSum] = []
    try segment.forEachSum { sums.append($0) }
    #expect(sums == reference.sums, "\(remark)")
    #expect(summary.sums == UInt64(sums.count), "\(remark)")
    try expectFinds(segment, sorted, probes, &chance, remark)
    try segment.verify()
  }

  private static func expectRows(_ segment: Segment, _ sorted: [Reference.Entry], _ remark: String) throws {
    var rows: [SegmentRow] = []
    let cursor = segment.cursor()
    while let row = try cursor.next() { rows.append(row) }
    #expect(rows == sorted.map(\.row), "\(remark)")
    #expect(try cursor.next() == nil, "\(remark)")
    var strings: [[[UInt8]]] = []
    let pages = segment.cursor([.strings])
    while try pages.nextPage() {
      for i in pages.range { strings.append(pages.rows.strings.map { $0[i] }) }
    }
    #expect(strings == sorted.map(\.strings), "\(remark)")
  }

  /// Only some columns, only some ids.
  private static func expectParts(
    _ segment: Segment, _ sorted: [Reference.Entry], _ chance: inout SeededGenerator, _ remark: String
  ) throws {
    let ends = [chance.pick(sorted).row.impression.high, chance.edge(in: 0...UInt64.max)].sorted()
    for high in [ends[0]...ends[1], ends[0]...ends[0], 0...ends[0], ends[1]...UInt64.max] {
      var rows: [SegmentRow] = []
      let cursor = segment.cursor(high: high)
      while let row = try cursor.next() { rows.append(row) }
      #expect(rows == sorted.map(\.row).filter { high.contains($0.impression.high) }, "\(remark) \(high)")
    }
    for fields: SegmentFields in [[], .code, .eventTime, .position, .source, [.code, .position]] {
      let cursor = segment.cursor(fields)
      var rows: [SegmentRow] = []
      while try cursor.nextPage() {
        for i in cursor.range {
          let id = unsafe ImpressionID(high: cursor.rows.high[i], low: cursor.rows.low[i])
          var row = SegmentRow(impression: id, code: 0, eventTime: 0, position: 0, source: .browser)
          if fields.contains(.code) { unsafe row.code = cursor.rows.code[i] }
          if fields.contains(.eventTime) { unsafe row.eventTime = cursor.rows.eventTime[i] }
          if fields.contains(.position) { unsafe row.position = cursor.rows.position[i] }
          if fields.contains(.source) {
            let source = unsafe cursor.rows.source[i]
            row.source = Click.Source(rawValue: source & ~RowVector.mark)!
            row.isRepeat = source & RowVector.mark != 0
          }
          rows.append(row)
        }
      }
      let due = sorted.map(\.row).map { row in
        SegmentRow(
          impression: row.impression, code: fields.contains(.code) ? row.code : 0,
          eventTime: fields.contains(.eventTime) ? row.eventTime : 0,
          position: fields.contains(.position) ? row.position - segment.summary.positions.lowerBound : 0,
          source: fields.contains(.source) ? row.source : .browser,
          isRepeat: fields.contains(.source) && row.isRepeat)
      }
      #expect(rows == due, "\(remark) \(fields)")
    }
  }

  private static func expectLog(
    _ segment: Segment, _ reference: Reference, _ chance: inout SeededGenerator, _ remark: String
  ) throws {
    let end = segment.summary.positions.upperBound
    for from in [0, reference.first, chance.edge(in: segment.summary.positions.lowerBound...end), end] {
      var logged: [Segment.LoggedClick] = []
      try segment.forEachInLogOrder(from: from) { logged.append($0) }
      let due = reference.entries.filter { $0.row.position >= from }.map {
        Segment.LoggedClick(
          impression: $0.row.impression, code: $0.row.code, position: $0.row.position, receiveTime: $0.receiveTime,
          runningTime: $0.runningTime)
      }
      #expect(logged == due, "\(remark) from \(from)")
    }
    var wrong: [Reference.Entry] = []
    for _ in 0..<50 {
      let entry = chance.pick(reference.entries)
      let times = try segment.times(at: entry.row.position)
      if times.receiveTime != entry.receiveTime || times.runningTime != entry.runningTime { wrong.append(entry) }
    }
    #expect(wrong == [], "\(remark)")
  }

  private static func expectFinds(
    _ segment: Segment, _ sorted: [Reference.Entry], _ probes: Int, _ chance: inout SeededGenerator, _ remark: String
  ) throws {
    func found(_ id: ImpressionID) throws -> [SegmentRow] {
      var rows: [SegmentRow] = []
      try segment.find(id) {
        rows.append($0)
        return true
      }
      return rows
    }
    let byID = Dictionary(grouping: sorted.map(\.row), by: \.impression)
    var wrong: [SegmentRow] = []
    // Fewer where one id has many rows.
    for i in 0..<min(1 + probes * byID.count / sorted.count, sorted.count) {
      let row = probes < sorted.count ? chance.pick(sorted).row : sorted[i].row
      var other = row
      switch chance.next() % 4 {
      case 0: other.impression.low &+= 1
      case 1: other.impression.high &+= 1
      case 2: other.impression.high &-= 1
      default: other.impression.high ^= 1 << (chance.next() % 64)
      }
      let same = byID[row.impression]!
      var isRight = try found(row.impression) == same && found(other.impression) == byID[other.impression] ?? []
      isRight = try isRight && segment.contains(code: row.code, impression: row.impression, at: row.position)
      isRight = try isRight && segment.contains(code: row.code, impression: row.impression)
      isRight = try isRight && !segment.contains(code: row.code, impression: row.impression, at: row.position ^ 1 << 50)
      let code = row.code &+ 1
      isRight =
        try isRight && segment.contains(code: code, impression: row.impression) == same.contains { $0.code == code }
      // The first alone, when that is all that is wanted.
      var count = 0
      try segment.find(row.impression) { _ in
        count += 1
        return false
      }
      if !isRight || count != 1 { wrong.append(row) }
    }
    #expect(wrong == [], "\(remark)")
    for id in [ImpressionID(high: 0, low: 0), ImpressionID(high: .max, low: .max)] {
      #expect(try found(id) == byID[id] ?? [], "\(remark)")
    }
  }

  @Test(arguments: Kind.allCases) func isWhatWasSealed(_ kind: Kind) throws {
    try Seeds.run(4) { seed in
      var chance = seed.generator
      for count in [1, 2, 3, 1023, 1024, 1025, chance.small(in: 1...6000)] {
        let captured: [CapturedColumn] = chance.oneIn(4) ? [.userAgent, .referrer] : chance.oneIn(4) ? [.referrer] : []
        var reference = Reference(kind, count: count, captured: captured, using: &chance)
        if chance.oneIn(2) { reference.mark(using: &chance) }
        let place = try Place.simulated()
        let (sealed, summary) = try reference.seal(to: place.target(3, blockBytes: chance.pick([512, 4096, 16_384])))
        for access in SealedFile.Access.allCases {
          let segment = try place.open(3, sealed, access)
          #expect(segment.summary == summary && segment.reference == sealed)
          try Self.expect(segment, is: reference, using: &chance, "\(seed) \(kind) \(count) \(access)")
        }
      }
    }
  }

  /// Many pages, and many blocks of steps and sums, on the real disk.
  @Test(arguments: [Kind.random, .version7, .mixed]) func largeSegmentsOnTheRealDisk(_ kind: Kind) throws {
    var chance = Seeds.list(1)[0].generator
    var reference = Reference(kind, count: 150_000, using: &chance)
    if kind == .mixed { reference.mark(using: &chance) }
    try Place.withRealDirectory { place in
      let (sealed, _) = try reference.seal(to: place.target(1))
      for access in SealedFile.Access.allCases {
        try Self.expect(
          try place.open(1, sealed, access), is: reference, probes: 500, using: &chance, "\(kind) \(access)")
      }
      #expect(try place.files.list(place.directory) == ["1.seg"])
    }
  }

  /// A step counts from its position on; those without clicks leave nothing.
  @Test func stepsWithoutClicksLeaveNothing() throws {
    let place = try Place.simulated()
    var builder = SegmentBuilder(first: 10)
    builder.step(receiveTime: 1, runningTime: 1)
    builder.step(receiveTime: 2, runningTime: 2)
    builder.add(ImpressionID(high: 1, low: 1), code: 0, eventTime: 5, source: .browser)
    builder.step(receiveTime: 2, runningTime: 2)
    builder.add(ImpressionID(high: 1, low: 1), code: 0, eventTime: 5, source: .browser)
    builder.step(receiveTime: 3, runningTime: 3)
    builder.step(receiveTime: 4, runningTime: 4)
    let (sealed, summary) = try builder.seal(to: place.target(1))
    #expect(summary.receiveTimes == 2...2 && summary.steps == 1)
    try place.open(1, sealed, .read).verify()
  }

  /// A page is one of UUIDs only where every id has the same version and the variant of RFC 9562: bits that are left out must
  /// be the same in all.
  @Test func idsThatAlmostShareAVersionAreKeptWhole() throws {
    for (first, second) in [(7, 5), (4, 6), (5, 7), (7, 7)] as [(UInt64, UInt64)] {
      for low in [2, 0, 1, 3] as [UInt64] {
        let place = try Place.simulated()
        let ids = [
          ImpressionID(high: 0x0197_6D9C_0080_0ABC | first << 12, low: 2 << 62 | 9),
          ImpressionID(high: 0x0197_6D9C_0080_0ABC | second << 12, low: low << 62 | 9),
        ]
        var builder = SegmentBuilder(first: 0)
        builder.step(receiveTime: 1, runningTime: 1)
        for id in ids { builder.add(id, code: 3, eventTime: 1_750_000_000_000, source: .batch) }
        let segment = try place.open(1, try builder.seal(to: place.target(1)).0, .read)
        let found = segment.cursor()
        var read: Set<ImpressionID> = []
        while let row = try found.next() { read.insert(row.impression) }
        #expect(read == Set(ids), "\(first), \(second), \(low)")
        for id in ids { #expect(try segment.contains(code: 3, impression: id), "\(first), \(second), \(low)") }
        // Many at once, absent ones among them.
        var keys = ids.enumerated().map { SegmentKey(impression: $1, code: 3, tag: $0) }
        keys.append(SegmentKey(impression: ids[0], code: 4, tag: 2))
        keys.append(SegmentKey(impression: ImpressionID(high: 1, low: 1), code: 3, tag: 3))
        keys.sort(by: SegmentKey.precedes)
        var tags: Set<Int> = []
        try segment.find(keys) { tag, row in
          #expect(row.impression == ids[tag])
          tags.insert(tag)
        }
        #expect(tags == [0, 1])
      }
    }
  }

  @Test func anotherFileIsRefused() throws {
    var chance = Seeds.list(1)[0].generator
    let place = try Place.simulated()
    let (one, _) = try Reference(.random, count: 10, using: &chance).seal(to: place.target(1))
    let (two, _) = try Reference(.random, count: 10, using: &chance).seal(to: place.target(2))
    #expect(throws: (any Error).self) { try place.open(1, two, .mapped) }
    #expect(throws: (any Error).self) {
      try Segment.open(
        place.files, place.path(1), store: StoreID(high: 1, low: 1), reference: one, access: .mapped)
    }
    #expect(throws: (any Error).self) { try place.open(7, one, .mapped) }
  }

  /// Every number of marks in a page, as a list and as a set of bits, the last page of one row too.
  @Test func marksOfEveryDensity() throws {
    var chance = Seeds.list(1)[0].generator
    for count in [1, 2, 9, 10, 11, 1_024, 1_025] {
      for marks in [1, count / 10, count / 10 + 1, count / 2, count] where marks > 0 && marks <= count {
        var reference = Reference(.random, count: count, using: &chance)
        for i in (0..<count).shuffled(using: &chance).prefix(marks) { reference.entries[i].row.isRepeat = true }
        let place = try Place.simulated()
        let (sealed, summary) = try reference.seal(to: place.target(1))
        #expect(summary.marked == UInt64(marks) && summary.counted == UInt64(count - marks))
        try Self.expect(
          try place.open(1, sealed, .read), is: reference, probes: 2_000, using: &chance, "\(marks) of \(count)")
      }
    }
  }

  /// The header's number of marks, and sums that count what is marked, are told from what is right.
  @Test func wrongMarksAreNoticed() throws {
    var chance = Seeds.list(1)[0].generator
    let reference = Reference(.random, count: 2_000, using: &chance)
    let place = try Place.simulated()
    let (sealed, _) = try reference.seal(to: place.target(1))
    let plain = try place.open(1, sealed, .read)
    func copy(marking: Int, counting sums: [SegmentSum]) throws {
      var writer = try SegmentMergeWriter([plain], marks: true, into: place.target(2))
      let cursor = plain.cursor([.all, .strings])
      var row = 0
      while try cursor.nextPage() {
        for i in cursor.range {
          if row < marking { unsafe cursor.rows.source[i] |= RowVector.mark }
          row += 1
        }
        try writer.write(cursor.rows)
      }
      var iterator = sums.makeIterator()
      let (reference, _) = try writer.finish { iterator.next() }
      try place.open(2, reference, .read).verify()
    }
    try copy(marking: 0, counting: reference.sums)
    // Sums that are too many are noticed when they are written.
    #expect(throws: FormatError.self) { try copy(marking: 1, counting: reference.sums) }
    // As many as are due, but of others: by a check.
    let last = reference.sorted.last!.row
    var sums = reference.sums
    let index = sums.firstIndex { $0.code == last.code && $0.minute == last.minute }!
    if sums[index].clicks == 1 { sums.remove(at: index) } else { sums[index].clicks -= 1 }
    #expect(throws: FormatError.self) { try copy(marking: 1, counting: sums) }
  }
}

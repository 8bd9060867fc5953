import Clicks
import Files
import Glibc
import Platform
import Segments
import Simulation
import Testing

/// What a segment must say, as plain arrays: clicks in the order of the log, with their times.
struct Reference {
  struct Entry: Hashable {
    var row: SegmentRow
    var strings: [[UInt8]]
    var receiveTime: Int64
    var runningTime: UInt64
  }

  var captured: [CapturedColumn] = []
  /// In the order of the log, positions without gaps.
  var entries: [Entry] = []

  var first: UInt64 { entries[0].row.position }

  /// What is due of the times in the bits of ids, by the rule of the format page: blocks of 2ᵏ positions, at most 4,096.
  var mintings: (minted: [Int64], filtered: Set<ImpressionID>, early: [ImpressionID]) {
    var block = 1
    while (entries.count + block - 1) / block > 4_096 { block *= 2 }
    var floors: [Int: Int64] = [:]
    for (i, entry) in entries.enumerated() { floors[i / block] = min(floors[i / block] ?? .max, entry.receiveTime) }
    var found: (minted: [Int64], filtered: Set<ImpressionID>, early: [ImpressionID]) = ([], [], [])
    for (i, entry) in entries.enumerated() {
      let id = entry.row.impression
      let floor = floors[i / block]!
      guard let time = id.timeInBits, time >= 1_577_836_800_000 else {
        found.filtered.insert(id)
        continue
      }
      if time <= floor &+ 60_000 {
        found.minted.append(time)
      } else {
        found.filtered.insert(id)
        found.early.append(id)
      }
    }
    return found
  }

  /// The rows in the order of a segment.
  var sorted: [Entry] {
    entries.sorted { a, b in
      let (a, b) = (a.row, b.row)
      return (a.impression.high, a.impression.low, a.code, a.position)
        < (b.impression.high, b.impression.low, b.code, b.position)
    }
  }

  var sums: [SegmentSum] {
    var counts: [SegmentSum: UInt64] = [:]
    for entry in entries where !entry.row.isRepeat {
      counts[SegmentSum(code: entry.row.code, minute: entry.row.minute, clicks: 0), default: 0] += 1
    }
    return counts.map { SegmentSum(code: $0.key.code, minute: $0.key.minute, clicks: $0.value) }
      .sorted { ($0.code, $0.minute) < ($1.code, $1.minute) }
  }

  /// What is captured with an entry; nil where nothing is.
  private func strings(_ entry: Entry) -> CapturedStrings? {
    guard !captured.isEmpty else { return nil }
    var strings = CapturedStrings(CaptureSet(captured))
    strings.append(ClickStrings(entry.strings))
    return strings
  }

  /// A part of the log.
  func part(_ range: Range<Int>) -> Reference {
    Reference(captured: captured, entries: Array(entries[range]))
  }

  /// Marks some rows: few or many, or all. Which ones a segment does not care.
  mutating func mark(using chance: inout SeededGenerator) {
    let rate = chance.pick([1, 2, 9, 11, 500] as [UInt64])
    for i in entries.indices where chance.oneIn(rate) { entries[i].row.isRepeat = true }
  }

  /// Seals the entries with their marks, as a merge does.
  @discardableResult func seal(to target: SegmentTarget) throws -> (SealedReference, SegmentSummary) {
    let marked = Set(entries.filter(\.row.isRepeat).map(\.row.position))
    if marked.isEmpty { return try sealLog(to: target) }
    var first = target
    first.path += ".log"
    let (reference, _) = try sealLog(to: first)
    let segment = try Segment.open(target.files, first.path, reference: reference, access: .read)
    var writer = try SegmentMergeWriter([segment], marks: true, into: target)
    let cursor = segment.cursor([.all, .strings])
    while try cursor.nextPage() {
      for i in cursor.range where marked.contains(cursor.row(i).position) {
        unsafe cursor.rows.source[i] |= RowVector.mark
      }
      try writer.write(cursor.rows)
    }
    var sums = self.sums.makeIterator()
    defer { try? target.files.remove(first.path) }
    return try writer.finish { sums.next() }
  }

  /// Seals the entries as the store would: a step before each click whose log frame is another than that before.
  private func sealLog(to target: SegmentTarget) throws -> (SealedReference, SegmentSummary) {
    var builder = SegmentBuilder(first: first, capturing: CaptureSet(captured))
    for entry in entries {
      builder.step(receiveTime: entry.receiveTime, runningTime: entry.runningTime)
      builder.add(
        entry.row.impression, code: entry.row.code, eventTime: entry.row.eventTime, source: entry.row.source,
        strings: strings(entry))
    }
    #expect(builder.count == entries.count && builder.next == first + UInt64(entries.count))
    return try builder.seal(to: target)
  }
}

/// The kinds of clicks that a test makes.
enum Kind: CaseIterable {
  /// Ids of 128 random bits.
  case random
  /// Version 7 ids, minted about a minute before.
  case version7
  /// Version 4 ids.
  case version4
  /// A mixture of these.
  case mixed
  /// Few ids and few ads: equal identities, equal ids with other ads, equal high halves.
  case crowded
  /// Times and codes from the ends of their ranges.
  case extreme
  /// One click over and over.
  case equal
}

extension Reference {
  /// `count` clicks from chance.
  init(_ kind: Kind, count: Int, captured: [CapturedColumn] = [], using chance: inout SeededGenerator) {
    self.captured = captured
    let first = kind == .extreme ? chance.edge(in: 0...UInt64.max - UInt64(count)) : chance.next() >> 30
    var receive = Int64(1_750_000_000_000)
    var running = UInt64(chance.small(in: 0...1 << 40))
    let frame = UInt64(chance.small(in: 1...64))
    for i in 0..<count {
      if i == 0 || chance.oneIn(frame) {
        receive &+= Int64(chance.small(in: 0...2000))
        running += UInt64(chance.small(in: 0...2000))
        if kind == .extreme, chance.oneIn(4) { receive = chance.edge(in: Int64.min...Int64.max) }
        if chance.oneIn(50) { receive &-= Int64(chance.small(in: 0...100_000)) }
      }
      var event = receive
      switch chance.next() % 8 {
      case 0: event &-= Int64(chance.small(in: 0...100_000_000))
      case 1, 2: event &+= Int64(chance.small(in: 0...10_000)) - 5_000
      default: break
      }
      if kind == .extreme, chance.oneIn(3) { event = chance.edge(in: Int64.min...Int64.max) }
      var code = UInt32(chance.small(in: 0...(1 << 20)))
      if kind == .extreme { code = chance.edge(in: 0...UInt32.max) }
      if kind == .crowded { code = UInt32(chance.small(in: 0...5)) }
      var row = SegmentRow(
        impression: Self.impression(kind, event, &chance), code: code, eventTime: event, position: first + UInt64(i),
        source: chance.oneIn(9) ? chance.pick(Click.Source.allCases) : .browser)
      if kind == .equal, let before = entries.last?.row {
        row = before
        row.position += 1
      } else if !entries.isEmpty, chance.oneIn(20) {
        row.impression = chance.pick(entries).row.impression
      }
      let strings = captured.map { _ in
        chance.oneIn(3) ? [] : Array("Mozilla/5.0 (\(chance.small(in: 0...999))) like Gecko".utf8)
      }
      entries.append(Entry(row: row, strings: strings, receiveTime: receive, runningTime: running))
    }
  }

  private static func impression(_ kind: Kind, _ event: Int64, _ chance: inout SeededGenerator) -> ImpressionID {
    switch kind {
    case .random, .equal: ImpressionID(high: chance.next(), low: chance.next())
    case .version7:
      .version7(
        at: max(0, min(1 << 48 - 1, event &- Int64(chance.small(in: 0...100_000)))),
        random: (chance.next(), chance.next()))
    case .version4:
      ImpressionID(high: chance.next() & ~0xF000 | 0x4000, low: chance.next() >> 2 | 2 << 62)
    case .mixed: impression(chance.pick([.random, .version7, .version4]), event, &chance)
    case .crowded: ImpressionID(high: chance.next() % 8 << 60, low: chance.next() % 4)
    case .extreme:
      ImpressionID(high: chance.edge(in: 0...UInt64.max), low: chance.edge(in: 0...UInt64.max))
    }
  }
}

/// Where a test keeps its files.
struct Place {
  var files: any FileSystem
  var directory: String

  static let store = StoreID(high: 0x0011_2233_4455_6677, low: 0x8899_aabb_ccdd_eeff)

  func path(_ number: UInt64) -> String { "\(directory)/\(number).seg" }

  func target(
    _ number: UInt64, blockBytes: UInt32 = SealedFileWriter.defaultBlockBytes, filterMemory: Int = 8 << 20
  ) -> SegmentTarget {
    SegmentTarget(
      files: files, path: path(number), temporary: "\(directory)/\(number).tmp", store: Self.store, number: number,
      created: 1_750_000_000_000, blockBytes: blockBytes, filterMemory: filterMemory)
  }

  func open(_ number: UInt64, _ reference: SealedReference, _ access: SealedFile.Access) throws -> Segment {
    try Segment.open(files, path(number), store: Self.store, reference: reference, access: access)
  }

  /// A directory on a simulated disk.
  static func simulated() throws -> Place {
    let disk = SimulatedDisk()
    try disk.createDirectory("/s")
    return Place(files: disk, directory: "/s")
  }

  /// Runs `body` with a fresh directory of the real disk.
  static func withRealDirectory(_ body: (Place) throws -> Void) throws {
    let files = KernelFileSystem()
    let path = "/tmp/tally-segments-\(getpid())-\(KernelChance().next())"
    try files.createDirectory(path)
    defer {
      for name in (try? files.list(path)) ?? [] { try? files.remove("\(path)/\(name)") }
      _ = unsafe rmdir(path)
    }
    try body(Place(files: files, directory: path))
  }
}

import Catalog
import Clicks
import Importing
import Platform
import Simulation
import Store
import Testing

/// Plain rows are read in a way of their own; `ClickParser`, which reads every row, is the reference.
@Suite struct PlainRowTests {
  private static let now: Int64 = 1_750_000_000_000

  /// A table whose fields are in the columns 3, 1 and 4 of five, or in the first three.
  private func parser(wide: Bool, delimiter: UInt8 = UInt8(ascii: ",")) throws -> ClickParser {
    var plan = ImportPlan()
    plan.format = .csv
    plan.hasHeader = false
    plan.delimiter = delimiter
    plan.names = wide ? [.adID: "3", .impressionID: "1", .time: "4"] : [.adID: "1", .impressionID: "2", .time: "3"]
    return try ClickParser(plan)
  }

  private func ad(_ chance: inout SeededGenerator) -> String {
    let letters = Array("abcXYZ019_.-")
    let count = chance.oneIn(8) ? chance.small(in: 15...70) : chance.small(in: 1...17)
    var text = String((0..<count).map { _ in chance.pick(letters) })
    if chance.oneIn(12) {
      text.append(chance.pick(["@", "[", "`", "{", "/", ":", " ", "\"", "\r", "é", "\u{0}", "\u{7F}", ""]))
    }
    return text
  }

  private func time(_ chance: inout SeededGenerator) -> String {
    let time = Self.now - Int64(chance.next() % 100_000_000_000)
    switch chance.small(in: 0...11) {
    case 0: return "\(time / 1_000)"
    case 1: return Timestamp.format(time)
    case 2: return "\(time)000"
    case 3: return "0\(time)".prefix(13).description
    case 4: return "\(time).5"
    case 5: return chance.pick(["", "1", "9999999999", "9999999999999", "-750000000000", "17500000000x0", "1e12"])
    case 6: return " \(time)"
    default: return "\(time)"
    }
  }

  private func impression(_ chance: inout SeededGenerator) -> String {
    let id = ImpressionID(high: chance.next(), low: chance.next())
    switch chance.small(in: 0...7) {
    case 0: return "\(ImpressionID.version7(at: Self.now, random: (chance.next(), chance.next())))"
    case 1: return id.digits.uppercased()
    case 2: return chance.pick(["", "7", String(id.digits.dropLast()), id.digits.replacing("a", with: "g")])
    case 3: return "\(id)"
    default: return id.digits
    }
  }

  private func row(wide: Bool, _ chance: inout SeededGenerator) -> String {
    var fields = [ad(&chance), impression(&chance), time(&chance)]
    if wide {
      let other = chance.pick(["", "x", "\"a,b\"", "a\"b", "a\rb", "\"", "plain"])
      fields = [fields[1], other, fields[0], fields[2], chance.pick(["", "y", "\"q\"", "z\r"])]
    }
    if chance.oneIn(15) {
      fields[chance.small(in: 0...(fields.count - 1))] = "\"\(chance.pick(["a1", "", "x\"\"y"]))\""
    }
    if chance.oneIn(20) { fields.removeLast() }
    var text = fields.joined(separator: ",")
    if chance.oneIn(6) { text += "\r" }
    if chance.oneIn(15) { text += chance.pick([",", ",more", ",\"", "\r\r", " "]) }
    return text
  }

  private static func key(_ id: ShortAdID) -> AdKey {
    let bytes = [id.first, id.second].flatMap { word in (0..<8).map { UInt8(truncatingIfNeeded: word >> (8 * $0)) } }
    return AdKey(AdID(String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self))!)
  }

  @Test func plainRowsAreReadAsAllRowsAre() throws {
    var (plain, whole) = (0, 0)
    for wide in [false, true] {
      let parser = try parser(wide: wide)
      let table = try #require(parser.plainTable)
      try Seeds.run(200) { seed in
        var chance = seed.generator
        for _ in 0..<50 {
          let text = row(wide: wide, &chance)
          // In memory of its own size, so that the sanitizer sees what is read behind it.
          let line = Array(text.utf8)
          let found = unsafe line.withUnsafeBytes { unsafe table.read($0) }
          let due = unsafe line.withUnsafeBytes { line -> ParsedClick? in
            do throws(ClickLineFault) { return try unsafe parser.read(line, number: 1) } catch { return nil }
          }
          if due != nil { whole += 1 }
          guard let found else { continue }
          plain += 1
          let click = ParsedClick(
            ad: Self.key(found.ad), impression: found.impression, minted: found.minted, time: found.time)
          if click != due { Issue.record("\(seed): \(text.debugDescription)") }
        }
      }
    }
    // Most rows that can be read are plain, though these are far from usual.
    #expect(plain > whole / 2 && plain <= whole, "\(plain) of \(whole)")
  }

  @Test func onlyTablesThatNeedNothingElseHavePlainRows() throws {
    var plan = ImportPlan()
    plan.format = .csv
    #expect(try ClickParser(plan).plainTable == nil, "its columns are not known")
    plan.hasHeader = false
    plan.names = [.adID: "1", .impressionID: "2", .time: "3"]
    #expect(try ClickParser(plan).plainTable != nil)
    #expect(try ClickParser(plan, keepsAdID: true).plainTable == nil)
    var other = plan
    other.identity = .line
    #expect(try ClickParser(other).plainTable == nil)
    other = plan
    other.conditions = [LineCondition(column: "4", value: "x")]
    #expect(try ClickParser(other).plainTable == nil)
    other = plan
    other.captures = [.userAgent]
    #expect(try ClickParser(other).plainTable == nil)
    plan.format = .ndjson
    #expect(try ClickParser(plan).plainTable == nil)
  }

  /// The hash of a line is what finished imports keep: as its words say, one byte after the other.
  @Test func linesAreHashedAsFinishedImportsKeepThem() throws {
    try Seeds.run(300) { seed in
      var chance = seed.generator
      let line = (0..<chance.small(in: 0...90)).map { _ in UInt8(truncatingIfNeeded: chance.next()) }
      var due = UInt64(line.count)
      for start in stride(from: 0, to: line.count, by: 8) {
        var word: UInt64 = 0
        for (i, byte) in line[start...].prefix(8).enumerated() { word |= UInt64(byte) << UInt64(8 * i) }
        due = (due ^ word) &* 0x9E37_79B9_7F4A_7C15
        due ^= due >> 32
      }
      #expect(unsafe line.withUnsafeBytes { unsafe LineSample.hash($0) } == due, "\(seed)")
    }
  }

  // MARK: - Whole imports

  private struct Outcome: Equatable {
    var accepted: UInt64
    var duplicate: UInt64
    var lines: UInt64
    var bytes: UInt64
    var rejectedCount: [String: UInt64]
    var rejected: [String]
    var rows: [String]
  }

  /// A text with rows of all kinds, blank lines, and records of several lines.
  private func text(_ ads: [String], _ now: Int64, _ chance: inout SeededGenerator) -> [UInt8] {
    var text = "adId,impressionId,time\n"
    var ids: [ImpressionID] = []
    for _ in 0..<chance.small(in: 1...3_000) {
      let id =
        chance.oneIn(10) && !ids.isEmpty ? chance.pick(ids) : ImpressionID(high: chance.next(), low: chance.next())
      ids.append(id)
      let time = now - Int64(chance.next() % 7_200_000) + (chance.oneIn(50) ? 86_400_000 : 0)
      switch chance.small(in: 0...29) {
      case 0: text += chance.pick(["\n", "\r\n", "  \n"])
      case 1: text += "\"\(chance.pick(ads))\",\(id),\(time)\n"
      case 2: text += "a\"b,\(id),\(time)\n"
      case 3: text += "\(chance.pick(ads)),\(id),\(time),\"two\nlines\"\n"
      case 4: text += "\(chance.pick(ads)),nothing,\(time)\n"
      case 5:
        text +=
          "\(chance.pick(ads)),\(ImpressionID.version7(at: now - 200_000_000, random: (1, chance.next()))),\(time)\n"
      case 6: text += "\(chance.pick(ads)),\(id),\(time)\r\n"
      case 7: text += "unknown\(chance.small(in: 0...3)),\(id),\(time)\n"
      default: text += "\(chance.pick(ads)),\(id.digits),\(time)\n"
      }
    }
    return Array(text.utf8)
  }

  /// Imports a text, record by record or as it is read.
  private func imported(
    _ text: [UInt8], _ catalog: Catalog, seed: UInt64, oneByOne: Bool
  ) throws -> Outcome {
    let machine = SimulatedMachine(seed: seed)
    var options = ShardOptions()
    options.slotBytes = 1 << 20
    options.diskReserve = 0
    options.dedupHorizon = 1_000
    options.expectedImpressions = 1_000
    let store = try Store.open(machine.environment, "/data", shards: 2, options: options)
    var plan = ImportPlan()
    plan.format = .csv
    let parser = try ClickParser(plan)
    let work = try StoreImport(
      plan, parser: parser, gate: AdGate(catalog, admitsPaused: false, asksBeforeCounting: 3), clock: store.clock,
      shards: store.shards, layout: 0
    ) { Int($0.ad.rawValue >> 40 & 1) }
    var chance = SeededGenerator(seed: seed)
    var at = 0
    let digest = SourceDigest()
    var source = unsafe LineSource(digest: digest) { buffer in
      let count = min(buffer.count, text.count - at, chance.small(in: 1...5_000))
      for i in 0..<count { unsafe buffer[i] = text[at + i] }
      at += count
      return count
    }
    source.quotes = plan.delimiter
    if oneByOne {
      while unsafe try source.next({ line, bytes, lines in
        if !parser.isReady {
          unsafe try parser.readHead(line, lines: lines)
          work.pass(bytes, lines: lines)
        } else if unsafe ClickLineReader.isBlank(line) {
          work.pass(bytes, lines: lines)
        } else {
          unsafe try work.take(line, bytes, lines: lines)
        }
      }) {}
    } else {
      while try work.take(from: &source) {}
    }
    source.settle()
    try work.finish(digest.value) { _ in }
    machine.time.advance(milliseconds: 5_000)
    let again = try Store.open(machine.environment, "/data", shards: 2, options: options)
    defer { again.close() }
    var rows: [String] = []
    for shard in again.shards { rows += try shard.live.rows().map { "\($0.ad) \($0.minute) \($0.clicks)" } }
    let report = work.report
    return Outcome(
      accepted: report.accepted, duplicate: report.duplicate, lines: work.lines, bytes: work.bytes,
      rejectedCount: report.rejectedCount, rejected: report.rejected.map { "\($0.line) \($0.code) \($0.detail)" },
      rows: rows.sorted())
  }

  /// However a table is read, the same lines are counted, and the same are rejected for the same reasons.
  @Test func aTableIsTakenInAsItsRowsOneByOne() throws {
    let scratch = try ScratchDirectory()
    let catalog = try Catalog.open("\(scratch.path)/catalog.sqlite", in: .kernel)
    let ads = (0..<12).map { "ad\($0)" } + ["an-ad-with-a-name-of-many-letters"]
    for ad in ads {
      _ = try catalog.put(
        AdDraft(AdFields(adID: ad, redirectURL: "https://x.example/", advertiserID: "a")), hasCounts: false)
    }
    try Seeds.run(6) { seed in
      var chance = seed.generator
      let text = text(ads, SimulatedMachine(seed: seed.value).time.wall(), &chance)
      let due = try imported(text, catalog, seed: seed.value, oneByOne: true)
      #expect(try imported(text, catalog, seed: seed.value, oneByOne: false) == due, "\(seed)")
      #expect(due.bytes == UInt64(text.count))
    }
  }
}

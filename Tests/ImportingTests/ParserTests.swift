import Clicks
import Importing
import Platform
import Simulation
import Testing

@Suite struct ParserTests {
  static let id = "01976d9c-0080-7abc-8def-0123456789ab"

  private func plan(_ format: ImportFormat, _ identity: ImportedID = .column) -> ImportPlan {
    var plan = ImportPlan()
    plan.format = format
    plan.identity = identity
    plan.source = "clicks.log"
    return plan
  }

  private func read(_ text: String, _ parser: ClickParser, number: UInt64 = 1) -> Result<ParsedClick, ClickLineFault> {
    unsafe Array(text.utf8).withUnsafeBytes { bytes in
      do throws(ClickLineFault) { return .success(try unsafe parser.read(bytes, number: number)!) } catch {
        return .failure(error)
      }
    }
  }

  private func header(_ text: String, _ parser: ClickParser) throws {
    let isHeader = try unsafe Array(text.utf8).withUnsafeBytes { unsafe try parser.readHead($0) }
    #expect(isHeader)
  }

  private let click = ParsedClick(
    ad: AdKey(AdID("a1")!), impression: ImpressionID(ParserTests.id)!,
    minted: ImpressionID(ParserTests.id)!.timeInBits, time: 1_750_000_000_250)

  @Test func objectsAndRowsGiveTheSameClick() throws {
    let objects = try ClickParser(plan(.ndjson))
    let line = #"{"adId":"a1","impressionId":"\#(Self.id)","time":"2025-06-15T15:06:40.250Z","country":"de"}"#
    #expect(try read(line, objects).get() == click)

    let rows = try ClickParser(plan(.csv))
    try header("time,country,adId,impressionId\r", rows)
    for line in [
      "1750000000.25,de,a1,\(Self.id)", "1750000000250,\"d,e\",a1,\(Self.id)\r",
      "\"2025-06-15T15:06:40.250Z\",\"d\"\"e\",\"a1\",\"\(Self.id)\",more",
    ] {
      #expect(try read(line, rows).get() == click, "\(line)")
    }
    // The same identity, which claims no minting time in this spelling.
    var untimed = click
    untimed.minted = nil
    let digits = Self.id.filter { $0 != "-" }
    #expect(try read("2025-06-15T17:06:40.250+02:00,,a1,\(digits)", rows).get() == untimed)
    for (line, fault) in [
      ("1750000000,de,a1", "line has too few fields"), ("1750000000,\"de,a1,\(Self.id)", "line has a quote"),
      ("1750000000,\"d\"e,a1,\(Self.id)", "line has text behind"), ("soon,de,a1,\(Self.id)", "time must be"),
      ("1750000000,de,a/1,\(Self.id)", "adId must be"), ("1750000000,de,a1,7", "impressionId must be"),
      ("", "line has too few fields"),
    ] {
      guard case .failure(let found) = read(line, rows) else {
        Issue.record("\(line) is read")
        continue
      }
      #expect(found.description.hasPrefix(fault), "\(line): \(found)")
    }
  }

  @Test func columnsAreFoundByName() throws {
    var plan = plan(.csv)
    plan.names = [.adID: "ad", .time: "ts", .impressionID: "imp"]
    plan.delimiter = UInt8(ascii: ";")
    let rows = try ClickParser(plan)
    #expect(throws: ImportFault.self) { try header("ad;ts", rows) }
    #expect(throws: ImportFault.self) { try header("ad;ts;imp;ts", rows) }
    try header("imp;ad;ts", rows)
    #expect(try read("\(Self.id);a1;1750000000250", rows).get() == click)

    plan.hasHeader = false
    #expect(throws: ImportFault.self) { try ClickParser(plan) }
    plan.names = [.adID: "3", .time: "1", .impressionID: "2"]
    #expect(try read("1750000000250;\(Self.id);a1", try ClickParser(plan)).get() == click)

    plan.format = .ndjson
    plan.names = [.adID: "ad", .time: "ts", .impressionID: "imp"]
    let line = #"{"imp":"\#(Self.id)","ts":1750000000.25,"ad":"a1"}"#
    #expect(try read(line, try ClickParser(plan)).get() == click)
  }

  @Test func idsAreDerivedFromLines() throws {
    let rows = try ClickParser(plan(.csv, .line))
    try header("adId,time", rows)
    let first = try read("a1,1750000000250", rows, number: 2).get()
    #expect(first.ad == click.ad && first.time == click.time && first.impression.timeInBits == nil)
    #expect(try read("a1,1750000000250", rows, number: 2).get() == first)
    // Another line, another text, another source: another click.
    #expect(try read("a1,1750000000250", rows, number: 3).get().impression != first.impression)
    #expect(try read("a1,1750000000250,", rows, number: 2).get().impression != first.impression)
    var other = plan(.csv, .line)
    other.source = "other.log"
    let others = try ClickParser(other)
    try header("adId,time", others)
    #expect(try read("a1,1750000000250", others, number: 2).get().impression != first.impression)
    // Known for good: whoever imports again with a later version must get the same.
    #expect(first.impression.description.dropFirst(14).first == "8")
  }

  @Test func idsAreDerivedFromColumns() throws {
    let rows = try ClickParser(plan(.csv, .columns(["user", "order"])))
    try header("adId,user,time,order", rows)
    let first = try read("a1,u,1750000000250,7", rows, number: 2).get()
    #expect(try read("a1,u,1750000000251,7", rows, number: 9).get().impression == first.impression)
    #expect(try read("a1,u7,1750000000251,8", rows).get().impression != first.impression)
    #expect(try read("a1,8,1750000000251,u7", rows).get().impression != first.impression)

    let objects = try ClickParser(plan(.ndjson, .columns(["user", "adId"])))
    let one = try read(#"{"adId":"a1","time":1750000000.25,"user":{"a":[1]}}"#, objects).get()
    #expect(try read(#"{"user":{"a":[1]},"time":1750000009,"adId":"a1"}"#, objects).get().impression == one.impression)
    #expect(try read(#"{"user":{"a":[2]},"time":1750000009,"adId":"a1"}"#, objects).get().impression != one.impression)
    guard case .failure = read(#"{"time":1750000009,"adId":"a1"}"#, objects) else {
      Issue.record("a line without the column is read")
      return
    }
  }

  /// A value that is none makes no id: all lines that have none would be one click.
  @Test(arguments: [
    "", " ", "\t ", "null", "NULL", " Null ", "\\N", "nil", "None", "NaN", "n/a", "#N/A", "undefined", "(null)", "-",
    "\"\"",
    "\" \"", "\"null\"",
  ])
  func aLineWithoutIdentityIsNamed(_ none: String) throws {
    let rows = try ClickParser(plan(.csv, .columns(["user", "click"])))
    try header("adId,user,click,time", rows)
    for line in ["a1,\(none),7,1750000000250", "a1,7,\(none),1750000000250", "a1,\(none),\(none),1750000000250"] {
      guard case .failure(let fault) = read(line, rows) else {
        Issue.record("\(line) is read")
        continue
      }
      #expect(fault.field == .impressionID && "\(fault)".contains("has no value"), "\(line): \(fault)")
      #expect("\(fault)".contains("(user)") || "\(fault)".contains("(click)"))
    }
    let own = try ClickParser(plan(.csv))
    try header("adId,impressionId,time", own)
    guard case .failure(let fault) = read("a1,\(none),1750000000250", own) else {
      Issue.record("\(none) is an id")
      return
    }
    #expect(fault.field == .impressionID)
  }

  @Test(arguments: [
    "null", "\"\"", "\"  \"", "\"\\t\\u0020\"", "\"null\"", "\"NULL\"", "\"-\"", "[]", "[ ]", "{}", "{ }", "\"\\n \"",
  ])
  func anObjectWithoutIdentityIsNamed(_ none: String) throws {
    let objects = try ClickParser(plan(.ndjson, .columns(["click", "a.b"])))
    for line in [
      #"{"adId":"a1","time":1750000000,"click":\#(none),"a":{"b":1}}"#,
      #"{"adId":"a1","time":1750000000,"click":7,"a":{"b":\#(none)}}"#,
      #"{"adId":"a1","time":1750000000,"click":7,"a":{}}"#,
      #"{"adId":"a1","time":1750000000,"a":{"b":2}}"#, #"{"adId":"a1","time":1750000000,"click":7,"a":null}"#,
    ] {
      guard case .failure(let fault) = read(line, objects) else {
        Issue.record("\(line) is read")
        continue
      }
      #expect("\(fault)".contains("has no value"), "\(line): \(fault)")
    }
    #expect(throws: Never.self) { try read(#"{"adId":"a1","time":1750000000,"click":7,"a":{"b":0}}"#, objects).get() }
    // Which of the two was meant?
    guard case .failure = read(#"{"adId":"a1","time":1750000000,"click":7,"click":8,"a":{"b":0}}"#, objects) else {
      Issue.record("an id of two values is read")
      return
    }
  }

  @Test func rowsAreTakenByCondition() throws {
    var plan = plan(.csv)
    plan.conditions = [LineCondition(column: "click", value: "1"), LineCondition(column: "cc", value: "d,e")]
    let rows = try ClickParser(plan)
    #expect(throws: ImportFault.self) { try header("adId,impressionId,time,click", rows) }
    try header(" adId,impressionId , time,click,cc", rows)
    func take(_ line: String) throws -> Bool {
      try unsafe Array(line.utf8).withUnsafeBytes { bytes in try unsafe rows.read(bytes, number: 1) != nil }
    }
    #expect(try take("a1,\(Self.id),1750000000,1,\"d,e\""))
    for line in ["a1,\(Self.id),1750000000,0,\"d,e\"", "a1,\(Self.id),1750000000,1,de", "?,?,?,,"] {
      #expect(try !take(line), "\(line)")
    }
    #expect(throws: ClickLineFault.self) { try take("?,\(Self.id),1750000000,1,\"d,e\"") }
  }

  @Test func timesAreReadAsThePlanSays() throws {
    var plan = plan(.csv)
    plan.times = TimeReader(format: try TimeFormat("yyMMddHH"), zone: WallZone.fixed("+02:00"))
    let rows = try ClickParser(plan)
    try header("time,adId,impressionId", rows)
    #expect(try read("14102100,a1,\(Self.id)", rows).get().time == 1_413_849_600_000 - 7_200_000)
    plan.times = TimeReader()
    let plain = try ClickParser(plan)
    try header("time,adId,impressionId", plain)
    for time in ["14102100", "20171107", "43046.39", "0", ""] {
      guard case .failure(let fault) = read("\(time),a1,\(Self.id)", plain) else {
        Issue.record("\(time) is a time")
        continue
      }
      #expect(fault.field == .time)
    }
  }

  /// The derivation is a format: what `Formats/imports.md` says is what is derived, for good.
  @Test func derivedIdsAreThoseOfThePage() throws {
    var byLine = plan(.csv, .line)
    byLine.source = "clicks.csv"
    let rows = try ClickParser(byLine)
    try header("adId,time,country", rows)
    let line = "3845c4d7-9807-8769-bb9d-40f088929352"
    #expect(try read("42,1750000000,de", rows, number: 2).get().impression == ImpressionID(line))
    let column = "84c91b5a-0457-8de3-b0f5-d16180789c47"
    let named = try ClickParser(plan(.csv, .columns(["click", "shop"])))
    try header("adId,time,click,shop", named)
    #expect(try read("42,1750000000,c-1,7", named, number: 7).get().impression == ImpressionID(column))
    let objects = try ClickParser(plan(.ndjson, .columns(["click", "shop"])))
    let object = #"{"adId":"42","time":1750000000,"click":"c-1","shop":"7"}"#
    let member = "124c7630-8bef-8ddc-9e7f-9875493318bf"
    #expect(try read(object, objects).get().impression == ImpressionID(member))
    let path =
      #filePath.split(separator: "/", omittingEmptySubsequences: false).dropLast(3).joined(separator: "/")
      + "/Formats/imports.md"
    let page = String(decoding: try KernelFileSystem().contents(path), as: UTF8.self)
    for id in [line, column, member] { #expect(page.contains("| `\(id)` |"), "\(id)") }
  }

  @Test func aSourceIsKnownByItsNameAndItsWay() {
    let one = plan(.csv, .line)
    #expect(plan(.csv, .line).sourceID == one.sourceID && plan(.csv, .line).way == one.way)
    #expect(plan(.csv, .column).way != one.way && plan(.csv, .column).sourceID != one.sourceID)
    var named = one
    named.source = "x"
    #expect(named.way == one.way && named.sourceID != one.sourceID)
    var mapped = one
    mapped.names = [.time: "ts"]
    #expect(mapped.way != one.way)
    // What is done with sealed months makes no other clicks.
    var credited = one
    credited.takesSealed = true
    #expect(credited.way == one.way)
  }

  /// However the bytes come, lines and the bytes they take are the same.
  @Test func linesDoNotDependOnThePieces() throws {
    try Seeds.run(60) { seed in
      var chance = seed.generator
      let lines = (0..<chance.small(in: 0...30)).map { _ in
        [UInt8](repeating: 0x61, count: chance.pick([0, 1, 50, 65_536, 65_537, 700_000, 1_500_000]))
      }
      var bytes = Array(lines.joined(separator: [0x0A]))
      let hasEnd = chance.oneIn(2) && !lines.isEmpty
      if hasEnd { bytes.append(0x0A) }
      var at = 0
      var source = unsafe LineSource { buffer in
        let count = min(buffer.count, bytes.count - at, 1 + chance.small(in: 0...2_000_000))
        for i in 0..<count { unsafe buffer[i] = bytes[at + i] }
        at += count
        return count
      }
      var found: [Int] = []
      var taken = 0
      while unsafe try source.next({
        found.append($0.count)
        taken += $1
        #expect($2 == 1)
      }) {}
      var due = lines.map(\.count)
      if !hasEnd, due.last == 0 { due.removeLast() }
      #expect(taken == bytes.count && found.count == due.count, "\(seed)")
      for (length, count) in zip(due, found) {
        #expect(count == length || min(length, count) > ClickLineReader.maximumLine, "\(seed)")
      }
    }
  }
}

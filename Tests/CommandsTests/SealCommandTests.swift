import Bytes
import Clicks
import Commands
import JSON
import Platform
import Service
import Store
import Testing

/// `seal` and `statement`, on a directory that no server holds and with a real server.
@Suite struct SealCommandTests {
  private static let ad = AdID("42")!
  private let session: Session
  /// The month before the last one, whose lateness is over on any day.
  private let month: Month

  init() throws {
    session = try Session()
    let now = KernelTime().wall()
    month = Month(index: Month(containing: Minute(containing: now)).index - 2)!
    #expect(session.run("ads put 42 https://x.example/ --advertiser acme --data-dir DATA").status == .done)
    // In the middle of the month, so that all clicks are of it.
    let middle = (month.days.lowerBound + 14) * 86_400_000
    try session.fill(300, ad: Self.ad, ago: now - middle)
  }

  private func json(_ result: Session.Result) throws -> JSONValue {
    #expect(result.status == .done, "\(result.talk)")
    return try JSONReader.read(Array(result.output.utf8))
  }

  private func seal(_ more: String = "") -> Session.Result {
    session.run("seal \(month) \(more) --data-dir DATA --log-slot-size 64KiB --format json")
  }

  /// Clicks of the month that come now, with ids of their own.
  private func lateClicks(_ count: Int, _ name: String) throws {
    let time = (month.days.lowerBound + 14) * 86_400_000
    let lines = (0..<count).map {
      "{\"adId\":\"42\",\"impressionId\":\"\(Hex.encode(UInt64($0 + 1)))\(Hex.encode(UInt64(name.utf8.count)))\","
        + "\"time\":\(time + Int64($0) * 1_000)}\n"
    }
    try session.write(name, lines.joined())
  }

  @Test func aMonthIsSealedAndBilled() throws {
    let current = Month(containing: Minute(containing: KernelTime().wall()))
    let early = session.run("seal \(current) --data-dir DATA --log-slot-size 64KiB")
    #expect(early.status == .refused && early.talk.contains("it is over at"), "\(early.talk)")
    let unreconciled = seal()
    #expect(unreconciled.status == .refused && unreconciled.talk.contains("shard 0: days from"), "\(unreconciled.talk)")
    #expect(session.run("statement \(month) --data-dir DATA").status == .refused)
    #expect(session.run("reconcile --data-dir DATA --log-slot-size 64KiB").status == .done)
    #expect(seal("--max-lateness 90d").status == .refused)
    #expect(seal("--durability os").status == .usage)
    #expect(session.run("seal 2026-13 --data-dir DATA").status == .usage)

    let dry = try json(seal("--dry-run"))
    #expect(dry.shown("clicks") == "300" && dry.shown("ads") == "1" && dry.shown("advertisers") == "1")
    #expect(dry["sealed"] == .bool(false))
    let done = try json(seal())
    #expect(done["sealed"] == .bool(true) && done["digest"] == dry["digest"])
    let again = try json(seal())
    #expect(again["already"] == .bool(true) && again["digest"] == done["digest"])
    #expect(session.run("seal \(month) --data-dir DATA --log-slot-size 64KiB").talk.contains("sealed already"))

    let first = session.run("statement \(month) --advertiser acme --format csv --data-dir DATA")
    #expect(first.status == .done && first.output.contains(",42,73475cb40a568e8d,\(month)-15,300,0,300\r\n"))
    #expect(session.run("statement \(month) --advertiser acme --format csv --data-dir DATA").output == first.output)
    let list = session.run("statement \(month) --data-dir DATA")
    #expect(list.lines.count == 2 && list.lines[1].contains("acme"), "\(list.output)")
    #expect(session.run("verify --data-dir DATA").status == .done)

    // Late clicks: refused, unless they are history; then credits.
    try lateClicks(7, "late.ndjson")
    let refused = session.run("import DIR/late.ndjson --max-lateness 90d --data-dir DATA")
    #expect(refused.output.contains("7 sealed"), "\(refused.output)")
    #expect(session.run("import DIR/late.ndjson --history --data-dir DATA").output.contains("7 sealed"))
    let taken = session.run("import DIR/late.ndjson --history --into-sealed --data-dir DATA")
    #expect(taken.output == "7 accepted, 0 duplicate, 0 rejected\n", "\(taken.talk)")
    let repeated = session.run("import DIR/late.ndjson --history --into-sealed --again --data-dir DATA")
    #expect(repeated.output.hasPrefix("0 accepted, 7 duplicate"))
    for _ in 0..<2 {
      let query = try json(
        session.run("query 42 --from -120d --granularity day --format json --data-dir DATA"))
      #expect(query.shown("total") == "300" && query.shown("credits") == "7")
      #expect(query["series"]?.elements.first?.shown("status") == "sealed")
      let statement = try json(session.run("statement \(month) --advertiser acme --format json --data-dir DATA"))
      #expect(statement.shown("clicks") == "300" && statement.shown("total") == "307")
      #expect(session.run("verify --deep --data-dir DATA").status == .done)
      #expect(session.run("compact --data-dir DATA --log-slot-size 64KiB").status == .done)
      #expect(session.run("reconcile --data-dir DATA --log-slot-size 64KiB").status == .done)
    }
    #expect(try json(seal())["digest"] == done["digest"])
    let list2 = session.run("corrections 42 --data-dir DATA")
    #expect(list2.output.contains("late, a credit"), "\(list2.output)")
    let reshard = session.run("reshard --shards 2 --data-dir DATA --log-slot-size 64KiB")
    #expect(reshard.status == .refused && reshard.talk.contains("sealed"), "\(reshard.talk)")

    let written = session.run("statement \(month) --output DIR/statements --data-dir DATA")
    #expect(written.status == .done, "\(written.talk)")
    let names = try KernelFileSystem().list("\(session.path)/statements").sorted()
    #expect(names == ["statement-\(month)-of-acme.csv", "statements-\(month).json"])
  }

  /// Adds to the first or the last row, and to its hour and day where `isWhole`.
  private func damage(last: Bool = false, by change: Int64, isWhole: Bool = false) throws {
    var options = ShardOptions()
    (options.slotBytes, options.manifestBytes, options.diskReserve) = (65_536, 32_768, 0)
    let store = try Store.open(.kernel, session.data, options: options)
    let rows = try store.shards[0].live.rows()
    let row = try #require(last ? rows.last : rows.first)
    for (key, width) in [(RunTableKey.minutes, Int64(1)), (.hours, 60), (.days, 1_440)] where isWhole || width == 1 {
      try store.shards[0].maintenance.plant([(ad: row.ad, bucket: row.minute.index / width, change: change)], in: key)
    }
    store.shards[0].close()
  }

  private func reconcile(_ more: String = "") -> Session.Result {
    session.run("reconcile \(more) --data-dir DATA --log-slot-size 64KiB")
  }

  @Test func aSealedRowThatIsDamagedIsPutBack() throws {
    #expect(reconcile().status == .done)
    let done = try json(seal())
    try damage(by: 1)
    let verify = session.run("verify --data-dir DATA")
    let remedy = "tally reconcile --from \(month)-01T00:00:00Z --to \(month.next)-01T00:00:00Z puts back"
    #expect(verify.status == .differs && verify.talk.contains(remedy), "\(verify.talk)")
    let dry = reconcile("--dry-run --format json")
    #expect(dry.status == .differs && dry.output.contains("\"damage\":1"), "\(dry.output)")
    let report = try json(reconcile("--format json"))
    #expect(report.shown("rowsCorrected") == "1" && report.shown("rowsCredited") == "0")
    #expect(session.run("verify --deep --data-dir DATA").status == .done)
    #expect(session.run("corrections 42 --data-dir DATA").output.contains("damage"))
    #expect(try json(seal())["digest"] == done["digest"])
  }

  /// Sealed wrong and damaged then: by hand and by a running server it is told, and nothing becomes a credit.
  @Test func aMonthThatNobodyKnowsIsNamed() throws {
    #expect(reconcile().status == .done)
    // Hours and days have rows of their own then.
    #expect(session.run("compact --data-dir DATA --log-slot-size 64KiB").status == .done)
    try damage(last: true, by: 2, isWhole: true)
    _ = try json(seal())
    try damage(by: 1)
    func expectTold(_ result: Session.Result) {
      let words = "NOT CORRECTED: shard 0: \(month) has other rows than were sealed"
      #expect(result.status == .differs && result.talk.contains(words), "\(result.status): \(result.talk)")
    }
    expectTold(reconcile("--dry-run"))
    let report = reconcile("--format json")
    expectTold(report)
    #expect(try JSONReader.read(Array(report.output.utf8))["sealedMonthsLeft"]?.elements.count == 1)
    var settings = ServeSettings()
    settings.dataDirectory = session.data
    (settings.listen, settings.adminListen) = ("127.0.0.1:0", "127.0.0.1:0")
    settings.shardOptions.slotBytes = 1 << 20
    settings.shardOptions.diskReserve = 0
    let server = Server(settings) { _ in }
    try server.start()
    defer { server.stop() }
    expectTold(session.run("reconcile --data-dir DATA"))
    let verify = session.run("verify --deep --data-dir DATA")
    #expect(verify.status == .differs && verify.talk.contains("DAMAGE: shard 0: \(month)"), "\(verify.talk)")
    #expect(try json(session.run("query 42 --from -120d --format json --data-dir DATA")).shown("credits") == "")
  }

  @Test func aRunningServerDoesTheSame() throws {
    var settings = ServeSettings()
    settings.dataDirectory = session.data
    (settings.listen, settings.adminListen) = ("127.0.0.1:0", "127.0.0.1:0")
    settings.shardOptions.slotBytes = 1 << 20
    settings.shardOptions.diskReserve = 0
    settings.shardOptions.idleAfter = 0
    settings.eventTimes.maxLateness = 90 * 86_400_000
    let server = Server(settings) { _ in }
    try server.start()
    let refused = session.run("seal \(month) --data-dir DATA")
    #expect(refused.status == .refused && refused.talk.contains("--max-lateness"), "\(refused.talk)")
    server.stop()
    settings.eventTimes.maxLateness = 48 * 3_600_000
    let second = Server(settings) { _ in }
    try second.start()
    defer { second.stop() }
    #expect(session.run("reconcile --data-dir DATA").status == .done)
    let dry = try json(session.run("seal \(month) --dry-run --data-dir DATA --format json"))
    #expect(dry.shown("advertisers") == "1" && dry["sealed"] == .bool(false))
    let done = try json(session.run("seal \(month) --data-dir DATA --format json"))
    #expect(done["sealed"] == .bool(true) && done["digest"] == dry["digest"])
    let statement = try json(session.run("statement \(month) --advertiser acme --format json --data-dir DATA"))
    #expect(statement.shown("clicks") == "300")
    #expect(session.run("verify --deep --data-dir DATA").status == .done)
    let list = try json(session.run("statement \(month) --format json --data-dir DATA"))
    #expect(list["digest"] == done["digest"] && list["advertisers"]?.elements.count == 1)
  }
}

import Clicks
import Commands
import JSON
import Platform
import Service
import Store
import Testing

/// `reconcile`, `corrections`, `verify --deep`, on directories that no server holds.
@Suite struct ReconcileCommandTests {
  private static let ad = AdID("42")!
  private static let day: Int64 = 86_400_000

  private func session() throws -> Session {
    let session = try Session()
    #expect(session.run("ads put 42 https://x.example/ --advertiser acme --data-dir DATA").status == .done)
    try session.fill(300, ad: Self.ad, ago: Self.day)
    return session
  }

  /// Opens the directory as a server would.
  private func open(_ session: Session, _ body: (Shard) throws -> Void) throws {
    var options = ShardOptions()
    options.slotBytes = 65_536
    options.manifestBytes = 32_768
    options.diskReserve = 0
    options.dedupHorizon = 1_000
    let store = try Store.open(.kernel, session.data, options: options)
    try body(store.shards[0])
    store.shards[0].maintain()
    store.shards[0].close()
  }

  private func json(_ result: Session.Result) throws -> JSONValue { try JSONReader.read(Array(result.output.utf8)) }

  private func total(_ session: Session) throws -> String {
    try json(session.run("query 42 --from -2d --granularity hour --data-dir DATA --format json")).shown("total")
  }

  @Test func wrongRowsAreFoundCorrectedAndExplained() throws {
    let session = try session()
    #expect(session.run("reconcile --data-dir DATA --log-slot-size 64KiB").status == .done)
    #expect(session.run("corrections 42 --data-dir DATA").talk.contains("0 corrections"))
    try open(session) { shard in
      let rows = try shard.live.rows()
      try shard.maintenance.plant([
        (ad: rows[0].ad, bucket: rows[0].minute.index, change: 9),
        (ad: rows[1].ad, bucket: rows[1].minute.index, change: -Int64(rows[1].clicks)),
        (ad: rows[0].ad, bucket: rows.last!.minute.index + 3, change: 4),
      ])
    }
    let dry = session.run("reconcile --dry-run --data-dir DATA --log-slot-size 64KiB --format json")
    #expect(dry.status == .differs, "\(dry.talk)")
    #expect(try json(dry).shown("rowsCorrected") == "3")
    #expect(session.run("verify --data-dir DATA").status == .differs)
    let done = session.run("reconcile --data-dir DATA --log-slot-size 64KiB --format json")
    #expect(done.status == .done, "\(done.talk)")
    let report = try json(done)
    #expect(report["corrected"]?.shown("damage") == "1" && report["corrected"]?.shown("missing") == "1")
    #expect(report["corrected"]?.shown("phantom") == "1" && report.shown("clicks") == "300")
    #expect(try total(session) == "300")
    let list = session.run("corrections 42 --data-dir DATA")
    #expect(list.status == .done && list.lines.count == 4 && list.talk.contains("3 corrections"), "\(list.output)")
    #expect(session.run("verify --data-dir DATA").status == .done)
    #expect(session.run("reconcile --dry-run --data-dir DATA --log-slot-size 64KiB").status == .done)
    #expect(session.run("reconcile --from now --to -1d --data-dir DATA").status == .usage)
  }

  @Test func repeatsAreTakenAwayAndStayAway() throws {
    let session = try session()
    // The same clicks once more, behind a dedup horizon of one second.
    try open(session) { shard in
      // A store that is closed does not age.
      Thread.sleep(nanoseconds: 2_300_000_000)
      if shard.slots.needsPreparation { try shard.slots.prepare() }
      shard.maintain()
      let time = shard.core.clock.now() - Self.day
      let batch = (0..<20).map { number in
        ClickRequest(
          identity: ClickIdentity(
            ad: AdKey(Self.ad), impression: ImpressionID(high: UInt64(number) &* 0x9E37_79B9, low: 0)),
          eventTime: time)
      }
      shard.commit(batch.span) { #expect($1.verdict == .valid, "click \($0)") }
    }
    #expect(try total(session) == "320")
    let before = session.run("verify --deep --data-dir DATA --format json")
    #expect(before.status == .done, "\(before.talk)")
    #expect(try json(before).shown("recounted") == "320")
    #expect(before.talk.contains("320 raw clicks recounted") && before.talk.contains("20 repeats came since"))
    let result = session.run("reconcile --data-dir DATA --log-slot-size 64KiB --format json")
    #expect(result.status == .done, "\(result.talk)")
    #expect(try json(result).shown("repeatsRemoved") == "20")
    #expect(try total(session) == "300")
    // Whatever is done to the files afterwards.
    #expect(session.run("compact --data-dir DATA --log-slot-size 64KiB").status == .done)
    #expect(session.run("reconcile --data-dir DATA --log-slot-size 64KiB").status == .done)
    #expect(try total(session) == "300")
    let after = session.run("verify --deep --data-dir DATA")
    #expect(after.status == .done && !after.talk.contains("repeats came"), "\(after.talk)")
    let path = try KernelFileSystem().list("\(session.data)/shard-00/corr").map {
      "\(session.data)/shard-00/corr/\($0)"
    }
    let inspected = session.run(["inspect", try #require(path.first)])
    #expect(inspected.status == .done && inspected.output.contains("late-repeat"), "\(inspected.talk)")
  }
}

import Commands
import JSON
import Platform
import Service
import Testing

/// `tally import` on a directory that no server holds.
@Suite struct ImportCommandTests {
  private let session: Session
  private let now: Int64

  init() throws {
    session = try Session()
    now = KernelTime().wall()
    for ad in ["a", "b"] {
      #expect(session.run("ads put \(ad) https://x.example/ --advertiser acme --data-dir DATA").status == .done)
    }
  }

  private func total(_ ad: String) throws -> String? {
    let query = session.run("query \(ad) --from -400d --to now --granularity day --format json --data-dir DATA")
    #expect(query.status == .done, "\(query.talk)")
    return try JSONReader.read(Array(query.output.utf8))["total"]?.text
  }

  @Test func objectsAreTakenInOnce() throws {
    var lines = ""
    for i in 0..<500 {
      let id = String(repeating: "0", count: 32 - "\(i)".count) + "\(i)"
      let ad = i % 2 == 0 ? "a" : "b"
      lines += "{\"adId\":\"\(ad)\",\"impressionId\":\"\(id)\",\"time\":\(now - Int64(i) * 60_000)}\n"
    }
    try session.write("clicks.ndjson", lines + "\n{\"adId\":\"none\"}\n")
    let first = session.run("import DIR/clicks.ndjson --data-dir DATA --shards 2")
    #expect(first.status == .failed && first.output == "500 accepted, 0 duplicate, 1 rejected (1 malformed)\n")
    #expect(first.talk.contains("clicks.ndjson:502: ") && first.talk.contains("(malformed)"))
    #expect(try total("a") == "250" && total("b") == "250")
    let again = session.run("import DIR/clicks.ndjson --data-dir DATA --format json")
    let report = try JSONReader.read(Array(again.output.utf8))
    #expect(report["accepted"]?.text == "0" && report["duplicate"]?.text == "500")
    #expect(report["rejected"]?.elements.first?["line"]?.text == "502")
    #expect(try total("a") == "250")
    // The same clicks from standard input, under another name.
    let piped = session.run("import - --source x --data-dir DATA", input: lines)
    #expect(piped.status == .done && piped.output == "0 accepted, 500 duplicate, 0 rejected\n")
    #expect(session.run("verify --data-dir DATA").status == .done)
  }

  @Test func aTableWithoutIdsIsTakenInAsHistory() throws {
    var rows = "ad;ts;country\n"
    for i in 0..<60 { rows += "a;\(now / 1000 - 300 * 86_400 + Int64(i / 2));de\n" }
    try session.write("old.csv", rows)
    let line = "import DIR/old.csv --map adId=ad --map time=ts --delimiter semicolon --id-from line --data-dir DATA"
    let refused = session.run(line)
    #expect(refused.status == .failed && refused.output == "0 accepted, 0 duplicate, 60 rejected (60 too-old)\n")
    #expect(session.run(line + " --history").output == "60 accepted, 0 duplicate, 0 rejected\n")
    #expect(session.run(line + " --history").output.hasPrefix("read already on 20"))
    #expect(session.run(line + " --history --again").output == "0 accepted, 60 duplicate, 0 rejected\n")
    #expect(try total("a") == "60")
    // Rows and raw clicks stay as long as if they had come today.
    #expect(session.run("retain --raw-retention 1d --minute-retention 1d --data-dir DATA").status == .done)
    #expect(try total("a") == "60")
  }

  @Test func whatCannotBeReadIsRefused() throws {
    try session.write("h.csv", "time,ad\n1,2\n")
    for (line, status) in [
      ("import DIR/none --data-dir DATA", ExitStatus.failed), ("import DIR/h.csv --data-dir DATA", .failed),
      ("import DIR/h.csv --map adId --data-dir DATA", .usage),
      ("import DIR/h.csv --map adId=a --map adId=b --data-dir DATA", .usage),
      ("import DIR/h.csv --id-from a,a --data-dir DATA", .usage), ("import --data-dir DATA", .usage),
    ] {
      let run = session.run(line)
      #expect(run.status == status, "\(line): \(run.talk)")
    }
  }
}

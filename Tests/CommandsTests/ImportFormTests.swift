import Clicks
import Commands
import JSON
import Platform
import Service
import Simulation
import Testing

/// Files as people have them, imported into a directory that no server holds.
@Suite(.serialized) struct ImportFormTests {
  private let session: Session
  private let now = KernelTime().wall() / 1000

  init() throws {
    session = try Session()
    for ad in ["42", "43"] {
      #expect(session.run("ads put \(ad) https://x.example/ --advertiser acme --data-dir DATA").status == .done)
    }
  }

  private func write(_ name: String, _ bytes: [UInt8]) throws {
    let path = "\(session.path)/\(name)"
    if KernelFileSystem().exists(path) { try KernelFileSystem().remove(path) }
    try KernelFileSystem().open(path, .create).writeAll(bytes, at: 0)
  }

  /// Accepted, duplicate, rejected and the line that was held back, of an import.
  private func take(_ bytes: [UInt8], _ options: String = "", name: String = "f") throws -> (
    figures: [Int], talk: String
  ) {
    try write(name, bytes)
    let run = session.run("import DIR/\(name) --data-dir DATA --format json \(options)")
    guard let report = try? JSONReader.read(Array(run.output.utf8)) else { return ([], run.talk) }
    let rejected = report["rejectedCount"]?.members.compactMap { $0.value.text.flatMap { Int($0) } }.reduce(0, +) ?? 0
    let figures = ["accepted", "duplicate"].map { report[$0]?.text.flatMap { Int($0) } ?? -1 }
    let held = report["heldBack"]?.text.flatMap { Int($0) } ?? 0
    #expect((run.status == .done) == (rejected == 0 && held == 0), "\(run)")
    return (figures + [rejected, held], run.talk + run.output)
  }

  private func id(_ number: Int) -> String { "c56a418065aa42eca9455fd2" + String(10_000_000 + number) }
  private func object(_ number: Int) -> String {
    #"{"adId":42,"impressionId":"\#(id(number))","time":\#(now - 30)}"# + "\n"
  }

  @Test func encodingsAreRead() throws {
    let mark: [UInt8] = [0xEF, 0xBB, 0xBF]
    #expect(try take(mark + Array(object(1).utf8)).figures == [1, 0, 0, 0])
    #expect(try take(storedGzip(Array((object(2) + object(3)).utf8))).figures == [2, 0, 0, 0])
    #expect(
      try take(mark + Array("42,\(now - 9),\(id(4))\n".utf8), "--no-header --map adId=1,time=2,impressionId=3").figures
        == [1, 0, 0, 0])
    let wide = "adId,impressionId,time\r\n42,\(id(5)),\(now)\r\n42,\(id(6)),\(now)\r\n".utf16.flatMap {
      [UInt8($0 >> 8), UInt8($0 & 255)]
    }
    #expect(try take([0xFE, 0xFF] + wide).figures == [2, 0, 0, 0])
    // The same text, so the same file.
    #expect(try take(wide).talk.contains("readAlready"))
    for (bytes, words) in [
      (Array("PK\u{3}\u{4}".utf8) + [UInt8](repeating: 1, count: 99), "is a zip archive; unzip it first"),
      ([0x28, 0xB5, 0x2F, 0xFD, 1], "zstd"), (Array("PAR1xx".utf8), "Parquet"),
      (Array(storedGzip(Array(object(7).utf8)).dropLast(3)), "cut off"),
      (Array("adId,time,k\r42,1,a\r42,1,b\r".utf8), "carriage return alone"),
    ] {
      let run = try take(bytes)
      #expect(run.figures == [] && run.talk.contains(words), "\(run)")
    }
  }

  @Test func tablesOfSpreadsheetsAreRead() throws {
    #expect(
      try take(Array("sep=;\r\n adId ; time;impressionId \r\n42;\(now);\(id(11))\r\n".utf8)).figures == [1, 0, 0, 0])
    #expect(
      try take(Array("\n \r\n\"sep=,\"\nadId,time,impressionId\n42,\(now),\(id(12))\n".utf8)).figures == [1, 0, 0, 0])
    let run = try take(Array("adId;time;impressionId\n42;\(now);\(id(13))\n".utf8))
    #expect(run.figures == [] && run.talk.contains("has no column adId"))
  }

  /// Whoever can write a search word can not write clicks.
  @Test func aLineInQuotesIsNoClick() throws {
    let text =
      "adId,time,keyword\n42,\(now - 9),\"shoes\n43,\(now - 8),red\"\n42,\(now - 7),x\n42,\(now - 6),\"y\"\"\n\n43,1\"\n"
    let first = try take(Array(text.utf8), "--id-from line")
    #expect(first.figures == [3, 0, 0, 0], "\(first.talk)")
    for (ad, clicks) in [("42", 3), ("43", 0)] {
      let query = session.run("query \(ad) --from -1h --to now --format json --data-dir DATA")
      #expect(try JSONReader.read(Array(query.output.utf8))["total"]?.text == "\(clicks)", "\(query)")
    }
    // A fault behind it is named by its own line.
    let faulty = try take(Array((text + "42,never,z\n").utf8), "--id-from line --source other")
    #expect(faulty.talk.contains("\"line\":8,"), "\(faulty.talk)")
  }

  @Test func anUnfinishedLastLineIsHeldBack() throws {
    let begin = "adId,time,k\n42,\(now - 5),aaa\n42,\(now - 4),bb"
    let first = try take(Array(begin.utf8), "--id-from line")
    #expect(first.figures == [1, 0, 0, 3] && first.talk.contains("no newline"), "\(first.talk)")
    let second = try take(Array((begin + "b\n").utf8), "--id-from line")
    #expect(second.figures == [1, 0, 0, 0], "\(second.talk)")
    #expect(
      try take(Array("adId,time,k\n42,\(now - 5),ccc".utf8), "--id-from line --source z --complete").figures == [
        1, 0, 0, 0,
      ])
    // An object and packed data say themselves where they end.
    #expect(try take(Array(object(21).utf8.dropLast())).figures == [1, 0, 0, 0])
    #expect(
      try take(storedGzip(Array("adId,time,k\n42,\(now - 5),ddd".utf8)), "--id-from line --source g").figures == [
        1, 0, 0, 0,
      ])
    #expect(try take(Array(object(22).utf8.dropLast(9))).figures == [0, 0, 0, 1])
  }

  @Test func linesAreChosenAndTimesAreTold() throws {
    let text = "site_id,hour,click,id\n42,14102100,1,a\n42,14102100,0,b\n42,14102101,1,c\n"
    let options = "--history --map adId=site_id,time=hour --id-from id"
    #expect(try take(Array(text.utf8), options).figures == [0, 0, 3, 0])
    let told = try take(Array(text.utf8), options + " --where click=1 --time-format yyMMddHH --time-zone Asia/Shanghai")
    #expect(told.figures == [2, 0, 0, 0] && told.talk.contains("\"leftOut\":1"), "\(told.talk)")
    for wrong in ["--time-format HH:mm", "--time-zone Europe/Nowhere", "--where click"] {
      #expect(session.run("import DIR/f --data-dir DATA \(wrong)").status == .usage, "\(wrong)")
    }
  }

  @Test func linesWithoutIdentityAreNamed() throws {
    let rows = ["", "  ", "null", "\"\"", "\\N"].map { "42,\($0),\(now - 5)\n" }.joined()
    let run = try take(Array(("adId,click_id,time\n" + rows).utf8), "--id-from click_id")
    #expect(run.figures == [0, 0, 5, 0] && run.talk.contains("(click_id)"), "\(run.talk)")
  }

  @Test func adsComeInTheSameForms() throws {
    let csv = "sep=;\r\nadId; redirectUrl ;advertiserId\r\n7;https://a.example/;acme\r\n"
    let bytes: [[UInt8]] = [
      Array(csv.utf8), storedGzip(Array(csv.utf8)),
      [0xFF, 0xFE] + csv.utf16.flatMap { [UInt8($0 & 255), UInt8($0 >> 8)] },
      [0xEF, 0xBB, 0xBF]
        + Array(#"{"adId":18446744073709551616,"redirectUrl":"https://a.example/","advertiserId":7}"#.utf8),
    ]
    for (index, one) in bytes.enumerated() {
      try write("ads", one)
      let run = session.run("ads import DIR/ads --data-dir DATA")
      #expect(run.status == .done && run.output.contains("0 rejected"), "\(index): \(run)")
    }
    #expect(session.run("ads get 18446744073709551616 --data-dir DATA").output.contains("advertiserId: 7"))
    try write("ads", Array("PK\u{3}\u{4}".utf8) + [UInt8](repeating: 1, count: 99))
    let zip = session.run("ads import DIR/ads --data-dir DATA")
    #expect(zip.status == .refused && zip.talk.contains("is a zip archive"), "\(zip)")
  }
}

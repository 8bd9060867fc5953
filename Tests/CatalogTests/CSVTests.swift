import Catalog
import Platform
import Simulation
import Testing

/// The rows of a text that is fed in chunks of the given size, and the error that ended them.
private func read(_ bytes: [UInt8], chunk: Int = .max) -> (rows: [CSVRow], error: CSVError?) {
  var reader = CSVReader()
  var rows: [CSVRow] = []
  do throws(CSVError) {
    var start = 0
    while start < bytes.count {
      let end = start + min(chunk, bytes.count - start)
      let part = Array(bytes[start..<end])
      try reader.feed(part.span, into: &rows)
      start = end
    }
    try reader.finish(into: &rows)
    return (rows, nil)
  } catch {
    return (rows, error)
  }
}

private func read(_ text: String, chunk: Int = .max) -> (rows: [CSVRow], error: CSVError?) {
  read(Array(text.utf8), chunk: chunk)
}

@Suite struct CSVReaderTests {
  @Test(
    arguments: [
      ("", []), ("a", [["a"]]), ("a\n", [["a"]]), ("a\r\n", [["a"]]), ("a,b\nc,d", [["a", "b"], ["c", "d"]]),
      ("\u{FEFF}a,b", [["a", "b"]]), ("\u{FEFF}\"a\",b", [["a", "b"]]), ("\u{FEFF}", []), ("\n\r\n\na\n\n", [["a"]]),
      (",", [["", ""]]), ("a,\n", [["a", ""]]), ("a,", [["a", ""]]), ("\"\"", [[""]]), ("\"\"\n", [[""]]),
      ("\"\"\r\n", [[""]]), ("\"a,b\"\r\n", [["a,b"]]), ("\"a\"\"b\"", [["a\"b"]]), ("\"\"\"\"", [["\""]]),
      ("\"a\r\nb\",c\nd,e", [["a\r\nb", "c"], ["d", "e"]]), (" a , b ", [[" a ", " b "]]),
      ("ä,\u{1F600}", [["ä", "\u{1F600}"]]),
    ] as [(String, [[String]])])
  func whatTheRFCAllows(text: String, expected: [[String]]) {
    for chunk in [1, 2, 3, Int.max] {
      let (rows, error) = read(text, chunk: chunk)
      #expect(error == nil)
      #expect(rows.map(\.fields) == expected)
    }
  }

  @Test(
    arguments: [
      ("a\"b", 1, "quote"), ("x\n\"a\"b", 2, "closing quote"), ("x\n\n\"a", 3, "never closed"), ("a\rb", 1, "carriage"),
      ("a\r", 1, "carriage"), ("x\n\"a\n\n\" ", 4, "closing quote"), ("\"a\"\rb", 1, "carriage"),
      ("a\r\r\n", 1, "carriage"),
    ] as [(String, Int, String)])
  func whatItDoesNot(text: String, line: Int, reason: String) throws {
    for chunk in [1, Int.max] {
      let error = try #require(read(text, chunk: chunk).error)
      #expect(error.line == line && error.reason.contains(reason), "\(error)")
    }
  }

  @Test func bytesThatAreNotTextAreRefused() {
    #expect(read([0x61, 0x0A, 0x62, 0x2C, 0xC3, 0x28]).error == CSVError(line: 2, reason: "field 2 is not UTF-8"))
    #expect(read([0xEF, 0xBB, 0x61]).error?.line == 1)
    #expect(read([0xEF, 0xBB]).error?.line == 1)
    // A field's end inside a character of two bytes must not make two good halves.
    #expect(read([0xC3, 0x2C, 0xA4]).error != nil)
  }

  @Test func linesAreCountedThroughQuotes() {
    #expect(read("a\n\"b\nc\n\"\r\n\nd").rows.map(\.line) == [1, 2, 6])
  }

  @Test func aRowIsBounded() {
    let longest = String(repeating: "x", count: CSVReader.maximumRowBytes - 1)
    #expect(read("a\n\(longest)\nb").rows.count == 3)
    let (rows, error) = read("a\n\(longest)x\nb")
    #expect(rows.map(\.fields) == [["a"]])
    #expect(error?.line == 2)
    #expect(read("\"" + String(repeating: "\n", count: CSVReader.maximumRowBytes)).error?.line == 1)
  }

  @Test func anErrorStays() {
    var reader = CSVReader()
    var rows: [CSVRow] = []
    let (bad, good) = (Array("a\"".utf8), Array("\nb\n".utf8))
    for part in [bad, good] {
      #expect(throws: CSVError.self) { try reader.feed(part.span, into: &rows) }
    }
    #expect(throws: CSVError.self) { try reader.finish(into: &rows) }
    #expect(rows.isEmpty)
  }

  @Test func whatIsWrittenIsReadBackInAnyChunks() {
    let seed = KernelChance().next()
    var random = SeededGenerator(seed: seed)
    let characters = ["a", ",", "\"", "\n", "\r", "\r\n", "ä", " ", "\u{1F600}", ""]
    for _ in 0..<300 {
      let table = (0..<Int.random(in: 1...6, using: &random)).map { _ in
        (0..<Int.random(in: 1...4, using: &random)).map { _ in
          (0..<Int.random(in: 0...5, using: &random)).map { _ in characters.randomElement(using: &random)! }.joined()
        }
      }
      var text = Bool.random(using: &random) ? "\u{FEFF}" : ""
      for row in table {
        text += row.map { field in
          let special = field.utf8.contains { [0x22, 0x2C, 0x0A, 0x0D].contains($0) }
          guard special || row == [""] || Bool.random(using: &random) else { return field }
          return "\"" + field.split(separator: "\"", omittingEmptySubsequences: false).joined(separator: "\"\"") + "\""
        }.joined(separator: ",")
        text += Bool.random(using: &random) ? "\n" : "\r\n"
      }
      let (rows, error) = read(text, chunk: Int.random(in: 1...9, using: &random))
      #expect(
        error == nil && rows.map { $0.fields.map { Array($0.utf8) } } == table.map { $0.map { Array($0.utf8) } },
        "seed \(seed): \(text.debugDescription)")
    }
  }

  @Test func anyBytesAreReadTheSameInAnyChunks() {
    let seed = KernelChance().next()
    var random = SeededGenerator(seed: seed)
    let alphabet: [UInt8] = [0x61, 0x2C, 0x22, 0x22, 0x0A, 0x0D, 0xEF, 0xBB, 0xBF, 0xC3, 0xA4]
    for _ in 0..<3000 {
      let bytes = (0..<Int.random(in: 0...24, using: &random)).map { _ in alphabet.randomElement(using: &random)! }
      let whole = read(bytes)
      let parts = read(bytes, chunk: Int.random(in: 1...4, using: &random))
      #expect(whole.rows == parts.rows && whole.error == parts.error, "seed \(seed): \(bytes)")
    }
  }
}

@Suite struct AdCSVReaderTests {
  private func ads(_ text: String) -> (rows: [AdRow], error: CSVError?) {
    var reader = AdCSVReader()
    var rows: [AdRow] = []
    do throws(CSVError) {
      let bytes = Array(text.utf8)
      try reader.feed(bytes.span, into: &rows)
      try reader.finish(into: &rows)
      return (rows, nil)
    } catch { return (rows, error) }
  }

  @Test func columnsComeInAnyOrderAndEmptyMeansAbsent() {
    let (rows, error) = ads(
      """
      status,advertiserId,redirectUrl,adId,fallbackUrl
      paused,acme,"https://a.example/?x=1,2",42,http://b
      ,acme,http://a,43,
      """)
    #expect(error == nil)
    #expect(
      rows == [
        AdRow(
          line: 2,
          fields: AdFields(
            adID: "42", redirectURL: "https://a.example/?x=1,2", advertiserID: "acme", status: "paused",
            fallbackURL: "http://b")),
        AdRow(line: 3, fields: AdFields(adID: "43", redirectURL: "http://a", advertiserID: "acme")),
      ])
  }

  @Test func aRowOfAnotherWidthIsItsOwnFault() {
    let (rows, error) = ads("adId,redirectUrl,advertiserId\n1,http://a\n2,http://a,acme\n3,http://a,acme,x\n")
    #expect(error == nil)
    #expect(rows.map(\.line) == [2, 3, 4] && rows.map(\.faults.count) == [1, 0, 1])
  }

  @Test(
    arguments: [
      ("", "no header"), ("adId,url\n", "\"url\""), ("adId,adId,redirectUrl,advertiserId", "more than once"),
      ("adId,redirectUrl", "advertiserId"), ("adid,redirectUrl,advertiserId", "\"adid\""),
      ("adId;redirectUrl\n", "unknown"),
    ])
  func aWrongHeaderIsAnErrorThatNamesIt(text: String, part: String) throws {
    let (rows, error) = ads(text)
    #expect(rows.isEmpty)
    #expect(try #require(error).reason.contains(part))
  }

  @Test func rowsBeforeAnErrorAreHandedOver() {
    let (rows, error) = ads("adId,redirectUrl,advertiserId\n1,http://a,acme\n2,\"http")
    #expect(rows.map(\.fields.adID) == ["1"])
    #expect(error?.line == 3)
  }
}

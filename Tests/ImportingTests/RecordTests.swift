import Importing
import Simulation
import Testing

/// Records of a table: a line end inside quotes is part of a field, and never the beginning of another click.
@Suite struct RecordTests {
  private struct Record: Equatable {
    var text: String
    var bytes: Int
    var lines: Int
  }

  private func read(
    _ bytes: [UInt8], quotes: UInt8?, last: LineSource.LastLine = .taken, most: Int = 1 << 20,
    _ chance: inout SeededGenerator
  ) throws -> (records: [Record], heldBack: Int?) {
    var at = 0
    var steps = chance
    var source = unsafe LineSource { buffer in
      let count = min(buffer.count, bytes.count - at, 1 + steps.small(in: 0...most))
      for i in 0..<count { unsafe buffer[i] = bytes[at + i] }
      at += count
      return count
    }
    source.quotes = quotes
    source.lastLine = last
    var records: [Record] = []
    while unsafe try source.next({ line, bytes, lines in
      records.append(Record(text: String(decoding: unsafe Array(line), as: UTF8.self), bytes: bytes, lines: lines))
    }) {}
    return (records, source.heldBack)
  }

  /// Slowly and plainly: the reference.
  private func reference(_ text: String, quotes: Character) -> [Record] {
    var records: [Record] = []
    var (record, lines, inQuotes, atStart) = ("", 0, false, true)
    var rest = Substring(text)
    while let letter = rest.popFirst() {
      if letter == "\n", !inQuotes {
        records.append(Record(text: record, bytes: record.utf8.count + 1, lines: lines + 1))
        (record, lines, atStart) = ("", 0, true)
        continue
      }
      if letter == "\n" { lines += 1 }
      record.append(letter)
      if inQuotes {
        if letter == "\"" {
          if rest.first == "\"" { record.append(rest.popFirst()!) } else { inQuotes = false }
        }
      } else if letter == "\"", atStart {
        inQuotes = true
      }
      atStart = !inQuotes && letter == quotes
    }
    if !record.isEmpty {
      records.append(Record(text: record, bytes: record.utf8.count, lines: record.hasSuffix("\n") ? lines : lines + 1))
    }
    return records
  }

  @Test func recordsAreThoseOfAPlainReader() throws {
    try Seeds.run(150) { seed in
      var chance = seed.generator
      let letters: [Character] = ["\"", "\"", ",", ";", "\n", "\n", "a", "é"]
      let text = String((0..<chance.small(in: 0...400)).map { _ in chance.pick(letters) })
      for quotes in [UInt8(ascii: ","), UInt8(ascii: ";")] {
        let found = try read(Array(text.utf8), quotes: quotes, most: 30, &chance)
        #expect(
          found.records == reference(text, quotes: Character(Unicode.Scalar(quotes))),
          "\(seed): \(text.debugDescription)")
        #expect(found.records.reduce(0) { $0 + $1.bytes } == text.utf8.count && found.heldBack == nil)
      }
      let lines = try read(Array(text.utf8), quotes: nil, most: 30, &chance)
      #expect(lines.records.allSatisfy { $0.lines == 1 && !$0.text.contains("\n") }, "\(seed)")
    }
  }

  /// A quote that is closed late, or never, takes no more memory, and what it holds makes no records.
  @Test func longRecordsAreBounded() throws {
    try Seeds.run(4) { seed in
      var chance = seed.generator
      let inside = String(repeating: "43,1750000000,x\n", count: 60_000 + chance.small(in: 0...60_000))
      let text = "42,1,\"\(inside)\"\n44,1,y\n"
      let found = try read(Array(text.utf8), quotes: UInt8(ascii: ","), &chance)
      #expect(found.records.count == 2 && found.records.last?.text == "44,1,y", "\(seed)")
      #expect(
        found.records[0].bytes == text.utf8.count - 7
          && found.records[0].lines == inside.filter { $0 == "\n" }.count + 1)
      let open = try read(Array("42,1,\"\(inside)".utf8), quotes: UInt8(ascii: ","), &chance)
      #expect(open.records.count == 1 && open.records[0].text.utf8.count > 65_536, "\(seed)")
    }
  }

  @Test func anUnfinishedLastLineIsHeldBack() throws {
    var chance = SeededGenerator(seed: 7)
    let comma = UInt8(ascii: ",")
    func held(_ text: String, _ last: LineSource.LastLine, quotes: UInt8? = nil) throws -> [Int] {
      let found = try read(Array(text.utf8), quotes: quotes, last: last, &chance)
      return [found.records.count, found.heldBack ?? 0]
    }
    #expect(try held("a\nbb", .taken) == [2, 0])
    #expect(try held("a\nbb", .heldBack) == [1, 2])
    #expect(try held("a\nbb\n", .heldBack) == [2, 0])
    #expect(try held("a\n \t", .heldBack) == [2, 0])
    #expect(try held("a\n1,\"b\nc\n", .heldBack, quotes: comma) == [1, 7])
    #expect(try held("{}\n{\"a\":1}", .ifObject) == [2, 0])
    #expect(try held("{}\n{\"a\":1} \r", .ifObject) == [2, 0])
    #expect(try held("{}\n{\"a\":{", .ifObject) == [1, 6])
    #expect(try held("", .heldBack) == [0, 0])
  }
}

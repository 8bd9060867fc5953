import Columns
import Simulation
import Testing

/// What `Formats/columns.md` says is what the code writes and reads.
@Suite struct PageTests {
  /// Everything that the page shows, as it is written now.
  static var written: [String: [UInt8]] {
    var written: [String: [UInt8]] = [:]
    for (name, values) in Examples.columns { IntegerColumn.encode(values, to: &written[name, default: []]) }
    written["row block"] = Examples.rows.encoded
    StringColumn.encode(Examples.plainText, to: &written["plain strings", default: []])
    StringColumn.encode(Examples.compressedText, to: &written["compressed strings", default: []])
    return written
  }

  @Test func theExamplesAreWhatIsWritten() throws {
    let page = try FormatPage("columns", from: #filePath)
    let written = Self.written
    #expect(Set(page.examples.keys) == Set(written.keys))
    for (name, bytes) in written {
      #expect(page.examples[name].map(HexDump.text) == HexDump.text(bytes), "\(name)")
    }
  }

  @Test func theExamplesAreRead() throws { try expect(try FormatPage("columns", from: #filePath).examples) }

  /// The golden blocks were written by version 0.1 and are never written again: later versions must read them.
  @Test func theGoldenBlocksAreRead() throws {
    var blocks: [String: [UInt8]] = [:]
    for name in Self.written.keys {
      blocks[name] = try HexDump.golden(name.replacing(" ", with: "-"), beside: #filePath)
    }
    try expect(blocks)
  }

  private func expect(_ blocks: [String: [UInt8]]) throws {
    let memory = ExactMemory(atLeast: 4096)
    for (name, values) in Examples.columns {
      try unsafe memory.with(try #require(blocks[name])) { raw in
        let (found, used) = unsafe try Decode.column(raw, values.count)
        #expect(found == values && used == raw.count, "\(name)")
        let description = unsafe try IntegerColumn.describe(raw, count: values.count)
        #expect(description.hasPrefix(name), "\(name): \(description)")
      }
    }
    try unsafe memory.with(try #require(blocks["row block"])) { raw in
      let found = unsafe try Decode.rows(raw)
      #expect(found == Examples.rows)
    }
    for (name, strings) in [("plain strings", Examples.plainText), ("compressed strings", Examples.compressedText)] {
      try unsafe memory.with(try #require(blocks[name])) { raw in
        let (found, used) = unsafe try StringColumn.decode(raw, count: strings.count)
        #expect(found == strings && used == raw.count, "\(name)")
      }
    }
  }

  @Test func theConstantsAreThoseOfTheSource() throws {
    #expect(
      try FormatPage("columns", from: #filePath).constants
        == [
          "mostvaluesinacolumn": IntegerColumn.maximumCount, "mostrowsinablock": RowBlock.maximumRows,
          "mostbytesofstrings": StringColumn.maximumBytes, "constant": 1, "bitmap": 2, "sparse": 3, "packed": 4,
          "classes": 5, "patched": 6, "delta": 7, "plain": 8,
        ])
  }
}

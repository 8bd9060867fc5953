import Catalog
import Clicks
import Simulation
import Testing

/// What `Formats/catalog.md` says of rows is what is signed.
@Suite struct CatalogPageTests {
  @Test func theExampleIsWhatIsSigned() throws {
    let page = try FormatPage("catalog", from: #filePath)
    let hasher = SHA256()
    let bytes = SignedTable.token.signedBytes(
      [
        .integer(2), .text("k3f7q2wxyz"), .blob(hasher.digest(Array("x".utf8))), .integer(1), .text("acme"), .null,
        .integer(1_795_453_200_000), .null, .integer(1_803_229_200_000), .null,
      ], key: Array(0..<16))
    #expect(page.examples["row"].map(HexDump.text) == HexDump.text(bytes))
    #expect(page.examples["checksum"] == Array(hasher.digest(bytes).prefix(8)))
  }

  /// Each version has its row, and each table its line with its columns.
  @Test func thePageHasEveryVersionAndEveryColumn() throws {
    let page = try FormatPage("catalog", from: #filePath)
    for version in 1...Schema.steps.count { #expect(page.text.contains("| \(version) | ")) }
    for table in SignedTable.allCases {
      let line = page.text.split(separator: "\n").first { $0.hasPrefix("\(table.rawValue) ") }
      let words = line?.split(separator: " ").dropFirst().filter { $0 != "|" }.map(String.init)
      #expect(words == table.columns, "\(table)")
    }
  }
}

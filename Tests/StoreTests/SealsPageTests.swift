import Bytes
import Clicks
import Platform
import Simulation
import Store
import StoreHarness
import Testing

/// What `Formats/seals.md` says of a shard's seal is what the code writes; the page's digests were made by other code.
@Suite struct SealsPageTests {
  @Test func theExampleIsWhatIsSealed() throws {
    let month = try #require(Month("2026-10"))
    let machine = SimulatedMachine(seed: 3, time: SimulatedTime(wall: month.end + 50 * 3_600_000))
    var options = Scenario.options
    options.idleAfter = 0
    let store = try Store.open(machine.environment, Run.path, options: options)
    let shard = store.shards[0]
    let (one, other) = (AdKey(try #require(AdID("42"))), AdKey(try #require(AdID("banner"))))
    let start = month.minutes.lowerBound * 60_000
    let clicks = [
      (one, start), (one, start), (one, start), (other, start), (one, start + 1_441 * 60_000), (other, start),
    ]
    let batch = clicks.enumerated().map { number, click in
      ClickRequest(
        identity: ClickIdentity(ad: click.0, impression: ImpressionID(high: UInt64(number), low: 1)),
        eventTime: click.1)
    }
    shard.commit(batch.span) { #expect($1.verdict == .valid, "click \($0)") }
    try shard.maintenance.recount(.changes)
    var seal = try shard.maintenance.seal(month)
    seal.time = try #require(Timestamp.parse("2026-11-03T00:30:00Z"))

    let page = try FormatPage("seals", from: #filePath)
    #expect(page.examples["monthSealed"].map(HexDump.text) == HexDump.text(ManifestChange.monthSealed(seal).bytes))
    let rows = try #require(page.examples["minute rows"])
    #expect(SHA256().digest(Array("tally seal 1 minutes 2026-10\n".utf8) + rows) == seal.minutes)
    let text = String(decoding: try KernelFileSystem().contents(Self.path), as: UTF8.self)
    #expect(text.contains("\n\(Hex.encode(MonthSeal.digest(of: [seal])))\n"))
    #expect(Set(page.examples.keys) == ["monthSealed", "minute rows"])
  }

  private static let path =
    #filePath.split(separator: "/", omittingEmptySubsequences: false).dropLast(3).joined(separator: "/")
    + "/Formats/seals.md"
}

import Catalog
import Clicks
import Importing
import Platform
import Simulation
import Testing

/// The gate says of every ad what the catalog says, whether it asked for the ad or read it with all others.
@Suite struct AdGateTests {
  private let scratch: ScratchDirectory
  private let catalog: Catalog
  private static let path = "catalog.sqlite"

  init() throws {
    scratch = try ScratchDirectory()
    catalog = try Catalog.open("\(scratch.path)/\(Self.path)", in: .kernel)
    for number in 0..<600 {
      _ = try catalog.put(
        AdDraft(
          AdFields(
            adID: "ad-\(number)", redirectURL: "https://x.example/\(number)", advertiserID: "a",
            campaignID: number % 3 == 0 ? "c" : nil, status: number % 5 == 0 ? "paused" : nil)), hasCounts: false)
      if number % 7 == 0 { _ = try catalog.delete(AdID("ad-\(number)")!) }
    }
  }

  private func damage(_ id: String) throws {
    let raw = try Database.open("\(scratch.path)/\(Self.path)", .readWrite, files: KernelFileSystem())
    try raw.execute("UPDATE ad SET redirect_url = 'https://y.example/' WHERE id = '\(id)'", doing: "testing")
  }

  @Test(arguments: [(0, false), (10, false), (100, true), (100_000, false)])
  func itSaysWhatTheCatalogSays(asksBeforeCounting: Int, admitsPaused: Bool) throws {
    let gate = AdGate(catalog, admitsPaused: admitsPaused, asksBeforeCounting: asksBeforeCounting)
    var chance = SeededGenerator(seed: 11)
    for _ in 0..<4_000 {
      let number = Int(chance.next() % 900)
      let key = AdKey(AdID("ad-\(number)")!)
      let due: ImportRejection? =
        switch try catalog.ad(key)?.status {
        case .active?: nil
        case .paused?: admitsPaused ? nil : .paused
        case nil: .unknownAd
        }
      #expect(try gate.rejection(key) == due, "ad-\(number)")
    }
  }

  @Test(arguments: [0, 100_000])
  func aDamagedAdIsNoAnswer(asksBeforeCounting: Int) throws {
    try damage("ad-1")
    let gate = AdGate(catalog, admitsPaused: false, asksBeforeCounting: asksBeforeCounting)
    for number in 2..<300 where number % 7 != 0 {
      #expect(try gate.rejection(AdKey(AdID("ad-\(number)")!)) == (number % 5 == 0 ? .paused : nil))
    }
    #expect(throws: CatalogError.self) { try gate.rejection(AdKey(AdID("ad-1")!)) }
  }
}

import Shards
import Simulation
import StoreHarness
import Testing

/// Hot intervals in a store that crashes; the campaigns of `StoreHarness`, small enough for every push.
@Suite struct HotIntervalTests {
  @Test(arguments: Seeds.list(120))
  func randomHistoriesCountEachClickOnce(_ seed: Seed) {
    let findings = RoutesCampaign.run(seed: seed.value)
    #expect(findings.violations == [], "\(seed)")
  }

  /// Ids whose time comes while their ad is hot meet their first copy.
  @Test(arguments: Seeds.list(12))
  func earlyIDsStayAtHome(_ seed: Seed) {
    #expect(RoutesCampaign.early(seed: seed.value).violations == [], "\(seed)")
  }

  @Test(arguments: Seeds.list(10))
  func routesThatWereTakenLongAgoHarmNothing(_ seed: Seed) {
    #expect(RoutesCampaign.held(seed: seed.value).violations == [], "\(seed)")
  }

  @Test(arguments: Seeds.list(100))
  func recountsOfHotAdsAreExactOverShards(_ seed: Seed) {
    let findings = RoutedRecountCampaign.run(seed: seed.value)
    #expect(findings.violations == [], "\(seed)")
  }

  @Test(arguments: [1, 2] as [UInt64])
  func everyCrashPointOfAScriptIsSurvived(_ seed: UInt64) {
    let findings = RoutesCampaign.crash(seed: seed, stride: 4)
    #expect(findings.violations == [])
    #expect(findings.crashPoints > 500)
  }
}

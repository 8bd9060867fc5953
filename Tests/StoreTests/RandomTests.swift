import Simulation
import StoreHarness
import Testing

@Suite struct RandomTests {
  @Test func randomHistoriesAgreeWithTheLedger() throws {
    var all = Findings()
    try Seeds.run(600) { seed in
      let findings = RandomCampaign.run(seed: seed.value)
      all = all + findings
      #expect(findings.violations == [], "\(seed)")
    }
    print("T2: \(all)")
    #expect(all.faultsInjected > 100 && all.crashPoints > 300)
  }
}

import Simulation
import StoreHarness
import Testing

@Suite struct CrashTests {
  @Test(arguments: Scenario.all + Scenario.sharded)
  func everyCrashPointIsSurvived(scenario: Scenario) {
    let findings = CrashCampaign.run(scenario, seed: 1, stride: scenario.stride)
    print("T1 \(scenario): \(findings)")
    #expect(findings.violations == [])
    #expect(findings.crashPoints > 100)
  }

  /// A rewriting to another number of shards switches by one name, which has to be durable before the old shards go.
  @Test(arguments: 1...2 as ClosedRange<UInt64>) func aKilledRewritingLosesNothing(seed: UInt64) {
    let findings = SwitchCampaign.run(seed: seed, stride: 3)
    print("switch \(seed): \(findings)")
    #expect(findings.violations == [])
    #expect(findings.crashPoints > 100)
  }
}

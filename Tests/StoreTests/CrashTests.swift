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

  /// The opening behind a killed rewriting removes the old shards, numbers the new ones and replaces `STORE`: the power may fail
  /// anywhere in it.
  @Test(arguments: 1...2 as ClosedRange<UInt64>) func aPowerCutInTheOpeningBehindItLosesNothing(seed: UInt64) {
    let findings = SwitchCampaign.cutOpenings(seed: seed, stride: 7)
    print("switch, openings \(seed): \(findings)")
    #expect(findings.violations == [])
    #expect(findings.crashPoints > 100)
  }
}

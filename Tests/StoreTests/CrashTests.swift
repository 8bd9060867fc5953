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
}

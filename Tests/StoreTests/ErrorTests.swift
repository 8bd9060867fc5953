import Simulation
import StoreHarness
import Testing

@Suite struct ErrorTests {
  @Test(arguments: Scenario.all)
  func everyFailedCallIsSurvived(scenario: Scenario) {
    let findings = ErrorCampaign.run(scenario, seed: 5, stride: 3 * scenario.stride)
    print("T5 \(scenario): \(findings)")
    #expect(findings.violations == [])
    #expect(findings.faultsInjected > 50)
  }

  @Test(arguments: Scenario.all)
  func everySyncThatFailsForGoodIsSurvived(scenario: Scenario) {
    let findings = LostSyncCampaign.run(scenario, seed: 3, stride: scenario.stride > 1 ? 6 : 2)
    print("Lost syncs \(scenario): \(findings)")
    #expect(findings.violations == [])
    #expect(findings.faultsInjected > 5)
  }

  @Test(arguments: Scenario.all)
  func everyKillFollowedByAPowerCutIsSurvived(scenario: Scenario) {
    let findings = KillCampaign.run(scenario, seed: 2, stride: scenario.stride)
    print("Kill \(scenario): \(findings)")
    #expect(findings.violations == [])
  }
}

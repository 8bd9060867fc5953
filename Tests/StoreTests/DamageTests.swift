import Simulation
import StoreHarness
import Testing

@Suite struct DamageTests {
  @Test func aFlippedBitIsHarmlessOrNamed() throws {
    let findings = try RotCampaign.run(seed: 3)
    print("T3: \(findings)")
    #expect(findings.violations == [])
    #expect(findings.runs > 15_000)
  }

  @Test func grossDamageIsHarmlessOrAnError() throws {
    let findings = try DamageCampaign.run(seed: 4)
    print("T4: \(findings)")
    #expect(findings.violations == [])
    #expect(findings.runs > 1_000)
  }
}

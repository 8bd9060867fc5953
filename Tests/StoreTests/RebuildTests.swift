import Simulation
import StoreHarness
import Testing

/// T12 and T13 at the size of every push.
@Suite struct RebuildTests {
  @Test(arguments: [1, 2, 3] as [UInt64])
  func whatIsDerivedComesBack(seed: UInt64) {
    let findings = RebuildCampaign.run(seed: seed, rounds: 4)
    #expect(findings.violations == [])
    #expect(findings.runs > 20)
  }

  @Test(arguments: [1, 2] as [UInt64])
  func geometryShowsInNoAnswer(seed: UInt64) {
    let findings = (0..<40).reduce(Findings()) { $0 + MetamorphicCampaign.run(seed: seed &* 1_000 &+ $1) }
    #expect(findings.violations == [])
  }
}

import Simulation
import StoreHarness
import Testing

/// Marks that outlive what proves them, at the size of every push.
@Suite struct MarkTests {
  @Test(arguments: 0..<4 as Range<UInt64>)
  func aRepeatStaysOne(seed: UInt64) {
    let findings = (0..<10).reduce(Findings()) { $0 + MarkCampaign.run(seed: seed &* 1_000 &+ $1) }
    #expect(findings.violations.prefix(5) == [])
    // Repeats whose earlier copies have retired.
    #expect(findings.faultsInjected > 5)
  }

  @Test(arguments: 0..<2 as Range<UInt64>)
  func aCrashTakesNoMarkBack(seed: UInt64) {
    let findings = MarkCampaign.crash(seed: seed, stride: 31)
    #expect(findings.violations == [])
    #expect(findings.crashPoints > 20)
  }
}

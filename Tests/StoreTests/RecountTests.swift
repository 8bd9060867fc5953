import Simulation
import StoreHarness
import Testing

/// T16 at the size of every push.
@Suite struct RecountTests {
  @Test(arguments: 0..<8 as Range<UInt64>)
  func everyRowBecomesTheFold(seed: UInt64) {
    let findings = (0..<25).reduce(Findings()) { $0 + RecountCampaign.run(seed: seed &* 1_000 &+ $1) }
    #expect(findings.violations.prefix(5) == [])
    #expect(findings.faultsInjected > 20)
  }

  @Test(arguments: 0..<3 as Range<UInt64>)
  func aCrashLeavesWholeChunks(seed: UInt64) {
    let findings = RecountCampaign.crash(seed: seed, stride: 29)
    #expect(findings.violations == [])
    #expect(findings.crashPoints > 50)
  }

  @Test(arguments: 0..<3 as Range<UInt64>)
  func aFailedCallLeavesWholeChunks(seed: UInt64) {
    let findings = RecountCampaign.errors(seed: seed, stride: 61)
    #expect(findings.violations == [])
    #expect(findings.faultsInjected > 20)
  }

  @Test(arguments: 0..<5 as Range<UInt64>)
  func theSameLogGivesTheSameCorrections(seed: UInt64) {
    #expect(RecountCampaign.repeated(seed: seed) == [])
  }
}

import Clicks
import Files
import Platform
import Simulation
import Store

/// T12: the same script under many geometries gives the same table. Sizes of slots, segments and manifests, fan-ins, the
/// widths of merges, mapped or read files, budgets: none of them may show in an answer.
package enum MetamorphicCampaign {
  /// The options that `seed` decides.
  static func options(_ generator: inout SeededGenerator) -> ShardOptions {
    var options = Scenario.options
    options.slotBytes = 65_536 * generator.pick([1, 1, 2, 4])
    options.manifestBytes = generator.pick([16 << 10, 24 << 10, 64 << 10])
    options.segmentRows = generator.pick([1, 7, 40, 500, 100_000])
    options.sealAfter = generator.pick([1_000, 60_000, 600_000])
    options.sealLogBytes = generator.pick([65_536, 1 << 19, 256 << 20])
    options.segmentFanIn = generator.pick([2, 3, 16])
    options.segmentLimit = generator.pick([10, 300, 1 << 20])
    options.runTiers = generator.pick([[1_440], [2, 1_440], [10, 60, 360, 1_440, 5_760], [3, 6, 720, 1_440, 2_880]])
    options.patchFanIn = generator.pick([2, 3, 8])
    options.access = generator.pick([.read, .mapped])
    options.rawRetention = generator.pick([3, 30] as [Int64]) * 86_400_000
    return options
  }

  /// A random script under `variants` geometries. Batches are small, so that every slot holds them.
  package static func run(seed: UInt64, variants: Int = 6) -> Findings {
    var findings = Findings()
    var generator = SeededGenerator(seed: seed)
    let scenario = Scenario("script \(seed)", script(&generator))
    var first: [Row: UInt64]?
    for variant in 0..<variants {
      let run = Run(SimulatedMachine(seed: seed), options: options(&generator))
      run.perform(scenario)
      findings.runs += 1
      let place = "seed \(seed), variant \(variant)"
      if let refusal = run.refusal { findings.violations.append("\(place): \(refusal)") }
      findings.violations += (run.faults + run.check()).map { "\(place): \($0)" }
      let table = run.ledger.fold()
      if let first, first != table { findings.violations.append("\(place): another table than under variant 0") }
      first = first ?? table
    }
    return findings
  }

  private static func script(_ generator: inout SeededGenerator) -> [Step] {
    var steps: [Step] = [.commit(1), .prepare]
    for _ in 0..<(10 + generator.small(in: 0...30)) {
      switch generator.next() % 12 {
      case 0...3: steps += [.prepare, .commit(1 + generator.small(in: 0...60))]
      case 4: steps += [.prepare, .twins(1 + generator.small(in: 0...10))]
      case 5, 6:
        steps += [.prepare, .late(1 + generator.small(in: 0...9), minutes: Int64(generator.small(in: 0...3_000)))]
      case 7, 8: steps.append(.wait(Int64(generator.small(in: 0...300_000))))
      case 9: steps.append(.settle)
      case 10: steps.append(generator.oneIn(2) ? .kill : .restart)
      default: steps.append(.wait(Int64(generator.small(in: 0...100_000_000))))
      }
    }
    return steps + [.settle]
  }
}

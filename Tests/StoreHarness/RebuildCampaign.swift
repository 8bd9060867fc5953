import Bytes
import Platform
import Simulation
import Store

/// T13: what is derived is deleted, in every combination of files that the seed chooses, or damaged; an opening that may
/// rebuild gives the same table back, minutes, hours and days. Without that leave, and for what is primary, the opening is
/// refused with the file's name.
package enum RebuildCampaign {
  package static func run(seed: UInt64, rounds: Int = 12, limit: Int = 5) -> Findings {
    var findings = Findings()
    var generator = SeededGenerator(seed: seed)
    for scenario in Scenario.all {
      let run = Run(SimulatedMachine(seed: seed))
      run.perform(scenario)
      let disk = run.machine.disk.crash(.everything)
      disk.capacity = nil
      let derived = disk.files().map(\.path).filter { $0.contains("/run/") }
      for round in 0..<(derived.isEmpty ? 0 : rounds) {
        let victims = round == 0 ? derived : derived.filter { _ in generator.oneIn(2) }
        guard !victims.isEmpty else { continue }
        let copy = disk.crash(.everything)
        for path in victims {
          if generator.oneIn(3) {
            copy.flip(bit: 3, ofByte: generator.small(in: 0...(copy.bytes(of: path)!.count - 1)), in: path)
          } else {
            copy.delete(path)
          }
        }
        findings.runs += 1
        findings.faultsInjected += victims.count
        let place = "\(scenario), seed \(seed), round \(round)"
        findings.violations += check(copy, run, victims).map { "\(place): \($0)" }
        if findings.violations.count >= limit { return findings }
      }
    }
    return findings
  }

  private static func check(_ disk: SimulatedDisk, _ run: Run, _ victims: [String]) -> [String] {
    let machine = SimulatedMachine(seed: 5, disk: disk, time: SimulatedTime(wall: run.machine.time.wall()))
    do {
      _ = try Store.open(machine.environment, Run.path, options: Scenario.options)
      // Damage that no opening reads yet is the next reader's to find.
    } catch let error as FormatError {
      if !victims.contains(where: { error.file.hasSuffix($0) }) { return ["another file is blamed: \(error)"] }
    } catch { return ["\(error)"] }
    var options = Scenario.options
    options.rebuild = true
    do { _ = try Store.open(machine.environment, Run.path, options: options) } catch {
      return ["not rebuilt: \(error)"]
    }
    let after = Run(machine, ledger: run.ledger)
    after.observe(run.observed)
    return after.check()
  }
}

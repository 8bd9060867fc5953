import Platform
import Simulation
import Testing

/// `FileSystem.replace`: at any instant the name holds all of the new bytes or what it held before.
@Suite struct ReplaceTests {
  static let old = [UInt8](repeating: 1, count: 3_000)
  static let new = [UInt8](repeating: 2, count: 5_000)

  private func machine(leftover: Bool) -> SimulatedDisk {
    let disk = SimulatedDisk()
    disk.place(Self.old, at: "d/name")
    if leftover { disk.place([9, 9, 9], at: "d/name.tmp") }
    return disk
  }

  private func replace(_ disk: SimulatedDisk) throws {
    try disk.replace("d/name", with: Self.new, by: "d/name.tmp", in: "d")
  }

  @Test(arguments: [false, true]) func isAtomicAtEveryCrash(leftover: Bool) throws {
    let whole = machine(leftover: leftover)
    try replace(whole)
    let calls = whole.operationCount
    var outcomes: Set<[UInt8]> = []
    for index in 0..<calls {
      for inFlight in [false, true] {
        let disk = machine(leftover: leftover)
        disk.faults = FaultPlan(crashAt: index, inFlight: inFlight)
        #expect(throws: SystemError.self) { try replace(disk) }
        let count = disk.unsyncedCount
        let survivals =
          (0..<UInt64(1) << UInt64(count)).map { Survival.subset($0) }
          + (0..<20).flatMap { Survival.eight(seed: $0, unsynced: count) }
        for survival in survivals {
          let image = disk.crash(survival)
          let bytes = image.bytes(of: "d/name")
          #expect(bytes == Self.old || bytes == Self.new, "call \(index), \(survival)")
          outcomes.insert(bytes ?? [])
          // Whatever is left over, the next attempt succeeds.
          try replace(image)
          #expect(image.crash(.nothing).bytes(of: "d/name") == Self.new, "call \(index), \(survival)")
        }
      }
    }
    #expect(outcomes == [Self.old, Self.new])
    for seed in UInt64(0)..<100 {
      #expect(whole.crash(.random(seed)).bytes(of: "d/name") == Self.new)
      #expect(whole.crash(.nothing).files().count == 1)
    }
  }

  @Test func reportsEveryError() throws {
    let whole = machine(leftover: true)
    try replace(whole)
    for index in 0..<whole.operationCount {
      for effect in [Fault.Effect.error(5), .error(28), .error(5, performed: true)] {
        let disk = machine(leftover: true)
        disk.faults = FaultPlan(Fault(effect, at: index))
        #expect(throws: SystemError.self) { try replace(disk) }
        for survival in Survival.eight(seed: UInt64(index), unsynced: disk.unsyncedCount) {
          let bytes = disk.crash(survival).bytes(of: "d/name")
          #expect(bytes == Self.old || bytes == Self.new, "call \(index), \(survival)")
        }
      }
    }
  }

  /// The tests above would notice each of the syncs missing.
  @Test func theSyncsAreNeeded() throws {
    func mixed(_ body: (SimulatedDisk) throws -> Void) throws -> Bool {
      let disk = machine(leftover: false)
      try body(disk)
      return (UInt64(0)..<100).contains { seed in
        let bytes = disk.crash(.random(seed)).bytes(of: "d/name")
        return bytes != Self.old && bytes != Self.new
      }
    }
    #expect(
      try mixed { disk in
        let file = try disk.open("d/tmp", .create)
        try file.writeAll(Self.new, at: 0)
        try disk.rename("d/tmp", to: "d/name")
        try disk.synchronizeDirectory("d")
      })
    let disk = machine(leftover: false)
    let file = try disk.open("d/tmp", .create)
    try file.writeAll(Self.new, at: 0)
    try file.synchronize()
    try disk.rename("d/tmp", to: "d/name")
    #expect(disk.crash(.nothing).bytes(of: "d/name") == Self.old)
  }
}

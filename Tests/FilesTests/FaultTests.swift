import Bytes
import Files
import Glibc
import Platform
import Simulation
import Testing

/// The disk fails, or the power does: at each call that writing or reading makes.
@Suite struct FaultTests {
  /// A disk with the directories of a shard.
  private func disk() throws -> SimulatedDisk {
    let disk = SimulatedDisk()
    try disk.createDirectory("/seg")
    try disk.createDirectory("/tmp")
    try disk.synchronizeDirectory("/")
    return disk
  }

  private static let path = "/seg/7"
  private static let temporary = "/tmp/7"

  private static let sample: Sample = {
    var chance = SeededGenerator(seed: 8)
    var sample = Sample(chance.bytes(600_000), chance.bytes(5), chance.bytes(20_000))
    sample.blockBytes = 4096
    return sample
  }()

  private func write(_ disk: SimulatedDisk) throws(SystemError) -> SealedReference {
    try Self.sample.write(disk, at: Self.path, temporary: Self.temporary)
  }

  /// Whether the name is free or stands for the whole file: it is never anything between.
  private func isAllOrNothing(_ disk: SimulatedDisk) throws -> Bool {
    guard disk.exists(Self.path) else { return true }
    return try Reading(Self.sample, disk, Self.path, access: .read) == .whole
  }

  private static func faults(at index: Int) -> [Fault] {
    var chance = SeededGenerator(seed: UInt64(index))
    let writes: Set<DiskOperation.Kind> = [.write, .open, .rename]
    return [
      Fault(.error(EIO), at: index), Fault(.error(EIO), at: index, sticky: true),
      Fault(.error(EIO, performed: true), at: index), Fault(.error(ENOSPC), at: index, kinds: writes),
      Fault(.error(ENOSPC), at: index, sticky: true, kinds: writes), Fault(.error(EDQUOT), at: index, kinds: writes),
      Fault(.short(1 + chance.small(in: 0...5000)), at: index), Fault(.short(512), at: index, sticky: true),
      Fault(.lostSync(.kept), at: index), Fault(.lostSync(.reverted), at: index),
      Fault(.lostSync(.kept, persisting: .random(chance.next())), at: index),
      Fault(.lostSync(.reverted, persisting: .torn(chance.next())), at: index),
    ]
  }

  @Test func aFailedWriteLeavesNothingBehind() throws {
    let whole = try disk()
    whole.faults = FaultPlan()
    _ = try write(whole)
    let calls = whole.operationCount
    #expect(calls >= 8)
    var hit = 0
    for index in 0..<calls {
      for fault in Self.faults(at: index) {
        let disk = try disk()
        disk.faults = FaultPlan(fault)
        let place = "\(fault.effect) at \(index)\(fault.sticky ? " and later" : "")"
        var reference: SealedReference?
        do throws(SystemError) { reference = try write(disk) } catch { #expect(error.code != 0) }
        if disk.faultsInjected > 0 { hit += 1 }
        disk.faults = FaultPlan()
        if let reference {
          for survival in [Survival.nothing, .everything, .random(UInt64(index))] {
            let image = disk.crash(survival)
            let reading = try Reading(Self.sample, image, Self.path, reference: reference, access: .mapped)
            #expect(reading == .whole, "\(place), then \(survival)")
          }
          continue
        }
        // Where nothing can be removed any more, the next opening of the store does it.
        if !(fault.sticky && fault.kinds == nil) { #expect(!disk.exists(Self.temporary), "\(place)") }
        #expect(try isAllOrNothing(disk), "\(place)")
        for survival in Survival.eight(seed: UInt64(index), unsynced: disk.unsyncedCount) {
          #expect(try isAllOrNothing(disk.crash(survival)), "\(place), then \(survival)")
        }
        // The store goes on: the same file again, on the disk that is well.
        let again = try write(disk)
        #expect(
          try Reading(Self.sample, disk.crash(.nothing), Self.path, reference: again, access: .read) == .whole)
      }
    }
    #expect(hit > 5 * calls)
  }

  /// A read that fails is the environment's fault and never looks like damage; a short one is finished.
  @Test(arguments: SealedFile.Access.allCases) func aFailedReadIsNoDamage(_ access: SealedFile.Access) throws {
    let disk = try disk()
    let reference = try write(disk)
    disk.faults = FaultPlan()
    #expect(try Reading(Self.sample, disk, Self.path, reference: reference, access: access) == .whole)
    let calls = disk.operationCount
    for index in 0..<calls {
      for fault in Self.faults(at: index) {
        disk.faults = FaultPlan(fault)
        let reading = try Reading(Self.sample, disk, Self.path, reference: reference, access: access)
        let isShort = if case .short = fault.effect { true } else { false }
        #expect(
          isShort || disk.faultsInjected == 0 ? reading == .whole : reading.isRefused, "\(fault.effect) at \(index)")
      }
    }
    disk.faults = FaultPlan()
    #expect(try Reading(Self.sample, disk, Self.path, reference: reference, access: access) == .whole)
  }

  @Test func aCrashLeavesAllOrNothing() throws {
    let whole = try disk()
    whole.faults = FaultPlan()
    _ = try write(whole)
    let calls = whole.operationCount
    var found = (0, 0)
    for index in 0...calls {
      for inFlight in [true, false] {
        let disk = try disk()
        disk.faults = FaultPlan(crashAt: index, inFlight: inFlight)
        var reference: SealedReference?
        do throws(SystemError) { reference = try write(disk) } catch { #expect(error.isSimulatedCrash) }
        #expect((reference != nil) == (index == calls))
        for survival in Survival.eight(seed: UInt64(index), unsynced: disk.unsyncedCount) {
          let image = disk.crash(survival)
          let place = "crash at call \(index) (in flight: \(inFlight)), \(survival)"
          if let reference {
            let reading = try Reading(Self.sample, image, Self.path, reference: reference, access: .mapped)
            #expect(reading == .whole, "\(place)")
          } else {
            #expect(try isAllOrNothing(image), "\(place)")
          }
          if image.exists(Self.path) { found.0 += 1 } else { found.1 += 1 }
        }
      }
    }
    #expect(found.0 > 16 && found.1 > 16)
  }

  /// Removing an obsolete file may fail, and its last reader does not notice.
  @Test func aFailedRemovalIsLeftToTheNextOpening() throws {
    let disk = try disk()
    _ = try write(disk)
    disk.faults = FaultPlan(Fault(.error(EIO), at: 0, sticky: true, kinds: [.remove]))
    try SealedFile.open(disk, Self.path, as: .segment, access: .read).makeObsolete()
    #expect(disk.faultsInjected == 1 && disk.exists(Self.path))
  }
}

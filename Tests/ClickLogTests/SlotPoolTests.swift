import ClickLog
import Platform
import Simulation
import Testing

@Suite struct SlotPoolTests {
  private let size = SlotPool.sizes.lowerBound

  private func disk(capacity: UInt64? = nil) throws -> SimulatedDisk {
    let disk = SimulatedDisk(capacity: capacity)
    try disk.createDirectory("/log")
    try disk.createDirectory("/tmp")
    try disk.synchronizeDirectory("/")
    return disk
  }

  private func pool(_ disk: SimulatedDisk, live: Set<UInt32> = [], reserve: UInt64 = 0) throws -> SlotPool {
    try SlotPool(
      files: disk, logDirectory: "/log", temporaryDirectory: "/tmp", slotBytes: size, reserve: reserve, live: live)
  }

  @Test func aPreparedSlotIsWholeAndSurvivesEveryCrash() throws {
    let disk = try disk()
    let pool = try pool(disk)
    #expect(pool.needsPreparation)
    #expect(try pool.take() == nil)
    try pool.prepare()
    #expect(!pool.needsPreparation && pool.freeCount == 1)
    let image = disk.crash(.nothing)
    #expect(image.bytes(of: "/log/slot-000") == [UInt8](repeating: 0, count: size))
    let taken = try #require(try pool.take())
    #expect(taken.slot == 0 && taken.file.path == "/log/slot-000")
    #expect(try taken.file.size() == UInt64(size))
    #expect(pool.needsPreparation)
  }

  @Test func releasedSlotsAreUsedAgainBeforeNewOnes() throws {
    let pool = try pool(try disk())
    for _ in 0..<3 { try pool.prepare() }
    let first = try #require(try pool.take())
    _ = try pool.take()
    pool.release(first.slot)
    #expect(try pool.take()?.slot == first.slot)
    #expect(try pool.take()?.slot == 2)
    #expect(try pool.take() == nil)
    try pool.prepare()
    #expect(try pool.take()?.slot == 3)
  }

  @Test func anOpeningFindsWhatIsFreeAndRemovesWhatDoesNotFit() throws {
    let disk = try disk()
    for slot in [0, 1, 2, 5] as [UInt32] {
      disk.place([UInt8](repeating: 7, count: slot == 2 ? 4096 : size), at: "/log/" + SlotHeader.name(slot))
    }
    disk.place([1], at: "/log/slot-07")
    disk.place([1], at: "/log/notes")
    let pool = try pool(disk, live: [1])
    #expect(pool.freeCount == 2)
    #expect(disk.bytes(of: "/log/slot-002") == nil)
    #expect(disk.bytes(of: "/log/slot-07") != nil && disk.bytes(of: "/log/notes") != nil)
    #expect(try pool.take()?.slot == 0)
    #expect(try pool.take()?.slot == 5)
    try pool.prepare()
    #expect(try pool.take()?.slot == 6)
  }

  @Test func aFullDiskLeavesNothingBehindAndHealsByItself() throws {
    let disk = try disk(capacity: UInt64(size) * 2)
    let pool = try pool(disk, reserve: UInt64(size))
    try pool.prepare()
    do throws(SystemError) {
      try pool.prepare()
      Issue.record("no error")
    } catch { #expect(error.isOutOfSpace) }
    #expect(pool.lastError != nil)
    #expect(disk.files().map(\.path) == ["log/slot-000"])
    disk.capacity = nil
    try pool.prepare()
    #expect(pool.lastError == nil && pool.freeCount == 2)
    #expect(disk.files().map(\.path) == ["log/slot-000", "log/slot-001"])
  }

  /// Whatever call fails, nothing stays in `tmp`, no slot is lost or given twice, and the next attempt works.
  @Test func everyFailureCanBeFollowedByASuccess() throws {
    for index in 0..<20 {
      let disk = try disk()
      let pool = try pool(disk)
      disk.faults = FaultPlan(Fault(.error(5), at: index))
      do throws(SystemError) { try pool.prepare() } catch {
        // The one call that is made twice is the removal of what is left.
        #expect(disk.files().allSatisfy { !$0.path.hasPrefix("tmp/") }, "call \(index)")
      }
      disk.faults = FaultPlan()
      if pool.needsPreparation { try pool.prepare() }
      let taken = try #require(try pool.take())
      #expect(try taken.file.size() == UInt64(size))
      #expect(disk.crash(.nothing).bytes(of: taken.file.path) != nil, "call \(index): the name is not durable")
      #expect(try pool.take() == nil)
    }
  }
}

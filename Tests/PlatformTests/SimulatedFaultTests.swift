import Glibc
import Platform
import Simulation
import Synchronization
import Testing

/// A plan hits the call it names, and leaves what such a failure leaves.
@Suite struct SimulatedFaultTests {
  let disk = SimulatedDisk()

  /// A durable file of zeros.
  private func slot(_ path: String = "slot", size: Int = 65_536) throws -> any File {
    let file = try disk.open(path, .create)
    try file.writeAll([UInt8](repeating: 0, count: size), at: 0)
    try file.synchronize()
    try disk.synchronizeDirectory("/")
    return file
  }

  private func code(_ body: () throws -> Void) -> Int32? {
    do { try body() } catch { return (error as? SystemError)?.code }
    return nil
  }

  @Test func aSyncThatLosesItsBytesMayKeepThemInTheCache() throws {
    let file = try slot()
    disk.faults = FaultPlan(Fault(.lostSync(.kept), at: 0))
    try file.writeAll([UInt8](repeating: 1, count: 4096), at: 0)
    #expect(code { try file.synchronizeData() } == EIO)
    try file.synchronizeData()
    #expect(try file.bytes(at: 0, count: 1) == [1], "the cache has it")
    #expect(disk.crash(.everything).bytes(of: "slot")?.first == 0, "no later sync brings it to the device")
    let buffer = AlignedBuffer(capacity: 8192)
    var bytes = buffer
    let direct = try disk.open("slot", .readDirect)
    try file.writeAll([UInt8](repeating: 2, count: 4096), at: 4096)
    #expect(unsafe try direct.readFully(into: bytes.mutableBytes(8192), at: 0) == 8192)
    #expect(unsafe bytes.bytes(8192)[0] == 0, "the device does not")
    #expect(unsafe bytes.bytes(8192)[4096] == 2, "but it is given what is merely unsynced")
    #expect(disk.crash(.nothing).bytes(of: "slot")?[4096] == 0)
  }

  @Test func aSyncThatLosesItsBytesMayRevertTheCache() throws {
    let file = try slot()
    disk.faults = FaultPlan(Fault(.lostSync(.reverted), at: 0))
    try file.writeAll([UInt8](repeating: 1, count: 4096), at: 0)
    #expect(code { try file.synchronizeData() } == EIO)
    #expect(try file.bytes(at: 0, count: 1) == [0])
    #expect(disk.unsyncedCount == 0)
    #expect(disk.crash(.everything).bytes(of: "slot")?.first == 0)
  }

  @Test func aLostSyncMayStillPersistAPart() throws {
    let file = try slot()
    disk.faults = FaultPlan(Fault(.lostSync(.kept, persisting: .torn(1)), at: 0))
    try file.writeAll([UInt8](repeating: 1, count: 65_536), at: 0)
    #expect(code { try file.synchronizeData() } == EIO)
    let ones = disk.crash(.nothing).bytes(of: "slot")!.filter { $0 == 1 }.count
    #expect(ones > 0 && ones < 65_536)
  }

  @Test func anErrorHitsTheCallItNames() throws {
    let file = try slot()
    disk.faults = FaultPlan(Fault(.error(EIO), at: 1, kinds: [.synchronizeData]))
    try file.synchronizeData()
    try file.writeAll([1], at: 0)
    #expect(code { try file.synchronizeData() } == EIO)
    try file.synchronizeData()
    disk.faults = FaultPlan(Fault(.error(ENOSPC), at: 0, sticky: true, kinds: [.write], path: "slot"))
    let other = try disk.open("other", .create)
    try other.writeAll([1], at: 0)
    for _ in 0..<3 { #expect(code { try file.writeAll([9], at: 0) } == ENOSPC) }
    #expect(try file.bytes(at: 0, count: 1) == [1])
    disk.faults = FaultPlan(Fault(.error(EDQUOT, performed: true), at: 0, kinds: [.rename]))
    #expect(code { try disk.rename("other", to: "third") } == EDQUOT)
    #expect(disk.exists("third"))
    #expect(disk.operationCount == 1)
  }

  @Test func shortCallsAreFinishedByTheLoops() throws {
    let file = try slot()
    let bytes = (0..<10_000).map { UInt8(truncatingIfNeeded: $0 &* 7) }
    for piece in [1, 511, 512, 4096, 9_999, 100_000] {
      disk.faults = FaultPlan(Fault(.short(piece), at: 0, sticky: true))
      try file.writeAll(bytes, at: 5)
      #expect(try file.bytes(at: 5, count: 10_000) == bytes)
      // Each call does less than it was asked for, until one byte is left.
      if piece < 10_000 { #expect(disk.operationCount(.write) >= 10_000 / piece) }
      #expect(disk.operationCount(.write) >= 2)
    }
    disk.faults = FaultPlan(Fault(.short(3), at: 0))
    let count = try unsafe [UInt8](repeating: 1, count: 10).withUnsafeBytes { unsafe try file.write($0, at: 0) }
    #expect(count == 3)
  }

  @Test func spaceRunsOutAndReturns() throws {
    let file = try slot("full", size: 8192)
    disk.capacity = 16_384
    #expect(try disk.availableSpace(at: "/") == 8192)
    let other = try disk.open("other", .create)
    #expect(code { try other.allocate(size: 12_288) } == ENOSPC)
    try other.allocate(size: 4096)
    #expect(try disk.availableSpace(at: "/") == 4096)
    // What fits is written, then there is nothing left.
    #expect(code { try other.writeAll([UInt8](repeating: 1, count: 16_384), at: 0) } == ENOSPC)
    #expect(try other.size() == 8192)
    #expect(try disk.availableSpace(at: "/") == 0)
    disk.capacity = 4096
    try file.writeAll([UInt8](repeating: 3, count: 8192), at: 0)
    try other.writeAll([UInt8](repeating: 3, count: 4096), at: 0)
    #expect(code { try other.writeAll([1], at: 8192) } == ENOSPC)
    disk.capacity = 20_480
    try other.writeAll([1], at: 8192)
    #expect(try disk.crash(.everything).availableSpace(at: "/") == 0)
    #expect(try disk.crash(.nothing).availableSpace(at: "/") == 12_288)
  }

  @Test func theCrashStopsEverythingAtItsIndex() throws {
    func life(_ disk: SimulatedDisk) throws {
      try disk.createDirectory("d")
      let file = try disk.open("d/tmp", .create)
      try file.allocate(size: 8192)
      try file.writeAll([UInt8](repeating: 1, count: 4096), at: 0)
      try file.synchronizeData()
      try disk.rename("d/tmp", to: "d/f")
      try disk.synchronizeDirectory("d")
      _ = try disk.list("d")
      try disk.remove("d/f")
    }
    let whole = SimulatedDisk()
    try life(whole)
    #expect(whole.operationCount == 9)
    for index in 0..<9 {
      for inFlight in [false, true] {
        let disk = SimulatedDisk()
        disk.faults = FaultPlan(crashAt: index, inFlight: inFlight)
        let error = #expect(throws: SystemError.self) { try life(disk) }
        #expect(error?.isSimulatedCrash == true)
        #expect(disk.isCrashed && disk.operationCount == index + 1)
        #expect(code { _ = try disk.list("/") } == SimulatedDisk.crashedCode)
        // The call in flight left its change exactly if it makes one.
        let mutates = [0, 1, 2, 3, 5, 8].contains(index)
        let before = SimulatedDisk()
        before.faults = FaultPlan(crashAt: index, inFlight: false)
        #expect(throws: SystemError.self) { try life(before) }
        #expect((disk.unsyncedCount > before.unsyncedCount) == (mutates && inFlight), "index \(index)")
        #expect(!disk.crash(.everything).isCrashed)
      }
    }
  }

  @Test func theHookAndTheJournalSeeTheOrder() throws {
    let seen = Mutex<[String]>([])
    disk.journalLimit = 10
    disk.onOperation = { operation in seen.withLock { $0.append("\(operation.kind)") } }
    let file = try slot(size: 4096)
    disk.faults = FaultPlan(Fault(.error(EIO), at: 0))
    #expect(code { try file.synchronizeData() } == EIO)
    #expect(
      seen.withLock { $0 } == ["open", "write", "synchronize", "synchronizeDirectory", "synchronizeData"])
    #expect(disk.operations.first == "#0 open slot")
    #expect(disk.operations.last == "#0 synchronizeData slot errno 5")
    #expect(disk.operations[1] == "#1 write slot at 0 +4096")
    for _ in 0..<100 { _ = try disk.list("/") }
    #expect((10...20).contains(disk.operations.count))
  }
}

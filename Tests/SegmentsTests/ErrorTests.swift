import Bytes
import Files
import Glibc
import Platform
import Segments
import Simulation
import Testing

/// A disk that fails: the error comes out, nothing half-made stays, and what was there is still there.
@Suite struct ErrorTests {
  /// Runs `body` on a disk that fails each call in turn, until a run passes untouched. Afterwards there is no temporary
  /// file, and the segment's name only where its directory's sync was what failed.
  private func everyCallFails(
    _ codes: [Int32], _ body: (Place) throws -> Void
  ) throws {
    for code in codes {
      var call = 0
      while true {
        let place = try Place.simulated()
        let disk = place.files as! SimulatedDisk
        disk.journalLimit = 4
        disk.faults = FaultPlan(Fault(.error(code), at: call))
        var failure: SystemError?
        do { try body(place) } catch let error as SystemError { failure = error }
        let operations = disk.operations
        let hit = disk.faultsInjected > 0
        disk.faults = FaultPlan()
        let names = try disk.list(place.directory)
        #expect(!names.contains("1.tmp"), "call \(call): \(operations)")
        if !hit {
          #expect(failure == nil && names.contains("1.seg"))
          break
        }
        let waiting = names.filter { $0.hasPrefix("filters-") }
        if failure == nil {
          // The file that filters waited in could not be removed; the next opening does that.
          #expect(waiting.count == 1 && names.contains("1.seg"), "call \(call): \(operations)")
          call += 1
          continue
        }
        #expect(failure?.code == code && waiting == [], "call \(call): \(operations)")
        if names.contains("1.seg") { #expect(failure?.call == "fsync" && failure?.subject == place.directory) }
        call += 1
      }
      #expect(call > 6)
    }
  }

  @Test func sealingLeavesNothingBehind() throws {
    var chance = Seeds.list(1)[0].generator
    let reference = Reference(.mixed, count: 20_000, using: &chance)
    try everyCallFails([EIO, ENOSPC]) { place in
      try reference.seal(to: place.target(1, filterMemory: 1))
    }
  }

  /// A read that fails is the environment's error, not the file's; the next one may succeed.
  @Test func readsThatFail() throws {
    var chance = Seeds.list(1)[0].generator
    let reference = Reference(.version7, count: 3_000, using: &chance)
    let place = try Place.simulated()
    let disk = place.files as! SimulatedDisk
    let (sealed, _) = try reference.seal(to: place.target(1))
    var call = 0
    while true {
      disk.faults = FaultPlan(Fault(.error(EIO), at: call))
      var failure: SystemError?
      do {
        let segment = try place.open(1, sealed, .read)
        _ = try DamageTests.Reading(segment, [reference.entries[7].row.impression])
      } catch let error as SystemError { failure = error }
      if disk.faultsInjected == 0 { break }
      #expect(failure?.code == EIO, "call \(call)")
      call += 1
    }
    #expect(call > 10)
    disk.faults = FaultPlan()
    try place.open(1, sealed, .read).verify()
  }

  /// A sealed segment is there after every crash.
  @Test func survivesCrashesOnceSealed() throws {
    try Seeds.run(20) { seed in
      var chance = seed.generator
      let reference = Reference(.random, count: 500, using: &chance)
      let place = try Place.simulated()
      let disk = place.files as! SimulatedDisk
      try disk.synchronizeDirectory("/")
      let (sealed, _) = try reference.seal(to: place.target(1))
      let after = Place(files: disk.crash(.random(chance.next())), directory: place.directory)
      try SegmentTests.expect(
        try after.open(1, sealed, .mapped), is: reference, probes: 20, using: &chance, "\(seed)")
    }
  }
}

import Bytes
import Clicks
import Files
import Glibc
import Platform
import Reconciliation
import Segments
import Simulation
import Testing

/// A disk that fails or rots under a recount.
@Suite struct ErrorTests {
  private struct Case {
    let place: Place
    let segments: [Segment]
    let older: [Segment]

    init(_ sample: Sample) throws {
      let place = try Place()
      self.place = place
      let size = sample.rows.count
      let third = size / 3
      older = [try sample.seal(0..<third, number: 0, at: place, .read)]
      segments = try [third..<(2 * third), (2 * third)..<size].enumerated().map {
        try sample.seal($1, number: $0 + 1, at: place, .read)
      }
    }

    /// Everything there is to do, in so little memory that counts go to the file.
    func run(threads: Int = 1) throws -> Outcome {
      var marks: [RepeatMark] = []
      let merge = try RecountMerge.run(
        MergeRequest(segments, older: older, markedBefore: Minute(index: .max), into: place.target(900)),
        place.settings(memory: 8 << 10, threads: threads), marked: { marks.append($0) })
      _ = try merge.finish()
      return try Outcome(merge, marks)
    }
  }

  /// Each call of the disk fails once: the error comes out, nothing half-made stays, and the next run is as if there had
  /// been none.
  @Test(arguments: [EIO, ENOSPC]) func everyCallFails(_ code: Int32) throws {
    var chance = Seeds.list(1)[0].generator
    let sample = Sample(.mixed, count: 4_000, using: &chance)
    let honest = try Case(sample).run()
    var call = 0
    while true {
      let case0 = try Case(sample)
      let disk = case0.place.disk
      disk.journalLimit = 4
      disk.faults = FaultPlan(Fault(.error(code), at: call))
      var failure: SystemError?
      var outcome: Outcome?
      do { outcome = try case0.run() } catch let error as SystemError { failure = error }
      let operations = disk.operations
      let isHit = disk.faultsInjected > 0
      disk.faults = FaultPlan()
      if let outcome {
        // An error in taking the temporary file away is nobody's loss.
        #expect(outcome == honest, "call \(call): \(operations)")
      } else {
        #expect(failure?.code == code, "call \(call): \(operations)")
        #expect(case0.place.leftOver == [], "call \(call): \(operations)")
        #expect(try case0.run() == honest, "call \(call): \(operations)")
      }
      if !isHit { break }
      call += 1
    }
    #expect(call > 60)
  }

  /// A rotten block of any input is named, whatever it holds.
  @Test func rotIsNamed() throws {
    var chance = Seeds.list(1)[0].generator
    let sample = Sample(.mixed, count: 3_000, using: &chance)
    for number in 0..<3 {
      let path = "/s/\(number).seg"
      let size = try Case(sample).place.disk.contents(path).count
      for offset in stride(from: FileHeader.size, to: size - 2_000, by: 4_001) {
        let case0 = try Case(sample)
        let file = try case0.place.disk.open(path, .readWrite)
        let byte = try file.bytes(at: UInt64(offset), count: 1)[0]
        try file.writeAll([byte ^ 0x10], at: UInt64(offset))
        do {
          // Steps and sums of an older segment are not read, nor pages that no id falls on.
          let outcome = try case0.run()
          #expect(try outcome == Case(sample).run() && number == 0, "\(path) at \(offset)")
        } catch let error as FormatError {
          #expect(error.file == path && error.offset <= UInt64(offset), "\(error), damaged at \(offset)")
          #expect(case0.place.leftOver == [], "\(path) at \(offset)")
        }
      }
    }
  }

  /// Counts that were put aside and come back changed are not counted.
  @Test func spilledCountsThatRot() throws {
    var chance = Seeds.list(1)[0].generator
    let case0 = try Case(Sample(.random, count: 6_000, using: &chance))
    let merge = try RecountMerge.run(
      MergeRequest(case0.segments, markedBefore: Minute(index: .max)), case0.place.settings(memory: 8 << 10))
    let spilled = case0.place.leftOver
    #expect(!spilled.isEmpty)
    for name in spilled {
      let file = try case0.place.disk.open("/tmp/\(name)", .readWrite)
      let byte = try file.bytes(at: 100, count: 1)[0]
      try file.writeAll([byte ^ 1], at: 100)
    }
    #expect(throws: FormatError.self) { _ = try Outcome(merge, []) }
  }

  /// Two threads end with the error of either side.
  @Test func bothThreadsEnd() throws {
    var chance = Seeds.list(1)[0].generator
    let sample = Sample(.random, count: 4_000, using: &chance)
    for call in stride(from: 0, to: 60, by: 7) {
      let case0 = try Case(sample)
      case0.place.disk.faults = FaultPlan(Fault(.error(EIO), at: call))
      var failure: SystemError?
      do { _ = try case0.run(threads: 2) } catch let error as SystemError { failure = error }
      #expect(failure?.code == EIO, "call \(call)")
      case0.place.disk.faults = FaultPlan()
      #expect(case0.place.leftOver == [], "call \(call)")
    }
  }
}

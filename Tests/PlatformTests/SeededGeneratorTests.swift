import Platform
import Simulation
import Testing

@Suite struct SeededGeneratorTests {
  @Test func theSeedDecides() {
    var first = SeededGenerator(seed: 42)
    var second = SeededGenerator(seed: 42)
    var other = SeededGenerator(seed: 43)
    let numbers = (0..<100).map { _ in first.next() }
    #expect(numbers == (0..<100).map { _ in second.next() })
    #expect(numbers != (0..<100).map { _ in other.next() })
    #expect(Set(numbers).count == 100)
    #expect("\(SimulatedChance(seed: 7))" == "seed 7")
    #expect(SimulatedChance(seed: 7).bytes(32) == SimulatedChance(seed: 7).bytes(32))
  }

  @Test func everyBitIsFair() {
    var chance = SeededGenerator(seed: 1)
    var ones = [Int](repeating: 0, count: 64)
    for _ in 0..<10_000 {
      let word = chance.next()
      for bit in 0..<64 where word & (1 << UInt64(bit)) != 0 { ones[bit] += 1 }
    }
    #expect(ones.allSatisfy { (4_700...5_300).contains($0) })
  }

  @Test func edgesComeOften() {
    var chance = SeededGenerator(seed: 3)
    var seen: [Int64: Int] = [:]
    for _ in 0..<1000 { seen[chance.edge(in: Int64.min...Int64.max), default: 0] += 1 }
    for end in [Int64.min, .min + 1, .max - 1, .max] { #expect(seen[end, default: 0] > 80) }
    for _ in 0..<1000 {
      #expect((5...6).contains(chance.edge(in: 5...6)))
      #expect(chance.edge(in: UInt8(9)...9) == 9)
      #expect((3...1000).contains(chance.small(in: 3...1000)))
      #expect(chance.small(in: 4...4) == 4)
    }
    #expect((0..<1000).filter { _ in chance.oneIn(10) }.count < 200)
    #expect((0..<10_000).contains { _ in chance.small(in: 0...100) == 100 })
  }

  @Test func seedsAreTheSameInEveryRun() {
    let seeds = Seeds.list(10)
    #expect(seeds == Seeds.list(10))
    #expect(Set(seeds).count == seeds.count)
    #expect("\(Seed(5))" == "TALLY_SEED=5")
  }

  @Test func clocksMoveWhenTold() {
    let time = SimulatedTime(monotonic: 5, wall: 1000)
    time.advance(nanoseconds: 600_000)
    time.advance(nanoseconds: 600_000)
    #expect(time.monotonic() == 1_200_005)
    #expect(time.wall() == 1001)
    time.jumpWall(milliseconds: -500)
    #expect(time.wall() == 501)
    #expect(time.monotonic() == 1_200_005)
    time.setWall(5)
    time.setMonotonic(6)
    time.advance(milliseconds: 2)
    #expect(time.wall() == 7)
    #expect(time.monotonic() == 2_000_006)
  }

  @Test func aMachineCrashesAsAWhole() throws {
    let machine = SimulatedMachine(seed: 1)
    let environment = machine.environment
    _ = try environment.files.open("f", .create)
    machine.time.jumpWall(milliseconds: 77)
    let next = machine.crashed(.nothing)
    #expect(!next.disk.exists("f"))
    #expect(machine.disk.exists("f"))
    #expect(next.time.wall() == machine.time.wall())
    #expect(next.chance.next() != machine.chance.next())
  }
}

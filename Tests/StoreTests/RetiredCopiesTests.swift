import Clicks
import Platform
import Simulation
import Store
import StoreHarness
import Testing

/// Repeats whose earlier copies have retired: as many as the manifest tells of, or something is damaged.
@Suite struct RetiredCopiesTests {
  /// A store whose raw clicks stay six hours.
  private final class Sample {
    let machine = SimulatedMachine(seed: 5)
    private let options: ShardOptions
    private var store: Store
    var shard: Shard { store.shards[0] }

    init() throws {
      var options = Scenario.options
      options.dedupHorizon = 1_000
      options.rawRetention = 6 * 3_600_000
      options.segmentFanIn = 100
      self.options = options
      store = try Store.open(machine.environment, Run.path, options: options)
    }

    /// Clicks with these numbers, of which a recount makes a segment.
    func click(_ numbers: ClosedRange<UInt64>) throws {
      if shard.slots.needsPreparation { try shard.slots.prepare() }
      let batch = numbers.map {
        ClickRequest(
          identity: ClickIdentity(
            ad: AdKey(rawValue: $0 % 3), impression: ImpressionID(high: $0 &* 0x9E37_79B9_7F4A_7C15, low: $0)))
      }
      shard.commit(batch.span) { #expect($1.verdict == .valid) }
      try pass(400_000)
      try shard.maintenance.recount(.changes)
    }

    func pass(_ milliseconds: Int64) throws {
      machine.time.advance(milliseconds: milliseconds)
      _ = store.clock.now()
      try shard.maintenance.checkpoint()
      shard.maintain()
    }

    /// Closes the store, looks at it with `body`, and opens it again.
    func look<R>(_ body: () throws -> R) throws -> R {
      store.close()
      let result = try body()
      store = try Store.open(machine.environment, Run.path, options: options)
      return result
    }

    /// What a deep check of the closed store finds.
    func check() throws -> RepeatProof { try look { try deepCheck() } }

    func deepCheck() throws -> RepeatProof {
      let identity = try #require(try Store.identify(machine.environment.files, Run.path))
      let recovery = try ShardRecovery.read(
        machine.environment, directory: identity.directory(of: 0, in: Run.path), store: identity.id, options: options)
      return try recovery.deepCheck(machine.environment.files, store: identity.id) { _, _ in true }.proof
    }

    /// The store as a version left it that knew nothing of earlier copies; it is closed.
    func forgetEarlierCopies() throws {
      let directory = "\(Run.path)/\(StoreFiles.shard(0))"
      let identity = try #require(try Store.identify(machine.environment.files, Run.path))
      let reading = try #require(try Manifest.read(machine.environment.files, directory: directory, store: identity.id))
      var state = ManifestState()
      for change in reading.state.snapshot {
        switch change {
        case .earlierCopies, .copiesCounted: break
        default: try state.apply(change)
        }
      }
      _ = try Manifest(
        files: machine.environment.files, directory: directory, store: identity.id, number: reading.number + 1,
        state: state, sequence: reading.sequence + 1)
    }
  }

  /// A at first, then B with six repeats of A, then C with two of B's repeats and one of A alone; A retires.
  private func withoutFirst() throws -> Sample {
    let sample = try Sample()
    try sample.click(1...10)
    try sample.pass(3_600_000)
    try sample.click(5...14)
    try sample.pass(3_600_000)
    try sample.click(4...6)
    #expect(try sample.check().ofRetired == 0)
    try sample.pass(4 * 3_600_000 - 1_000_000)
    try sample.shard.maintenance.retain()
    #expect(sample.shard.state.retired == 10)
    return sample
  }

  @Test func repeatsOfRetiredClicksAreCounted() throws {
    let sample = try withoutFirst()
    // The six of B, and that of C which only A had; the other two have B.
    let found = try sample.check()
    #expect(found.ofRetired == 7 && found.unproven.isEmpty && found.uncounted == 0)
    // When B has retired, the two of C are left with nothing as well.
    try sample.pass(4_000_000)
    try sample.shard.maintenance.retain()
    #expect(sample.shard.state.retired == 20)
    let later = try sample.check()
    #expect(later.ofRetired == 3 && later.unproven.isEmpty)
    try sample.pass(4_000_000)
    try sample.shard.maintenance.retain()
    #expect(sample.shard.state.retired == 23 && sample.shard.state.earlierCopies.lists.isEmpty)
    #expect(try sample.check().unproven.isEmpty)
  }

  /// A mark too many in a store of which clicks have retired.
  @Test func aMarkTooManyIsFound() throws {
    let sample = try withoutFirst()
    try sample.shard.maintenance.plant(marksAt: [17])
    let found = try sample.check().unproven
    #expect(found.count == 1 && found.first?.found == 7 && found.first?.due == 6...6)
    #expect(try Contents(sample.machine.environment, Run.path).inconsistent == [], "nothing else knows of it")
  }

  @Test func aMarkThatIsGoneIsFound() throws {
    let sample = try Sample()
    try sample.click(1...10)
    try sample.pass(3_600_000)
    try sample.click(5...14)
    // Two more than there are.
    try sample.shard.maintenance.plant(earlierCopies: 2, of: 10, at: 0)
    #expect(try sample.check().unproven.isEmpty, "the earlier copies are there")
    try sample.pass(5 * 3_600_000)
    try sample.shard.maintenance.retain()
    #expect(sample.shard.state.retired == 10)
    let found = try sample.check().unproven
    #expect(found.count == 1 && found.first?.found == 6 && found.first?.due == 8...8)
  }

  /// What was marked before anybody counted is told, and is no damage; what is marked later is counted.
  @Test func earlierVersionsCountedNothing() throws {
    let sample = try withoutFirst()
    for _ in 0..<2 {
      let found = try sample.look {
        if sample.shard.state.copiesCounted == 0 { try sample.forgetEarlierCopies() }
        return try sample.deepCheck()
      }
      #expect(found.ofRetired == 7 && found.uncounted == 7 && found.unproven.isEmpty)
      #expect(sample.shard.state.copiesCounted == 23)
    }
    try sample.click(11...14)
    #expect(sample.shard.state.earlierCopies.lists.map(\.parts) == [[EarlierCopies.Part(end: 20, count: 4)]])
    try sample.shard.maintenance.plant(marksAt: [24])
    #expect(try sample.check().unproven.isEmpty, "a repeat of what is kept")
    try sample.pass(4_000_000)
    try sample.shard.maintenance.retain()
    #expect(sample.shard.state.retired == 20)
    let later = try sample.check()
    #expect(later.unproven.isEmpty && later.ofRetired == 7 && later.uncounted == 3)
  }

  /// Where nothing has retired, nothing excuses a mark, whoever set it.
  @Test func withoutRetiredClicksEveryMarkHasItsCopy() throws {
    let sample = try Sample()
    try sample.click(1...10)
    try sample.click(11...12)
    try sample.shard.maintenance.plant(marksAt: [3, 11])
    let found = try sample.look {
      try sample.forgetEarlierCopies()
      return try sample.deepCheck()
    }
    #expect(found.unproven.map(\.found) == [1, 1] && found.unproven.map(\.due) == [0...0, 0...0])
    #expect(found.unproven.map(\.positions) == [[3], [11]] && found.ofRetired == 0)
  }
}

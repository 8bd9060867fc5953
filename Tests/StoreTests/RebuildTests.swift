import Bytes
import ClickLog
import Clicks
import Simulation
import Store
import StoreHarness
import Testing

/// T12 and T13 at the size of every push.
@Suite struct RebuildTests {
  @Test(arguments: [1, 2, 3] as [UInt64])
  func whatIsDerivedComesBack(seed: UInt64) {
    let findings = RebuildCampaign.run(seed: seed, rounds: 4)
    #expect(findings.violations == [])
    #expect(findings.runs > 20)
  }

  @Test(arguments: [1, 2] as [UInt64])
  func geometryShowsInNoAnswer(seed: UInt64) {
    let findings = (0..<40).reduce(Findings()) { $0 + MetamorphicCampaign.run(seed: seed &* 1_000 &+ $1) }
    #expect(findings.violations == [])
  }

  /// A record that this version does not know is no click that may be left out: the rows would be too low, and say nothing.
  @Test func aRecordThatCannotBeReadEndsIt() throws {
    let machine = SimulatedMachine(seed: 12)
    let store = try Store.open(machine.environment, Run.path, options: Scenario.options)
    let shard = store.shards[0]
    if shard.slots.needsPreparation { try shard.slots.prepare() }
    let batch = (1...5 as ClosedRange<UInt64>).map {
      ClickRequest(identity: ClickIdentity(ad: AdKey(rawValue: 7), impression: ImpressionID(high: $0, low: $0)))
    }
    shard.commit(batch.span) { #expect($1.verdict == .valid) }
    machine.time.advance(milliseconds: 300_000)
    try shard.maintenance.checkpoint()
    let state = shard.state
    #expect(state.applied == 5 && state.sealed == 0)
    try shard.maintenance.rebuildRuns()

    let log = "\(store.identity.directory(of: 0, in: Run.path))/\(StoreFiles.log)"
    let extent = try #require(state.extents.last)
    let path = "\(log)/\(SlotHeader.name(extent.slot))"
    let reader = try LogReader(machine.disk, path, extent: extent, store: store.identity.id)
    var found: (header: FrameHeader, offset: Int, record: Int)?
    _ = try reader.walk { if $0.header.records > 0 { found = ($0.header, $0.offset, $0.recordOffset(2)) } }
    let frame = try #require(found)
    var bytes = Array(machine.disk.bytes(of: path)![frame.offset..<(frame.offset + frame.header.frameBytes)])
    // Its source.
    bytes[frame.record - frame.offset + 36] = 200
    _ = unsafe bytes.withUnsafeMutableBytes { unsafe frame.header.seal($0) }
    machine.disk.overwrite(path, at: frame.offset, with: bytes)
    let rows = try shard.live.rows().map(\.clicks)
    #expect(throws: FormatError(file: path, offset: UInt64(frame.record), reason: "an unknown source or flag")) {
      try shard.maintenance.rebuildRuns()
    }
    #expect(try shard.live.rows().map(\.clicks) == rows && rows == [5])
  }
}

import Clicks
import Commands
import Platform
import Service
import Store
import Testing

/// A click that is marked as a repeat, and repeats nothing: sums, rows and books agree, and only the clicks themselves tell.
@Suite struct UnprovenMarksTests {
  @Test func aMarkWithoutAnEarlierCopyIsDamage() throws {
    let session = try Session()
    try session.fill(300, ad: AdID("42")!, ago: 86_400_000)
    #expect(session.run("reconcile --data-dir DATA --log-slot-size 64KiB").status == .done)
    #expect(session.run("verify --deep --data-dir DATA").status == .done)
    var options = ShardOptions()
    options.slotBytes = 65_536
    options.manifestBytes = 32_768
    options.diskReserve = 0
    let store = try Store.open(.kernel, session.data, options: options)
    #expect(store.shards[0].state.retired == 0)
    try store.shards[0].maintenance.plant(marksAt: [10, 200])
    // A server finds it as well.
    let recount = try RecountRequest(isDry: true).perform([store.shards[0].maintenance])
    #expect(recount["rowsCorrected"] == .integer(0))
    #expect(recount[RecountRequest.unprovenRepeats]?.elements.count == 1, "\(recount)")
    store.close()
    let plain = session.run("verify --data-dir DATA")
    #expect(plain.status == .done, "\(plain.talk)")
    let deep = session.run("verify --deep --data-dir DATA")
    #expect(deep.status == .differs, "\(deep.talk)")
    let damage = deep.talk.split(separator: "\n").filter { $0.contains("DAMAGE") }
    #expect(damage.count == 1, "\(deep.talk)")
    #expect(
      damage.first?.hasPrefix("DAMAGE: \(session.data)/shard-00: seg/0000") == true
        && damage.first?.hasSuffix(
          ": 2 clicks are marked as repeats and no earlier copy is kept, 0 are recorded as repeats of retired clicks; found at "
            + "position 10, 200") == true,
      "\(deep.talk)")
    #expect(damage.first?.contains(".seg, received on 20") == true, "\(deep.talk)")
  }
}

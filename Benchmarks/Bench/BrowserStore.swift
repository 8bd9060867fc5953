import Clicks
import Glibc
import Platform
import Shards
import Store

// A store in which repeats were counted, as a day of browsers' clicks leaves one:
//
//   clicks of the data sets ─▶ routed to two shards ─▶ committed as /click commits them ─▶ background ─▶ closed in good order
//
// Source, ids without a minting time and a dedup horizon of a second make the look-up rule of browsers: a repeat inside the
// horizon, or of the commit itself, is dropped at once; every other one is counted, until a recount takes it away. Time is
// that of the data, moved by whole minutes so that the day has ended a moment ago: when a click is received, how long the
// store has been running, and the click's own time. No server is asked, since it would need a day; nothing is synced before
// the end.

/// What became of the clicks of a data set in such a store.
package struct BrowserStore: Equatable, Sendable {
  /// Clicks that were committed.
  package private(set) var clicks = 0
  /// Those that count, repeats among them.
  package private(set) var counted = 0
  /// Repeats that were dropped at once.
  package private(set) var dropped = 0
  /// Repeats that count: what a recount has to take away.
  package private(set) var repeats = 0

  /// Between the end of the data's day and the present, ms: by then all its minutes are closed.
  package static let age: Int64 = 300_000

  private static let horizon: Int64 = 1_000
  private static let shards = 2
  /// A commit holds the clicks of a second, or more where a second has few: a day has that many commits and no more.
  private static let leastCommit = 64

  /// Commits the clicks of `data` into a new store in `directory`, which must not exist; the day ends in the minute before
  /// `end`, ms since 1970.
  package static func write(_ directory: String, _ data: DataSets, end: Int64) throws -> BrowserStore {
    let files = KernelFileSystem()
    guard !files.exists(directory) else { throw BenchFailure("\(directory) exists already") }
    try files.createDirectory(directory)
    let lock = try DirectoryLock("\(directory)/\(StoreFiles.lock)")
    defer { withExtendedLifetime(lock) {} }
    let shift = data.shift(toEnd: end)
    let tape = TapeTime(DataSets.day + shift)
    let environment = Environment(files: UnsyncedFiles(), time: tape, chance: KernelChance())
    var options = ShardOptions()
    options.dedupHorizon = horizon
    // The recount that is measured is the first one.
    options.recountInterval = 0
    let store = try Store.open(environment, directory, shards: shards, options: options)
    let writer = Writer(store, try RoutesFile.open(environment, store).table, tape)
    var result = BrowserStore()
    try writer.write(data, shift, &result)
    if let error = store.close() { throw error }
    sync()
    result.repeats = result.counted - Int(data.distinct)
    guard result.repeats >= 0 else {
      throw BenchFailure("\(directory): \(result.counted) clicks count of \(data.distinct) different ones")
    }
    return result
  }

  /// One line of JSON.
  package var json: String {
    "{\"clicks\":\(clicks),\"counted\":\(counted),\"dropped\":\(dropped),\"repeats\":\(repeats)}"
  }

  /// Commits clicks in the order of their arrival, and lets the background work once a minute.
  private struct Writer {
    let store: Store
    let routes: RouteTable
    let tape: TapeTime

    init(_ store: Store, _ routes: RouteTable, _ tape: TapeTime) {
      self.store = store
      self.routes = routes
      self.tape = tape
    }

    func write(_ data: DataSets, _ shift: Int64, _ result: inout BrowserStore) throws {
      let keys = data.keys()
      var parts = [[ClickRequest]](repeating: [], count: store.shards.count)
      var rested = tape.wall()
      var next = 0
      while next < data.eventTime.count {
        let second = data.receiveTime[next] + 1_000
        var end = next
        while end < data.eventTime.count, end < next + leastCommit || data.receiveTime[end] < second {
          let identity = ClickIdentity(
            ad: keys[Int(data.ad[end])], impression: plain(ImpressionID(high: data.idHigh[end], low: data.idLow[end])))
          parts[routes.route(identity)].append(
            ClickRequest(
              identity: identity, eventTime: data.eventTime[end] + shift, source: Click.Source.browser.rawValue))
          end += 1
        }
        tape.advance(to: data.receiveTime[end - 1] + shift)
        for (number, shard) in store.shards.enumerated() {
          try commit(parts[number], shard, &result)
          parts[number].removeAll(keepingCapacity: true)
        }
        if tape.wall() - rested >= 60_000 {
          work()
          rested = tape.wall()
        }
        next = end
      }
      tape.advance(to: DataSets.day + DataSets.dayLength + shift)
      work()
    }

    /// The id without what could be a minting time.
    private func plain(_ id: ImpressionID) -> ImpressionID {
      id.timeInBits == nil ? id : ImpressionID(high: id.high & ~0xF000 | 0x4000, low: id.low)
    }

    private func commit(_ clicks: [ClickRequest], _ shard: Shard, _ result: inout BrowserStore) throws {
      var start = 0
      while start < clicks.count {
        if shard.slots.needsPreparation { try shard.slots.prepare() }
        let end = min(start + shard.batchLimit, clicks.count)
        var others = 0
        shard.commit(clicks.span.extracting(start..<end)) { _, answer in
          switch answer.verdict {
          case .valid: result.counted += 1
          case .duplicate: result.dropped += 1
          default: others += 1
          }
        }
        guard others == 0 else { throw BenchFailure("\(others) clicks were not recorded: \(shard.condition.state)") }
        result.clicks += end - start
        start = end
      }
    }

    private func work() {
      for shard in store.shards {
        while shard.maintenance.turn() {}
        shard.maintain()
      }
    }
  }
}

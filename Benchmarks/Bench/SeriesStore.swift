import Clicks
import Glibc
import Platform
import Store
import Traffic

// A store as it stands in its third day or fourth, for questions to a server:
//
//   two, three days ago every ad that there is has clicks, spread by Zipf's law: the day is closed and rolled up
//   the last 25 hours   `busy` ads have clicks in nearly every minute, up to now
//
// Time is that of the clicks; nothing is synced before the end.

/// Makes a store to ask. What it holds is known without it.
struct SeriesStore {
  /// Ads of the first day, `ad-1000000` and so on.
  let ads: Int
  /// Those among them that have clicks every minute.
  let busy: Int
  /// The present, ms since 1970.
  let now: Int64
  /// Clicks of the first day by the numbers of the ads.
  private(set) var firstDay: [Int]

  private static let day: Int64 = 86_400_000
  /// Chance of a click in a minute, of each of two.
  private static let share = 0.97

  init(ads: Int, busy: Int, now: Int64) {
    (self.ads, self.busy, self.now) = (ads, busy, now)
    // A click each, and as many again by rank, the ads in an order of their own.
    var chance = SplitMix64(seed: 11)
    let zipf = Zipf(count: ads, exponent: 1)
    firstDay = Array(repeating: 1, count: ads)
    for _ in 0..<ads { firstDay[zipf.sample(&chance) * 7_919 % ads] += 1 }
  }

  /// The day on which every ad has clicks: the last one that had ended 25 hours ago, whatever time it is now.
  var closedDay: Int64 { (now - 25 * 3_600_000) / Self.day - 1 }

  /// The id of an ad.
  static func name(_ ad: Int) -> String { "ad-\(1_000_000 + ad)" }

  /// Whether a busy ad has a click in a minute: `first` of two that it may have.
  private static func clicks(_ ad: Int, _ minute: Int64) -> Int {
    var chance = SplitMix64(seed: UInt64(ad) << 32 ^ UInt64(minute))
    return (chance.unit() < share ? 1 : 0) + (chance.unit() < share ? 1 : 0)
  }

  /// Clicks of a busy ad in `minutes`, which lie in the last 25 hours and before now.
  func clicks(of ad: Int, in minutes: Range<Int64>) -> Int { minutes.reduce(0) { $0 + Self.clicks(ad, $1) } }

  /// Writes it into `directory`, which must exist and have no store; returns its id.
  func write(_ directory: String) throws -> String {
    let lock = try DirectoryLock("\(directory)/\(StoreFiles.lock)")
    defer { withExtendedLifetime(lock) {} }
    let begin = closedDay * Self.day
    let tape = TapeTime(begin)
    let environment = Environment(files: UnsyncedFiles(), time: tape, chance: KernelChance())
    var options = ShardOptions()
    options.dedupHorizon = 1_000
    options.recountInterval = 0
    let store = try Store.open(environment, directory, options: options)
    let shard = store.shards[0]
    let hasher = SHA256()
    let keys = (0..<ads).map { AdKey(AdID(Self.name($0))!, by: hasher) }
    var clicks: [ClickRequest] = []
    var number: UInt64 = 0
    func add(_ ad: Int, _ time: Int64) {
      number += 1
      let id = ImpressionID(high: number << 16 | 0x4000, low: number.byteSwapped >> 2 | 1 << 63)
      clicks.append(
        ClickRequest(
          identity: ClickIdentity(ad: keys[ad], impression: id), eventTime: time,
          source: Click.Source.browser.rawValue))
    }
    func commit() throws {
      var start = 0
      while start < clicks.count {
        if shard.slots.needsPreparation { try shard.slots.prepare() }
        let end = min(start + shard.batchLimit, clicks.count)
        var others = 0
        shard.commit(clicks.span.extracting(start..<end)) { _, answer in if answer.verdict != .valid { others += 1 } }
        guard others == 0 else { throw BenchFailure("\(others) clicks were not recorded: \(shard.condition.state)") }
        start = end
      }
      clicks.removeAll(keepingCapacity: true)
      while shard.maintenance.turn() {}
      shard.maintain()
    }
    // The first day, hour by hour.
    for hour in Int64(0)..<24 {
      tape.advance(to: begin + hour * 3_600_000 + 60_000)
      for ad in 0..<ads {
        let share = firstDay[ad] / 24
        let rest = (ad + Int(hour)) % 24 < firstDay[ad] % 24 ? 1 : 0
        for _ in 0..<(share + rest) { add(ad, begin + hour * 3_600_000) }
      }
      try commit()
    }
    // The last hours, minute by minute.
    let last = now / 60_000
    for minute in (last - 1_500)..<last {
      tape.advance(to: minute * 60_000 + 59_000)
      for ad in 0..<busy { for _ in 0..<Self.clicks(ad, minute) { add(ad, minute * 60_000) } }
      try commit()
    }
    tape.advance(to: now)
    try commit()
    if let error = store.close() { throw error }
    sync()
    return "\(store.identity.id)"
  }
}

import Clicks

/// The fold: clicks per (ad, minute) of every durable click that the log holds. A pure function of the log's prefix up to
/// `position`; replaying the log builds it again, bit for bit.
package struct LiveMinutes {
  private var minutes: [MinuteMap] = []
  private var times: [Minute] = []

  /// The ads by their codes.
  package private(set) var ads = AdCodes()
  /// Position after the last click that was applied.
  package private(set) var position: UInt64 = 0
  /// Clicks in all.
  package private(set) var total: UInt64 = 0

  package init() {}

  /// Minutes that have a click.
  package var minuteCount: Int { times.count }

  /// Rows (ad, minute) that have a click.
  package var rowCount: Int { minutes.reduce(0) { $0 + $1.ads } }

  /// The newest minute with a click.
  package var newest: Minute? { times.last }

  /// Counts one click, the one at `position`.
  package mutating func apply(ad: AdKey, minute: Minute) {
    let code = ads.assign(ad)
    minutes[index(of: minute)].add(code)
    position += 1
    total += 1
  }

  /// The ad's points with a click in `from ..< to`, oldest first.
  package func series(of ad: AdKey, from: Minute, to: Minute) -> [(minute: Minute, clicks: UInt64)] {
    guard let code = ads.code(of: ad), from < to else { return [] }
    var points: [(Minute, UInt64)] = []
    for i in firstIndex(notBefore: from)..<times.count {
      guard times[i] < to else { break }
      let clicks = minutes[i].count(code)
      if clicks > 0 { points.append((times[i], UInt64(clicks))) }
    }
    return points
  }

  /// Every row, minute by minute, ads in no particular order.
  package func forEachRow(_ body: (AdKey, Minute, UInt64) -> Void) {
    for i in times.indices { minutes[i].forEach { body(ads.key($0), times[i], UInt64($1)) } }
  }

  /// Whether the ad has any click.
  package func hasClicks(_ ad: AdKey) -> Bool { ads.code(of: ad) != nil }

  private mutating func index(of minute: Minute) -> Int {
    if let last = times.last, last == minute { return times.count - 1 }
    let i = firstIndex(notBefore: minute)
    if i < times.count, times[i] == minute { return i }
    times.insert(minute, at: i)
    minutes.insert(MinuteMap(), at: i)
    return i
  }

  private func firstIndex(notBefore minute: Minute) -> Int {
    var low = 0
    var high = times.count
    while low < high {
      let middle = (low + high) / 2
      if times[middle] < minute { low = middle + 1 } else { high = middle }
    }
    return low
  }
}

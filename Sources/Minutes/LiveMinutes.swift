import Clicks

/// The fold of durable clicks that no run holds yet: clicks per (ad, minute), as differences to the table on disk. A minute
/// that was never written has its whole count here; a late click of a written minute adds to the row there.
///
///     table(ad, minute) = rows in runs + Σ of the maps here
///
/// A checkpoint takes the maps of closed minutes away (`freeze`) and writes them as absolute rows. Every map knows the
/// position of its first click, so the lowest position that replay still needs is known: the floor.
package struct LiveMinutes {
  private var minutes: [MinuteMap] = []
  private var times: [Minute] = []
  private var firstPositions: [UInt64] = []

  /// The ads by their codes.
  package var ads: AdCodes
  /// Position after the last click that was applied.
  package private(set) var position: UInt64
  /// Clicks in all that were applied here.
  package private(set) var total: UInt64 = 0

  /// An empty fold of the clicks before `position`.
  package init(ads: AdCodes = AdCodes(), position: UInt64 = 0) {
    self.ads = ads
    self.position = position
  }

  /// Minutes that have a click.
  package var minuteCount: Int { times.count }

  /// Rows (ad, minute) that have a click.
  package var rowCount: Int { minutes.reduce(0) { $0 + $1.ads } }

  /// Clicks in all maps here.
  package var clicks: UInt64 { minutes.reduce(0) { $0 + $1.total } }

  /// The newest minute with a click.
  package var newest: Minute? { times.last }

  /// The oldest minute with a click.
  package var oldest: Minute? { times.first }

  /// The lowest position whose click is in a map here; `position` where there is none.
  package var floor: UInt64 { firstPositions.min() ?? position }

  /// Counts one click, the one at `position`. Returns the code of its ad.
  @discardableResult
  package mutating func apply(ad: AdKey, minute: Minute) -> UInt32 {
    let code = ads.assign(ad)
    let i = index(of: minute)
    minutes[i].add(code)
    position += 1
    total += 1
    return code
  }

  /// Counts clicks, the first of them the one at `position`, and appends the codes of their ads.
  package mutating func apply(_ clicks: [(ad: AdKey, minute: Minute)], codes: inout [UInt32]) {
    var i = 0
    while i < clicks.count {
      // Neighbours are mostly of one minute, whose map is asked for once.
      let minute = clicks[i].minute
      let place = index(of: minute)
      let start = i
      repeat {
        ads.prefetch(i, clicks.count) { clicks[$0].ad }
        let code = ads.assign(clicks[i].ad)
        minutes[place].add(code)
        codes.append(code)
        i += 1
      } while i < clicks.count && clicks[i].minute == minute
      position += UInt64(i - start)
      total += UInt64(i - start)
    }
  }

  /// Passes over the click at `position`, which a run counts already.
  package mutating func skip() { position += 1 }

  /// Takes the maps of all minutes before `minute` away.
  package mutating func freeze(before minute: Minute) -> FrozenMinutes {
    let count = firstIndex(notBefore: minute)
    let frozen = FrozenMinutes(
      times: Array(times[..<count]), minutes: Array(minutes[..<count]), firstPositions: Array(firstPositions[..<count]))
    times.removeFirst(count)
    minutes.removeFirst(count)
    firstPositions.removeFirst(count)
    return frozen
  }

  /// Puts maps back that could not be written.
  package mutating func restore(_ frozen: FrozenMinutes) {
    for i in frozen.times.indices {
      let at = index(of: frozen.times[i])
      firstPositions[at] = min(firstPositions[at], frozen.firstPositions[i])
      if minutes[at].ads == 0 {
        minutes[at] = frozen.minutes[i]
      } else {
        frozen.minutes[i].forEach { minutes[at].add($0, clicks: $1) }
      }
    }
  }

  /// The points of an ad's code in `from ..< to`, oldest first.
  package func series(of code: UInt32, from: Minute, to: Minute) -> [(minute: Minute, clicks: UInt64)] {
    guard from < to else { return [] }
    var points: [(Minute, UInt64)] = []
    for i in firstIndex(notBefore: from)..<times.count {
      guard times[i] < to else { break }
      let clicks = minutes[i].count(code)
      if clicks > 0 { points.append((times[i], UInt64(clicks))) }
    }
    return points
  }

  /// Clicks of all ads, for each minute with a click in `from ..< to`.
  package func totals(from: Minute, to: Minute) -> [(minute: Minute, clicks: UInt64)] {
    guard from < to else { return [] }
    var points: [(Minute, UInt64)] = []
    for i in firstIndex(notBefore: from)..<times.count {
      guard times[i] < to else { break }
      points.append((times[i], minutes[i].total))
    }
    return points
  }

  /// The maps of the minutes in `from ..< to`. They share memory with those here, which costs the next click of each minute a copy.
  package func maps(from: Minute, to: Minute) -> [(minute: Int64, map: MinuteMap)] {
    (firstIndex(notBefore: from)..<times.count).prefix { times[$0] < to }.map { (times[$0].index, minutes[$0]) }
  }

  /// Every row, minute by minute, ads in no particular order.
  package func forEachRow(_ body: (AdKey, Minute, UInt64) -> Void) {
    for i in times.indices { minutes[i].forEach { body(ads.key($0), times[i], UInt64($1)) } }
  }

  private mutating func index(of minute: Minute) -> Int {
    if let last = times.last, last == minute { return times.count - 1 }
    let i = firstIndex(notBefore: minute)
    if i < times.count, times[i] == minute { return i }
    times.insert(minute, at: i)
    minutes.insert(MinuteMap(), at: i)
    firstPositions.insert(position, at: i)
    return i
  }

  private func firstIndex(notBefore minute: Minute) -> Int { Self.firstIndex(in: times, notBefore: minute) }

  static func firstIndex(in times: [Minute], notBefore minute: Minute) -> Int {
    var low = 0
    var high = times.count
    while low < high {
      let middle = (low + high) / 2
      if times[middle] < minute { low = middle + 1 } else { high = middle }
    }
    return low
  }
}

/// Maps of closed minutes on their way into a run: they never change, and readers see them until the run is listed.
package final class FrozenMinutes: Sendable {
  /// The minutes, ascending.
  package let times: [Minute]
  /// Their maps.
  package let minutes: [MinuteMap]
  let firstPositions: [UInt64]

  init(times: [Minute], minutes: [MinuteMap], firstPositions: [UInt64]) {
    self.times = times
    self.minutes = minutes
    self.firstPositions = firstPositions
  }

  /// Rows in all maps.
  package var rowCount: Int { minutes.reduce(0) { $0 + $1.ads } }

  /// Clicks in all maps.
  package var clicks: UInt64 { minutes.reduce(0) { $0 + $1.total } }

  /// The points of an ad's code in `from ..< to`, oldest first.
  package func series(of code: UInt32, from: Minute, to: Minute) -> [(minute: Minute, clicks: UInt64)] {
    var points: [(Minute, UInt64)] = []
    var i = LiveMinutes.firstIndex(in: times, notBefore: from)
    while i < times.count, times[i] < to {
      let clicks = minutes[i].count(code)
      if clicks > 0 { points.append((times[i], UInt64(clicks))) }
      i += 1
    }
    return points
  }

  /// Clicks of all ads, for each minute in `from ..< to`.
  package func totals(from: Minute, to: Minute) -> [(minute: Minute, clicks: UInt64)] {
    var points: [(Minute, UInt64)] = []
    var i = LiveMinutes.firstIndex(in: times, notBefore: from)
    while i < times.count, times[i] < to {
      points.append((times[i], minutes[i].total))
      i += 1
    }
    return points
  }

  /// The maps of the minutes in `from ..< to`.
  package func maps(from: Minute, to: Minute) -> [(minute: Int64, map: MinuteMap)] {
    times.indices.filter { times[$0] >= from && times[$0] < to }.map { (times[$0].index, minutes[$0]) }
  }

  /// The rows of the minutes in `range` (indices of `times`), sorted by ad code and minute.
  package func sortedRows(_ range: Range<Int>) -> [LiveRow] {
    var rows: [LiveRow] = []
    rows.reserveCapacity(minutes[range].reduce(0) { $0 + $1.ads })
    for i in range {
      let minute = times[i].index
      minutes[i].forEach { rows.append(LiveRow(code: $0, minute: minute, clicks: UInt64($1))) }
    }
    // They come minute by minute: what is left to do is to order them by code, and leave those of one code as they are.
    CodeSort.sort(&rows)
    return rows
  }
}

/// One row of the fold.
package struct LiveRow: Equatable, Sendable {
  package var code: UInt32
  package var minute: Int64
  package var clicks: UInt64

  package init(code: UInt32, minute: Int64, clicks: UInt64) {
    self.code = code
    self.minute = minute
    self.clicks = clicks
  }
}

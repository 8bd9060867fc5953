import ClickLog
import Clicks
import Platform
import Segments

// Exact over the lifetime (K2, R5). The dedup index knows the clicks of the horizon, and every click that is not in a segment
// yet. Whether an older click was counted already, the segments say:
//
//   version 7 id              looked for in the segments received since its minting; none where all those clicks are in
//                             the index still, which is so for nearly every browser
//   other id, of a batch      looked for in every segment: a feed is sent again after hours, or days
//   other id, from /click     not looked for: the horizon is its rule, and the recount finds what is beyond
//
// An impression is not clicked before it is minted, but clocks differ: a click may have been received up to the mint tolerance
// before the minting time in its id, and where its event time was in the future, by so much more. What has retired is
// not found, so all this is exact as far back as raw clicks are kept.

/// Looks up a batch's clicks in the segments.
struct LifetimeLookup {
  /// What the segments say of one click.
  enum Earlier: Equatable {
    /// It is in none.
    case none
    /// It was counted under this event time.
    case counted(Int64)
    /// Something could not be read: nobody knows.
    case unreadable
  }

  /// A version 7 id.
  private struct Timed {
    var key: SegmentKey
    /// An earlier copy was not received before this.
    var since: Int64
  }

  /// For each click of the batch; empty where none was looked up.
  private(set) var earlier: [Earlier] = []
  /// Clicks looked up, those found, and pages of failures, since the start.
  private(set) var lookups: UInt64 = 0
  private(set) var hits: UInt64 = 0
  private(set) var failures: UInt64 = 0

  private let slack: Int64
  // Reused from batch to batch; all in the order of ids.
  private var untimed: [SegmentKey] = []
  private var timed: [Timed] = []
  private var keys: [SegmentKey] = []

  /// Event times may be `maxFuture` ms ahead of the clock.
  init(maxFuture: Int64) { slack = max(maxFuture, EventTimeLimits().maxFuture) + EventTimeLimits.mintTolerance }

  /// Looks for those clicks of `batch` that may have been counted before the position `known`, from which on the index knows
  /// every click; those below it were received at `knownTime` or before.
  mutating func run(
    _ batch: Span<ClickRequest>, _ live: LiveTable, _ segments: [Segment], known: UInt64, knownTime: Int64
  ) {
    earlier.removeAll(keepingCapacity: true)
    guard let first = segments.first, first.summary.positions.lowerBound < known else { return }
    if sabotaged(.skipLookups) { return }
    untimed.removeAll(keepingCapacity: true)
    timed.removeAll(keepingCapacity: true)
    for i in 0..<batch.count {
      guard let since = since(batch[i]), since <= knownTime else { continue }
      let impression = batch[i].identity.impression
      let key = SegmentKey(impression: impression, code: 0, tag: i)
      if impression.mintedAt == nil { untimed.append(key) } else { timed.append(Timed(key: key, since: since)) }
    }
    guard !untimed.isEmpty || !timed.isEmpty else { return }
    setCodes(batch, live)
    guard !untimed.isEmpty || !timed.isEmpty else { return }
    untimed.sort(by: SegmentKey.precedes)
    timed.sort { SegmentKey.precedes($0.key, $1.key) }
    earlier.append(contentsOf: repeatElement(.none, count: batch.count))
    lookups += UInt64(untimed.count + timed.count)
    for segment in segments where segment.summary.positions.lowerBound < known { search(segment) }
  }

  /// Gives the keys the codes of their ads. An ad without one has no click that is sealed, so that its keys go.
  private mutating func setCodes(_ batch: Span<ClickRequest>, _ live: LiveTable) {
    let tags = untimed.map(\.tag) + timed.map(\.key.tag)
    let codes = live.codes(of: tags.map { batch[$0].identity.ad })
    var at = 0
    untimed = untimed.compactMap { key in
      defer { at += 1 }
      return codes[at].map { key.with(code: $0) }
    }
    timed = timed.compactMap { one in
      defer { at += 1 }
      return codes[at].map { Timed(key: one.key.with(code: $0), since: one.since) }
    }
  }

  /// The least receive time that an earlier copy of the click can have; nil where it is not looked for.
  private func since(_ request: ClickRequest) -> Int64? {
    if let minted = request.identity.impression.mintedAt { return minted - slack }
    return request.isBrowsers ? nil : .min
  }

  private mutating func search(_ segment: Segment) {
    keys.removeAll(keepingCapacity: true)
    do { try segment.sift(untimed, into: &keys) } catch {
      // Without its filters the rows themselves are asked. The damage is named in full by the next check of the files.
      failures += 1
      keys.removeAll(keepingCapacity: true)
      keys.append(contentsOf: untimed)
    }
    let before = keys.count
    let newest = segment.summary.receiveTimes.upperBound
    for one in timed where one.since <= newest && Self.mayHold(segment, one.key.impression) { keys.append(one.key) }
    guard !keys.isEmpty else { return }
    if before > 0, keys.count > before { keys.sort(by: SegmentKey.precedes) }
    var found = 0
    do {
      try segment.find(keys) { tag, row in
        earlier[tag] = .counted(row.eventTime)
        found += 1
      }
    } catch {
      // Here nobody knows of these clicks.
      failures += 1
      for key in keys where earlier[key.tag] == .none { earlier[key.tag] = .unreadable }
    }
    guard found > 0 else { return }
    hits += UInt64(found)
    // What the first received copy says holds: it is not looked for in the segments behind.
    untimed.removeAll { Self.isCounted(earlier[$0.tag]) }
    timed.removeAll { Self.isCounted(earlier[$0.key.tag]) }
  }

  private static func isCounted(_ earlier: Earlier) -> Bool {
    if case .counted = earlier { true } else { false }
  }

  private static func mayHold(_ segment: Segment, _ impression: ImpressionID) -> Bool {
    guard let minted = impression.mintedAt else { return true }
    return segment.summary.mintingTimes?.contains(minted) ?? false
  }
}

extension SegmentKey {
  fileprivate func with(code: UInt32) -> SegmentKey {
    var key = self
    key.code = code
    return key
  }
}

extension ClickRequest {
  /// Whether it came from `GET /click`.
  var isBrowsers: Bool { source == Click.Source.browser.rawValue }
}

import ClickLog
import Clicks
import Platform
import Segments

// Exact over the lifetime (K2, R5, R21). The dedup index knows the clicks of the horizon, and every click that is not in a segment
// yet. Whether an older click was counted already, the segments say:
//
//   id with a time in its bits that can be      looked for in the segments received since then, and in every older one where a
//   that of its minting: 2020 … now             copy was early: had its time still to come when it was received. None where all
//                                               those clicks are in the index still, which is so for nearly every browser
//   other id, of a batch                        looked for in every segment: a feed is sent again after hours, or days
//   other id, from /click                       not looked for: the horizon is its rule, and the recount finds what is beyond
//
// How an id is spelled plays no part here. An impression is not clicked before it is minted, but clocks differ: a click may have
// been received up to the mint tolerance before the minting time in its id, and where its event time was in the future, by so
// much more. Every copy that came earlier than that is in its segment's filters and list of early rows. What has retired is not
// found, so all this is exact as far back as raw clicks are kept.

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

  /// An id whose time can be that of its minting.
  private struct Timed {
    var key: SegmentKey
    var time: Int64
  }

  /// For each click of the batch; empty where none was looked up.
  private(set) var earlier: [Earlier] = []
  /// Clicks looked up, those found, and pages of failures, since the start.
  private(set) var lookups: UInt64 = 0
  private(set) var hits: UInt64 = 0
  private(set) var failures: UInt64 = 0

  private let slack: Int64
  /// No time behind this is that of a minting, by the clock of the batch at hand.
  private(set) var latest = Int64.min
  // Reused from batch to batch; all in the order of ids.
  private var untimed: [SegmentKey] = []
  private var timed: [Timed] = []
  private var keys: [SegmentKey] = []

  /// Event times may be `maxFuture` ms ahead of the clock.
  init(maxFuture: Int64) { slack = EventTimeLimits.ahead(maxFuture: maxFuture) }

  /// Looks for those clicks of `batch` that may have been counted before the position `known`, from which on the index knows
  /// every click; those below it were received at `knownTime` or before. The clock says `now`.
  mutating func run(
    _ batch: Span<ClickRequest>, _ live: LiveTable, _ version: Version, known: UInt64, knownTime: Int64, now: Int64
  ) {
    let segments = version.segments
    latest = max(now, knownTime) + EventTimeLimits.mintTolerance
    earlier.removeAll(keepingCapacity: true)
    guard let first = segments.first, first.summary.positions.lowerBound < known else { return }
    if sabotaged(.skipLookups) { return }
    untimed.removeAll(keepingCapacity: true)
    timed.removeAll(keepingCapacity: true)
    for i in 0..<batch.count {
      let impression = batch[i].identity.impression
      if let time = impression.minting(by: latest) {
        guard time - slack <= knownTime || version.mayHoldEarly(impression, time) else { continue }
        timed.append(Timed(key: SegmentKey(impression: impression, code: 0, tag: i), time: time))
      } else if !batch[i].isBrowsers {
        untimed.append(SegmentKey(impression: impression, code: 0, tag: i))
      }
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
      return codes[at].map { Timed(key: one.key.with(code: $0), time: one.time) }
    }
  }

  /// Whether a click is from /click and its id cannot be a minted one by the clock of the batch at hand: it is a repeat inside the
  /// dedup horizon alone.
  func isPlain(_ request: ClickRequest) -> Bool { Self.isPlain(request, latest: latest) }

  @inline(__always)
  static func isPlain(_ request: ClickRequest, latest: Int64) -> Bool {
    request.isBrowsers && request.identity.impression.minting(by: latest) == nil
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
    for one in timed where segment.mayHold(one.key.impression, one.time) { keys.append(one.key) }
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
}

extension Segment {
  /// Whether a row may have this id, with a time in its bits that can be that of its minting.
  fileprivate func mayHold(_ id: ImpressionID, _ time: Int64) -> Bool {
    // A row that filters leave out was received since its time, so this is all that the receive times could say.
    summary.mintingTimes?.contains(time) ?? false || early.mayHold(id, time)
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

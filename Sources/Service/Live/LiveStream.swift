import Clicks
import HTTP
import Query

// The points of one ad for one client. What it was sent is remembered by minute, so the next round sends the differences alone, and
// a round that its connection has no room for is forgotten.
//
//   invariant: `sent` is what the pieces taken so far have said

/// A stream of the points of one ad. Belongs to the publisher's thread.
final class LiveStream {
  let query: LiveQuery
  let line: StreamLine

  private var sent: [Int64: SentPoint] = [:]
  private var proposed: [Point] = []
  private var mark: String?
  private var proposedMark: String?
  /// Whether the last round had everything.
  private(set) var isWhole = false
  /// Whether its ad is gone, or no longer in reach.
  var isRevoked = false
  /// Whether something has changed since the last round.
  var isOld = true
  private var first: Minute
  /// What the client has may be wrong in any minute: those that have no clicks are told too.
  private var isUnsure = false

  struct SentPoint: Equatable {
    var clicks: UInt64
    var status: PointStatus
    var credits: Int64 = 0

    init(clicks: UInt64, status: PointStatus) {
      self.clicks = clicks
      self.status = status
    }

    init(_ point: Point) {
      (clicks, status, credits) = (point.clicks, point.status, point.credits)
    }
  }

  /// Points of one piece.
  private static let pointsAtOnce = 500

  init(_ query: LiveQuery, _ line: StreamLine) {
    self.query = query
    self.line = line
    first = query.from
  }

  /// The minutes to look at.
  func window(_ now: Minute, ahead: Int64) -> Range<Int64> {
    first = max(first, Minute(index: now.index - LiveQuery.maximumMinutes))
    return first.index..<(now.index + ahead + 1)
  }

  /// Takes in what became of the last piece; false while it is on its way.
  func settle() -> Bool {
    guard case .free(let fate) = line.settle() else { return false }
    switch fate {
    case .taken:
      for point in proposed { sent[point.minute.index] = SentPoint(point) }
      if let proposedMark {
        mark = proposedMark
        isUnsure = false
      }
    case .full: isWhole = false
    case .gone, nil: break
    }
    proposed = []
    proposedMark = nil
    return true
  }

  /// Sends what is new in `series`, which covers the window and was read at `revision` or later. `holds`: whether counts that
  /// somebody read at a position of a shard hold still.
  func round(
    _ series: Series, revision: UInt64, now: Int64, holds: (_ shard: Int, _ position: UInt64) -> Bool
  ) {
    isOld = false
    // Before the first minute is closed the tables say so with a time before 1970.
    let closed = max(Minute(index: 0), series.completeThrough)
    let at = LiveMark(from: first, closed: closed, revision: revision, asOf: series.asOfText)
    if let seen = query.seen, sent.isEmpty, mark == nil {
      let isKnown =
        seen.revision.map { $0 == revision }
        ?? AsOf(seen.asOf)?.positions.allSatisfy { holds($0.key, $0.value) } ?? false
      isUnsure = !isKnown
      if isKnown, seen.asOf == at.asOf {
        // The client has these counts, under the status of then.
        for point in series.points {
          sent[point.minute.index] = SentPoint(
            clicks: point.clicks, status: point.minute < seen.closed ? .closed : .provisional)
        }
      }
    }
    sent = sent.filter { $0.key >= first.index }
    var changed: [Point] = []
    for point in series.points where sent[point.minute.index] != SentPoint(point) { changed.append(point) }
    changed += emptied(series)
    isWhole = changed.count <= Self.pointsAtOnce
    if !isWhole { changed = Array(changed.sorted { $0.minute < $1.minute }.prefix(Self.pointsAtOnce)) }
    if changed.isEmpty { return line.breathe(now) }
    var text: [UInt8] = []
    for (index, point) in changed.enumerated() {
      text += "event: point\n".utf8
      if isWhole, index == changed.count - 1 { text += "id: \(at.text)\n".utf8 }
      text += "data: ".utf8
      series.append(point, to: &text)
      text += "\n\n".utf8
    }
    proposed = changed
    proposedMark = isWhole ? at.text : nil
    line.send(text, now)
  }

  /// Minutes that have no clicks, and that the client may think have some: a recount can take the last click of a minute away.
  private func emptied(_ series: Series) -> [Point] {
    func isClosed(_ minute: Minute) -> Bool { minute < series.completeThrough }
    let present = Set(series.points.map(\.minute.index))
    var minutes = sent.filter { $0.value.clicks > 0 && !present.contains($0.key) }.map(\.key)
    if isUnsure {
      let window = series.query.from.index..<series.query.to.index
      minutes += window.filter { !present.contains($0) && sent[$0] == nil }
    }
    return minutes.map { minute in
      let minute = Minute(index: minute)
      return Point(minute: minute, clicks: 0, status: isClosed(minute) ? .closed : .provisional)
    }
  }
}

import Catalog
import Clicks
import HTTP
import Query
import Synchronization

// One client of live points. What it was sent is remembered by minute, so the next round sends the differences alone; a
// round that its connection has no room for is forgotten, and the one after it has the newest values instead: a slow
// client gets fewer events, never old ones, and takes no more memory.
//
//   publisher: round ─▶ piece on its way ─▶ loop: taken │ full │ gone ─▶ publisher: next round
//
//   invariant: at most one piece is on its way; `sent` is what the pieces taken so far have said

/// A stream of the points of one ad.
final class LiveStream: @unchecked Sendable {
  let query: LiveQuery
  /// By which it was opened: it ends with it.
  let grant: Grant
  let exchange: Exchange
  let loop: EventLoop
  let began: Int64
  /// Silence after which a comment tells that the stream is alive, ns.
  private let keepAlive: Int64

  private struct Shared {
    var isOnItsWay = false
    var fate: PieceFate?
    var hasLeft = false
    var isRevoked = false
  }

  private let shared = Mutex(Shared())

  // The publisher's own.

  private var sent: [Int64: SentPoint] = [:]
  private var proposed: [Point] = []
  private var mark: String?
  private var proposedMark: String?
  private var lastWrite: Int64
  /// Whether the last round had everything, and what it was made of.
  private(set) var isWhole = false
  private var first: Minute

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

  /// Called on the loop's thread when the stream has been ended from here.
  private let ended: @Sendable () -> Void

  init(
    _ query: LiveQuery, _ grant: Grant, _ exchange: Exchange, _ loop: EventLoop, now: Int64, keepAlive: Int64,
    ended: @escaping @Sendable () -> Void
  ) {
    self.keepAlive = keepAlive
    self.query = query
    self.grant = grant
    self.ended = ended
    self.exchange = exchange
    self.loop = loop
    began = now
    lastWrite = now
    first = query.from
  }

  // MARK: The loop's side

  /// The client has gone.
  func leave() { shared.withLock { $0.hasLeft = true } }

  /// What it stands on has gone: it is to end.
  func revoke() { shared.withLock { $0.isRevoked = true } }

  // MARK: The publisher's side

  /// Whether it was revoked.
  var isRevoked: Bool { shared.withLock { $0.isRevoked } }

  /// Whether nothing can be sent any more.
  var hasLeft: Bool { shared.withLock { $0.hasLeft } }

  /// The minutes to look at.
  func window(_ now: Minute, ahead: Int64) -> Range<Int64> {
    first = max(first, Minute(index: now.index - LiveQuery.maximumMinutes))
    return first.index..<(now.index + ahead + 1)
  }

  /// Takes in what became of the last piece; false while it is on its way.
  func settle() -> Bool {
    let (isOnItsWay, fate) = shared.withLock { shared in
      defer { shared.fate = nil }
      return (shared.isOnItsWay, shared.fate)
    }
    if isOnItsWay { return false }
    switch fate {
    case .taken:
      for point in proposed { sent[point.minute.index] = SentPoint(point) }
      if let proposedMark { mark = proposedMark }
    case .full: isWhole = false
    case .gone: leave()
    case nil: break
    }
    proposed = []
    proposedMark = nil
    return true
  }

  /// Sends what is new in `series`, which covers the window.
  func round(_ series: Series, now: Int64) {
    // Before the first minute is closed the tables say so with a time before 1970.
    let closed = max(Minute(index: 0), series.completeThrough)
    let at = LiveMark(from: first, closed: closed, asOf: series.asOfText)
    if let seen = query.seen, seen.asOf == at.asOf, sent.isEmpty, mark == nil {
      // The client has these counts, under the status of then.
      for point in series.points {
        sent[point.minute.index] = SentPoint(
          clicks: point.clicks, status: point.minute < seen.closed ? .closed : .provisional)
      }
    }
    sent = sent.filter { $0.key >= first.index }
    var changed: [Point] = []
    for point in series.points where sent[point.minute.index] != SentPoint(point) { changed.append(point) }
    // A recount can take the last click of a minute away.
    if series.points.count < sent.count + changed.count {
      let present = Set(series.points.map(\.minute.index))
      for (minute, old) in sent where old.clicks > 0 && !present.contains(minute) {
        let minute = Minute(index: minute)
        changed.append(
          Point(minute: minute, clicks: 0, status: minute < series.completeThrough ? .closed : .provisional))
      }
    }
    isWhole = changed.count <= Self.pointsAtOnce
    if !isWhole { changed = Array(changed.sorted { $0.minute < $1.minute }.prefix(Self.pointsAtOnce)) }
    if changed.isEmpty { return breathe(now) }
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
    send(text, now)
  }

  /// Says that the stream is alive where it has been silent for long.
  func breathe(_ now: Int64) {
    if now - lastWrite >= keepAlive { send(Array(": \n\n".utf8), now) }
  }

  /// Ends the stream.
  func end() {
    loop.submit { [exchange, ended] loop in
      loop.endAnswer(exchange)
      ended()
    }
  }

  private func send(_ text: [UInt8], _ now: Int64) {
    lastWrite = now
    shared.withLock { $0.isOnItsWay = true }
    loop.submit { [self] loop in
      let fate = unsafe text.withUnsafeBytes { unsafe loop.sendPiece(exchange, $0) }
      shared.withLock { shared in
        shared.isOnItsWay = false
        shared.fate = fate
      }
    }
  }
}

import Clicks
import HTTP
import Query

// One client of a watch. It is told what all are told, but for a client whose line was busy or full: the rows that it missed are
// remembered, not their values, and said later with the values of then. One that misses too many asks for everything anew.

/// A stream over several ads. Belongs to the publisher's thread.
final class WatchStream {
  let line: StreamLine
  /// The first minute that it watches.
  let first: Minute
  /// Rows that others were told of and it was not.
  private(set) var missed: Set<WatchedRow> = []
  /// Why it has to ask for everything anew; nil: it has not.
  private(set) var loss: WatchLoss?
  /// Something was said to others that is told with any event: how far time is closed. So each is told that it goes on.
  private(set) var isBehind = true
  private var proposed: [WatchedRow] = []
  private var proposedLoss: WatchLoss?
  private var hasCorrections = false

  /// Rows that a stream may miss.
  static let missedLimit = 5_000

  init(_ line: StreamLine, first: Minute, missed: [WatchedRow], loss: WatchLoss?) {
    self.line = line
    self.first = first
    self.loss = loss
    miss(missed)
  }

  /// Whether it is to be told something that the others are not.
  var isOwed: Bool { !missed.isEmpty || loss != nil || isBehind }

  /// Takes in what became of the last piece; false while it is on its way.
  func settle() -> Bool {
    guard case .free(let fate) = line.settle() else { return false }
    if case .full? = fate {
      isBehind = true
      loss = loss ?? proposedLoss
      if hasCorrections { lose(.slow) }
      miss(proposed)
    }
    proposed = []
    proposedLoss = nil
    hasCorrections = false
    return true
  }

  /// Notes rows that it was not told of.
  func miss(_ rows: some Sequence<WatchedRow>) {
    guard loss == nil else { return }
    missed.formUnion(rows.filter { $0.minute >= first })
    if missed.count > Self.missedLimit { lose(.slow) }
  }

  /// Notes that others were told something that it was not.
  func fallBehind() { isBehind = true }

  func lose(_ loss: WatchLoss) {
    self.loss = self.loss ?? loss
    missed = []
  }

  /// Takes some of what it missed, to be told now.
  func takeMissed(_ count: Int) -> [WatchedRow] {
    let rows = Array(missed.prefix(count))
    if rows.count == missed.count { missed = [] } else { missed.subtract(rows) }
    return rows
  }

  /// Sends a piece that tells of these rows, and of corrections if it says so. The line is free.
  func send(_ piece: [UInt8], _ rows: [WatchedRow], corrections: Bool, now: Int64) {
    (proposed, hasCorrections, isBehind) = (rows, corrections, false)
    line.send(piece, now)
  }

  /// Sends that it has to ask for everything anew. The line is free.
  func sendReset(_ piece: [UInt8], now: Int64) {
    (proposedLoss, loss, isBehind) = (loss, nil, false)
    line.send(piece, now)
  }
}

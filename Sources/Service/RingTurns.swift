// Whose clicks go into a committer's next batch, and how many of them:
//
//     loops    0 1 2 │ batch workers  3 4        rings, those of browsers first
//     batch  [ 1 2 0 │ 4 3 ]                     the next one begins with 2 and with 3: a full ring cannot starve the rest
//
// Clicks of browsers come first: somebody waits for each. Batches of other programs take what is left of a commit, at least a
// sixteenth, and at most a quarter while browsers click, so that the commits these wait for stay short. So a ring with a
// click has its turn after as many commits as there are rings of its kind at the latest.

/// The turns of rings in the batches of a committer.
package struct RingTurns {
  /// Rings of loops; behind them stand those that bring batches.
  private let interactive: Int
  private let bulk: Int
  /// Clicks of a batch at most.
  private let limit: Int
  private var first = 0
  /// Commits since the last one with a browser's click.
  private var quiet = Self.quietCommits
  /// Clicks that the batch may have behind the turn that is next.
  private var room = 0

  /// After so many commits without a click of a browser batches may have whole commits.
  private static let quietCommits = 32

  /// `limit`: at least 16 clicks.
  package init(rings: Int, bulk: Int, limit: Int) {
    precondition(0...rings ~= bulk && limit >= 16)
    interactive = rings - bulk
    self.bulk = bulk
    self.limit = limit
  }

  /// A batch begins, with other rings than the last one.
  package mutating func begin() {
    first &+= 1
    room = bulk == 0 ? limit : limit - limit / 16
  }

  /// The ring whose turn is next, `turn` of as many as there are rings, in a batch of `count` clicks so far; and how many of
  /// its `waiting` clicks the batch takes. `waiting` is asked once.
  package mutating func next(_ turn: Int, count: Int, waiting: (_ ring: Int) -> Int) -> (ring: Int, clicks: Int) {
    let isBulk = turn >= interactive
    if turn == interactive {
      room = quiet < Self.quietCommits ? min(limit, count + max(1, limit / 4)) : limit
    }
    let ring = isBulk ? interactive + (first &+ turn) % bulk : (first &+ turn) % interactive
    let clicks = max(0, min(waiting(ring), room - count))
    if clicks > 0, !isBulk { quiet = 0 }
    return (ring, clicks)
  }

  /// A batch that has something ends.
  package mutating func end() { quiet = min(quiet + 1, Self.quietCommits) }
}

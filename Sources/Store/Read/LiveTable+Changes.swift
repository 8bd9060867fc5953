import Clicks
import Corrections

// What changes a table, for whoever follows it. Clicks do, at positions of their own; and what has no position does, a recount, a
// credit, a seal, rows that were made anew. So each table has a revision beside its position, which goes up with every change of what
// counts below the position:
//
//     equal position, equal revision          the same counts
//     higher position, equal revision         more clicks, those in between; nothing became less
//     another revision                        anything
//
// Who knows a position alone, as an answer's asOf tells it, may still be sure: the position of the last revision is kept, and what was
// read above it was read after it. The revision of a process begins where no other began, so that none is taken for another's.

extension LiveTable {
  /// A table as somebody has seen it.
  package struct Moment: Equatable, Sendable {
    /// Position after the last click.
    package var position: UInt64
    package var revision: UInt64
    /// The position at which the revision began: what was read above it was read after that.
    package var revisedAt: UInt64
    /// Minutes before this one are closed.
    package var closedThrough: Minute
    /// Minutes before this one were recounted, of clicks below `recountedTo`.
    package var recountedThrough: Minute
    package var recountedTo: UInt64

    /// Whether a reader who has seen the table at `position` has counts below it that hold still, whenever that was.
    package func holds(_ position: UInt64) -> Bool {
      // Below the first position nothing can change.
      position == 0 || position > revisedAt && position <= self.position
    }
  }

  /// A row that clicks were added to.
  package struct Touched: Hashable, Sendable {
    package var ad: AdKey
    package var minute: Minute
  }

  /// What has changed since a moment.
  package struct Changes: Sendable {
    package var moment: Moment
    /// The rows that clicks were added to, each once; nil where there were more than are remembered.
    package var touched: [Touched]?
    /// Files with what was changed below the position; nil where something was that they do not tell.
    package var corrections: [CorrectionFile]?
  }

  /// A file of corrections as it is remembered: its rows may have gone into another one meanwhile.
  struct News: Sendable {
    var revision: UInt64
    weak var file: CorrectionFile?
  }

  /// Files of corrections that are remembered.
  static let rememberedNews = 64

  /// The table as it is now.
  package var moment: Moment { state.withLock { $0.moment } }

  /// What has changed since `seen`, a moment of this table.
  package func changes(since seen: Moment) -> Changes {
    let (moment, rows, news) = state.withLock { state in
      (state.moment, state.recent.rows(from: seen.position), state.news)
    }
    var changes = Changes(moment: moment, touched: rows.map { touched($0) }, corrections: [])
    guard moment.revision != seen.revision else { return changes }
    let fresh = news.filter { $0.revision > seen.revision }
    let files = fresh.compactMap(\.file)
    let isTold = UInt64(fresh.count) == moment.revision &- seen.revision && files.count == fresh.count
    changes.corrections = isTold ? files : nil
    return changes
  }

  /// The rows that clicks from `position` on were added to, each once; nil where not all are remembered.
  package func touched(from position: UInt64) -> [Touched]? {
    state.withLock { $0.recent.rows(from: position) }.map { touched($0) }
  }

  private func touched(_ rows: [RecentClicks.Row]) -> [Touched] {
    guard !rows.isEmpty else { return [] }
    let distinct = Array(Set(rows))
    return state.withLock { state in
      distinct.map { Touched(ad: state.minutes.ads.key($0.code), minute: Minute(index: Int64($0.minute))) }
    }
  }
}

extension LiveTable.State {
  var moment: LiveTable.Moment {
    LiveTable.Moment(
      position: minutes.position, revision: revision, revisedAt: revisedAt, closedThrough: Minute(index: closedThrough),
      recountedThrough: Minute(index: mark.through), recountedTo: mark.position)
  }

  /// Notes that counts below the position have changed: as `files` tell, or in a way that nothing tells.
  mutating func revise(_ files: [CorrectionFile]) {
    revisedAt = minutes.position
    if files.isEmpty { revision += 1 }
    for file in files {
      revision += 1
      news.append(LiveTable.News(revision: revision, file: file))
    }
    if news.count > LiveTable.rememberedNews { news.removeFirst(news.count - LiveTable.rememberedNews) }
  }
}

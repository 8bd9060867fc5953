import Catalog
import ClickLog
import Clicks
import Platform
import Store

// An import into a directory that no server holds. One thread reads and judges lines, one a shard commits clicks:
//
//   lines ─▶ parse ─▶ times ─▶ ad ─▶ route ─┬▶ shard 0: dedup, look-ups, log
//                                           └▶ shard 1: …
//
// After about `pieceLines` lines every shard gets what belongs to it, and the source's progress with it, also where nothing
// does. So each shard knows through which line all of its clicks are durable, and whoever starts again goes on at the least
// of them; what a shard has beyond is found to be there by its ids. No order of crashes counts a line twice or leaves one out.
//
// At the end of the source: every piece durable ─▶ the import is written into IMPORTS ─▶ the shards forget the progress.

/// An import under way.
package final class StoreImport {
  package var report: ImportResult { taken.report }

  private let parser: ClickParser
  private let gate: AdGate
  private let limits: EventTimeLimits
  /// The months of which no click is taken.
  private let sealedMonths: [SealedMonths]
  private let clock: LogicalClock
  private let route: (ClickIdentity) -> Int
  private let plan: ImportPlan
  private let source: SourceKey
  private let layout: UInt32
  private let capturesStrings: Bool
  /// By shard: every click of the source, of earlier runs too, is at this position or behind.
  private let since: [UInt64]
  /// When this run began, ms of the logical clock.
  private let began: Int64
  /// Lines of earlier runs that were not counted.
  private var rejectedBefore: UInt64 = 0
  private let feeds: [ShardFeed]
  private var taken: Taken
  /// Lines and bytes of the source that were read, in this run and before.
  package var lines: UInt64 { taken.lines }
  package var bytes: UInt64 { taken.bytes }

  /// What reads plain rows; nil where there are none, or while the columns are not known.
  private var table: PlainTable?
  private var isTableKnown = false

  /// A plain row that was read and is not judged yet.
  private struct ReadRow {
    var row: PlainRow
    var number: UInt64
  }

  /// What changes with each line: in one place, so that a line asks once whether somebody else is at it.
  private struct Taken {
    var report = ImportResult()
    /// Of all lines; nil where earlier runs did not tell of theirs.
    var sample: LineSample?
    /// By shard, of the piece at hand.
    var clicks: [[ClickRequest]]
    var strings: [CapturedStrings?]
    /// Plain rows behind those in `clicks`, while the memory that will tell of their ads is on its way.
    var rows: [ReadRow] = []
    /// Logical time of the piece at hand.
    var now: Int64
    var sinceFlush = 0
    var lines: UInt64 = 0
    var bytes: UInt64 = 0

    mutating func pass(_ lineBytes: Int, lines count: Int) {
      lines += UInt64(count)
      bytes += UInt64(lineBytes)
    }

    /// The same of a record that is a click, or should be one.
    mutating func begin(_ line: UnsafeRawBufferPointer, _ lineBytes: Int, lines count: Int) {
      pass(lineBytes, lines: count)
      report.lines += 1
      sinceFlush += 1
      unsafe sample?.add(LineSample.hash(line))
    }
  }

  /// Lines of a piece.
  package static let pieceLines = 32_768

  /// - Parameters:
  ///   - shards: all shards of the store; they are this import's until `finish`.
  ///   - before: what earlier runs have read, and what is known of its lines; nil where every line is read.
  ///   - route: which shard a click belongs to.
  package init(
    _ plan: ImportPlan, parser: ClickParser, gate: AdGate, clock: LogicalClock, shards: [Shard], layout: UInt32,
    behind before: ReadBefore? = nil, sample: LineSample? = LineSample(), route: @escaping (ClickIdentity) -> Int
  ) throws {
    self.parser = parser
    self.gate = gate
    self.plan = plan
    self.layout = layout
    capturesStrings = !plan.captures.isEmpty
    limits = plan.limits
    sealedMonths = plan.takesSealed ? [] : shards.map(\.live.sealed).filter { !$0.isEmpty }
    self.clock = clock
    self.route = route
    source = plan.sourceID
    since = before?.since ?? shards.map(\.position)
    rejectedBefore = before?.rejected ?? 0
    feeds = shards.map { ShardFeed($0) }
    began = clock.now()
    taken = Taken(
      sample: sample, clicks: shards.map { _ in [] },
      strings: shards.map { _ in plan.captures.isEmpty ? nil : CapturedStrings(plan.captures) }, now: began)
    taken.report.skipped = before?.lines ?? 0
    for (index, feed) in feeds.enumerated() { try feed.start(index) }
  }

  /// How far each shard is with a source; nil where one knows nothing of it.
  package static func progress(of source: SourceKey, in shards: [Shard]) -> [SourceProgress]? {
    var all: [SourceProgress] = []
    for shard in shards {
      guard let found = shard.core.progress(ofSource: source.high, source.low) else { return nil }
      all.append(found)
    }
    return all
  }

  /// The first lines, and bytes, are durable, and do not come again.
  package func skip(lines: UInt64, bytes: UInt64) {
    taken.lines = lines
    taken.bytes = bytes
  }

  /// Bytes behind the last line that a newline ends: they may be half of a line, and were not read.
  package func holdBack(_ bytes: Int) {
    taken.report.heldBack = ImportResult.HeldBack(line: lines + 1, bytes: bytes)
  }

  /// A line that holds no click: a header, or blank.
  package func pass(_ lineBytes: Int, lines count: Int = 1) { taken.pass(lineBytes, lines: count) }

  /// Records that `take(from:)` reads at most, so that whoever calls it can end the import in between; and plain rows that are
  /// read before the first of them is judged.
  private static let recordsAtOnce = 1_024
  private static let rowsAtOnce = 128

  /// Takes the next records, at most 1,024 and no more than a piece needs. False: there are none.
  package func take(from source: inout LineSource) throws -> Bool {
    if !isTableKnown, parser.isReady {
      isTableKnown = true
      table = parser.plainTable
    }
    return try take(from: &source, table, &taken)
  }

  private func take(
    from source: inout LineSource, _ table: PlainTable?, _ taken: inout Taken
  ) throws -> Bool {
    let parser = parser
    var left = Self.recordsAtOnce
    while left > 0, taken.sinceFlush < Self.pieceLines {
      if let table, taken.lines >= parser.headLines {
        takePlain(from: &source, table, table.recall, &taken, &left)
        if left == 0 || taken.sinceFlush >= Self.pieceLines { break }
      }
      left -= 1
      let isThere = unsafe try source.next { line, lineBytes, lineCount in
        if !parser.isReady {
          unsafe try parser.readHead(line, lines: lineCount)
          taken.pass(lineBytes, lines: lineCount)
        } else if taken.lines < parser.headLines || (unsafe ClickLineReader.isBlank(line)) {
          taken.pass(lineBytes, lines: lineCount)
        } else {
          unsafe take(line, lineBytes, lines: lineCount, &taken)
        }
      }
      guard isThere else { return false }
    }
    return true
  }

  /// Takes records as long as they are lines without quotes, at most `left`.
  private func takePlain(
    from source: inout LineSource, _ table: PlainTable, _ recall: AdRecall, _ taken: inout Taken, _ left: inout Int
  ) {
    while left > 0, taken.sinceFlush < Self.pieceLines, let line = unsafe source.nextPlain() {
      left -= 1
      if unsafe ClickLineReader.isBlank(line) {
        taken.pass(line.count + 1, lines: 1)
      } else if let row = unsafe table.read(line) {
        unsafe taken.begin(line, line.count + 1, lines: 1)
        recall.prefetch(row.ad)
        taken.rows.append(ReadRow(row: row, number: taken.lines))
        if taken.rows.count == Self.rowsAtOnce { judgeRows(&taken, recall) }
      } else {
        // In the order of the lines.
        judgeRows(&taken, recall)
        unsafe take(line, line.count + 1, lines: 1, &taken)
      }
    }
    judgeRows(&taken, recall)
  }

  /// Judges the plain rows that were read.
  private func judgeRows(_ taken: inout Taken, _ recall: AdRecall) {
    if taken.rows.isEmpty { return }
    var rows: [ReadRow] = []
    swap(&rows, &taken.rows)
    for one in rows {
      let place = unsafe recall.place(one.row.ad)
      let key = AdKey(rawValue: unsafe place.pointee.key)
      let rejection = judge(time: one.row.time, minted: one.row.minted, now: taken.now) {
        if case .told(let standing) = unsafe place.pointee.standing { return standing }
        let standing = standing(of: key)
        if catalogFailure == nil { unsafe place.pointee.standing = .told(standing) }
        return standing
      }
      if let rejection {
        taken.report.reject(one.number, rejection.code, "")
      } else {
        count(ClickIdentity(ad: key, impression: one.row.impression), one.row.time, nil, &taken)
      }
    }
    rows.removeAll(keepingCapacity: true)
    swap(&rows, &taken.rows)
  }

  /// Takes the next record, without its newline; `lineBytes` counts it, and `count` is how many lines it has.
  package func take(_ line: UnsafeRawBufferPointer, _ lineBytes: Int, lines count: Int = 1) throws {
    unsafe take(line, lineBytes, lines: count, &taken)
  }

  private func take(
    _ line: UnsafeRawBufferPointer, _ lineBytes: Int, lines count: Int, _ taken: inout Taken
  ) {
    let number = taken.lines + 1
    unsafe taken.begin(line, lineBytes, lines: count)
    do throws(ClickLineFault) {
      guard let click = unsafe try parser.read(line, number: number) else {
        taken.report.leftOut += 1
        return
      }
      if let rejection = judge(time: click.time, minted: click.minted, now: taken.now, { standing(of: click.ad) }) {
        taken.report.reject(number, rejection.code, "")
      } else {
        self.count(
          ClickIdentity(ad: click.ad, impression: click.impression), click.time, click.strings, &taken)
      }
    } catch { taken.report.reject(number, ImportRejection.malformed.code, error.description) }
  }

  /// Hands a click to its shard.
  @inline(__always)
  private func count(_ identity: ClickIdentity, _ time: Int64, _ strings: ClickStrings?, _ taken: inout Taken) {
    let shard = route(identity)
    taken.clicks[shard].append(
      ClickRequest(identity: identity, eventTime: time, source: Click.Source.imported.rawValue))
    if capturesStrings { taken.strings[shard]?.append(strings) }
  }

  /// Whether enough was taken for a piece.
  package var isPieceFull: Bool { taken.sinceFlush >= Self.pieceLines }

  /// Why a click is not counted; nil where it is. `standing` says it of its ad, and is asked last.
  @inline(__always)
  private func judge(
    time: Int64, minted: Int64?, now: Int64, _ standing: () -> ImportRejection?
  ) -> ImportRejection? {
    switch limits.judge(eventTime: time, minted: minted, now: now) {
    case .accept: break
    case .tooOld: return .tooOld
    case .inFuture: return .inFuture
    case .expired: return .expired
    }
    if !sealedMonths.isEmpty,
      sealedMonths.contains(where: { $0.contains(minute: Minute(containing: time).index) })
    {
      return .sealed
    }
    return standing()
  }

  /// Why no click of an ad is counted, as the catalog says.
  private func standing(of ad: AdKey) -> ImportRejection? {
    if catalogFailure != nil { return .unknownAd }
    do throws(CatalogError) { return try gate.rejection(ad) } catch {
      catalogFailure = error
      return .unknownAd
    }
  }

  /// Why the catalog could not be asked; nothing was committed after that.
  private var catalogFailure: CatalogError?

  /// Hands over what was taken. `digest` is that of all bytes of the source so far. False: a shard takes no more.
  package func flush(_ digest: SourceKey) -> Bool {
    guard catalogFailure == nil else { return false }
    taken.sinceFlush = 0
    taken.now = clock.now()
    for shard in feeds.indices {
      let proof = SourceProof(
        digestHigh: digest.high, digestLow: digest.low, since: since[shard],
        rejected: rejectedBefore + report.rejectedLines)
      let progress = SourceProgress(high: source.high, low: source.low, lines: lines, bytes: bytes, proof: proof)
      let piece = ImportPiece(clicks: taken.clicks[shard], strings: taken.strings[shard], progress: progress)
      taken.clicks[shard].removeAll(keepingCapacity: true)
      taken.strings[shard]?.removeAll()
      guard feeds[shard].put(piece) else { return false }
    }
    return true
  }

  /// Clicks that are durable so far.
  package var accepted: UInt64 { feeds.reduce(0) { $0 + $1.counts.accepted } }

  /// Ends before the end of the source: what was taken becomes durable, nothing more. Returns through which line it is; nil
  /// where that did not succeed.
  package func stop(_ digest: SourceKey) -> UInt64? {
    let isFlushed = flush(digest)
    let failures = feeds.compactMap { $0.finish(isComplete: false) }
    count()
    return isFlushed && failures.isEmpty ? lines : nil
  }

  /// Ends after an error of the reader: what was handed over becomes durable, nothing more.
  package func abandon() {
    for feed in feeds { _ = feed.finish(isComplete: false) }
    count()
  }

  private func count() {
    taken.report.accepted = feeds.reduce(0) { $0 + $1.counts.accepted }
    taken.report.duplicate = feeds.reduce(0) { $0 + $1.counts.duplicate }
  }

  /// Waits until all that was taken is durable, has the finished import remembered by `remember`, closes the shards, and
  /// completes the report. Throws where that does not succeed: who calls it again goes on where it was.
  package func finish(_ digest: SourceKey, remember: (FinishedImport) throws -> Void) throws {
    let isWhole = flush(digest) && feeds.allSatisfy { $0.drain() }
    var failure: (any Error)?
    if isWhole {
      do {
        try remember(
          FinishedImport(
            way: plan.way, name: plan.source, bytes: bytes, lines: lines, digest: digest,
            rejected: rejectedBefore + report.rejectedLines, began: began, ended: clock.now(), layout: layout,
            since: since, sample: taken.sample?.least ?? []))
        // It is known as a whole now.
        let end = SourceProgress(high: source.high, low: source.low, lines: 0, bytes: 0)
        for feed in feeds { _ = feed.put(ImportPiece(clicks: [], progress: end)) }
      } catch { failure = error }
    }
    let failures = feeds.compactMap { $0.finish(isComplete: isWhole && failure == nil) }
    count()
    if let catalogFailure { throw catalogFailure }
    if let reason = failures.first ?? (isWhole ? nil : "a shard took no more clicks") { throw ImportFault(reason) }
    if let failure { throw failure }
  }
}

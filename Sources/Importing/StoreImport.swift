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

/// An import under way.
package final class StoreImport {
  package private(set) var report = ImportResult()

  private let parser: ClickParser
  private let gate: AdGate
  private let limits: EventTimeLimits
  private let clock: LogicalClock
  private let route: (ClickIdentity) -> Int
  private let source: (high: UInt64, low: UInt64)
  private let feeds: [ShardFeed]
  private var clicks: [[ClickRequest]]
  private var strings: [CapturedStrings?]
  private var now: Int64
  private var sinceFlush = 0
  /// Lines and bytes of the source that were read, in this run and before.
  private var lines: UInt64 = 0
  private var bytes: UInt64 = 0

  /// Lines of a piece.
  package static let pieceLines = 32_768

  /// - Parameters:
  ///   - shards: all shards of the store; they are this import's until `finish`.
  ///   - route: which shard a click belongs to.
  ///   - source: the number under which shards know the source.
  package init(
    _ plan: ImportPlan, parser: ClickParser, gate: AdGate, clock: LogicalClock, shards: [Shard],
    source: (high: UInt64, low: UInt64), route: @escaping (ClickIdentity) -> Int
  ) throws {
    self.parser = parser
    self.gate = gate
    var limits = plan.limits
    limits.sealedBefore = shards.map(\.live.sealedBefore).max() ?? .min
    self.limits = limits
    self.clock = clock
    self.route = route
    self.source = source
    clicks = shards.map { _ in [] }
    strings = shards.map { _ in plan.captures.isEmpty ? nil : CapturedStrings(plan.captures) }
    feeds = shards.map { ShardFeed($0) }
    now = clock.now()
    for (index, feed) in feeds.enumerated() { try feed.start(index) }
  }

  /// Through which line, and byte, a source is durable in all shards.
  package static func progress(
    of source: (high: UInt64, low: UInt64), in shards: [Shard]
  ) -> (lines: UInt64, bytes: UInt64) {
    var least: (lines: UInt64, bytes: UInt64)?
    for shard in shards {
      guard let found = shard.core.progress(ofSource: source.high, source.low) else { return (0, 0) }
      if least == nil || found.lines < least!.lines { least = (found.lines, found.bytes) }
    }
    return least ?? (0, 0)
  }

  /// The first lines, and bytes, are durable; nothing was taken yet. Where `isRead` they come again and are to be passed.
  package func skip(lines: UInt64, bytes: UInt64, isRead: Bool) {
    report.skipped = lines
    guard !isRead else { return }
    self.lines = lines
    self.bytes = bytes
  }

  /// A line that holds no click: a header, or blank.
  package func pass(_ lineBytes: Int) {
    lines += 1
    bytes += UInt64(lineBytes)
  }

  /// Takes the next line, without its newline; `lineBytes` counts it. False: a shard takes no more.
  package func take(_ line: UnsafeRawBufferPointer, _ lineBytes: Int) throws -> Bool {
    pass(lineBytes)
    report.lines += 1
    do throws(ClickLineFault) {
      let click = unsafe try parser.read(line, number: lines)
      if let rejection = try judge(click) {
        report.reject(lines, rejection.code, "")
      } else {
        let identity = ClickIdentity(ad: click.ad, impression: click.impression)
        let shard = route(identity)
        clicks[shard].append(
          ClickRequest(identity: identity, eventTime: click.time, source: Click.Source.imported.rawValue))
        strings[shard]?.append(click.strings)
      }
    } catch { report.reject(lines, ImportRejection.malformed.code, error.description) }
    sinceFlush += 1
    return sinceFlush < Self.pieceLines || flush()
  }

  private func judge(_ click: ParsedClick) throws(ClickLineFault) -> ImportRejection? {
    switch limits.judge(eventTime: click.time, minted: click.impression.mintedAt, now: now) {
    case .accept: break
    case .tooOld: return .tooOld
    case .inFuture: return .inFuture
    case .expired: return .expired
    }
    if catalogFailure != nil { return .unknownAd }
    do throws(CatalogError) { return try gate.rejection(click.ad) } catch {
      catalogFailure = error
      return .unknownAd
    }
  }

  /// Why the catalog could not be asked; nothing was committed after that.
  private var catalogFailure: CatalogError?

  private func flush() -> Bool {
    guard catalogFailure == nil else { return false }
    sinceFlush = 0
    now = clock.now()
    let progress = SourceProgress(high: source.high, low: source.low, lines: lines, bytes: bytes)
    for shard in feeds.indices {
      let piece = ImportPiece(clicks: clicks[shard], strings: strings[shard], progress: progress)
      clicks[shard].removeAll(keepingCapacity: true)
      strings[shard]?.removeAll()
      guard feeds[shard].put(piece) else { return false }
    }
    return true
  }

  /// The source is read to its end: who imports it again, now that more ads are known perhaps, starts from its first line.
  private func end() -> Bool {
    let progress = SourceProgress(high: source.high, low: source.low, lines: 0, bytes: 0)
    return feeds.allSatisfy { $0.put(ImportPiece(clicks: [], progress: progress)) }
  }

  /// Clicks that are durable so far.
  package var accepted: UInt64 { feeds.reduce(0) { $0 + $1.counts.accepted } }

  /// Ends after an error of the reader: what was handed over becomes durable, nothing more.
  package func abandon() { for feed in feeds { _ = feed.finish() } }

  /// Waits until all that was taken is durable, closes the shards, and completes the report. Throws where it is not.
  package func finish() throws {
    let isWhole = flush() && end()
    var failures = feeds.compactMap { $0.finish() }
    if let catalogFailure { throw catalogFailure }
    report.accepted = feeds.reduce(0) { $0 + $1.counts.accepted }
    report.duplicate = feeds.reduce(0) { $0 + $1.counts.duplicate }
    if !isWhole, failures.isEmpty { failures.append("a shard took no more clicks") }
    if let failure = failures.first { throw ImportFault(failure) }
  }
}

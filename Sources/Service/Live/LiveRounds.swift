import Catalog
import Clicks
import Corrections
import Query
import Shards
import Store

// A round of the publisher:
//
//   1. each table: which rows clicks have touched since the last round, how far time is closed, whether anything was recounted
//   2. each touched row goes to the streams of its ad, and to the group of each selection that has its ad
//   3. a stream of one ad reads its window again where something was its own; a selection reads its fresh rows once for all streams
//
// So a round costs what has changed, whatever there is, and what many watch is read once.

/// The streams that are open, and what they were told. Belongs to the publisher's thread.
final class LiveRounds {
  private let context: ServiceContext
  private let publisher: LivePublisher
  private let tables: ShardTables
  private var moments: [LiveTable.Moment] = []
  /// Ads of each table at that moment or a little later: who has a higher number was clicked later for the first time.
  private var adCounts: [Int] = []
  private var adStreams: [AdKey: [LiveStream]] = [:]
  private var watches: [WatchKey: Watch] = [:]
  private var interests: [AdKey: [Interest]] = [:]
  private var tokens: UInt64 = 0
  private var routes: UInt64 = 0
  private var series: SeriesQuery?

  /// A group of a watch that an ad is in.
  private struct Interest {
    var watch: Watch
    var group: Int32
    var id: AdID?
  }

  /// Between two events of a stream, ns.
  private static let interval: Int64 = 1_000_000_000
  /// Points of one event.
  private static let pointsAtOnce = 2_000
  /// Rows of a file of corrections that are looked at.
  private static let correctionsAtOnce = 200_000

  init(_ context: ServiceContext, _ publisher: LivePublisher) {
    self.context = context
    self.publisher = publisher
    tables = ShardTables(context.tables, routes: context.routes)
  }

  var isEmpty: Bool { adStreams.isEmpty && watches.isEmpty }

  // MARK: - Coming and going

  /// Takes streams in.
  func admit(_ arrivals: [LiveArrival]) {
    guard !arrivals.isEmpty else { return }
    if isEmpty {
      moments = tables.tables.map(\.moment)
      adCounts = tables.tables.map(\.summary.ads)
      _ = publisher.takeNews()
    }
    for arrival in arrivals {
      switch arrival {
      case .ad(let query, let line): adStreams[query.ad, default: []].append(LiveStream(query, line))
      case .watch(let start, let line): admit(start, line)
      }
    }
  }

  private func admit(_ start: WatchStart, _ line: StreamLine) {
    if series == nil { series = start.series }
    let watch = watches[start.key] ?? begin(start)
    var loss = start.loss
    var missed: [WatchedRow] = []
    if start.revision != revision { loss = loss ?? .recount }
    // What has come since the client was told is told later, some of it twice.
    for (table, position) in zip(tables.tables, start.positions) where loss == nil {
      guard let touched = table.touched(from: position) else {
        loss = .since
        break
      }
      for row in touched where row.minute >= start.first {
        for interest in interests[row.ad] ?? [] where interest.watch === watch {
          missed.append(WatchedRow(group: interest.group, minute: row.minute))
        }
      }
    }
    watch.streams.append(WatchStream(line, first: start.first, missed: loss == nil ? missed : [], loss: loss))
  }

  private func begin(_ start: WatchStart) -> Watch {
    var ads = start.ads
    if start.catalogVersion != publisher.catalogVersion, let current = try? context.desk.ads(of: start.key.selection) {
      ads = current
    }
    let watch = Watch(start.key)
    for ad in ads { join(ad, watch) }
    watches[start.key] = watch
    return watch
  }

  private func join(_ ad: SelectedAd, _ watch: Watch) {
    interests[ad.key, default: []].append(Interest(watch: watch, group: watch.add(ad), id: ad.id))
  }

  private func forget(_ ad: AdKey, _ watch: Watch) {
    interests[ad]?.removeAll { $0.watch === watch }
    if interests[ad]?.isEmpty == true { interests[ad] = nil }
  }

  private func end(_ watch: Watch) {
    for group in watch.groups { for ad in group.ads { forget(ad, watch) } }
    watches[watch.key] = nil
  }

  /// Why a stream is over; nil where it goes on. `isChecked`: whether its grant was looked at just now.
  private func ending(_ line: StreamLine, _ now: Int64, tokensChanged: Bool) -> StreamEnd? {
    if context.isStopping { return .stopping }
    if now - line.began >= context.settings.streamLifetime { return .lifetime }
    guard tokensChanged || line.isToBeChecked(now) else { return nil }
    return context.tokens.works(line.grant) ? nil : StreamEnd(of: line.grant)
  }

  // MARK: - Rounds

  /// Says what has changed since the last round.
  func round(_ now: Int64) {
    guard !isEmpty else { return }
    let version = context.tokens.version
    let tokensChanged = version != tokens
    tokens = version
    followCatalog()
    gather()
    for (ad, streams) in adStreams {
      let rest = streams.filter { !serve($0, now, tokensChanged) }
      if rest.count < streams.count { adStreams[ad] = rest.isEmpty ? nil : rest }
    }
    for watch in watches.values {
      serve(watch, now, tokensChanged)
      if watch.streams.isEmpty { end(watch) }
    }
  }

  private var revision: UInt64 { moments.reduce(0) { $0 &+ $1.revision } }

  /// Asks the tables what has changed, and gives each change to whom it concerns.
  private func gather() {
    var isUnknown = false
    var isRevised = false
    var timesChanged = false
    for (shard, table) in tables.tables.enumerated() {
      let before = moments[shard]
      let changes = table.changes(since: before)
      moments[shard] = changes.moment
      adCounts[shard] = table.summary.ads
      if changes.moment.revision != before.revision { isRevised = true }
      if changes.moment.closedThrough != before.closedThrough
        || changes.moment.recountedThrough != before.recountedThrough
        || changes.moment.recountedTo != before.recountedTo
      {
        timesChanged = true
      }
      if let touched = changes.touched {
        for row in touched { note(row.ad, row.minute) }
      } else {
        isUnknown = true
      }
      guard changes.moment.revision != before.revision else { continue }
      if let files = changes.corrections, files.reduce(0, { $0 + $1.rowCount }) <= Self.correctionsAtOnce {
        for file in files { note(file, table) }
      } else {
        for watch in watches.values { watch.lose(.recount) }
      }
    }
    if isUnknown { for watch in watches.values { watch.lose(.tooMuch) } }
    let version = context.routes.version
    if timesChanged || version != routes { for watch in watches.values { watch.times = nil } }
    routes = version
    if isUnknown || isRevised || timesChanged {
      for stream in adStreams.values.joined() { stream.isOld = true }
    }
  }

  private func note(_ ad: AdKey, _ minute: Minute) {
    for stream in adStreams[ad] ?? [] { stream.isOld = true }
    for interest in interests[ad] ?? [] { interest.watch.note(interest.group, minute) }
  }

  /// Gives the rows of a new file of corrections to whom they concern.
  private func note(_ file: CorrectionFile, _ table: LiveTable) {
    guard !watches.isEmpty else { return }
    do {
      try file.forEachRow { row in
        guard let ad = table.key(of: row.code), let interested = interests[ad] else { return }
        for interest in interested {
          let watch = interest.watch
          guard watch.loss == nil else { continue }
          watch.correctionCount += 1
          if watch.correctionCount > Watch.correctionLimit {
            watch.lose(.recount)
            continue
          }
          watch.corrections += WatchEvents.correction(row, of: interest.id)
          if row.bucketSeconds == 60 { watch.note(interest.group, Minute(index: row.bucket)) }
        }
      }
    } catch {
      context.report("streams: \(error)")
      for watch in watches.values { watch.lose(.recount) }
    }
  }

  // MARK: - The catalog

  /// Takes ads into selections and out of them, as the catalog has them now.
  private func followCatalog() {
    let news = publisher.takeNews()
    if news.isOverflown {
      for watch in Array(watches.values) { gatherAgain(watch) }
      for (ad, streams) in adStreams { check(ad, streams) }
      return
    }
    for ad in Set(news.ads) {
      if let streams = adStreams[ad] { check(ad, streams) }
      for watch in watches.values { follow(ad, watch) }
    }
  }

  /// A stream ends with its ad, and where the ad is no longer its token's.
  private func check(_ ad: AdKey, _ streams: [LiveStream]) {
    let row = try? context.desk.inCatalog { catalog throws(CatalogError) in try catalog.ad(ad) }
    for stream in streams where row.map({ !stream.line.grant.reaches($0) }) ?? true {
      stream.isRevoked = true
    }
  }

  private func follow(_ ad: AdKey, _ watch: Watch) {
    let known = interests[ad]?.first { $0.watch === watch }
    let selection = watch.key.selection
    guard known != nil || selection.adIDs.isEmpty else { return }
    let found = try? context.desk.inCatalog { catalog throws(CatalogError) in
      try catalog.ad(ad, includingDeleted: true)
    }
    // A row that is damaged changes nothing.
    guard let row = found else { return }
    let selected = SelectedAd(row)
    let isMeant = selection.admits(advertiserID: row.advertiserID, campaignID: row.campaignID)
    let name = watch.key.grouping.name(of: selected)
    if let known, isMeant, watch.key.grouping.name(of: watch.groups[Int(known.group)].ad) == name { return }
    guard known != nil || isMeant else { return }
    if let known {
      watch.remove(ad, from: known.group)
      forget(ad, watch)
    }
    if isMeant { join(selected, watch) }
    // What comes from now on of an ad without clicks is told like all the rest.
    if wasClicked(ad) { watch.lose(.selection) }
  }

  /// Whether clicks of the ad may have been passed by, in this round or before.
  private func wasClicked(_ ad: AdKey) -> Bool {
    zip(tables.tables, adCounts).contains { table, count in table.code(of: ad).map { Int($0) < count } ?? false }
  }

  private func gatherAgain(_ watch: Watch) {
    guard let ads = try? context.desk.ads(of: watch.key.selection) else { return watch.lose(.selection) }
    let fresh = Watch(watch.key)
    fresh.streams = watch.streams
    end(watch)
    watches[watch.key] = fresh
    for ad in ads { join(ad, fresh) }
    fresh.lose(.selection)
  }

  // MARK: - Streams of one ad

  /// One round of a stream; true where it has ended.
  private func serve(_ stream: LiveStream, _ now: Int64, _ tokensChanged: Bool) -> Bool {
    let line = stream.line
    if line.hasLeft {
      publisher.leave()
      return true
    }
    if let reason = stream.isRevoked ? .ad : ending(line, now, tokensChanged: tokensChanged) {
      line.end(reason)
      publisher.leave()
      return true
    }
    guard stream.settle(), !line.hasLeft else { return false }
    guard stream.isOld || !stream.isWhole else {
      line.breathe(now)
      return false
    }
    do {
      let revision = revision
      publisher.noteLook()
      let series = try Series(try window(of: stream), over: tables)
      stream.round(series, revision: revision, now: now) { shard, position in
        moments.indices.contains(shard) && moments[shard].holds(position)
      }
      return false
    } catch {
      context.report("stream of \(stream.query.adID): \(error)")
      line.end(.failed)
      publisher.leave()
      return true
    }
  }

  private func window(of stream: LiveStream) throws -> SeriesQuery {
    let clock = context.clock.now()
    let window = stream.window(
      Minute(containing: clock), ahead: context.settings.eventTimes.maxFuture / 60_000 + 1)
    return try SeriesQuery(
      adID: stream.query.adID, ad: stream.query.ad,
      parameters: [
        ("from", "\(window.lowerBound * 60_000)"), ("to", "\(window.upperBound * 60_000)"),
        ("limit", "\(SeriesQuery.maximumLimit)"),
      ], now: clock, zones: context.zones)
  }

  // MARK: - Streams over several ads

  private func serve(_ watch: Watch, _ now: Int64, _ tokensChanged: Bool) {
    var free: [WatchStream] = []
    watch.streams.removeAll { stream in
      if stream.line.hasLeft {
        publisher.leave(watch.key)
        return true
      }
      if let reason = ending(stream.line, now, tokensChanged: tokensChanged) {
        stream.line.end(reason)
        publisher.leave(watch.key)
        return true
      }
      if stream.settle(), !stream.line.hasLeft { free.append(stream) }
      return false
    }
    guard !watch.streams.isEmpty else { return }
    let times = watch.times ?? tables.times(of: watch.groups.lazy.flatMap(\.ads), moments)
    watch.times = times
    let isNew = !watch.fresh.isEmpty || watch.loss != nil || !watch.corrections.isEmpty || times != watch.told
    let isDue = watch.lastRound.map { now - $0 >= Self.interval } ?? true
    guard isDue, isNew || free.contains(where: \.isOwed) else {
      for stream in free where !isNew && !stream.isOwed { stream.line.breathe(now) }
      return
    }
    watch.lastRound = now
    watch.told = times
    do { try tell(watch, times, isNew: isNew, free, now) } catch is QueryRefusal {
      // Minute rows have retired: nothing can be told of them.
      watch.lose(.tooMuch)
    } catch {
      context.report("streams of \(watch.key.selection): \(error)")
      for stream in watch.streams {
        stream.line.end(.failed)
        publisher.leave(watch.key)
      }
      watch.streams = []
    }
  }

  /// Tells all streams what is new, and those that missed something some of it.
  private func tell(_ watch: Watch, _ times: WatchTimes, isNew: Bool, _ free: [WatchStream], _ now: Int64) throws {
    let asOf = AsOf(Dictionary(uniqueKeysWithValues: moments.enumerated().map { ($0.offset, $0.element.position) }))
    let mark = WatchMark(revision: revision, asOf: asOf)
    if let loss = watch.loss {
      for stream in watch.streams { stream.lose(loss) }
      watch.loss = nil
    }
    let rows = Array(watch.fresh.prefix(Self.pointsAtOnce))
    if rows.count == watch.fresh.count { watch.fresh = [] } else { watch.fresh.subtract(rows) }
    let corrections = watch.corrections
    (watch.corrections, watch.correctionCount) = ([], 0)
    let isWhole = watch.fresh.isEmpty
    let earliest = rows.lazy.map(\.minute).min()
    // Nobody is told of minutes before his first.
    let wanted = watch.streams.lazy.map(\.first).min() ?? Minute(index: 0)
    let points = try read(rows.filter { $0.minute >= wanted }, watch)
    let shared =
      corrections
      + WatchEvents.points(points.map { (prefix($0.row, watch), $0.point) }, times, asOf, id: isWhole ? mark : nil)
    let idle = Set(free.map(ObjectIdentifier.init))
    for stream in watch.streams {
      guard idle.contains(ObjectIdentifier(stream)) else {
        stream.miss(rows)
        if !corrections.isEmpty { stream.lose(.slow) }
        if isNew { stream.fallBehind() }
        continue
      }
      if let loss = stream.loss {
        stream.sendReset(WatchEvents.reset(loss, id: mark), now: now)
      } else if !stream.missed.isEmpty || stream.first > earliest ?? stream.first {
        stream.miss(rows)
        guard stream.loss == nil else {
          stream.sendReset(WatchEvents.reset(stream.loss!, id: mark), now: now)
          continue
        }
        let own = stream.takeMissed(Self.pointsAtOnce)
        let points = try read(own, watch)
        let id = isWhole && stream.missed.isEmpty ? mark : nil
        let piece = WatchEvents.points(points.map { (prefix($0.row, watch), $0.point) }, times, asOf, id: id)
        stream.send(corrections + piece, own, corrections: !corrections.isEmpty, now: now)
      } else if isNew || stream.isBehind {
        stream.send(shared, rows, corrections: !corrections.isEmpty, now: now)
      } else {
        stream.line.breathe(now)
      }
    }
  }

  private func read(_ rows: [WatchedRow], _ watch: Watch) throws -> [(row: WatchedRow, point: Point)] {
    guard let series, !rows.isEmpty else { return [] }
    publisher.noteLook()
    return try WatchedPoints.read(rows, series, over: tables) { watch.groups[Int($0)].ads }
  }

  private func prefix(_ row: WatchedRow, _ watch: Watch) -> String { watch.groups[Int(row.group)].prefix }
}

extension ShardTables {
  /// How far the time of `ads` is closed and recounted at these moments, one for each shard.
  func times(of ads: some Sequence<AdKey>, _ moments: [LiveTable.Moment]) -> WatchTimes {
    let table = routes?.table
    var times: WatchTimes?
    func add(_ closed: Minute, _ recounted: Minute) {
      times = WatchTimes(
        completeThrough: min(times?.completeThrough ?? closed, closed),
        reconciledThrough: min(times?.reconciledThrough ?? recounted, recounted))
    }
    for ad in ads {
      let spread = table?.spreadFrom(ad).map { Minute(containing: $0) } ?? Minute(index: .min)
      let home = table?.home(of: ad)
      for shard in table?.shards(holding: ad) ?? tables.indices {
        // A shard that an ad was spread over has none of its clicks from before.
        let since = shard == home ? Minute(index: .min) : spread
        add(max(moments[shard].closedThrough, since), max(moments[shard].recountedThrough, since))
      }
    }
    return times ?? WatchTimes(completeThrough: Minute(index: 0), reconciledThrough: Minute(index: 0))
  }
}

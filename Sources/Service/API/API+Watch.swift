import Catalog
import Clicks
import Query
import Shards
import Store

// How a stream over several ads begins:
//
//   the client has seen nothing                       event points: everything in the window, from one moment of each shard
//   it names positions, and all since is remembered   what has changed since, by the publisher's next round
//   it names others, or there is too much to begin    event reset: it asks the other routes, and goes on with this stream

extension QueryDesk {
  /// The beginning of the stream that `request` asks for; clicks may be `ahead` ms in the future.
  func watch(_ request: APIRequest, _ grant: Grant, ahead: Int64) throws(Problem) -> WatchStart {
    var query: WatchQuery
    do throws(QueryRefusal) {
      query = try WatchQuery(parameters: request.parameters, now: clock(), ahead: ahead / 60_000 + 1, zones: zones)
    } catch { throw Problem(error) }
    let ads = try selected(&query.selection, grant)
    let moments = tables.tables.map(\.moment)
    var start = WatchStart(
      key: WatchKey(selection: query.selection, grouping: query.grouping), ads: ads, first: query.from,
      positions: moments.map(\.position), revision: moments.reduce(0) { $0 &+ $1.revision }, opening: [],
      series: query.series)
    let mark = request.lastEventID.flatMap { WatchMark($0) }
    if let seen = mark?.asOf ?? query.since {
      let isKnown =
        mark.map { $0.revision == start.revision }
        ?? seen.positions.allSatisfy { moments.indices.contains($0.key) && moments[$0.key].holds($0.value) }
      let isWhole = shards(holding: ads).allSatisfy { seen.positions[$0] != nil }
      if isKnown, isWhole {
        for (shard, position) in seen.positions where start.positions.indices.contains(shard) {
          start.positions[shard] = position
        }
      } else {
        start.loss = .since
      }
      return start
    }
    let page = try read("stream over \(ads.count) ads") { () throws -> GroupedSeries? in
      do { return try GroupedSeries(query.grouped, of: ads, over: tables) } catch let refusal as QueryRefusal {
        guard refusal.code == .rangeTooLong else { throw refusal }
        return nil
      }
    }
    guard let page, page.next == nil else {
      start.loss = .tooMuch
      return start
    }
    for (shard, position) in page.asOf { start.positions[shard] = position }
    let times = WatchTimes(
      completeThrough: page.completeThrough ?? Minute(index: 0),
      reconciledThrough: page.reconciledThrough ?? Minute(index: 0))
    let asOf = AsOf(Dictionary(uniqueKeysWithValues: start.positions.enumerated().map { ($0.offset, $0.element) }))
    start.opening = WatchEvents.points(
      page.groups.flatMap { group in
        let prefix = query.grouping.prefix(of: group.ad)
        return group.series.points.map { (prefix, $0) }
      }, times, asOf, id: WatchMark(revision: start.revision, asOf: asOf))
    return start
  }

  /// The shards that can hold one of the ads.
  private func shards(holding ads: [SelectedAd]) -> Set<Int> {
    var shards: Set<Int> = []
    for ad in ads {
      shards.formUnion(tables.shards(holding: ad.key))
      if shards.count == tables.tables.count { break }
    }
    return shards
  }
}

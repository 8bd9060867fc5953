import Clicks
import Store

/// What the shards hold of several ads: each shard at one batch boundary, each ad the parts of the shards that can hold it.
/// Belongs to one thread.
package final class ShardReading {
  private let ads: [AdKey]
  private let table: RouteTable?
  /// By shard; nil where it can hold none of the ads.
  private var readings: [TableReading?] = []
  /// For each ad and each shard that can hold it, the ad's index there.
  private var places: [[(shard: Int, index: Int)]]

  init(
    _ tables: ShardTables, _ ads: [AdKey], from: Minute, to: Minute, details: Bool, rowLimit: Int? = nil
  ) throws {
    self.ads = ads
    table = tables.routes?.table
    places = Array(repeating: [], count: ads.count)
    var asked = [[AdKey]](repeating: [], count: tables.tables.count)
    for (i, ad) in ads.enumerated() {
      for shard in table?.shards(holding: ad) ?? tables.tables.indices {
        if let error = tables.fault(shard) { throw error }
        places[i].append((shard, asked[shard].count))
        asked[shard].append(ad)
      }
    }
    readings = asked.indices.map { shard in
      asked[shard].isEmpty
        ? nil
        : tables.tables[shard].reading(of: asked[shard], from: from, to: to, details: details, rowLimit: rowLimit)
    }
  }

  /// The clicks of the ad at `index`, for each shard that can hold it, summed in the buckets of `grid`.
  package func series(_ index: Int, in grid: BucketGrid) throws -> [ShardTables.Part] {
    try places[index].map { try part(index, $0, grid) }
  }

  /// Adds the clicks of the ads from `first` on, as many as there are groups, to the groups that `groups` says. Returns where minute
  /// rows begin, if some that an ad needs have retired.
  package func addClicks(of groups: [Int32], from first: Int, to cells: inout SumCells) throws -> Minute? {
    var exactFrom: Minute?
    try forEachShard(groups, from: first) { reading, own, start in
      if let minute = try reading.addClicks(of: own, from: start, to: &cells) {
        exactFrom = max(exactFrom ?? minute, minute)
      }
    }
    return exactFrom
  }

  /// Hands what these ads met beside their clicks to `add`.
  package func addDetails(
    of groups: [Int32], from first: Int, _ verdicts: [Verdict], corrected: Bool, hours: Bool,
    _ add: (_ group: Int, Minute, TableReading.Detail) -> Void
  ) throws {
    try forEachShard(groups, from: first) { reading, own, start in
      try reading.addDetails(of: own, from: start, verdicts, corrected: corrected, hours: hours, add)
    }
  }

  /// What each shard says of the ads at `indices` that it can hold beside their clicks, shard by shard, with their credits in the
  /// buckets of `grid`.
  package func forEachState(
    _ indices: Range<Int>, in grid: BucketGrid, _ body: (_ index: Int, _ shard: Int, LiveTable.Series) -> Void
  ) throws {
    for shard in readings.indices {
      guard let reading = readings[shard] else { continue }
      for i in indices {
        for place in places[i] where place.shard == shard {
          body(i, shard, joined(try reading.state(place.index, in: grid), ads[i], shard))
        }
      }
    }
  }

  /// Calls `body` for each shard with the groups of its ads and the place of the first of them there: ads that follow each other do
  /// so in each shard.
  private func forEachShard(
    _ groups: [Int32], from first: Int, _ body: (TableReading, [Int32], _ start: Int) throws -> Void
  ) throws {
    for shard in readings.indices {
      guard let reading = readings[shard] else { continue }
      var own: [Int32] = []
      var start = 0
      for (i, group) in groups.enumerated() {
        for place in places[first + i] where place.shard == shard {
          if own.isEmpty { start = place.index }
          own.append(group)
        }
      }
      if !own.isEmpty { try body(reading, own, start) }
    }
  }

  /// Whether some of these verdicts were lost in a shard that can hold one of the ads.
  package func isIncomplete(_ verdicts: [Verdict], hours: Bool) throws -> Bool {
    try readings.contains { try $0?.isIncomplete(verdicts, hours: hours) ?? false }
  }

  private func part(
    _ index: Int, _ place: (shard: Int, index: Int), _ grid: BucketGrid
  ) throws -> ShardTables.Part {
    let series = try readings[place.shard]!.series(place.index, in: grid)
    return ShardTables.Part(shard: place.shard, series: joined(series, ads[index], place.shard))
  }

  private func joined(_ series: LiveTable.Series, _ ad: AdKey, _ shard: Int) -> LiveTable.Series {
    var series = series
    // A shard that an ad was spread over has none of its clicks from before.
    if let table, shard != table.home(of: ad), let spread = table.spreadFrom(ad) {
      let minute = Minute(containing: spread)
      series.closedThrough = max(series.closedThrough, minute)
      series.recountedThrough = max(series.recountedThrough, minute)
    }
    return series
  }
}

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

  init(_ tables: ShardTables, _ ads: [AdKey], from: Minute, to: Minute, details: Bool) throws {
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
      asked[shard].isEmpty ? nil : tables.tables[shard].reading(of: asked[shard], from: from, to: to, details: details)
    }
  }

  /// The clicks of the ad at `index`, for each shard that can hold it, summed in the buckets of `grid`.
  package func series(_ index: Int, in grid: BucketGrid) throws -> [ShardTables.Part] {
    try places[index].map { try part(index, $0, grid) }
  }

  /// The same of the ads at `indices`, read in the order in which their rows stand.
  package func series(_ indices: Range<Int>, in grid: BucketGrid) throws -> [[ShardTables.Part]] {
    var found = [[ShardTables.Part]](repeating: [], count: indices.count)
    for shard in readings.indices {
      guard let reading = readings[shard] else { continue }
      var own: [(index: Int, place: (shard: Int, index: Int), code: UInt32)] = []
      for i in indices {
        for place in places[i] where place.shard == shard { own.append((i, place, reading.code(place.index) ?? .max)) }
      }
      for (i, place, _) in own.sorted(by: { $0.code < $1.code }) {
        found[i - indices.lowerBound].append(try part(i, place, grid))
      }
    }
    return found
  }

  /// What the ad at `index` met beside its clicks, for each shard that can hold it.
  package func details(
    _ index: Int, _ verdicts: [Verdict], corrected: Bool, hours: Bool
  ) throws -> [TableReading.Details] {
    try places[index].map { try readings[$0.shard]!.details($0.index, verdicts, corrected: corrected, hours: hours) }
  }

  /// Whether some of these verdicts were lost in a shard that can hold one of the ads.
  package func isIncomplete(_ verdicts: [Verdict], hours: Bool) throws -> Bool {
    try readings.contains { try $0?.isIncomplete(verdicts, hours: hours) ?? false }
  }

  private func part(
    _ index: Int, _ place: (shard: Int, index: Int), _ grid: BucketGrid
  ) throws -> ShardTables.Part {
    var series = try readings[place.shard]!.series(place.index, in: grid)
    let ad = ads[index]
    // A shard that an ad was spread over has none of its clicks from before.
    if let table, place.shard != table.home(of: ad), let spread = table.spreadFrom(ad) {
      let minute = Minute(containing: spread)
      series.closedThrough = max(series.closedThrough, minute)
      series.recountedThrough = max(series.recountedThrough, minute)
    }
    return ShardTables.Part(shard: place.shard, series: series)
  }
}

import Shards

// Hot ads: how many there are, what became of clicks that were routed by an older table.

extension ServiceContext {
  func routes(_ writer: inout MetricsWriter) {
    let status = hotAds.status
    let current = routes.current
    let hot = current.table.hot.values.count { $0.last!.isOpen }
    writer.single("tally_hot_ads", "gauge", "Ads whose impressions go to all shards.", hot)
    writer.single(
      "tally_hot_ad_intervals", "gauge", "Hot intervals that are known.",
      current.table.hot.values.reduce(0) { $0 + $1.count })
    writer.single(
      "tally_hot_ad_changes_total", "counter", "Hot intervals that began or ended.", status.changes)
    writer.single(
      "tally_hot_ad_refused_total", "counter", "Hot intervals that found no room or could not be written.",
      status.refused)
    writer.single(
      "tally_routes_early_ids", "gauge", "Ids counted before the time in their bits had come, which stay in one shard.",
      current.early.count)
    if current.decidedThrough < .max {
      writer.family("tally_routes_decided_time_seconds", "gauge", "Impressions minted before this time are decided.")
      writer.seconds("tally_routes_decided_time_seconds", nanoseconds: current.decidedThrough * 1_000_000)
    }
    writer.family("tally_routes_handed_back_total", "counter", "Clicks that a committer knew to be another shard's.")
    for (shard, committer) in committers.enumerated() {
      writer.sample("tally_routes_handed_back_total", "shard=\"\(shard)\"", committer.strays.handedBack)
    }
    writer.family("tally_routes_undecided_total", "counter", "Clicks minted too far ahead to be routed for sure.")
    for (shard, committer) in committers.enumerated() {
      writer.sample("tally_routes_undecided_total", "shard=\"\(shard)\"", committer.strays.undecided)
    }
  }
}

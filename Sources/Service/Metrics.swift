import CPlatform
import Catalog
import Clicks
import Platform
import Store

// The page behind /metrics, in the text format of Prometheus: prefix `tally_`, base units, no label per ad. Counters are
// gathered from what each thread publishes once a turn or a batch; nothing here touches the click path.

/// Builds a page of metrics family by family.
struct MetricsWriter {
  private(set) var page = ""

  /// Begins a family.
  mutating func family(_ name: String, _ type: String, _ help: String) {
    page += "# HELP \(name) \(help)\n# TYPE \(name) \(type)\n"
  }

  /// Adds a sample of the family begun last.
  mutating func sample(_ name: String, _ labels: String = "", _ value: some BinaryInteger) {
    page += labels.isEmpty ? "\(name) \(value)\n" : "\(name){\(labels)} \(value)\n"
  }

  /// Adds a sample in seconds, given in nanoseconds.
  mutating func seconds(_ name: String, _ labels: String = "", nanoseconds: Int64) {
    page +=
      labels.isEmpty
      ? "\(name) \(Double(nanoseconds) / 1e9)\n" : "\(name){\(labels)} \(Double(nanoseconds) / 1e9)\n"
  }

  /// A family with one sample.
  mutating func single(_ name: String, _ type: String, _ help: String, _ value: some BinaryInteger) {
    family(name, type, help)
    sample(name, "", value)
  }
}

extension ServiceContext {
  /// The whole page.
  func metricsPage() -> String {
    var writer = MetricsWriter()
    writer.family("tally_build_info", "gauge", "The version that is running.")
    writer.sample("tally_build_info", "version=\"\(tallyVersion)\"", 1)
    writer.family("tally_start_time_seconds", "gauge", "When the server started, since 1970.")
    writer.seconds("tally_start_time_seconds", nanoseconds: started * 1_000_000)
    writer.single("tally_ready", "gauge", "1 while clicks are recorded, 0 otherwise.", unreadiness.isEmpty ? 1 : 0)
    clicks(&writer)
    bots(&writer)
    batches(&writer)
    connections(&writer)
    log(&writer)
    routes(&writer)
    maintenance(&writer)
    cache(&writer)
    process(&writer)
    return writer.page
  }

  private func clicks(_ writer: inout MetricsWriter) {
    let loops = loopMetrics
    writer.family(
      "tally_click_requests_total", "counter",
      "Requests for /click, and those that could not be read so far as to say what for, by their verdict.")
    for verdict in Verdict.allCases {
      let sum = loops.reduce(UInt64(0)) { $0 + $1.verdicts[Int(verdict.rawValue)] }
      writer.sample("tally_click_requests_total", "verdict=\"\(verdict.name)\"", sum)
    }
  }

  private func bots(_ writer: inout MetricsWriter) {
    writer.family("tally_bots_info", "gauge", "The list of user agents whose clicks have the verdict bot.")
    let (source, version, count) = bots.map { ($0.source, $0.version, $0.count) } ?? ("off", "", 0)
    writer.sample("tally_bots_info", "source=\"\(source)\",version=\"\(version)\",entries=\"\(count)\"", 1)
  }

  private func connections(_ writer: inout MetricsWriter) {
    let loops = loopMetrics.map(\.loop)
    func sum(_ value: (LoopCounts) -> Int) -> Int { loopMetrics.reduce(0) { $0 + value($1) } }
    writer.single("tally_http_connections", "gauge", "Open connections.", sum { $0.loop.open })
    writer.single("tally_http_connections_accepted_total", "counter", "Connections accepted.", sum { $0.loop.accepted })
    writer.single(
      "tally_http_connections_refused_total", "counter", "Connections over the limit, closed at once.",
      sum { $0.loop.refused })
    writer.single(
      "tally_http_connections_evicted_total", "counter", "Idle connections closed to make room for new ones.",
      sum { $0.loop.madeRoom })
    writer.single(
      "tally_http_connections_cut_total", "counter", "Connections cut for the memory that they held.",
      sum { $0.loop.shed })
    writer.single(
      "tally_http_buffered_bytes", "gauge", "Memory of requests and answers that wait.", max(0, budget.current))
    writer.single(
      "tally_http_buffered_limit_bytes", "gauge", "What they may have (--max-buffered).", budget.limit)
    writer.single(
      "tally_http_buffered_peak_bytes", "gauge", "The most that they had since the start.", budget.peak)
    writer.single(
      "tally_http_buffered_refused_total", "counter", "Requests answered 503 since memory was short.", budget.refused)
    writer.single("tally_http_requests_total", "counter", "Requests of every kind.", sum { $0.loop.requests })
    writer.single("tally_http_received_bytes_total", "counter", "Bytes received.", sum { $0.loop.bytesIn })
    writer.single("tally_http_sent_bytes_total", "counter", "Bytes sent.", sum { $0.loop.bytesOut })
    writer.single("tally_loop_turns_total", "counter", "Turns of the event loops.", sum { $0.loop.turns })
    writer.family("tally_http_rejected_requests_total", "counter", "Requests refused before any route saw them.")
    for i in loops.first?.rejected.byStatus.indices ?? 0..<0 {
      let status = loops[0].rejected.byStatus[i].status
      let count = loops.reduce(0) { $0 + $1.rejected.byStatus[i].count }
      writer.sample("tally_http_rejected_requests_total", "status=\"\(status)\"", count)
    }
  }

  private func log(_ writer: inout MetricsWriter) {
    let counters = conditions.map(\.counters)
    func perShard(_ name: String, _ type: String, _ help: String, _ value: (Int) -> UInt64) {
      writer.family(name, type, help)
      for shard in counters.indices { writer.sample(name, "shard=\"\(shard)\"", value(shard)) }
    }
    perShard("tally_log_clicks_total", "counter", "Clicks made durable.") { counters[$0].accepted }
    perShard("tally_log_duplicates_total", "counter", "Repeats dropped.") { counters[$0].duplicates }
    perShard("tally_log_unrecorded_total", "counter", "Clicks that could not be written.") { counters[$0].unrecorded }
    perShard("tally_log_unknown_total", "counter", "Clicks whose batch failed.") { counters[$0].unknown }
    perShard("tally_log_commits_total", "counter", "Frames written and synced.") { counters[$0].commits }
    perShard("tally_log_written_bytes_total", "counter", "Bytes of frames written.") { counters[$0].bytesWritten }
    perShard("tally_log_read_errors_total", "counter", "Log reads that failed.") { counters[$0].readErrors }
    perShard("tally_log_position", "gauge", "Position after the last durable click.") { tables[$0].summary.position }
    perShard("tally_log_free_slots", "gauge", "Log slots prepared ahead.") { UInt64(pools[$0].freeCount) }
    perShard("tally_dedup_keys", "gauge", "Impressions inside the dedup horizon.") { UInt64(counters[$0].dedupKeys) }
    perShard("tally_dedup_bytes", "gauge", "Memory of the dedup index.") { UInt64(counters[$0].dedupBytes) }
    perShard("tally_table_buckets", "gauge", "Minutes that are in memory alone.") { UInt64(tables[$0].summary.minutes) }
    perShard("tally_table_ads", "gauge", "Ads with a click.") { UInt64(tables[$0].summary.ads) }
    writer.family("tally_table_closed_time_seconds", "gauge", "Minutes before this time are closed.")
    for shard in tables.indices {
      let closed = tables[shard].summary.closedThrough
      guard closed.index > 0 else { continue }
      writer.sample("tally_table_closed_time_seconds", "shard=\"\(shard)\"", closed.index * 60)
    }
    writer.family("tally_log_commit_seconds", "histogram", "Time to write and sync a frame.")
    for shard in counters.indices {
      let buckets = counters[shard].commitNanoseconds
      var sum: UInt64 = 0
      for (index, bound) in DurationBuckets.bounds.enumerated() {
        sum += buckets.counts[index]
        let label = "shard=\"\(shard)\",le=\"\(Double(bound) / 1e9)\""
        writer.sample("tally_log_commit_seconds_bucket", label, sum)
      }
      sum += buckets.counts[DurationBuckets.bounds.count]
      writer.sample("tally_log_commit_seconds_bucket", "shard=\"\(shard)\",le=\"+Inf\"", sum)
      writer.seconds("tally_log_commit_seconds_sum", "shard=\"\(shard)\"", nanoseconds: buckets.sum)
      writer.sample("tally_log_commit_seconds_count", "shard=\"\(shard)\"", sum)
    }
  }

  private func cache(_ writer: inout MetricsWriter) {
    let caches = loopMetrics.compactMap(\.cache)
    writer.single(
      "tally_catalog_cache_hits_total", "counter", "Ad look-ups answered from memory.",
      caches.reduce(0) { $0 + $1.hits })
    writer.single(
      "tally_catalog_cache_misses_total", "counter", "Ad look-ups that asked the catalog.",
      caches.reduce(0) { $0 + $1.misses })
    writer.single(
      "tally_catalog_cache_evictions_total", "counter", "Ads and unknown ids that made room.",
      caches.reduce(0) { $0 + $1.evictions })
    writer.single("tally_catalog_cache_bytes", "gauge", "Memory of the ad caches.", caches.reduce(0) { $0 + $1.bytes })
    writer.single(
      "tally_catalog_queue_depth", "gauge", "Requests that the catalog's thread has yet to do.", catalog.depth)
    writer.single(
      "tally_catalog_late_lookups_total", "counter", "Clicks answered 503 since their ad's look-up took too long.",
      loopMetrics.reduce(UInt64(0)) { $0 + $1.lateLookups })
    catalogHealthMetrics(&writer)
    verdictTables(&writer)
    let asked = queries.counts
    writer.single("tally_queries_waiting", "gauge", "Queries that wait to be computed.", queries.depth)
    writer.family("tally_queries_total", "counter", "Queries by what became of them.")
    writer.sample("tally_queries_total", "outcome=\"computed\"", asked.computed)
    writer.sample("tally_queries_total", "outcome=\"dropped\"", asked.dropped)
    writer.sample("tally_queries_total", "outcome=\"refused\"", asked.refused)
  }

  /// What is counted by ad, minute and verdict beside the clicks, and what found no room there.
  private func verdictTables(_ writer: inout MetricsWriter) {
    let tables = cores.map(\.verdicts)
    writer.single(
      "tally_verdict_entries", "gauge", "Entries of ad, minute and verdict that no checkpoint has written yet.",
      tables.reduce(0) { $0 + $1.entries })
    writer.family(
      "tally_verdicts_unlisted_total", "counter",
      "Verdicts that are not told by ad: beyond the bound of a minute without signature, or of memory.")
    writer.sample("tally_verdicts_unlisted_total", "reason=\"unsigned\"", tables.reduce(UInt64(0)) { $0 + $1.folded })
    writer.sample("tally_verdicts_unlisted_total", "reason=\"memory\"", tables.reduce(UInt64(0)) { $0 + $1.left })
  }

  /// What is damaged in the catalog, and how far the background has looked.
  private func catalogHealthMetrics(_ writer: inout MetricsWriter) {
    writer.family("tally_catalog_damaged_rows", "gauge", "Rows of the catalog that are not what was written, by kind.")
    let damaged = catalogHealth.damaged
    for table in SignedTable.allCases {
      writer.sample(
        "tally_catalog_damaged_rows", "kind=\"\(table.kind)\"", damaged.count(where: { $0.table == table }))
    }
    writer.single(
      "tally_catalog_unusable", "gauge", "1 while the catalog as a whole cannot be read, 0 otherwise.",
      catalogHealth.failure == nil ? 0 : 1)
    writer.single(
      "tally_catalog_checked_rows_total", "counter", "Rows of the catalog that the background has checked.",
      catalogHealth.progress.rows)
    writer.single(
      "tally_catalog_checks_total", "counter", "How often the background has checked the whole catalog.",
      catalogHealth.progress.checks)
  }

  private func process(_ writer: inout MetricsWriter) {
    writer.family("tally_process_cpu_seconds_total", "counter", "CPU time of the process, user and system.")
    writer.seconds("tally_process_cpu_seconds_total", nanoseconds: tally_process_cpu_ns())
    if let bytes = residentBytes() {
      writer.single("tally_process_resident_memory_bytes", "gauge", "Memory that is present.", bytes)
    }
    if let names = try? environment.files.list("/proc/self/fd") {
      writer.single("tally_process_open_fds", "gauge", "Open descriptors.", names.count)
    }
    if let descriptors {
      writer.single("tally_process_max_fds", "gauge", "Descriptors that the process may open.", descriptors.limit)
      writer.single(
        "tally_http_connections_limit", "gauge", "Connections that there is room for.",
        descriptors.connections * settings.loops + settings.maxAdminConnections)
    }
    writer.single(
      "tally_descriptor_shortages_total", "counter", "Files that found no descriptor and took a spare one.",
      Descriptors.sparesTaken)
  }

  private func residentBytes() -> UInt64? {
    guard let file = try? environment.files.open("/proc/self/statm", .read),
      let bytes = try? file.bytes(at: 0, count: 256)
    else { return nil }
    let fields = String(decoding: bytes, as: UTF8.self).split(separator: " ")
    return fields.count > 1 ? UInt64(fields[1]).map { $0 * 4096 } : nil
  }
}

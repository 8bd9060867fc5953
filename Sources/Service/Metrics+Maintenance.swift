import Clicks
import Corrections
import Store

// Maintenance: how far the files of each shard are, what they weigh, what was done for it.

extension ServiceContext {
  func maintenance(_ writer: inout MetricsWriter) {
    // Whoever asks next has it.
    if disks.isStale { _ = queries.submit("", QueryQueue.Entry { [disks] in disks.refresh() }) }
    let counters = conditions.map(\.maintenance)
    let summaries = tables.map(\.summary)
    let known = disks.disks
    func perShard(_ name: String, _ type: String, _ help: String, _ value: (Int) -> UInt64?) {
      writer.family(name, type, help)
      for shard in counters.indices { if let value = value(shard) { writer.sample(name, "shard=\"\(shard)\"", value) } }
    }
    perShard("tally_upkeep_checkpoints_total", "counter", "Checkpoints: closed time written to disk.") {
      counters[$0].checkpoints
    }
    perShard("tally_upkeep_seals_total", "counter", "Segments made from the log.") { counters[$0].seals }
    perShard("tally_upkeep_merges_total", "counter", "Merges of runs, segments and dictionaries.") {
      counters[$0].merges
    }
    perShard("tally_upkeep_failures_total", "counter", "Steps of the background that failed.") { counters[$0].failures }
    perShard("tally_run_written_bytes_total", "counter", "Bytes of runs written.") { counters[$0].runBytes }
    perShard("tally_segment_written_bytes_total", "counter", "Bytes of segments written.") { counters[$0].segmentBytes }
    perShard("tally_table_late_rows_total", "counter", "Rows changed after their time was closed.") {
      counters[$0].lateRows
    }
    eventTime(&writer)
    perShard("tally_table_live_rows", "gauge", "Rows of ad and time that are in memory alone.") {
      UInt64(summaries[$0].rows)
    }
    perShard("tally_log_replay_clicks", "gauge", "Clicks that a restart reads again.") { shard in
      known[shard].map { disk in summaries[shard].position - min(disk.state.floor, summaries[shard].position) }
    }
    perShard("tally_log_applied_position", "gauge", "Closed time below this position is on disk.") {
      known[$0]?.state.applied
    }
    perShard("tally_log_floor_position", "gauge", "Where replay starts.") { known[$0]?.state.floor }
    perShard("tally_log_sealed_position", "gauge", "Clicks below this position are in segments.") {
      known[$0]?.state.sealed
    }
    perShard("tally_log_retired_position", "gauge", "Raw clicks below this position are gone.") {
      known[$0]?.state.retired
    }
    books(&writer, counters)
    files(&writer, known)
  }

  /// Double entry, and what recounts found.
  private func books(_ writer: inout MetricsWriter, _ counters: [MaintenanceCounters]) {
    func perShard(_ name: String, _ type: String, _ help: String, _ value: (MaintenanceCounters) -> Int64) {
      writer.family(name, type, help)
      for (shard, counters) in counters.enumerated() { writer.sample(name, "shard=\"\(shard)\"", value(counters)) }
    }
    perShard("tally_books_drift_clicks", "gauge", "Clicks that the table has more (or fewer) than were accepted.") {
      $0.books.drift
    }
    perShard("tally_books_drift_base_clicks", "gauge", "The same of base rows and raw clicks that are gone.") {
      $0.books.baseDrift
    }
    perShard("tally_books_credits_clicks", "gauge", "What credits beside sealed months come to.") { $0.books.credits }
    perShard("tally_recount_drift_rows", "gauge", "Rows that the last recount found wrong, late repeats apart.") {
      Int64(clamping: $0.recounts.lastDrift)
    }
    perShard("tally_recount_sealed_months_left", "gauge", "Sealed months with other rows than were sealed.") {
      Int64($0.recounts.monthsLeftAlone.count)
    }
    perShard("tally_recount_runs_total", "counter", "Recounts.") { Int64(clamping: $0.recounts.runs) }
    perShard("tally_recount_rows_total", "counter", "Rows that recounts compared.") {
      Int64(clamping: $0.recounts.rows)
    }
    perShard("tally_recount_repeats_total", "counter", "Clicks that recounts took away as repeats.") {
      Int64(clamping: $0.recounts.repeats)
    }
    writer.family("tally_recount_corrected_rows_total", "counter", "Changes of rows by recounts, by their reason.")
    for (shard, counters) in counters.enumerated() {
      for reason in CorrectionReason.allCases {
        writer.sample(
          "tally_recount_corrected_rows_total", "shard=\"\(shard)\",reason=\"\(reason.name)\"",
          counters.recounts.corrected[reason] ?? 0)
      }
    }
    writer.family("tally_recount_through_seconds", "gauge", "Minutes before this time are recounted, since 1970.")
    for (shard, disk) in disks.disks.enumerated() {
      guard let through = disk?.state.recounted.through, through > 0 else { continue }
      writer.sample("tally_recount_through_seconds", "shard=\"\(shard)\"", through * 60)
    }
  }

  /// How far event time is, and what came after it.
  private func eventTime(_ writer: inout MetricsWriter) {
    let counters = conditions.map(\.counters)
    let now = clock.now()
    func perShard(_ name: String, _ type: String, _ help: String, _ value: (Int) -> UInt64) {
      writer.family(name, type, help)
      for shard in counters.indices { writer.sample(name, "shard=\"\(shard)\"", value(shard)) }
    }
    func ages(_ name: String, _ help: String, _ since: (Int) -> Int64?) {
      writer.family(name, "gauge", help)
      for shard in counters.indices {
        guard let since = since(shard) else { continue }
        writer.seconds(name, "shard=\"\(shard)\"", nanoseconds: max(0, now - since) * 1_000_000)
      }
    }
    ages("tally_event_time_lag_seconds", "How far the watermark of event time is behind the clock.") { shard in
      let watermark = cores[shard].watermark.value(at: now)
      return watermark > 0 ? watermark : nil
    }
    ages("tally_log_floor_age_seconds", "Age of the oldest click that a restart reads again.") {
      counters[$0].floorTime ?? now
    }
    perShard("tally_table_late_clicks_total", "counter", "Clicks counted after their minute was closed.") {
      counters[$0].late
    }
    perShard("tally_lookup_clicks_total", "counter", "Clicks looked up in segments.") { counters[$0].lookups }
    perShard("tally_lookup_found_total", "counter", "Clicks that a look-up found counted already.") {
      counters[$0].lookupHits
    }
    perShard("tally_lookup_errors_total", "counter", "Segments that a look-up could not read.") {
      counters[$0].lookupErrors
    }
  }

  private func files(_ writer: inout MetricsWriter, _ known: [ShardFigures.Disk?]) {
    for (name, help, value) in [
      ("tally_files", "Immutable files by what they hold.", { $0.files($1) }),
      ("tally_file_bytes", "Bytes of immutable files by what they hold.", { $0.bytes($1) }),
    ] as [(String, String, (FileSums, StoreFile.Kind) -> UInt64)] {
      writer.family(name, "gauge", help)
      for (shard, disk) in known.enumerated() {
        guard let disk else { continue }
        for kind in StoreFile.Kind.allCases {
          writer.sample(name, "shard=\"\(shard)\",kind=\"\(kind.name)\"", value(disk.files, kind))
        }
      }
    }
  }
}

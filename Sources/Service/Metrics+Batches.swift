extension ServiceContext {
  /// The batch door and the streams of live points.
  func batches(_ writer: inout MetricsWriter) {
    guard let (door, live) = otherDoors else { return }
    let counts = door.counts
    writer.single("tally_batches_open", "gauge", "Batches of clicks under way.", door.openBatches)
    writer.family("tally_batches_total", "counter", "Batches of clicks by how they ended.")
    writer.sample("tally_batches_total", "outcome=\"done\"", counts.done)
    writer.sample("tally_batches_total", "outcome=\"stopped\"", counts.stopped)
    writer.sample("tally_batches_total", "outcome=\"abandoned\"", counts.abandoned)
    writer.single("tally_batch_received_bytes_total", "counter", "Bytes of batches read.", counts.bytes)
    writer.family("tally_batch_lines_total", "counter", "Lines of finished batches by their verdict.")
    writer.sample("tally_batch_lines_total", "verdict=\"accepted\"", counts.accepted)
    writer.sample("tally_batch_lines_total", "verdict=\"duplicate\"", counts.duplicate)
    for code in RejectionCode.allCases {
      let count = counts.rejected[Int(code.rawValue)]
      writer.sample("tally_batch_lines_total", "verdict=\"\(code.name)\"", count)
    }
    writer.single(
      "tally_batch_retried_lines_total", "counter", "Lines written again since the log had no room.", counts.retried)
    writer.single("tally_sessions_open", "gauge", "Browsers that are signed in.", tokens.openSessions)
    writer.single("tally_streams_open", "gauge", "Streams of live points.", live.openStreams)
    writer.single(
      "tally_stream_rounds_total", "counter", "Times that the tables were read for streams.", live.sentRounds)
  }
}

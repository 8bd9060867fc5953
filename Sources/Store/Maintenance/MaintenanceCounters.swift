/// What the maintenance of a shard has done since it was opened.
package struct MaintenanceCounters: Sendable {
  package var checkpoints: UInt64 = 0
  /// Segments made from the log.
  package var seals: UInt64 = 0
  package var merges: UInt64 = 0
  /// Rows and bytes of runs, and clicks and bytes of segments, that were written.
  package var runBytes: UInt64 = 0
  package var segmentBytes: UInt64 = 0
  package var lateRows: UInt64 = 0
  package var failures: UInt64 = 0
  /// Why the last step failed; nil after a success.
  package var lastError: String?
  /// What recounts did.
  package var recounts = RecountCounters()
  /// Double entry after the last change of files.
  package var books = DoubleEntry()

  package init() {}

  mutating func fail(_ error: any Error) {
    failures += 1
    lastError = "\(error)"
  }
}

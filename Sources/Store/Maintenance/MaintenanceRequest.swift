/// What an operator may ask of the maintenance of a shard, whether it is due or not.
package enum MaintenanceRequest: String, CaseIterable, Sendable {
  /// Closed minutes and late clicks leave memory for runs.
  case flush
  /// The same, and the log behind the last segment becomes segments.
  case sealLog = "seal-log"
  /// The same, then retention and every merge there is.
  case compact
  /// What is past its retention goes.
  case retain
}

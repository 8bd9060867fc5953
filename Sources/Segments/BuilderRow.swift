import Clicks

/// A click as the builder keeps it: 32 bytes, so that gathering one touches one cache line.
struct BuilderRow {
  var high: UInt64
  var low: UInt64
  var eventTime: Int64
  var code: UInt32
  var source: UInt16

  @inline(__always) var impression: ImpressionID { ImpressionID(high: high, low: low) }
}

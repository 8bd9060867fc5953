/// Clicks in one bucket.
package struct BucketCount: Equatable, Sendable {
  /// Number of the bucket: seconds since 1970 by its width.
  package var bucket: Int64
  package var count: UInt64

  package init(bucket: Int64, count: UInt64) {
    self.bucket = bucket
    self.count = count
  }
}

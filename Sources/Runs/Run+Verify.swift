import Bytes
import Files

extension Run {
  /// Checks every block's checksum, decodes every row, and compares rows, totals and heaviest ads with each other.
  package func verify() throws {
    try file.verify()
    var sums = [Int64](repeating: 0, count: Int(descriptor.bucketCount))
    var rows: UInt64 = 0
    var heaviest = Heaviest(RunFormat.heaviestCount)
    var ad: (code: UInt32, sum: UInt64)?
    try forEach { row in
      rows += 1
      sums[Int(row.bucket - descriptor.firstBucket)] &+= Int64(bitPattern: row.value)
      if let open = ad, open.code != row.code {
        heaviest.add(open.code, open.sum)
        ad = nil
      }
      ad = (row.code, (ad?.sum ?? 0) &+ row.value)
    }
    if let ad { heaviest.add(ad.code, ad.sum) }
    guard rows == descriptor.rows else {
      throw FormatError(file: file.path, offset: 96, reason: "\(rows) rows, the header says \(descriptor.rows)")
    }
    var totals = [Int64](repeating: 0, count: sums.count)
    try self.totals(buckets: descriptor.buckets, into: &totals)
    // A patch changes totals by new − old, and what is old is not here.
    guard totals.reduce(0, &+) == descriptor.total,
      descriptor.kind == .patch || descriptor.hasVersions || totals == sums
    else { throw try fault(RunFormat.totals, "the totals are not those of the rows") }
    guard try self.heaviest().elementsEqual(heaviest.sorted, by: { $0 == $1 }) else {
      throw try fault(RunFormat.heaviest, "the heaviest ads are not those of the rows")
    }
  }

  private func fault(_ kind: UInt32, _ reason: String) throws(FormatError) -> FormatError {
    FormatError(file: file.path, offset: try file.section(kind).offset, reason: reason)
  }
}

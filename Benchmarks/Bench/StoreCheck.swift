import Clicks
import Minutes
import Platform
import Store

/// A store's minute table held against the exact count of the data sets whose clicks it has.
package enum StoreCheck {
  /// Rows of the store in `directory`, which nobody holds, and the clicks in them. Throws `BenchFailure` unless each row is
  /// that of the exact count, moved by as many minutes as the first one.
  package static func compare(_ directory: String, _ data: DataSets) throws -> (rows: Int, clicks: UInt64) {
    var numbers: [AdKey: UInt64] = [:]
    for (number, key) in data.keys().enumerated() { numbers[key] = UInt64(number) }
    // The ad above the minute, so that numbers are in the order of the columns.
    var found: [(row: UInt64, clicks: UInt64)] = []
    _ = try Store.read(.kernel, directory) { _, recovery in
      for row in try recovery.live.rows() {
        guard let ad = numbers[row.ad] else {
          throw BenchFailure("\(directory): the data have no ad of key \(row.ad)")
        }
        found.append((ad << 32 | UInt64(row.minute.index), row.clicks))
      }
    }
    found.sort { $0.row < $1.row }
    let due = data.minutes
    func row(_ i: Int) -> UInt64 { UInt64(due.ad[i]) << 32 | UInt64(due.minute[i]) }
    // A row of another ad, or none, makes a shift with which nothing fits.
    let shift = found.isEmpty || due.count.count == 0 ? 0 : found[0].row &- row(0)
    let differing = (0..<max(found.count, due.count.count)).first { i in
      guard i < found.count, i < due.count.count else { return true }
      return found[i].row != row(i) &+ shift || found[i].clicks != due.count[i]
    }
    if let i = differing {
      let there =
        i < found.count
        ? "ad \(found[i].row >> 32), minute \(found[i].row & 0xFFFF_FFFF), \(found[i].clicks) clicks" : "nothing"
      let wanted =
        i < due.count.count ? "ad \(due.ad[i]), minute \(due.minute[i]), \(due.count[i]) clicks" : "nothing"
      throw BenchFailure(
        "\(directory): \(found.count) rows, due are \(due.count.count); the first that differs is \(there), "
          + "due is \(wanted)")
    }
    return (found.count, found.reduce(0) { $0 + $1.clicks })
  }
}

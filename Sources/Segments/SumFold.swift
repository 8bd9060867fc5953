import Clicks

/// Counts rows by (ad code, minute).
enum SumFold {
  /// The counts in order.
  static func sums(_ rows: [BuilderRow]) -> [SegmentSum] {
    guard !rows.isEmpty else { return [] }
    var least = Int64.max
    var greatest = Int64.min
    var highest: UInt32 = 0
    for row in rows {
      least = min(least, row.eventTime)
      greatest = max(greatest, row.eventTime)
      highest = max(highest, row.code)
    }
    let base = Minute(containing: least).index
    let span = UInt64(Minute(containing: greatest).index - base)
    let bits = UInt64(64 - span.leadingZeroBitCount)
    let codeBits = UInt64(32 - highest.leadingZeroBitCount)
    guard bits + codeBits <= 64 else { return sparse(rows) }
    // Every time is at or behind the start of the first minute.
    let start = base &* 60_000
    var keys = unsafe [UInt64](unsafeUninitializedCapacity: rows.count) { buffer, initialized in
      unsafe rows.withUnsafeBufferPointer { rows in
        for i in 0..<rows.count {
          let minute = unsafe UInt64(bitPattern: rows[i].eventTime &- start) / 60_000
          unsafe buffer[i] = UInt64(rows[i].code) &<< bits | minute
        }
      }
      initialized = rows.count
    }
    RowSort.sort(&keys)
    return unsafe keys.withUnsafeBufferPointer { unsafe sums($0, base: base, minutes: bits) }
  }

  /// The counts of sorted keys: code, and `minutes` bits that count from `base`.
  private static func sums(
    _ keys: UnsafeBufferPointer<UInt64>, base: Int64, minutes bits: UInt64
  ) -> [SegmentSum] {
    var different = 1
    for i in 1..<max(keys.count, 1) { unsafe different &+= keys[i] == keys[i &- 1] ? 0 : 1 }
    var sums: [SegmentSum] = []
    sums.reserveCapacity(different)
    var start = 0
    for i in 1...keys.count {
      let key = unsafe keys[start]
      if unsafe i < keys.count && keys[i] == key { continue }
      let minute = base + Int64(key & (1 << bits - 1))
      sums.append(
        SegmentSum(code: UInt32(key >> bits), minute: Minute(index: minute), clicks: UInt64(i - start)))
      start = i
    }
    return sums
  }

  /// The same for times that are too far apart for one key.
  private static func sparse(_ rows: [BuilderRow]) -> [SegmentSum] {
    var counts: [SegmentSum: UInt64] = [:]
    for row in rows {
      let key = SegmentSum(code: row.code, minute: Minute(containing: row.eventTime), clicks: 0)
      counts[key, default: 0] += 1
    }
    return counts.map { SegmentSum(code: $0.key.code, minute: $0.key.minute, clicks: $0.value) }
      .sorted { ($0.code, $0.minute) < ($1.code, $1.minute) }
  }
}

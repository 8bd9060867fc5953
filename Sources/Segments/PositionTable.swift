import Bytes

// Where in the log a click of a given event time is to be expected. Rows stand in the order of ids, so their positions are
// as good as random: 20 bits each in a segment of a million. But clicks come in about the order of their times, so a
// small table from time to position leaves the distance between the two only, 7 bits for clicks that are received when
// they happen:
//
//   bucket of a time = ⌊time / 2ˢ⌋ − base, at least 0 and below the number of entries      (the time with its top bit flipped)
//   position column  = position − entry of the bucket, signed
//
// An entry is the median of the positions in its bucket, so that stragglers do not matter, and about 128 rows fall into one.
// The section:
//
//   0  u64 base    8 u32 entries    12 u8 s    13 zeros
//   16 u32 for each entry: the position, less the segment's first
//   …  u8 for each entry: rows in its bucket, 255 where they are more: which of several tables is right about a time

/// From event times to positions.
struct PositionTable: Sendable {
  /// Rows for which there is one entry.
  static let rowsPerEntry = 128
  static let headBytes = 16

  /// How times fall into buckets.
  struct Scale: Equatable, Sendable {
    var base: UInt64 = 0
    var shift: UInt8 = 0
    var entries = 0

    /// The entry for a time with its top bit flipped; there is at least one.
    @inline(__always) func bucket(_ time: UInt64) -> Int {
      let bucket = time &>> UInt64(shift)
      return bucket <= base ? 0 : Int(truncatingIfNeeded: min(bucket &- base, UInt64(entries &- 1)))
    }

    /// The finest scale of at most `entries` buckets over these times; of two where one would need numbers of 65 bits.
    init(_ times: ClosedRange<UInt64>, entries: Int) {
      guard entries > 0 else { return }
      while shift < 63, times.upperBound >> UInt64(shift) - times.lowerBound >> UInt64(shift) >= UInt64(entries) {
        shift += 1
      }
      base = times.lowerBound >> UInt64(shift)
      self.entries = Int(times.upperBound >> UInt64(shift) - base) + 1
    }

    init(base: UInt64, shift: UInt8, entries: Int) {
      self.base = base
      self.shift = shift
      self.entries = entries
    }
  }

  private(set) var scale: Scale
  private(set) var positions: [UInt32]
  private(set) var weights: [UInt8]

  /// The position to be expected for an event time; 0 where the table is empty.
  @inline(__always) func position(_ time: Int64) -> UInt64 {
    scale.entries == 0 ? 0 : UInt64(positions[scale.bucket(RowPage.biased(time))])
  }

  /// A table for rows in the order of their positions.
  init(_ rows: [BuilderRow]) {
    var sample = stride(from: 0, to: rows.count, by: 1 + rows.count / 4096).map { RowPage.biased(rows[$0].eventTime) }
    sample.sort()
    scale = Scale(Self.usual(sample), entries: rows.count / Self.rowsPerEntry)
    positions = []
    weights = []
    guard scale.entries > 0 else { return }
    // A counting sort by buckets; within each, positions stay in order and the middle one is the median.
    var ends = [Int](repeating: 0, count: scale.entries)
    for row in rows { ends[scale.bucket(RowPage.biased(row.eventTime))] &+= 1 }
    weights = ends.map { UInt8(min($0, 255)) }
    var sum = 0
    for bucket in ends.indices {
      let count = ends[bucket]
      ends[bucket] = sum
      sum &+= count
    }
    var sorted = [UInt32](repeating: 0, count: rows.count)
    for position in rows.indices {
      let bucket = scale.bucket(RowPage.biased(rows[position].eventTime))
      sorted[ends[bucket]] = UInt32(truncatingIfNeeded: position)
      ends[bucket] &+= 1
    }
    var start = 0
    for end in ends {
      positions.append(end > start ? sorted[(start + end) / 2] : positions.last ?? 0)
      start = end
    }
  }

  /// The times for which entries are worth having: nine tenths of them and a little on both sides, which is nearly all where
  /// times are even, and no more where some are far off. Of those, time says nothing about the position anyway.
  private static func usual(_ sample: [UInt64]) -> ClosedRange<UInt64> {
    let edge = sample.count / 20
    let (low, high) = (sample[edge], sample[sample.count - 1 - edge])
    let more = (high - low) / 16
    return max(sample[0], low - min(low, more))...min(sample[sample.count - 1], high + min(.max - high, more))
  }

  /// A table for segments that become one of `rows` rows: for each bucket what the table with most rows there says.
  /// `shift` is what is added to a table's positions.
  init(merging tables: [(table: PositionTable, shift: UInt64)], rows: Int) {
    let filled = tables.filter { $0.table.scale.entries > 0 }
    positions = []
    weights = []
    guard let least = filled.map(\.table.least).min(), let greatest = filled.map(\.table.greatest).max() else {
      scale = Scale(base: 0, shift: 0, entries: 0)
      return
    }
    scale = Scale(least...greatest, entries: rows / Self.rowsPerEntry)
    var best = [UInt64](repeating: 0, count: scale.entries)
    positions = Array(repeating: 0, count: scale.entries)
    for (table, shift) in filled {
      var bucket = -1
      var weight: UInt64 = 0
      var heaviest: UInt64 = 0
      var position: UInt64 = 0
      func settle() {
        guard bucket >= 0, weight > best[bucket] else { return }
        best[bucket] = weight
        positions[bucket] = UInt32(clamping: position)
      }
      for entry in table.positions.indices {
        let times = table.times(entry)
        let (first, last) = (scale.bucket(times.lowerBound), scale.bucket(times.upperBound))
        // In 256ths of a row, so that an entry that covers many buckets leaves something in each.
        let share = UInt64(table.weights[entry]) << 8 / UInt64(last - first + 1)
        for here in first...last {
          if here != bucket {
            settle()
            (bucket, weight, heaviest) = (here, 0, 0)
          }
          weight += share
          if share >= heaviest { (heaviest, position) = (share, UInt64(table.positions[entry]) + shift) }
        }
      }
      settle()
    }
    for bucket in best.indices where best[bucket] == 0 && bucket > 0 { positions[bucket] = positions[bucket - 1] }
    weights = best.map { UInt8(min($0 >> 8, 255)) }
  }

  /// The times that fall into an entry.
  private func times(_ entry: Int) -> ClosedRange<UInt64> {
    let first = (scale.base + UInt64(entry)) << UInt64(scale.shift)
    return first...(first | BinModel.mask(scale.shift))
  }
  private var least: UInt64 { times(0).lowerBound }
  private var greatest: UInt64 { times(scale.entries - 1).upperBound }

  /// The section's bytes.
  var bytes: [UInt8] {
    var writer = ByteWriter()
    writer.append(scale.base)
    writer.append(UInt32(scale.entries))
    writer.append(scale.shift)
    writer.append([0, 0, 0])
    for position in positions { writer.append(position) }
    writer.append(weights)
    return writer.bytes
  }

  /// Reads the section; nil where it is none.
  init?(_ bytes: [UInt8]) {
    guard let scale = Scale(bytes), bytes.count == scale.sectionBytes else { return nil }
    self.scale = scale
    var reader = ByteReader(bytes[Self.headBytes...])
    positions = []
    positions.reserveCapacity(scale.entries)
    for _ in 0..<scale.entries { positions.append(reader.next()!) }
    weights = Array(bytes.suffix(scale.entries))
  }
}

extension PositionTable.Scale {
  /// Bytes of the whole section.
  var sectionBytes: Int { PositionTable.headBytes + 5 * entries }

  /// Reads the head of the section; nil where it is none.
  init?(_ bytes: [UInt8]) {
    var reader = ByteReader(bytes)
    guard let base: UInt64 = reader.next(), let entries: UInt32 = reader.next(), let shift: UInt8 = reader.next(),
      shift < 64, reader.next(bytes: 3) == [0, 0, 0]
    else { return nil }
    let (end, overflow) = base.addingReportingOverflow(UInt64(entries))
    // The last bucket's times are numbers of 64 bits.
    guard !overflow, entries == 0 || end - 1 <= UInt64.max >> UInt64(shift) else { return nil }
    self.init(base: base, shift: shift, entries: Int(entries))
  }
}

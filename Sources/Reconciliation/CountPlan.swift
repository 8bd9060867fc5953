import Bytes
import Clicks
import Files
import Segments

// How the keys (ad code, minute) are cut into parts that are counted one after the other. The segments' own minute sums say
// without any reading how many rows each stretch of keys has, 4,096 at a time; parts are cut so that none has many more
// than the others. They decide about memory and speed only: a count never comes from a sum.
//
//   key      = ad code << 32 | minute − first minute                        in the order of the table
//   part p   = the keys from splitter p up to splitter p + 1
//   in part  = (code − its first code) × minutes + minute, 32 bits where all of the part fits into them, else the key
//
// A key's part is found by its code, in a table with one entry for a granule of 2^s codes; where a splitter falls into a
// granule, the splitters behind its first are walked through.

/// The parts, and what a key is in each.
struct CountPlan: Sendable {
  /// Minutes count from here.
  let firstMinute: Int64
  /// Minutes that occur at most.
  let minutes: UInt64
  let parts: [CountPart]
  /// Of each granule: its first part, and above 16 bits how many more begin in it.
  let granules: [UInt32]
  let granuleShift: UInt32

  private static let granuleBits = 16
  /// The most parts: their numbers have 16 bits, and each has an open block of memory.
  static let mostParts = 4096

  /// A plan for the rows of `segments`, in parts of about `partRows` different keys.
  init(_ segments: [Segment], partRows: Int) throws {
    let times = segments.map(\.summary.eventTimes)
    let first = times.map { Minute(containing: $0.lowerBound).index }.min() ?? 0
    let last = times.map { Minute(containing: $0.upperBound).index }.max() ?? 0
    guard UInt64(last - first) < UInt64(UInt32.max) else {
      throw FormatError(
        file: segments[0].file.path, offset: UInt64(FileHeader.typeFields),
        reason: "the event times of the segments are too far apart to be counted together")
    }
    firstMinute = first
    minutes = UInt64(last - first) + 1
    let highest = segments.map(\.highestCode).max() ?? 0
    let splitters = Self.splitters(segments, first: first, partRows: partRows)
    let end = UInt64(highest) << 32 | 0xFFFF_FFFF
    let span = minutes
    let parts = splitters.indices.map { i in
      CountPart(from: splitters[i], through: i + 1 < splitters.count ? splitters[i + 1] - 1 : end, minutes: span)
    }
    self.parts = parts
    let bits = 32 - highest.leadingZeroBitCount
    granuleShift = UInt32(max(0, bits - Self.granuleBits))
    var granules: [UInt32] = []
    var part = 0
    for granule in 0...(highest >> granuleShift) {
      let lower = UInt64(granule << granuleShift) << 32
      let (next, overflow) = (granule << granuleShift).addingReportingOverflow(1 << granuleShift)
      while part + 1 < parts.count, parts[part + 1].first <= lower { part += 1 }
      var more = part
      while more + 1 < parts.count, overflow || parts[more + 1].first < UInt64(next) << 32 { more += 1 }
      granules.append(UInt32(part) | UInt32(more - part) << 16)
    }
    self.granules = granules
  }

  private static func splitters(_ segments: [Segment], first: Int64, partRows: Int) -> [UInt64] {
    var blocks: [(key: UInt64, rows: Int)] = []
    for segment in segments {
      segment.forEachSumBlock { code, minute, rows in
        // A damaged sum may say anything; where it points does not matter.
        let offset = UInt64(clamping: minute.index.subtractingReportingOverflow(first).partialValue)
        blocks.append((UInt64(code) << 32 | min(offset, UInt64(UInt32.max)), rows))
      }
    }
    blocks.sort { $0.key < $1.key }
    let all = blocks.reduce(0) { $0 + $1.rows }
    let least = max(partRows, all / (mostParts / 2), 1)
    var splitters: [UInt64] = [0]
    var sum = 0
    for block in blocks {
      if sum >= least, block.key > splitters.last!, splitters.count < mostParts {
        splitters.append(block.key)
        sum = 0
      }
      sum += block.rows
    }
    return splitters
  }
}

/// A stretch of keys that is counted by itself.
struct CountPart: Sendable {
  /// Its first key.
  let first: UInt64
  /// Its first code.
  let code: UInt64
  /// Minutes a code; 0 where keys are too far apart for 32 bits and are kept whole.
  let minutes: UInt64
  /// Different keys it can have, where they are narrow.
  let cells: UInt64

  init(from first: UInt64, through last: UInt64, minutes: UInt64) {
    self.first = first
    code = first >> 32
    let (cells, overflow) = ((last >> 32) - code + 1).multipliedReportingOverflow(by: minutes)
    let isNarrow = !overflow && cells <= 1 << 32
    self.minutes = isNarrow ? minutes : 0
    self.cells = isNarrow ? cells : 0
  }

  var isNarrow: Bool { minutes > 0 }
}

import Bytes
import Clicks
import Files

// Rows whose ids have a time in their bits that was still to come when they were received: more than the mint tolerance behind
// the receive floor of the row. Nobody mints like that; the bits of such an id are no minting time, or those of a clock that
// is wrong. But once that time has come the id looks like any other, and then two questions are asked of it:
//
//   was it counted before?      a copy in a segment older than the time in its bits is looked for only where this list, or the
//                               extent of what is not in it, says that there may be one (LifetimeLookup)
//   where does it go?           to the home of its ad, where it was counted first, also where the ad is hot (RouteBoard)
//
//   section 10:  i64 least, i64 greatest: the times of the early rows that are not listed; least > greatest: all are
//                for each listed (id, ad code), ascending: u64 high, u64 low, u32 ad code
//
// Listed are the first 65,536 whose time comes within ten years of the floor.

/// The early rows of a segment, as it lists them.
package struct EarlyRows: Sendable {
  /// An id and the shard's number of its ad.
  package struct Entry: Hashable, Sendable {
    package var impression: ImpressionID
    package var code: UInt32
  }

  /// The most entries of a segment.
  package static let most = 65_536
  /// Further ahead than this, ms, no row is listed: 3,653 days.
  package static let reach: Int64 = 3_653 * 86_400_000
  static let headBytes = 16
  static let entryBytes = 20

  /// In the order of (id, ad code).
  package internal(set) var entries: [Entry] = []
  /// The times of the early rows that are not listed; nil where all are.
  package internal(set) var unlisted: ClosedRange<Int64>?
  /// The times of all of them; nil where there is none.
  package internal(set) var times: ClosedRange<Int64>?

  /// Whether the segment may have a row with this id, which has `time` in its bits, that was early when it came.
  package func mayHold(_ id: ImpressionID, _ time: Int64) -> Bool {
    guard times?.contains(time) ?? false else { return false }
    if unlisted?.contains(time) ?? false { return true }
    var (low, end) = (0, entries.count)
    while low < end {
      let middle = (low + end) / 2
      let found = entries[middle].impression
      if (found.high, found.low) < (id.high, id.low) { low = middle + 1 } else { end = middle }
    }
    return low < entries.count && entries[low].impression == id
  }

  /// What is known of a file from before there was such a list: its rows had times that were not far ahead, and no filter
  /// knows them.
  static func unknown(_ mintingTimes: ClosedRange<Int64>?) -> EarlyRows {
    var rows = EarlyRows()
    (rows.unlisted, rows.times) = (mintingTimes, mintingTimes)
    return rows
  }

  // MARK: - Reading

  /// The early rows that `file` lists.
  static func read(_ file: SealedFile) throws -> EarlyRows {
    let section = try file.section(SegmentSection.early.rawValue)
    func fault(_ reason: String) -> FormatError {
      FormatError(file: file.path, offset: section.offset, reason: reason)
    }
    let count = (section.bytes - headBytes) / entryBytes
    guard section.bytes >= headBytes, section.bytes == headBytes + count * entryBytes, count <= most else {
      throw fault("no list of early ids has \(section.bytes) bytes")
    }
    var rows = EarlyRows()
    rows.entries.reserveCapacity(count)
    var extent = Extent<Int64>()
    let bytes = try file.contents(of: section)
    var reader = ByteReader(bytes[...])
    let (least, greatest): (Int64, Int64) = (reader.next()!, reader.next()!)
    if least <= greatest { rows.unlisted = least...greatest }
    for _ in 0..<count {
      let id = ImpressionID(high: reader.next()!, low: reader.next()!)
      let entry = Entry(impression: id, code: reader.next()!)
      guard let time = id.timeInBits else { throw fault("\(id) has no time in its bits") }
      guard rows.entries.last.map({ precedes($0, entry) }) ?? true else { throw fault("early ids are out of order") }
      extent.add(time)
      rows.entries.append(entry)
    }
    if let unlisted = rows.unlisted {
      extent.add(unlisted.lowerBound)
      extent.add(unlisted.upperBound)
    }
    rows.times = extent.range
    return rows
  }

  static func precedes(_ a: Entry, _ b: Entry) -> Bool {
    (a.impression.high, a.impression.low, a.code) < (b.impression.high, b.impression.low, b.code)
  }
}

/// The list on its way into the file.
struct EarlyRowsSection {
  private var rows = EarlyRows()
  private var unlisted = Extent<Int64>()

  /// Adds a row; they come in the order of segments.
  mutating func add(_ entry: EarlyRows.Entry) {
    guard rows.entries.last != entry else { return }
    guard rows.entries.count < EarlyRows.most else { return unlisted.add(entry.impression.timeInBits!) }
    rows.entries.append(entry)
  }

  /// Adds the time of a row that is too far ahead to be listed.
  mutating func add(_ time: Int64) { unlisted.add(time) }

  /// Adds the times of several.
  mutating func add(_ times: Extent<Int64>) { unlisted.add(times) }

  var bytes: [UInt8] {
    var writer = ByteWriter()
    writer.append(unlisted.range?.lowerBound ?? 1)
    writer.append(unlisted.range?.upperBound ?? 0)
    for entry in rows.entries {
      writer.append(entry.impression.high)
      writer.append(entry.impression.low)
      writer.append(entry.code)
    }
    return writer.bytes
  }
}

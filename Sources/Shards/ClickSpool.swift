import Bytes
import Clicks
import Files
import Platform

// Raw clicks on their way from one number of shards to another: for each pair of an old and a new shard one file, in the
// order in which the old one received them.
//
//     chunk:  u32 records   u32 CRC-32C of them   u32 bytes of them   records
//     record: running time, receive time, event time, impression (16), ad key, u16 source, u16 standing, u16 captured columns, u32
//             bytes of captured strings, and these
//
// It lives as long as the rewriting does, so it has no page in Formats.

/// A click with the times at which it was received.
package struct SpooledClick: Equatable, Sendable {
  package var click: Click
  /// Milliseconds that the store had been running.
  package var runningTime: UInt64
  /// What was captured of it; nil where nothing was.
  package var strings: CapturedStrings?
  /// Whether it counts.
  package var standing: Standing

  package enum Standing: UInt16, Sendable {
    case counts
    /// A recount took it away.
    case isRepeat
    /// The same, and the raw click of every copy before it has retired.
    case isLastCopy
  }

  package init(
    _ click: Click, runningTime: UInt64, strings: CapturedStrings? = nil, standing: Standing = .counts
  ) {
    self.click = click
    self.runningTime = runningTime
    self.strings = strings
    self.standing = standing
  }
}

/// Bytes before a chunk's records, and how many these are at most.
private let headBytes = 12
private let chunkRecords = 1_024

/// Writes one spool.
package struct SpoolWriter {
  private let file: any File
  private var offset: UInt64 = 0
  private var pending = ByteWriter()
  private var records = 0
  /// Clicks so far.
  package private(set) var count: UInt64 = 0

  package init(_ files: any FileSystem, _ path: String) throws(SystemError) { file = try files.open(path, .create) }

  package mutating func add(_ spooled: SpooledClick) throws(SystemError) {
    let click = spooled.click
    pending.append(spooled.runningTime)
    pending.append(click.receiveTime)
    pending.append(click.eventTime)
    pending.append(click.impression.high)
    pending.append(click.impression.low)
    pending.append(click.ad.rawValue)
    pending.append(click.source.rawValue)
    pending.append(spooled.standing.rawValue)
    pending.append(spooled.strings?.set.rawValue ?? 0)
    pending.append(UInt32(spooled.strings?.bytes.count ?? 0))
    if let strings = spooled.strings { pending.append(strings.bytes) }
    records += 1
    count += 1
    if records == chunkRecords { try flush() }
  }

  /// Writes what waits; nothing is added behind it.
  package mutating func finish() throws(SystemError) { try flush() }

  private mutating func flush() throws(SystemError) {
    guard records > 0 else { return }
    var head = ByteWriter()
    head.append(UInt32(records))
    head.append(CRC32C.checksum(pending.bytes))
    head.append(UInt32(pending.bytes.count))
    try file.writeAll(head.bytes + pending.bytes, at: offset)
    offset += UInt64(head.bytes.count + pending.bytes.count)
    pending = ByteWriter()
    records = 0
  }
}

/// Reads one spool from its beginning.
package struct SpoolReader {
  private let file: any File
  private let path: String
  private let end: UInt64
  private var offset: UInt64 = 0
  private var chunk = ByteReader([])
  /// The click it stands on; nil behind the last.
  package private(set) var head: SpooledClick?

  package init(_ files: any FileSystem, _ path: String) throws {
    file = try files.open(path, .read)
    self.path = path
    end = try file.size()
    try advance()
  }

  /// Goes to the next click.
  package mutating func advance() throws {
    if chunk.remaining == 0 {
      guard offset < end else {
        head = nil
        return
      }
      var header = ByteReader(try file.bytes(at: offset, count: headBytes))
      let (count, checksum) = (header.next(UInt32.self) ?? 0, header.next(UInt32.self) ?? 0)
      let size = Int(header.next(UInt32.self) ?? 0)
      let bytes = try file.bytes(at: offset + UInt64(headBytes), count: size)
      guard count > 0, bytes.count == size, CRC32C.checksum(bytes) == checksum else {
        throw FormatError(file: path, offset: offset, reason: "a chunk's checksum does not hold")
      }
      chunk = ByteReader(bytes)
      offset += UInt64(headBytes + bytes.count)
    }
    let running = chunk.next(UInt64.self)!
    let (received, happened) = (chunk.next(Int64.self)!, chunk.next(Int64.self)!)
    let impression = ImpressionID(high: chunk.next(UInt64.self)!, low: chunk.next(UInt64.self)!)
    let ad = AdKey(rawValue: chunk.next(UInt64.self)!)
    let (source, standing) = (Click.Source(rawValue: chunk.next()!), SpooledClick.Standing(rawValue: chunk.next()!))
    let set = CaptureSet(rawValue: chunk.next()!)
    let bytes = chunk.next(bytes: Int(chunk.next(UInt32.self)!))
    guard let source, let standing, let bytes else {
      throw FormatError(file: path, offset: offset, reason: "an unknown source or standing")
    }
    head = SpooledClick(
      Click(impression: impression, ad: ad, eventTime: happened, receiveTime: received, source: source),
      runningTime: running, strings: set.isEmpty ? nil : CapturedStrings(set, Array(bytes), count: 1),
      standing: standing)
  }
}

/// Several spools as one, in the order of running time; of equal times the spool that stands first.
package struct SpoolMerge {
  private var readers: [SpoolReader]

  package init(_ readers: [SpoolReader]) { self.readers = readers }

  /// The next click; nil behind the last.
  package mutating func next() throws -> SpooledClick? {
    var least: Int?
    for i in readers.indices {
      guard let head = readers[i].head else { continue }
      if least.map({ head.runningTime < readers[$0].head!.runningTime }) ?? true { least = i }
    }
    guard let least else { return nil }
    let found = readers[least].head
    try readers[least].advance()
    return found
  }
}

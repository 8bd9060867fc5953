import Bytes
import ClickLog
import Clicks
import Files

// The state of a shard as its manifest keeps it, and the changes that make it. A snapshot is the list of changes that
// builds the state from nothing, so there is one codec for both.
//
// A change: u8 tag, u8 zero, u16 bytes that follow, then its fields, little-endian. See Formats/manifest.md.

/// One change of a shard's state.
package enum ManifestChange: Equatable, Sendable {
  /// The store was opened for the `epoch`th time.
  case epoch(UInt32)
  /// A generation takes clicks from now on, or a copy takes the place of one.
  case open(LogExtent)
  /// A generation ends.
  case close(generation: UInt64, LogExtent.End)
  /// A generation's slot is free.
  case remove(generation: UInt64)
  /// The logical clock had reached this, ms since 1970.
  case logicalTime(Int64)
  /// Minutes before this one are closed; never goes back.
  case closedThrough(minute: Int64)
  /// The highest generation ever given, where no live extent says so.
  case lastGeneration(UInt64)
  /// Every click below `applied` is in the table: in a run if its minute is closed, and in the log from `floor` on if not.
  case checkpoint(applied: UInt64, floor: UInt64)
  /// An immutable file belongs to the shard from now on.
  case addFile(StoreFile)
  /// A file no longer belongs to it.
  case removeFile(number: UInt64)
  /// The highest file number ever given, where no file says so.
  case lastFile(UInt64)
  /// Clicks below this position are in segments (or retired).
  case sealed(to: UInt64)
  /// Raw clicks below this position are gone; their sums are in BASE runs.
  case retired(to: UInt64)
  /// Days before this one have hour and day rows; days since 1970.
  case rolledUp(before: Int64)
  /// Minute rows before this minute are gone; hours and days stay.
  case minutesFrom(minute: Int64)
  /// An external table has this number and name.
  case table(number: UInt32, name: String)
  /// The shard was recounted so far, by its `run`th recount that changed something or came to its end.
  case recounted(RecountMark, run: UInt64)
  /// Minute rows of so many clicks have gone with the minute retention, in all.
  case dropped(clicks: UInt64)
  /// So many repeats that no file of corrections lists were marked in segments that are gone, in all.
  case retiredMarks(UInt64)
  /// Every row was held against every raw click when this was the highest file number, and all are right.
  case compared(throughFile: UInt64)
  /// Where the earlier copies of a segment's repeats are, in place of what was said of it before; without any: nothing more is.
  case earlierCopies(EarlierCopies.List)
  /// Of the repeats in segments from this position on it is known where their earlier copies are.
  case copiesCounted(from: UInt64)
  /// A source of clicks is durable so far in this shard; of many sources those that moved last are kept.
  case progress(SourceProgress)
  /// A month is sealed: its rows never change.
  case monthSealed(MonthSeal)
  /// The shard with this number takes part in the opening of the store that has this number; the number is the same in all
  /// shards.
  case started(number: UInt64, shard: UInt32)

  private enum Tag: UInt8 {
    case epoch = 1
    case open = 2
    case close = 3
    case remove = 4
    case logicalTime = 5
    case closedThrough = 6
    case lastGeneration = 7
    case checkpoint = 8
    case addFile = 9
    case removeFile = 10
    case lastFile = 11
    case sealed = 12
    case retired = 13
    case rolledUp = 14
    case minutesFrom = 15
    case table = 16
    case progress = 17
    case recounted = 24
    case dropped = 25
    case monthSealed = 26
    case started = 27
    case retiredMarks = 28
    case compared = 29
    case earlierCopies = 30
    case copiesCounted = 31
  }

  /// Appends the bytes of the change.
  package func write(to writer: inout ByteWriter) {
    var body = ByteWriter()
    let tag: Tag
    switch self {
    case .epoch(let epoch):
      tag = .epoch
      body.append(epoch)
    case .open(let extent):
      tag = .open
      body.append(extent.generation)
      body.append(extent.firstPosition)
      body.append(extent.previousGeneration)
      body.append(extent.durable)
      body.append(extent.slot)
    case .close(let generation, let end):
      tag = .close
      body.append(generation)
      body.append(end.offset)
      body.append(end.position)
    case .remove(let generation):
      tag = .remove
      body.append(generation)
    case .logicalTime(let time):
      tag = .logicalTime
      body.append(time)
    case .closedThrough(let minute):
      tag = .closedThrough
      body.append(minute)
    case .lastGeneration(let generation):
      tag = .lastGeneration
      body.append(generation)
    case .checkpoint(let applied, let floor):
      tag = .checkpoint
      body.append(applied)
      body.append(floor)
    case .addFile(let file):
      tag = .addFile
      body.append(file.reference.number)
      body.append(file.reference.bytes)
      body.append(file.reference.digest)
      body.append(file.kind.rawValue)
    case .removeFile(let number):
      tag = .removeFile
      body.append(number)
    case .lastFile(let number):
      tag = .lastFile
      body.append(number)
    case .sealed(let position):
      tag = .sealed
      body.append(position)
    case .retired(let position):
      tag = .retired
      body.append(position)
    case .rolledUp(let day):
      tag = .rolledUp
      body.append(day)
    case .minutesFrom(let minute):
      tag = .minutesFrom
      body.append(minute)
    case .table(let number, let name):
      tag = .table
      body.append(number)
      body.append(Array(name.utf8))
    case .recounted(let mark, let run):
      tag = .recounted
      body.append(run)
      body.append(mark.position)
      body.append(mark.floor)
      body.append(mark.through)
    case .dropped(let clicks):
      tag = .dropped
      body.append(clicks)
    case .retiredMarks(let marks):
      tag = .retiredMarks
      body.append(marks)
    case .compared(let number):
      tag = .compared
      body.append(number)
    case .earlierCopies(let list):
      tag = .earlierCopies
      list.write(to: &body)
    case .copiesCounted(let position):
      tag = .copiesCounted
      body.append(position)
    case .monthSealed(let seal):
      tag = .monthSealed
      body.append(seal.month.index)
      body.append(seal.time)
      body.append(seal.rows)
      body.append(seal.clicks)
      body.append(seal.ads)
      body.append(seal.minutes)
      body.append(seal.days)
    case .started(let number, let shard):
      tag = .started
      body.append(number)
      body.append(shard)
    case .progress(let progress):
      tag = .progress
      progress.write(to: &body)
    }
    writer.append(tag.rawValue)
    writer.append(UInt8(0))
    writer.append(UInt16(body.bytes.count))
    writer.append(body.bytes)
  }

  /// The changes in a record's payload; nil with a reason where the bytes are not that.
  package static func read(_ payload: [UInt8]) throws(ManifestFault) -> [ManifestChange] {
    var reader = ByteReader(payload)
    var changes: [ManifestChange] = []
    while reader.remaining > 0 {
      guard let tagByte = reader.next(UInt8.self), reader.next(UInt8.self) == 0, let length = reader.next(UInt16.self),
        let bytes = reader.next(bytes: Int(length))
      else { throw ManifestFault("a change ends early") }
      guard let tag = Tag(rawValue: tagByte) else {
        throw ManifestFault("change \(tagByte) is unknown: written by a newer version")
      }
      var body = ByteReader(bytes)
      guard let change = read(tag, &body), body.remaining == 0 else {
        throw ManifestFault("change \(tagByte) has \(length) bytes")
      }
      changes.append(change)
    }
    return changes
  }

  private static func read(_ tag: Tag, _ body: inout ByteReader) -> ManifestChange? {
    switch tag {
    case .epoch: return body.next().map { .epoch($0) }
    case .open:
      guard let generation = body.next(UInt64.self), let first = body.next(UInt64.self),
        let previous = body.next(UInt64.self), let durable = body.next(UInt64.self), let slot = body.next(UInt32.self)
      else { return nil }
      return .open(
        LogExtent(
          generation: generation, slot: slot, firstPosition: first, previousGeneration: previous, durable: durable))
    case .close:
      guard let generation = body.next(UInt64.self), let offset = body.next(UInt64.self),
        let position = body.next(UInt64.self)
      else { return nil }
      return .close(generation: generation, LogExtent.End(offset: offset, position: position))
    case .remove: return body.next().map { .remove(generation: $0) }
    case .logicalTime: return body.next().map { .logicalTime($0) }
    case .closedThrough: return body.next().map { .closedThrough(minute: $0) }
    case .lastGeneration: return body.next().map { .lastGeneration($0) }
    case .checkpoint:
      guard let applied = body.next(UInt64.self), let floor = body.next(UInt64.self) else { return nil }
      return .checkpoint(applied: applied, floor: floor)
    case .addFile:
      guard let number = body.next(UInt64.self), let bytes = body.next(UInt64.self),
        let digest = body.next(UInt64.self), let kind = StoreFile.Kind(rawValue: body.next(UInt32.self) ?? 0)
      else { return nil }
      return .addFile(StoreFile(kind: kind, reference: SealedReference(number: number, bytes: bytes, digest: digest)))
    case .removeFile: return body.next().map { .removeFile(number: $0) }
    case .lastFile: return body.next().map { .lastFile($0) }
    case .sealed: return body.next().map { .sealed(to: $0) }
    case .retired: return body.next().map { .retired(to: $0) }
    case .rolledUp: return body.next().map { .rolledUp(before: $0) }
    case .minutesFrom: return body.next().map { .minutesFrom(minute: $0) }
    case .table:
      guard let number = body.next(UInt32.self), let name = body.next(bytes: body.remaining), !name.isEmpty else {
        return nil
      }
      return .table(number: number, name: String(decoding: name, as: UTF8.self))
    case .recounted:
      guard let run = body.next(UInt64.self), let position = body.next(UInt64.self),
        let floor = body.next(UInt64.self), let through = body.next(Int64.self)
      else { return nil }
      return .recounted(RecountMark(position: position, floor: floor, through: through), run: run)
    case .dropped: return body.next().map { .dropped(clicks: $0) }
    case .retiredMarks: return body.next().map { .retiredMarks($0) }
    case .compared: return body.next().map { .compared(throughFile: $0) }
    case .earlierCopies: return EarlierCopies.List(&body).map { .earlierCopies($0) }
    case .copiesCounted: return body.next().map { .copiesCounted(from: $0) }
    case .monthSealed:
      guard let month = body.next(UInt32.self).flatMap({ Month(index: $0) }), let time = body.next(Int64.self),
        let rows = body.next(UInt64.self), let clicks = body.next(UInt64.self), let ads = body.next(UInt64.self),
        let minutes = body.next(bytes: MonthSeal.digestBytes), let days = body.next(bytes: MonthSeal.digestBytes)
      else { return nil }
      return .monthSealed(
        MonthSeal(
          month: month, time: time, rows: rows, clicks: clicks, ads: ads, minutes: Array(minutes), days: Array(days)))
    case .started:
      guard let number = body.next(UInt64.self), let shard = body.next(UInt32.self) else { return nil }
      return .started(number: number, shard: shard)
    case .progress:
      return SourceProgress(&body).map { .progress($0) }
    }
  }
}

import Bytes
import ClickLog

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

  private enum Tag: UInt8 {
    case epoch = 1
    case open = 2
    case close = 3
    case remove = 4
    case logicalTime = 5
    case closedThrough = 6
    case lastGeneration = 7
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
    }
  }
}

/// Why a manifest record makes no sense.
package struct ManifestFault: Error, Equatable, CustomStringConvertible {
  package var description: String
  init(_ description: String) { self.description = description }
}

/// What a shard is, apart from the clicks themselves.
package struct ManifestState: Equatable, Sendable {
  package var epoch: UInt32 = 0
  /// Live generations, in log order; at most the last is open.
  package var extents: [LogExtent] = []
  /// The highest generation ever given.
  package var lastGeneration: UInt64 = 0
  package var logicalTime: Int64 = 0
  package var closedThrough: Int64 = .min

  package init() {}

  /// The slots that hold live generations.
  package var liveSlots: Set<UInt32> { Set(extents.map(\.slot)) }

  /// Applies a change; a fault leaves the state half changed and must end the reading.
  package mutating func apply(_ change: ManifestChange) throws(ManifestFault) {
    switch change {
    case .epoch(let next):
      guard next > epoch else { throw ManifestFault("epoch \(next) after \(epoch)") }
      epoch = next
    case .open(let extent):
      guard extent.generation > lastGeneration else {
        throw ManifestFault("generation \(extent.generation) opened after \(lastGeneration)")
      }
      guard extents.allSatisfy({ $0.end != nil && $0.slot != extent.slot }) else {
        throw ManifestFault("generation \(extent.generation) opened in a slot in use, or beside an open one")
      }
      guard extents.last.map({ $0.end!.position == extent.firstPosition }) ?? true else {
        throw ManifestFault("generation \(extent.generation) leaves a gap in the positions")
      }
      extents.append(extent)
      lastGeneration = extent.generation
    case .close(let generation, let end):
      guard let i = extents.firstIndex(where: { $0.generation == generation }), extents[i].end == nil,
        end.position >= extents[i].firstPosition
      else { throw ManifestFault("generation \(generation) closed, but it is not open") }
      extents[i].end = end
    case .remove(let generation):
      guard let i = extents.firstIndex(where: { $0.generation == generation }) else {
        throw ManifestFault("generation \(generation) removed, but it is not there")
      }
      extents.remove(at: i)
    case .logicalTime(let time): logicalTime = max(logicalTime, time)
    case .closedThrough(let minute): closedThrough = max(closedThrough, minute)
    case .lastGeneration(let generation): lastGeneration = max(lastGeneration, generation)
    }
  }

  /// The changes that build this state from nothing.
  package var snapshot: [ManifestChange] {
    var changes: [ManifestChange] = []
    if epoch > 0 { changes.append(.epoch(epoch)) }
    for extent in extents {
      var opened = extent
      opened.end = nil
      changes.append(.open(opened))
      if let end = extent.end { changes.append(.close(generation: extent.generation, end)) }
    }
    if logicalTime > 0 { changes.append(.logicalTime(logicalTime)) }
    if closedThrough > .min { changes.append(.closedThrough(minute: closedThrough)) }
    if lastGeneration > (extents.map(\.generation).max() ?? 0) { changes.append(.lastGeneration(lastGeneration)) }
    return changes
  }
}

import Bytes
import ClickLog
import Clicks
import JSON
import Service

/// A click of a frame.
struct InspectedClick {
  var position: UInt64
  var offset: Int
  /// Nil where its record has an unknown source or flag.
  var click: Click?
  /// What was captured of it.
  var strings: [(name: String, value: String)]
}

/// A frame that was found whole, with what is in it.
struct InspectedFrame {
  var header: FrameHeader
  var checksum: UInt32
  var offset: Int
  /// The clicks, where they are asked for.
  var clicks: [InspectedClick] = []
  /// A manifest record's changes in words.
  var changes: [String] = []

  /// The positions of its records; a manifest's record has a sequence number instead.
  var positions: String {
    switch header.kind {
    case .data: "\(header.firstPosition)..<\(header.firstPosition + UInt64(header.records))"
    case .mark, .close: "at \(header.firstPosition)"
    case .snapshot, .edit: "sequence \(header.firstPosition)"
    }
  }
}

/// Prints what is found in a file, piece by piece, so that large files take no memory.
protocol InspectionWriter {
  mutating func begin(_ path: String, _ kind: String, bytes: UInt64)
  mutating func field(_ field: HeaderField)
  mutating func frame(_ frame: InspectedFrame)
  mutating func part(_ part: InspectedPart)
  /// The chain of frames ends here, and why.
  mutating func end(_ offset: Int, _ reason: String)
  mutating func damage(_ error: FormatError)
  mutating func finish()
}

/// For people.
struct TextInspection: InspectionWriter {
  let console: Console
  private var hasFrames = false

  init(_ console: Console) { self.console = console }

  mutating func begin(_ path: String, _ kind: String, bytes: UInt64) {
    console.print("\(path): \(kind), \(bytes) bytes")
    hasFrames = false
  }

  mutating func field(_ field: HeaderField) {
    console.print("  \(left("\(field.offset)", 8))  \(field.name): \(field.value)")
  }

  mutating func frame(_ frame: InspectedFrame) {
    if !hasFrames { console.print("") }
    hasFrames = true
    let head = frame.header
    console.print(
      "  \(left("\(frame.offset)", 8))  \(head.kind) frame \(head.index), generation \(head.generation), \(frame.positions), "
        + "\(head.records) \(head.records == 1 ? "record" : "records"), \(head.frameBytes) bytes")
    console.print(
      "            promise \(head.promise), epoch \(head.epoch), manifest record \(head.manifestSequence), time "
        + "\(TimeRange.text(head.logicalTime)), running \(head.runningTime) ms")
    console.print(
      "            checksum \(Hex.encode(frame.checksum)) holds, frame before \(Hex.encode(head.previousChecksum)) continues"
    )
    for change in frame.changes { console.print("            \(change)") }
    for found in frame.clicks {
      let place = "  \(left("\(found.offset)", 8))    \(found.position)"
      guard let click = found.click else {
        console.print("\(place): an unknown source or flag")
        continue
      }
      console.print(
        "\(place): ad key \(click.ad), impression \(click.impression), event \(TimeRange.text(click.eventTime)), "
          + "received \(TimeRange.text(click.receiveTime)), \(click.source)"
          + found.strings.map { ", \($0.name) \($0.value)" }.joined())
    }
  }

  mutating func part(_ part: InspectedPart) {
    if !hasFrames { console.print("") }
    hasFrames = true
    console.print("  \(left("\(part.offset)", 8))  \(part.text)")
  }

  mutating func end(_ offset: Int, _ reason: String) {
    console.print("  \(left("\(offset)", 8))  end: \(reason)")
  }

  mutating func damage(_ error: FormatError) {
    console.print("  \(left("\(error.offset)", 8))  DAMAGE: \(error.reason)")
  }

  mutating func finish() {}

  private func left(_ text: String, _ width: Int) -> String {
    String(repeating: " ", count: max(0, width - text.count)) + text
  }
}

/// For programs: one JSON object for each file, a line each.
struct JSONInspection: InspectionWriter {
  let console: Console
  private var fields = 0
  private var frames = 0
  private var parts = 0
  private var ending: JSONValue = .null
  private var damaged: JSONValue = .null

  init(_ console: Console) { self.console = console }

  mutating func begin(_ path: String, _ kind: String, bytes: UInt64) {
    self = JSONInspection(console)
    let head = JSONValue.object(["file": .string(path), "kind": .string(kind), "bytes": .integer(bytes)])
    write("\(String(decoding: head.encoded().dropLast(), as: UTF8.self)),\"header\":[")
  }

  mutating func field(_ field: HeaderField) {
    var members: [JSONValue.Member] = [
      .init("offset", .integer(field.offset)), .init("name", .string(InspectedPart.member(field.name))),
      .init("value", field.number.map { .number($0) } ?? .string(field.value)),
    ]
    // What the number means.
    if let number = field.number, field.value != number {
      members.append(.init("text", .string(String(field.value.dropFirst(number.count + 2).dropLast()))))
    }
    let value = JSONValue.object(members)
    write((fields > 0 ? "," : "") + String(decoding: value.encoded(), as: UTF8.self))
    fields += 1
  }

  mutating func frame(_ frame: InspectedFrame) {
    let head = frame.header
    var members: [JSONValue.Member] = [
      .init("offset", .integer(frame.offset)), .init("kind", .string("\(head.kind)")),
      .init("index", .integer(head.index)), .init("generation", .integer(head.generation)),
      .init("firstPosition", .integer(head.firstPosition)), .init("records", .integer(head.records)),
      .init("bytes", .integer(head.frameBytes)), .init("promise", .string(head.promise.description)),
      .init("epoch", .integer(head.epoch)), .init("manifestSequence", .integer(head.manifestSequence)),
      .init("logicalTime", .string(TimeRange.text(head.logicalTime))), .init("runningTime", .integer(head.runningTime)),
      .init("checksum", .string(Hex.encode(frame.checksum))),
      .init("previousChecksum", .string(Hex.encode(head.previousChecksum))),
    ]
    if !frame.changes.isEmpty { members.append(.init("changes", .array(frame.changes.map { .string($0) }))) }
    if !frame.clicks.isEmpty {
      let clicks = frame.clicks.map { found -> JSONValue in
        let place: [JSONValue.Member] = [
          .init("position", .integer(found.position)), .init("offset", .integer(found.offset)),
        ]
        guard let click = found.click else { return .object(place) }
        return .object(
          place + [
            .init("adKey", .string(click.ad.description)),
            .init("impressionId", .string(click.impression.description)),
            .init("eventTime", .string(TimeRange.text(click.eventTime))),
            .init("receiveTime", .string(TimeRange.text(click.receiveTime))),
            .init("source", .string("\(click.source)")),
          ] + found.strings.map { .init(InspectedPart.member($0.name), .string($0.value)) })
      }
      members.append(.init("clicks", .array(clicks)))
    }
    write((frames > 0 ? "," : "],\"frames\":[") + String(decoding: JSONValue.object(members).encoded(), as: UTF8.self))
    frames += 1
  }

  mutating func part(_ part: InspectedPart) {
    write((parts > 0 ? "," : "],\"parts\":[") + String(decoding: part.json.encoded(), as: UTF8.self))
    parts += 1
  }

  mutating func end(_ offset: Int, _ reason: String) {
    ending = .object(["offset": .integer(offset), "reason": .string(reason)])
  }

  mutating func damage(_ error: FormatError) {
    damaged = .object(["offset": .integer(error.offset), "reason": .string(error.reason)])
  }

  mutating func finish() {
    let tail = JSONValue.object(["end": ending, "damage": damaged])
    write(
      "\(frames + parts > 0 ? "]" : "],\"frames\":[]"),\(String(decoding: tail.encoded().dropFirst(), as: UTF8.self))\n"
    )
  }

  private func write(_ text: String) { console.print(Array(text.utf8)) }
}

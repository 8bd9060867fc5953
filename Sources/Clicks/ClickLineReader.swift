import Bytes
import Glibc

// Reads click lines as strictly as RFC 8259 allows, since what one reader guesses another guesses differently: UTF-8 only,
// no name twice, nothing behind the object, no half of a surrogate pair. One pass, no allocation: a text without escapes is
// used where it stands, any other is decoded into memory of the reader's own.

/// Reads one line after the other. One instance for each thread.
@safe package final class ClickLineReader {
  /// What becomes of a member with another name.
  package enum UnknownNames: Sendable {
    /// The line is refused: a misspelt `signature` must not pass for a missing one.
    case refuse
    /// It is read over, checked for form (names inside its objects may repeat).
    case skip
  }

  /// Bytes of the longest line that is read; a longer one is malformed.
  package static let maximumLine = 65_536
  /// Arrays and objects inside each other, the line's own object counted.
  package static let maximumDepth = 16

  private let scratch: UnsafeMutablePointer<UInt8>
  private let names: [[UInt8]]
  private let unknown: UnknownNames
  private let captures: CaptureSet
  /// Members that are handed out as they stand there, for logs whose ids are derived from them; nil: lines have ids.
  private let idFrom: [[UInt8]]?
  /// Their values in the line read last, good until the line changes; nil where one is missing.
  package private(set) var collected: [UnsafeRawBufferPointer?] = unsafe []

  /// A reader. `names` gives members other names than the interface does. With `idFrom` lines need no impression id; the
  /// values of these members are collected. Members that are not of `captures` are unknown.
  package init(
    _ unknown: UnknownNames = .refuse, names: [ClickLineFault.Field: String] = [:], idFrom: [String]? = nil,
    captures: CaptureSet = []
  ) {
    self.captures = captures
    self.unknown = unknown
    self.idFrom = idFrom.map { $0.map { Array($0.utf8) } }
    self.names = ClickLineFault.Field.allCases.dropLast().map { Array((names[$0] ?? "\($0.name)").utf8) }
    // A decoded text is never longer than the text it came from.
    unsafe scratch = .allocate(capacity: Self.maximumLine)
  }

  deinit { unsafe scratch.deallocate() }

  /// Whether a line has no click and is no fault: nothing, or white space alone.
  package static func isBlank(_ line: UnsafeRawBufferPointer) -> Bool {
    for i in 0..<line.count where unsafe line[i] != 0x20 && line[i] != 0x09 && line[i] != 0x0D { return false }
    return true
  }

  /// Reads a line without its newline.
  package func read(_ line: UnsafeRawBufferPointer) throws(ClickLineFault) -> ClickLine {
    guard line.count <= Self.maximumLine else { throw ClickLineFault(.line, "is longer than 65,536 bytes") }
    guard let start = line.baseAddress else { throw LineScan.noObject }
    var scan = unsafe LineScan(
      base: start.assumingMemoryBound(to: UInt8.self), count: line.count, scratch: scratch)
    var click = ClickLine()
    var seen: UInt8 = 0
    if let idFrom { unsafe collected = [UnsafeRawBufferPointer?](repeating: nil, count: idFrom.count) }
    scan.skipSpace()
    guard scan.take(UInt8(ascii: "{")) else { throw LineScan.noObject }
    scan.skipSpace()
    if !scan.take(UInt8(ascii: "}")) {
      repeat {
        scan.skipSpace()
        let name = try unsafe scan.string(.line)
        scan.skipSpace()
        guard scan.take(UInt8(ascii: ":")) else { throw ClickLineFault(.line, "is not JSON: no : behind a name") }
        scan.skipSpace()
        let collects = idFrom.flatMap { names in names.firstIndex { unsafe Self.same($0, name) } }
        let valueStart = scan.offset
        if let field = unsafe field(called: name), takes(field) {
          guard seen & 1 << field.rawValue == 0 else { throw ClickLineFault(field, "is given twice") }
          seen |= 1 << field.rawValue
          try value(of: field, &scan, &click)
        } else if unknown == .skip {
          try scan.skipValue(depth: 1)
        } else {
          throw ClickLineFault(
            .line,
            "has an unknown member; known are adId, impressionId, time, signature, kid, and what --capture names")
        }
        if let collects {
          unsafe collected[collects] = UnsafeRawBufferPointer(rebasing: line[valueStart..<scan.offset])
        }
        scan.skipSpace()
      } while scan.take(UInt8(ascii: ","))
      guard scan.take(UInt8(ascii: "}")) else {
        throw ClickLineFault(.line, "is not JSON: neither , nor } behind a member")
      }
    }
    scan.skipSpace()
    guard scan.isAtEnd else { throw ClickLineFault(.line, "has text behind the object") }
    for field in [ClickLineFault.Field.adID, .impressionID, .time] where seen & 1 << field.rawValue == 0 {
      if field == .impressionID, idFrom != nil { continue }
      throw ClickLineFault(field, "is missing")
    }
    return click
  }

  @inline(__always)
  private func field(called name: UnsafeRawBufferPointer) -> ClickLineFault.Field? {
    for i in names.indices {
      if unsafe Self.same(names[i], name) { return ClickLineFault.Field(rawValue: UInt8(truncatingIfNeeded: i)) }
    }
    return nil
  }

  /// Whether the field is read: strings only where they are captured.
  @inline(__always)
  private func takes(_ field: ClickLineFault.Field) -> Bool {
    switch field {
    case .userAgent: captures.contains(.userAgent)
    case .referrer: captures.contains(.referrer)
    default: true
    }
  }

  @inline(__always)
  private static func same(_ name: [UInt8], _ text: UnsafeRawBufferPointer) -> Bool {
    guard name.count == text.count else { return false }
    return unsafe name.withUnsafeBytes {
      unsafe text.count == 0 || memcmp($0.baseAddress!, text.baseAddress!, text.count) == 0
    }
  }

  @inline(__always)
  private func value(
    of field: ClickLineFault.Field, _ scan: inout LineScan, _ click: inout ClickLine
  ) throws(ClickLineFault) {
    switch field {
    case .adID:
      unsafe click.ad = try scan.string(field)
      guard unsafe AdID.isValid(click.ad) else {
        throw ClickLineFault(field, "must be 1 to 64 characters of A-Z a-z 0-9 _ . -")
      }
    case .impressionID:
      unsafe click.impression = try scan.string(field)
      guard let id = unsafe ImpressionID(click.impression) else {
        throw ClickLineFault(field, "must be 32 hex digits or a UUID")
      }
      click.impressionID = id
    case .time: click.time = try scan.time()
    case .signature:
      if try scan.null() { return }
      let text = try unsafe scan.string(field)
      guard let signature = unsafe Signature(text) else { throw ClickLineFault(field, "must be 64 hex digits") }
      click.signature = signature
    case .kid:
      if try scan.null() { return }
      let text = try unsafe scan.string(field)
      guard unsafe AdID.isValid(text) else {
        throw ClickLineFault(field, "must be 1 to 64 characters of A-Z a-z 0-9 _ . -")
      }
      unsafe click.kid = text
    case .userAgent:
      if try scan.null() { return }
      unsafe click.userAgent = try scan.string(field)
    case .referrer:
      if try scan.null() { return }
      unsafe click.referrer = try scan.string(field)
    case .line: break
    }
  }
}

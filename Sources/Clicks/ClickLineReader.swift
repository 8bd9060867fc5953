import Bytes
import Glibc

// Reads click lines as strictly as RFC 8259 allows, since what one reader guesses another guesses differently: UTF-8 only,
// no name twice, nothing behind the object, no half of a surrogate pair. One pass, no allocation: a text without escapes is
// used where it stands, any other is decoded into memory of the reader's own.

/// Reads one line after the other. One instance for each thread.
@safe package final class ClickLineReader {
  /// Bytes of the longest line that is read; a longer one is malformed.
  package static let maximumLine = 65_536
  /// Arrays and objects inside each other, the line's own object counted.
  package static let maximumDepth = 16

  private let scratch: UnsafeMutablePointer<UInt8>
  private let names: [[UInt8]]
  private let captures: CaptureSet
  private let times: TimeReader
  /// What else is looked for than members of the line's own with the fields' names; nil where nothing is.
  private let search: MemberSearch?
  private let idCount: Int?
  /// Values that are handed out as they stand there, for logs whose ids are derived from them, good until the line
  /// changes; nil where one is missing.
  package private(set) var collected: [UnsafeRawBufferPointer?] = unsafe []
  /// Members of all lines so far that nobody asked for: they are read over, checked for form.
  package private(set) var ignored = 0

  // Of the line that is being read.
  private var seen: UInt8 = 0
  private var met: UInt64 = 0
  private var held: ClickLineFault?

  /// A reader.
  /// - Parameters:
  ///   - names: other names of members than the interface's. A name with points also names a member inside members:
  ///     `ad.id` is `{"ad.id":…}` or `{"ad":{"id":…}}`.
  ///   - idFrom: lines need no impression id, and the values of these members are collected.
  ///   - captures: strings that are kept.
  ///   - conditions: what a line has to hold; any other is left out, whatever else is wrong with it. At most 64.
  ///   - times: how times are written.
  package init(
    names: [ClickLineFault.Field: String] = [:], idFrom: [String]? = nil, captures: CaptureSet = [],
    conditions: [LineCondition] = [], times: TimeReader = TimeReader()
  ) {
    precondition(conditions.count <= 64)
    self.captures = captures
    self.times = times
    idCount = idFrom?.count
    let fields = ClickLineFault.Field.allCases.dropLast()
    self.names = fields.map { Array((names[$0] ?? "\($0.name)").utf8) }
    let isPlain = idFrom == nil && conditions.isEmpty && !self.names.contains { $0.contains(UInt8(ascii: ".")) }
    search = isPlain ? nil : MemberSearch(self.names, idFrom ?? [], conditions)
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
    seen = 0
    scan.skipSpace()
    guard scan.take(UInt8(ascii: "{")) else {
      throw scan.take(UInt8(ascii: "["))
        ? ClickLineFault(.line, "is a JSON array; each line must be one JSON object") : LineScan.noObject
    }
    if let search {
      met = 0
      held = nil
      if let idCount { unsafe collected = [UnsafeRawBufferPointer?](repeating: nil, count: idCount) }
      try unsafe members(&scan, &click, line, search, search.all, level: 0)
    } else {
      try members(&scan, &click)
    }
    scan.skipSpace()
    guard scan.isAtEnd else { throw ClickLineFault(.line, "has text behind the object") }
    if let search, met != search.conditionMask {
      click.isLeftOut = true
      return click
    }
    if let held { throw held }
    for field in [ClickLineFault.Field.adID, .impressionID, .time] where seen & 1 << field.rawValue == 0 {
      if field == .impressionID, idCount != nil { continue }
      throw ClickLineFault(field, "is missing")
    }
    return click
  }

  /// The line's own members, where no others are asked for; the brace before them is taken.
  @inline(__always)
  private func members(_ scan: inout LineScan, _ click: inout ClickLine) throws(ClickLineFault) {
    scan.skipSpace()
    if scan.take(UInt8(ascii: "}")) { return }
    repeat {
      let name = try unsafe name(&scan)
      if let field = unsafe field(called: name), takes(field) {
        guard seen & 1 << field.rawValue == 0 else { throw ClickLineFault(field, "is given twice") }
        seen |= 1 << field.rawValue
        try value(of: field, &scan, &click)
      } else {
        ignored += 1
        try scan.skipValue(depth: 1)
      }
      scan.skipSpace()
    } while scan.take(UInt8(ascii: ","))
    guard scan.take(UInt8(ascii: "}")) else {
      throw ClickLineFault(.line, "is not JSON: neither , nor } behind a member")
    }
  }

  @inline(__always)
  private func name(_ scan: inout LineScan) throws(ClickLineFault) -> UnsafeRawBufferPointer {
    scan.skipSpace()
    let name = try unsafe scan.string(.line)
    scan.skipSpace()
    guard scan.take(UInt8(ascii: ":")) else { throw ClickLineFault(.line, "is not JSON: no : behind a name") }
    scan.skipSpace()
    return unsafe name
  }

  /// The members of an object at `level` below the line's own, of which the targets `among` may be some.
  private func members(
    _ scan: inout LineScan, _ click: inout ClickLine, _ line: UnsafeRawBufferPointer, _ search: MemberSearch,
    _ among: [Int], level: Int
  ) throws(ClickLineFault) {
    scan.skipSpace()
    if scan.take(UInt8(ascii: "}")) { return }
    repeat {
      let name = try unsafe name(&scan)
      let (here, below) = unsafe search.targets(called: name, among, level)
      let start = scan
      for target in here {
        if case .field(let field) = search.uses[target], takes(field) {
          scan = start
          try hold(field, &scan, &click)
        }
      }
      scan = start
      if !below.isEmpty, scan.isAtObject, level + 2 <= Self.maximumDepth {
        _ = scan.take(UInt8(ascii: "{"))
        try unsafe members(&scan, &click, line, search, below, level: level + 1)
      } else {
        if here.isEmpty, below.isEmpty, level == 0 { ignored += 1 }
        try scan.skipValue(depth: level + 1)
      }
      let value = unsafe UnsafeRawBufferPointer(rebasing: line[start.offset..<scan.offset])
      for target in here {
        switch search.uses[target] {
        case .field: break
        case .identity(let index):
          guard unsafe collected[index] == nil else {
            throw ClickLineFault(.impressionID, "is derived from a member that is given twice")
          }
          unsafe collected[index] = unsafe value
        case .condition(let index):
          if unsafe search.fits(value, index) { met |= 1 << UInt64(index) }
        }
      }
      scan.skipSpace()
    } while scan.take(UInt8(ascii: ","))
    guard scan.take(UInt8(ascii: "}")) else {
      throw ClickLineFault(.line, "is not JSON: neither , nor } behind a member")
    }
  }

  /// Takes a field's value. What is wrong with it is told once it is known that the line is asked for.
  private func hold(
    _ field: ClickLineFault.Field, _ scan: inout LineScan, _ click: inout ClickLine
  ) throws(ClickLineFault) {
    do throws(ClickLineFault) {
      guard seen & 1 << field.rawValue == 0 else { throw ClickLineFault(field, "is given twice") }
      seen |= 1 << field.rawValue
      try value(of: field, &scan, &click)
    } catch { if held == nil { held = error } }
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
  static func same(_ name: [UInt8], _ text: UnsafeRawBufferPointer) -> Bool {
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
      unsafe click.ad = try scan.identifier(field)
      guard unsafe AdID.isValid(click.ad) else {
        throw ClickLineFault(field, "must be 1 to 64 characters of A-Z a-z 0-9 _ . -")
      }
    case .impressionID:
      unsafe click.impression = try scan.identifier(field)
      guard let id = unsafe ImpressionID(click.impression) else {
        throw ClickLineFault(field, "must be 32 hex digits or a UUID")
      }
      click.impressionID = id
    case .time: click.time = try scan.time(times)
    case .signature:
      if try scan.null() { return }
      let text = try unsafe scan.string(field)
      if text.count == 0 { return }
      guard let signature = unsafe Signature(text) else { throw ClickLineFault(field, "must be 64 hex digits") }
      click.signature = signature
    case .kid:
      if try scan.null() { return }
      let text = try unsafe scan.string(field)
      if text.count == 0 { return }
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

import Bytes
import Clicks

// From a line to a click: its fields, its id where the file has none, and the judgement of its times.

/// A click of a line.
package struct ParsedClick: Equatable, Sendable {
  package var ad: AdKey
  package var impression: ImpressionID
  /// The minting time that the id's spelling claims; nil for a derived id.
  package var minted: Int64?
  /// ms since 1970.
  package var time: Int64
  /// What is captured of it; nil where nothing is.
  package var strings: ClickStrings?

  package init(
    ad: AdKey, impression: ImpressionID, minted: Int64? = nil, time: Int64, strings: ClickStrings? = nil
  ) {
    self.ad = ad
    self.impression = impression
    self.minted = minted
    self.time = time
    self.strings = strings
  }

  /// The id in a spelling that claims what the line's own did: 32 hex digits where it claimed no minting time.
  package var spelling: String { minted == nil ? impression.digits : impression.description }
}

/// Reads the lines of one source. One instance for each thread.
package final class ClickParser {
  private let plan: ImportPlan
  private let reader: ClickLineReader
  private var fields: DelimitedLine
  private let hasher = SHA256()
  /// Where the fields stand in a line of a table: ad, impression, time, and the columns of a derived id.
  private var ad = 0
  private var impression = 0
  private var time = 0
  private var identityColumns: [Int] = []
  private var conditions: [(column: Int, value: [UInt8])] = []
  /// Those of the captured strings; nil where the table has none.
  private var captured: [Int?] = []
  private var columns = 0
  private var text: [UInt8] = []
  /// The ad's id of the line read last; kept for who asks for it beforehand.
  package private(set) var adID: [UInt8] = []
  private let keepsAdID: Bool

  /// A reader of lines of this plan. A table whose first line names its columns needs `readHeader` first. `keepsAdID`: `adID`
  /// is asked for.
  package init(_ plan: ImportPlan, keepsAdID: Bool = false) throws(ImportFault) {
    self.plan = plan
    self.keepsAdID = keepsAdID
    let idColumns: [String]? =
      switch plan.identity {
      case .column: nil
      case .line: []
      case .columns(let names): names
      }
    reader = ClickLineReader(
      names: plan.names, idFrom: idColumns, captures: plan.captures, conditions: plan.conditions, times: plan.times)
    isReady = plan.format != .csv || !plan.hasHeader
    fields = DelimitedLine(delimiter: plan.delimiter, limit: ClickLineReader.maximumLine)
    if plan.format == .csv, !plan.hasHeader { try place(nil) }
  }

  /// Whether clicks may come: nothing, or no more, names the columns.
  package private(set) var isReady: Bool
  /// Lines up to and with the one that names the columns.
  package private(set) var headLines: UInt64 = 0

  /// Takes a record before the clicks of a table. True: it names the columns. False: it is blank, or the line `sep=;` by
  /// which spreadsheets name their delimiter, and another one follows.
  @discardableResult
  package func readHead(_ line: UnsafeRawBufferPointer, lines: Int = 1) throws(ImportFault) -> Bool {
    headLines += UInt64(lines)
    if unsafe Self.isBeforeHeader(line) { return false }
    unsafe try readHeader(line)
    isReady = true
    return true
  }

  /// Whether a line before the clicks of a table is blank, or names the delimiter.
  static func isBeforeHeader(_ line: UnsafeRawBufferPointer) -> Bool {
    unsafe ClickLineReader.isBlank(line) || separator(line) != nil
  }

  /// The delimiter that the line `sep=;`, in quotes or not, names.
  package static func separator(_ line: UnsafeRawBufferPointer) -> UInt8? {
    let text = unsafe Blank.trimmed(line)
    // A tab at its end is no blank.
    if text.count == 4, line.count > 4, unsafe text.elementsEqual("sep=".utf8) { return 0x09 }
    guard text.count == 5 || text.count == 7 else { return nil }
    let word = unsafe String(decoding: text, as: UTF8.self)
    return [",", ";", "\t", "|"].first { word == "sep=\($0)" || word == "\"sep=\($0)\"" }?.utf8.first
  }

  /// Takes the names of the columns from the first line; blanks around a name are no part of it.
  private func readHeader(_ line: UnsafeRawBufferPointer) throws(ImportFault) {
    if let fault = unsafe fields.cut(line) { throw ImportFault("the header \(fault)") }
    try place((0..<fields.count).map { unsafe String(decoding: Blank.trimmed(fields[$0]), as: UTF8.self) })
  }

  private func place(_ names: [String]?) throws(ImportFault) {
    func column(_ name: String, of what: String) throws(ImportFault) -> Int {
      if let names {
        let found = names.indices.filter { names[$0] == name }
        guard found.count == 1 else {
          throw ImportFault(
            found.isEmpty
              ? "the header has no column \(name) for \(what); it has \(Self.list(names))"
              : "the header has the column \(name) twice")
        }
        return found[0]
      }
      guard let number = Int(name), 1...4_096 ~= number else {
        throw ImportFault("without a header, columns are numbers from 1 on: \(what) cannot be in \(name)")
      }
      return number - 1
    }
    ad = try column(plan.name(.adID), of: "adId")
    time = try column(plan.name(.time), of: "time")
    if case .column = plan.identity { impression = try column(plan.name(.impressionID), of: "impressionId") }
    if case .columns(let names) = plan.identity {
      identityColumns = []
      for name in names { identityColumns.append(try column(name, of: "the id")) }
    }
    conditions = []
    for one in plan.conditions {
      conditions.append((try column(one.column, of: "--where"), Array(one.value.utf8)))
    }
    captured = []
    for one in plan.captures.columns {
      let field = ClickLineFault.Field(of: one)
      let isThere = plan.names[field] != nil || names?.contains(plan.name(field)) == true
      captured.append(isThere ? try column(plan.name(field), of: "\(field.name)") : nil)
    }
    columns =
      ([ad, impression, time] + identityColumns + conditions.map(\.column) + captured.compactMap { $0 }).max()! + 1
  }

  /// What reads the plain rows of the table; nil where none are: it is none, its ids are derived, lines are left out, or strings are kept.
  /// Its columns are known.
  package var plainTable: PlainTable? {
    guard isReady, plan.format == .csv, plan.identity == .column, conditions.isEmpty, captured.isEmpty, !keepsAdID
    else {
      return nil
    }
    return PlainTable(delimiter: plan.delimiter, ad: ad, impression: impression, time: time, times: plan.times)
  }

  /// The names of a header for a message; a file that is no table may have many.
  private static func list(_ names: [String]) -> String {
    let text = names.prefix(20).joined(separator: ", ")
    return text.count > 200 || names.count > 20 ? "\(text.prefix(200)) …" : text
  }

  /// Reads a line; its number counts from 1. Nil: it does not hold what the plan asks for, and is none of the clicks.
  package func read(_ line: UnsafeRawBufferPointer, number: UInt64) throws(ClickLineFault) -> ParsedClick? {
    plan.format == .ndjson ? unsafe try readObject(line, number) : unsafe try readFields(line, number, &fields)
  }

  private func readObject(_ line: UnsafeRawBufferPointer, _ number: UInt64) throws(ClickLineFault) -> ParsedClick? {
    let click = unsafe try reader.read(line)
    if click.isLeftOut { return nil }
    unsafe note(click.ad)
    var id = click.impressionID
    var minted = unsafe id.claimedMinting(characters: click.impression.count)
    if plan.identity != .column {
      begin()
      for i in unsafe reader.collected.indices {
        guard let text = unsafe reader.collected[i], unsafe !Blank.isNone(json: text) else { throw withoutID(i) }
        unsafe add(text)
      }
      id = unsafe derived(line, number)
      minted = nil
    }
    return ParsedClick(
      ad: AdKey(rawValue: unsafe hasher.first64(click.ad)), impression: id, minted: minted, time: click.time,
      strings: plan.captures.isEmpty ? nil : click.strings(plan.captures))
  }

  /// `fields` is this reader's own, handed in so that a line asks once whether somebody else is at it.
  private func readFields(
    _ line: UnsafeRawBufferPointer, _ number: UInt64, _ fields: inout DelimitedLine
  ) throws(ClickLineFault) -> ParsedClick? {
    if let fault = unsafe fields.cut(line) { throw ClickLineFault(.line, fault) }
    guard fields.count >= columns else { throw ClickLineFault(.line, "has too few fields") }
    for one in conditions where unsafe !fields[one.column].elementsEqual(one.value) { return nil }
    guard unsafe AdID.isValid(fields[ad]) else {
      throw ClickLineFault(.adID, "must be 1 to 64 characters of A-Z a-z 0-9 _ . -")
    }
    let event: Int64
    do throws(TimeFault) { event = unsafe try plan.times.read(fields[time]) } catch {
      throw ClickLineFault(.time, error.detail)
    }
    let id: ImpressionID
    var minted: Int64?
    if case .column = plan.identity {
      guard let found = unsafe ImpressionID(fields[impression]) else {
        throw ClickLineFault(.impressionID, "must be 32 hex digits or a UUID")
      }
      id = found
      minted = unsafe id.claimedMinting(characters: fields[impression].count)
    } else {
      begin()
      for (index, column) in identityColumns.enumerated() {
        guard unsafe !Blank.isNone(fields[column]) else { throw withoutID(index) }
        unsafe add(fields[column])
      }
      id = unsafe derived(line, number)
    }
    unsafe note(fields[ad])
    var strings: ClickStrings?
    if !captured.isEmpty {
      strings = ClickStrings()
      for column in captured { unsafe strings!.add(column.map { unsafe fields[$0] }) }
    }
    return ParsedClick(
      ad: AdKey(rawValue: unsafe hasher.first64(fields[ad])), impression: id, minted: minted, time: event,
      strings: strings)
  }

  /// A line whose id cannot be derived. Two of these must never be taken for the same click.
  private func withoutID(_ index: Int) -> ClickLineFault {
    var name: String?
    if case .columns(let names) = plan.identity { name = names[index] }
    return ClickLineFault(.impressionID, "cannot be derived: a column that it comes from has no value", column: name)
  }

  private func note(_ id: UnsafeRawBufferPointer) {
    guard keepsAdID else { return }
    adID.removeAll(keepingCapacity: true)
    unsafe adID.append(contentsOf: id)
  }

  // MARK: - Derived ids

  private func begin() {
    text.removeAll(keepingCapacity: true)
    text += "tally import id\0".utf8
  }

  private func add(_ part: UnsafeRawBufferPointer) {
    // With its length, so that no two lists of texts look alike.
    text += "\(part.count)\0".utf8
    unsafe text.append(contentsOf: part)
  }

  /// The first half of a SHA-256, as a UUID of version 8 (RFC 9562: the bits are the application's own), which no minting
  /// time can be read into.
  private func derived(_ line: UnsafeRawBufferPointer, _ number: UInt64) -> ImpressionID {
    if case .line = plan.identity {
      text += "\(plan.source)\0\(number)\0".utf8
      unsafe text.append(contentsOf: line)
    }
    let (high, low) = hasher.first128(text)
    return ImpressionID(
      high: high & ~0xF000 | 0x8000, low: low & 0x3FFF_FFFF_FFFF_FFFF | 0x8000_0000_0000_0000)
  }
}

/// Why a source cannot be imported.
package struct ImportFault: Error, Equatable, CustomStringConvertible {
  package var description: String
  package init(_ description: String) { self.description = description }
}

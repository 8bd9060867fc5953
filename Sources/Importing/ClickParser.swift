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
  /// Those of the captured strings; nil where the table has none.
  private var captured: [Int?] = []
  private var columns = 0
  private var text: [UInt8] = []
  /// The ad's id of the line read last.
  package private(set) var adID: [UInt8] = []

  /// A reader of lines of this plan. A table whose first line names its columns needs `readHeader` first.
  package init(_ plan: ImportPlan) throws(ImportFault) {
    self.plan = plan
    let idColumns: [String]? =
      switch plan.identity {
      case .column: nil
      case .line: []
      case .columns(let names): names
      }
    reader = ClickLineReader(.skip, names: plan.names, idFrom: idColumns, captures: plan.captures)
    fields = DelimitedLine(delimiter: plan.delimiter, limit: ClickLineReader.maximumLine)
    if plan.format == .csv, !plan.hasHeader { try place(nil) }
  }

  /// Takes the names of the columns from the first line.
  package func readHeader(_ line: UnsafeRawBufferPointer) throws(ImportFault) {
    var line = unsafe line
    if line.count >= 3, unsafe line[0] == 0xEF, unsafe line[1] == 0xBB, unsafe line[2] == 0xBF {
      unsafe line = UnsafeRawBufferPointer(rebasing: line[3...])
    }
    if let fault = unsafe fields.cut(line) { throw ImportFault("the header \(fault)") }
    try place((0..<fields.count).map { unsafe String(decoding: fields[$0], as: UTF8.self) })
  }

  private func place(_ names: [String]?) throws(ImportFault) {
    func column(_ name: String, of what: String) throws(ImportFault) -> Int {
      if let names {
        let found = names.indices.filter { names[$0] == name }
        guard found.count == 1 else {
          throw ImportFault(
            found.isEmpty
              ? "the header has no column \(name) for \(what); it has \(names.joined(separator: ", "))"
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
    captured = []
    for one in plan.captures.columns {
      let field = ClickLineFault.Field(of: one)
      let isThere = plan.names[field] != nil || names?.contains(plan.name(field)) == true
      captured.append(isThere ? try column(plan.name(field), of: "\(field.name)") : nil)
    }
    columns = ([ad, impression, time] + identityColumns + captured.compactMap { $0 }).max()! + 1
  }

  /// Reads a line; its number counts from 1.
  package func read(_ line: UnsafeRawBufferPointer, number: UInt64) throws(ClickLineFault) -> ParsedClick {
    plan.format == .ndjson ? unsafe try readObject(line, number) : unsafe try readFields(line, number)
  }

  private func readObject(_ line: UnsafeRawBufferPointer, _ number: UInt64) throws(ClickLineFault) -> ParsedClick {
    let click = unsafe try reader.read(line)
    unsafe note(click.ad)
    var id = click.impressionID
    var minted = unsafe id.claimedMinting(characters: click.impression.count)
    if plan.identity != .column {
      begin()
      for i in unsafe reader.collected.indices {
        guard let text = unsafe reader.collected[i] else {
          throw ClickLineFault(.impressionID, "has no value to be derived from")
        }
        unsafe add(text)
      }
      id = unsafe derived(line, number)
      minted = nil
    }
    return ParsedClick(
      ad: AdKey(rawValue: unsafe hasher.first64(click.ad)), impression: id, minted: minted, time: click.time,
      strings: plan.captures.isEmpty ? nil : click.strings(plan.captures))
  }

  private func readFields(_ line: UnsafeRawBufferPointer, _ number: UInt64) throws(ClickLineFault) -> ParsedClick {
    if let fault = unsafe fields.cut(line) { throw ClickLineFault(.line, fault) }
    guard fields.count >= columns else { throw ClickLineFault(.line, "has too few fields") }
    guard unsafe AdID.isValid(fields[ad]) else {
      throw ClickLineFault(.adID, "must be 1 to 64 characters of A-Z a-z 0-9 _ . -")
    }
    guard let event = unsafe ClickLine.time(fields[time]) else { throw ClickLineFault(.time, ClickLine.timeRule) }
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
      for column in identityColumns { unsafe add(fields[column]) }
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

  private func note(_ id: UnsafeRawBufferPointer) {
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

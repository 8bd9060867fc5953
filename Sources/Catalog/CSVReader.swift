// CSV as RFC 4180 has it, byte by byte over chunks of any size: comma, double quotes, a doubled quote inside quotes, lines
// end with CR LF or LF, a byte-order mark at the beginning is skipped. What the RFC does not allow is an error with its
// line, never a guess: a quote inside a field that did not begin with one, text behind a closing quote, a carriage return
// alone, an open quote at the end, bytes that are not UTF-8. A first line `sep=;`, as spreadsheets write it, names another
// delimiter and is no row.
//
//   start ──"──▶ quoted ──"──▶ closing ──"──▶ quoted        (a doubled quote)
//     │other       │ any byte      ├─ , ──▶ start             field ends
//     ▼            ▼               └─ CR LF, LF ──▶ start     row ends
//   plain        quoted

/// One row: its fields, and the line it begins on (from 1; newlines inside quotes count).
package struct CSVRow: Hashable, Sendable {
  package var line: Int
  package var fields: [String]
}

/// Text that is not CSV, or not the table that is wanted: on which line, and why.
package struct CSVError: Error, Hashable, Sendable, CustomStringConvertible {
  package var line: Int
  package var reason: String

  package init(line: Int, reason: String) {
    self.line = line
    self.reason = reason
  }

  package var description: String { "line \(line): \(reason)" }
}

/// A reader of rows that is fed with chunks. After an error it stays with it.
package struct CSVReader: Sendable {
  private enum State {
    case mark, start, plain, quoted, closing, carriageReturn
  }

  /// The longest row, bytes as they stand in the file.
  package static let maximumRowBytes = 65_536

  private static let byteOrderMark: [UInt8] = [0xEF, 0xBB, 0xBF]

  private var state = State.mark
  private var line = 1
  private var rowLine = 1
  private var rowBytes = 0
  private var text: [UInt8] = []
  private var ends: [Int] = []
  private var failure: CSVError?
  private var delimiter = UInt8(ascii: ",")
  private var isFirst = true

  package init() {}

  /// Reads a chunk and appends the rows that it completes. Those before an error are appended too.
  package mutating func feed(_ chunk: Span<UInt8>, into rows: inout [CSVRow]) throws(CSVError) {
    if let failure { throw failure }
    do throws(CSVError) {
      for index in 0..<chunk.count { try take(chunk[index], &rows) }
    } catch {
      failure = error
      throw error
    }
  }

  /// The text has ended: appends the last row where it had no newline.
  package mutating func finish(into rows: inout [CSVRow]) throws(CSVError) {
    if let failure { throw failure }
    switch state {
    case .mark where rowBytes > 0: throw CSVError(line: 1, reason: "the byte-order mark is not whole")
    case .quoted: throw CSVError(line: rowLine, reason: "a quote in this row is never closed")
    case .carriageReturn: throw CSVError(line: line, reason: "a carriage return without a line feed")
    case .mark, .start, .plain, .closing: if rowBytes > 0 { try endRow(&rows) }
    }
  }

  private mutating func take(_ byte: UInt8, _ rows: inout [CSVRow]) throws(CSVError) {
    rowBytes += 1
    guard rowBytes <= Self.maximumRowBytes else {
      throw CSVError(line: rowLine, reason: "the row is longer than \(Self.maximumRowBytes) bytes")
    }
    switch (state, byte) {
    case (.mark, _):
      if byte == Self.byteOrderMark[rowBytes - 1] {
        if rowBytes == Self.byteOrderMark.count {
          state = .start
          rowBytes = 0
        }
        return
      }
      guard rowBytes == 1 else { throw CSVError(line: 1, reason: "the byte-order mark is not whole") }
      state = .start
      rowBytes = 0
      try take(byte, &rows)

    case (.carriageReturn, UInt8(ascii: "\n")):
      line += 1
      try endRow(&rows)
    case (.carriageReturn, _):
      throw CSVError(line: line, reason: "a carriage return without a line feed")

    case (.start, UInt8(ascii: "\"")):
      state = .quoted
    case (.quoted, UInt8(ascii: "\"")):
      state = .closing
    case (.closing, UInt8(ascii: "\"")):
      text.append(byte)
      state = .quoted
    case (.quoted, _):
      if byte == UInt8(ascii: "\n") { line += 1 }
      text.append(byte)

    case (_, delimiter):
      ends.append(text.count)
      state = .start
    case (_, UInt8(ascii: "\r")):
      state = .carriageReturn
    case (_, UInt8(ascii: "\n")):
      line += 1
      try endRow(&rows)

    case (.closing, _):
      throw CSVError(line: line, reason: "text behind a closing quote")
    case (.plain, UInt8(ascii: "\"")):
      throw CSVError(line: line, reason: "a quote inside a field that did not begin with one")
    case (.start, _), (.plain, _):
      text.append(byte)
      state = .plain
    }
  }

  /// The delimiter that a line `sep=;` names, as it was cut at commas.
  private static func separator(_ fields: [String]) -> UInt8? {
    if fields == ["sep=", ""] { return UInt8(ascii: ",") }
    guard fields.count == 1, fields[0].utf8.count == 5, fields[0].hasPrefix("sep="), let sign = fields[0].utf8.last,
      [0x2C, 0x3B, 0x09, 0x7C].contains(sign)
    else { return nil }
    return sign
  }

  private mutating func endRow(_ rows: inout [CSVRow]) throws(CSVError) {
    // A line with nothing on it is no row: only its newline was read, with or without a carriage return.
    let blank = ends.isEmpty && text.isEmpty && rowBytes <= (state == .carriageReturn ? 2 : 1)
    if !blank {
      ends.append(text.count)
      var fields: [String] = []
      var start = 0
      for end in ends {
        guard let field = String(validating: text[start..<end], as: UTF8.self) else {
          throw CSVError(line: rowLine, reason: "field \(fields.count + 1) is not UTF-8")
        }
        fields.append(field)
        start = end
      }
      if isFirst, let named = Self.separator(fields) {
        delimiter = named
      } else {
        rows.append(CSVRow(line: rowLine, fields: fields))
      }
      isFirst = false
    }
    text.removeAll(keepingCapacity: true)
    ends.removeAll(keepingCapacity: true)
    rowBytes = 0
    rowLine = line
    state = .start
  }
}

/// Ads as CSV: the first row names the columns of `AdFields` in any order, each later row is an ad. An empty field is an
/// absent one. A wrong header is an error; a row with another number of fields is a fault of that row.
package struct AdCSVReader: Sendable {
  private var reader = CSVReader()
  private var columns: [Int]?
  private var pending: [CSVRow] = []

  package init() {}

  /// Reads a chunk and appends the ads that it completes. Those before an error are appended too.
  package mutating func feed(_ chunk: Span<UInt8>, into rows: inout [AdRow]) throws(CSVError) {
    // The rows are taken over also where the chunk turns out to be broken further on.
    let result: Result<Void, CSVError>
    do throws(CSVError) {
      try reader.feed(chunk, into: &pending)
      result = .success(())
    } catch { result = .failure(error) }
    try take(&rows)
    try result.get()
  }

  /// The text has ended: appends the last ad where it had no newline. Text without a header is an error.
  package mutating func finish(into rows: inout [AdRow]) throws(CSVError) {
    try reader.finish(into: &pending)
    try take(&rows)
    if columns == nil { throw CSVError(line: 1, reason: "there is no header that names the columns") }
  }

  private mutating func take(_ rows: inout [AdRow]) throws(CSVError) {
    defer { pending.removeAll(keepingCapacity: true) }
    for row in pending {
      guard let columns else {
        columns = try Self.columns(in: row)
        continue
      }
      guard row.fields.count == columns.count else {
        let fault = FieldFault("row", "has \(row.fields.count) fields where the header has \(columns.count)")
        rows.append(AdRow(line: row.line, fields: AdFields(), faults: [fault]))
        continue
      }
      var fields = AdFields()
      for (index, column) in columns.enumerated() where !row.fields[index].isEmpty {
        fields[keyPath: AdFields.columns[column].path] = row.fields[index]
      }
      rows.append(AdRow(line: row.line, fields: fields))
    }
  }

  private static func columns(in header: CSVRow) throws(CSVError) -> [Int] {
    var columns: [Int] = []
    // Blanks around a name are no part of it.
    let names = header.fields.map { field in
      String(field.drop { $0 == " " || $0 == "\t" }.reversed().drop { $0 == " " || $0 == "\t" }.reversed())
    }
    for name in names {
      guard let column = AdFields.columns.firstIndex(where: { $0.name == name }) else {
        let known = AdFields.columns.map(\.name).joined(separator: ", ")
        throw CSVError(line: header.line, reason: "unknown column \"\(name)\"; the columns are \(known)")
      }
      guard !columns.contains(column) else {
        throw CSVError(line: header.line, reason: "the column \(name) is given more than once")
      }
      columns.append(column)
    }
    for name in AdFields.required where !names.contains(name) {
      throw CSVError(line: header.line, reason: "the column \(name) is missing")
    }
    return columns
  }
}

/// Rows for people: columns as wide as their widest cell, two blanks between them, none at the end of a line.
package struct Table {
  /// Where a column's text stands.
  package enum Alignment: Sendable { case left, right }

  private var rows: [[String]]
  private let alignments: [Alignment]

  /// A table with a head.
  package init(_ columns: [(title: String, alignment: Alignment)]) {
    rows = [columns.map(\.title)]
    alignments = columns.map(\.alignment)
  }

  /// A table whose columns are all text.
  package init(_ titles: String...) { self.init(titles.map { ($0, .left) }) }

  /// Adds a row of as many cells as there are columns; an empty cell is shown as `-`.
  package mutating func add(_ cells: [String]) {
    precondition(cells.count == alignments.count)
    rows.append(cells.map { $0.isEmpty ? "-" : $0 })
  }

  /// The lines, the head first.
  package var lines: [String] {
    let widths = alignments.indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
    return rows.map { row in
      var line = ""
      for (column, cell) in row.enumerated() {
        let padding = String(repeating: " ", count: widths[column] - cell.count)
        line += (column > 0 ? "  " : "") + (alignments[column] == .left ? cell + padding : padding + cell)
      }
      while line.last == " " { line.removeLast() }
      return line
    }
  }
}

/// How a command prints what can be parsed.
package enum OutputFormat: String, Sendable, CaseIterable {
  case table, json
}

extension Option where Value == String {
  /// `--format table|json`, for commands with a list or a report.
  package static let format = Option(
    "format", .choice(OutputFormat.allCases.map(\.rawValue)), "how the result is printed", standard: "table")
}

extension Arguments {
  /// The format asked for.
  package var format: OutputFormat { self[.format].flatMap { OutputFormat(rawValue: $0) } ?? .table }
}

/// `tally inspect`: any of our files, byte by byte.
package enum InspectCommand {
  private static let file = Operand<String>(
    .text("FILE"), "STORE, MANIFEST-n.a, MANIFEST-n.b, log/slot-nnn, or a file of seg, run, base, dict, ext",
    count: .several)
  private static let records = Option(toggle: "records", "prints the clicks of each frame too")

  private static let rows = Option<Int64>(
    "rows", .count(0...1_000_000_000), "rows of a segment, run or dictionary that are printed", standard: "0")

  package static let command = Command(
    "inspect", "prints files of a data directory with the meaning of their bytes",
    discussion: """
      The numbers in front are offsets in the file. Stops at damage and says where; the status is then 3. \
      A file that a server is writing may end early.
      """,
    operands: [file.declaration], options: [records.declaration, rows.declaration, Option<String>.format.declaration],
    examples: [
      "tally inspect data/STORE data/shard-00/MANIFEST-1.a", "tally inspect data/shard-00/log/slot-000 --records",
      "tally inspect data/shard-00/run/0000000007.run --rows 20",
    ]
  ) { arguments, console in
    var isSound = true
    for path in arguments.all(file) {
      let files = console.environment.files
      let showsRecords = arguments[toggle: records]
      let shownRows = Int(arguments[rows] ?? 0)
      switch arguments.format {
      case .table:
        var inspector = FileInspector(
          files: files, showsRecords: showsRecords, shownRows: shownRows, writer: TextInspection(console))
        isSound = try inspector.inspect(path) && isSound
      case .json:
        var inspector = FileInspector(
          files: files, showsRecords: showsRecords, shownRows: shownRows, writer: JSONInspection(console))
        isSound = try inspector.inspect(path) && isSound
      }
    }
    return isSound ? .done : .differs
  }
}

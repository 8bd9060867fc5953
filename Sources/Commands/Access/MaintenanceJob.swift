import JSON
import Platform
import Service

/// Work that a running server does as a job, and a command itself on a directory that no server holds.
enum MaintenanceJob {
  /// Has it done by whoever is meant, prints the result as `--format` says, as JSON or as a table with a line of words, and
  /// returns it.
  static func run(
    _ kind: JobKind, _ arguments: Arguments, _ console: Console, body: JSONValue = .object([]),
    table: (JSONValue) -> Table, words: (JSONValue) -> String, here: () throws -> JSONValue
  ) throws -> JSONValue {
    let result: JSONValue
    if try RemoteJob.isMeant(arguments) {
      try Settings.refuse(arguments, of: kind.rawValue)
      result = try RemoteJob.run(kind, Target.open(arguments, console), console, body: body)
    } else {
      defer { console.clearProgress() }
      result = try here()
    }
    switch arguments.format {
    case .json: console.print(result)
    case .table:
      table(result).lines.forEach { console.print($0) }
      console.note(words(result))
    }
    return result
  }
}

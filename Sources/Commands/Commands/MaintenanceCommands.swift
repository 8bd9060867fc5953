import JSON
import Platform
import Service
import Store

/// `tally compact`, `tally retain`: the work of the background, now.
package enum MaintenanceCommands {
  package static let all = [compact, retain]

  /// Settings of `serve` that decide what is done to a directory.
  private static let settings = [
    "raw-retention", "minute-retention", "allowed-lateness", "log-slot-size", "disk-reserve", "read-mode",
    "accept-clock", "accept-shard",
  ]

  static let options: [OptionDeclaration] =
    Target.adminOptions + [Option<String>.format.declaration, Settings.configOption.declaration]
    + SettingsTable.all.filter { settings.contains($0.name) }.map(\.option)

  private static let place = """
    A running server does it within its background budget and with its own settings, and takes none from here; on a \
    directory that no server holds the settings given here count, or those of --config and the TALLY_ variables, and nothing slows the work down.
    """

  private static let compact = Command(
    "compact", "writes, seals, retires and merges all that can be",
    discussion: """
      Closed minutes become runs, the log becomes segments, what is past its retention goes, and every merge is made. \
      Prints the files of each kind before and behind. \(place)
      """,
    options: options, examples: ["tally compact", "tally compact --data-dir /var/lib/tally --format json"]
  ) { arguments, console in try run(.compact, .compact, arguments, console) }

  private static let retain = Command(
    "retain", "drops what is past its retention",
    discussion: """
      Raw clicks older than --raw-retention go and leave their sums as base rows; counts by minute older than \
      --minute-retention go, hours and days stay. \(place)
      """,
    options: options, examples: ["tally retain", "tally retain --data-dir /var/lib/tally --raw-retention 30d"]
  ) { arguments, console in try run(.retain, .retain, arguments, console) }

  private static func run(
    _ request: MaintenanceRequest, _ kind: JobKind, _ arguments: Arguments, _ console: Console
  ) throws -> ExitStatus {
    _ = try MaintenanceJob.run(kind, arguments, console, table: table, words: words) {
      try perform(request, arguments, console)
    }
    return .done
  }

  /// Opens the directory as a server would, works on it, and closes it.
  private static func perform(
    _ request: MaintenanceRequest, _ arguments: Arguments, _ console: Console
  ) throws -> JSONValue {
    try withStore(arguments, console) { store in
      try MaintenanceReport.perform(request, store.shards.map(\.maintenance), store.shards.map(\.core)) { merges in
        console.progress("\(request.rawValue): \(merges) merges done")
        return true
      }
    }.json
  }

  /// Opens the directory that is meant as a server would, under its lock, and closes it behind `body`.
  static func withStore<R>(_ arguments: Arguments, _ console: Console, _ body: (Store) throws -> R) throws -> R {
    let path = arguments[Target.dataDirectory] ?? "."
    let files = console.environment.files
    guard files.exists("\(path)/\(StoreFiles.store)") else { throw NoStore(path: path) }
    var options = try Settings(arguments, variables: console.variables, files: files).values.shardOptions
    options.budget = WorkBudget()
    // Nobody clicks meanwhile: event time is where the clock is.
    options.idleAfter = 0
    options.takesClicks = false
    // Each file is gone through once: what is mapped would be counted as this process's memory, and thrown out by nobody.
    if arguments.given("read-mode") == nil, console.variables["TALLY_READ_MODE"] == nil { options.access = .read }
    let lock: DirectoryLock
    do throws(DirectoryLock.Refusal) { lock = try DirectoryLock("\(path)/\(StoreFiles.lock)") } catch {
      if case .held = error { throw Failure("\(error)", .refused) }
      throw Failure("\(error)")
    }
    defer { withExtendedLifetime(lock) {} }
    let store = try Store.open(console.environment, path, options: options)
    store.notes.forEach { console.note("note: \($0)") }
    defer {
      // Takes back the slots whose clicks are in segments now.
      for shard in store.shards { shard.maintain() }
      if let error = store.close() { console.note("note: \(error)") }
    }
    return try body(store)
  }

  private static func table(_ result: JSONValue) -> Table {
    var table = Table([
      ("KIND", .left), ("FILES BEFORE", .right), ("FILES", .right), ("BYTES BEFORE", .right), ("BYTES", .right),
    ])
    for kind in StoreFile.Kind.allCases {
      let (before, after) = (result["before"]?[kind.name] ?? .null, result["after"]?[kind.name] ?? .null)
      let cells = [before.shown("files"), after.shown("files"), before.shown("bytes"), after.shown("bytes")]
      if cells.contains(where: { $0 != "0" && !$0.isEmpty }) { table.add([kind.name] + cells) }
    }
    return table
  }

  private static func words(_ result: JSONValue) -> String {
    let counts = [
      ("checkpoints", "checkpoint", "checkpoints"), ("seals", "segment sealed", "segments sealed"),
      ("merges", "merge", "merges"), ("lateRows", "late row", "late rows"),
    ].map { name, one, many in
      let count = result.shown(name)
      return "\(count) \(count == "1" ? one : many)"
    }
    let end = result["complete"] == .bool(false) ? "; stopped before the end" : ""
    return counts.joined(separator: ", ") + end
  }
}

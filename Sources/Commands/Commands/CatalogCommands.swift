import Catalog
import JSON
import Platform
import Service
import Store

/// `tally catalog …`: what an operator does about a damaged catalog.
package enum CatalogCommands {
  package static let all = [accept]

  private static let path = ["admin", "v1", "catalog"]
  private static let id = Operand<String>(
    .text("ID"), "the row's ad, key or token; without it the damaged rows are listed", count: .any)
  private static let kind = Option<String>(
    "kind", .choice(SignedTable.allCases.map(\.kind)), "what the row is", standard: "ad")
  private static let dryRun = Option(toggle: "dry-run", "only shows the row")
  private static let restore = Option(toggle: "restore", "puts back the one bit that has flipped")
  private static let drop = Option(toggle: "drop", "removes the row")
  private static let store = Option(
    toggle: "store", "makes the catalog in the data directory that of the store there, a new one where it is gone")

  private static let accept = Command(
    "catalog accept", "shows a damaged row of the catalog and signs it again",
    discussion: """
      Each row carries a checksum. One that is not what was written serves nothing: clicks on its ad are answered 503, its key \
      verifies nothing, its token opens nothing. This prints the row, and where one bit has flipped also what stood there \
      before, and then signs it as it stands; --restore puts the bit back instead. Whoever can put the ad again need not accept \
      anything. --store is for a directory whose catalog is another store's, or gone: after it, ads that are missing are \
      unknown, and links signed with keys that are missing are refused.
      """,
    operands: [id.declaration],
    options: [
      kind.declaration, restore.declaration, drop.declaration, dryRun.declaration, store.declaration,
      Option<String>.format.declaration,
    ] + Target.adminOptions,
    examples: [
      "tally catalog accept", "tally catalog accept 42 --dry-run", "tally catalog accept 42 --restore",
      "tally catalog accept --kind key 2026-11 --drop",
    ]
  ) { arguments, console in
    let names = arguments.all(id)
    guard names.count <= 1 else { throw UsageError("one row at a time", command: "catalog accept") }
    if arguments[toggle: store] {
      guard names.isEmpty else { throw UsageError("--store goes without an ID", command: "catalog accept") }
      return try adopt(arguments, console)
    }
    if arguments[toggle: restore], arguments[toggle: drop] {
      throw UsageError("--restore and --drop contradict each other", command: "catalog accept")
    }
    let door = try Target.open(arguments, console)
    var parameters: [(name: String, value: String)] = []
    if let name = names.first { parameters = [("kind", arguments[kind] ?? "ad"), ("id", name)] }
    let rows = try door.ask(Ask(.get, path + ["damaged"], parameters)).json()["rows"]?.elements ?? []
    let damaged = rows.filter { $0["damaged"] == .bool(true) }
    switch arguments.format {
    case .json: console.print(JSONValue.object(["rows": .array(rows)]))
    case .table: damaged.forEach { show($0, console) }
    }
    guard let name = names.first else {
      if damaged.isEmpty { console.note("no row of the catalog is known to be damaged") }
      return .done
    }
    guard !rows.isEmpty else { throw Failure("the catalog has no \(arguments[kind] ?? "ad") \(name)") }
    guard let row = damaged.first else {
      console.note("\(arguments[kind] ?? "ad") \(name) is not damaged")
      return .done
    }
    guard damaged.count == 1 else {
      throw Failure("\(damaged.count) damaged rows go by this name; drop none by it", .refused)
    }
    if arguments[toggle: dryRun] { return .done }
    let decision: RowDecision = arguments[toggle: restore] ? .restore : arguments[toggle: drop] ? .drop : .accept
    _ = try door.ask(
      Ask(
        .post, path + ["damaged:decide"],
        json: .object([
          "kind": row["kind"] ?? .null, "row": row["row"] ?? .null, "token": row["token"] ?? .null,
          "decision": .string(decision.rawValue),
        ])))
    let done = [RowDecision.accept: "signed as it stands", .restore: "put back as it was", .drop: "removed"]
    console.note("\(row.shown("kind")) \(name): \(done[decision] ?? "")")
    return .done
  }

  private static func show(_ row: JSONValue, _ console: Console) {
    console.print("\(row.shown("kind")) \(row.shown("id")), row \(row.shown("row")), is not what was written:")
    let original = row["original"] ?? .null
    for column in row["columns"]?.members ?? [] {
      let value = row["columns"]?.shown(column.name) ?? ""
      let before = original.shown("column") == column.name ? "   (was \(original.shown("value")))" : ""
      console.print("  \(column.name): \(value)\(before)")
    }
    if original == .null { console.print("  more than one bit is wrong: what stood there cannot be told") }
  }

  /// On the directory itself: a server would not have started.
  private static func adopt(_ arguments: Arguments, _ console: Console) throws -> ExitStatus {
    let directory = arguments[Target.dataDirectory] ?? "."
    let environment = console.environment
    let lock: DirectoryLock
    do throws(DirectoryLock.Refusal) { lock = try DirectoryLock("\(directory)/\(StoreFiles.lock)") } catch {
      if case .held = error { throw Failure("\(error)", .refused) }
      throw Failure("\(error)")
    }
    defer { withExtendedLifetime(lock) {} }
    guard let identity = try Store.identify(environment.files, directory) else { throw NoStore(path: directory) }
    let catalog = try Catalog.open(StoreCatalog.path(in: directory), in: environment)
    let before = catalog.store
    console.note(
      "the catalog has \(try catalog.countAds()) ads and \(try catalog.activeKeys().count) active signing keys")
    guard before != "\(identity.id)" else {
      console.note("it is this store's already")
      return .done
    }
    if arguments[toggle: dryRun] {
      console.note("it belongs to \(before.map { "store \($0)" } ?? "no store"), and this is store \(identity.id)")
      return .done
    }
    try catalog.adopt(store: "\(identity.id)")
    console.note(
      "it belonged to \(before.map { "store \($0)" } ?? "no store"), and is that of store \(identity.id) now")
    return .done
  }
}

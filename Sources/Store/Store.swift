import Bytes
import ClickLog
import Files
import Platform

/// A data directory: its identity and its shards. Whoever opens one for writing holds its `LOCK` already.
package final class Store {
  package let path: String
  package let identity: StoreIdentity
  package let clock: LogicalClock
  package let shards: [Shard]
  /// What was wrong on disk and is repaired by having been opened.
  package let notes: [String]

  private init(path: String, identity: StoreIdentity, clock: LogicalClock, shards: [Shard], notes: [String]) {
    self.path = path
    self.identity = identity
    self.clock = clock
    self.shards = shards
    self.notes = notes
  }

  /// Opens the store at `path` for clicks; makes one of `shards` shards where the directory has none.
  package static func open(
    _ environment: Environment, _ path: String, shards: Int = 1, options: ShardOptions = ShardOptions()
  ) throws -> Store {
    let files = environment.files
    let identity = try identify(files, path) ?? create(environment, path, shards: shards)
    var newest: Int64 = 0
    var notes: [String] = []
    // The store's clock starts from the newest time of all shards, so the first pass only reads.
    let recoveries = try (0..<identity.shards).map { number in
      let directory = "\(path)/\(StoreFiles.shard(number))"
      try prepare(files, directory, in: path)
      let recovery = try ShardRecovery.read(environment, directory: directory, store: identity.id, options: options)
      newest = max(newest, recovery.logicalTime)
      notes += recovery.notes
      return Box(recovery)
    }
    let clock = try LogicalClock(environment.time, last: newest, accept: options.acceptClock)
    let opened = try recoveries.map { box in
      try Shard.open(box.take(), environment, store: identity.id, options: options, clock: clock)
    }
    return Store(path: path, identity: identity, clock: clock, shards: opened, notes: notes)
  }

  /// Reads the store at `path` without changing anything, for queries and checks on a directory that no server holds.
  package static func read(
    _ environment: Environment, _ path: String, options: ShardOptions = ShardOptions(),
    _ body: (_ shard: Int, borrowing ShardRecovery) throws -> Void
  ) throws -> StoreIdentity {
    guard let identity = try identify(environment.files, path) else { throw NoStore(path: path) }
    for number in 0..<identity.shards {
      let directory = "\(path)/\(StoreFiles.shard(number))"
      try body(
        number,
        ShardRecovery.read(
          environment, directory: directory, store: identity.id, options: options, identities: false))
    }
    return identity
  }

  /// Who the directory is; nil where it has no `STORE` file.
  package static func identify(_ files: any FileSystem, _ path: String) throws -> StoreIdentity? {
    let file = "\(path)/\(StoreFiles.store)"
    guard files.exists(file) else {
      // Without its identity nothing else can be believed; a directory with shards but no STORE has lost it.
      let log = "\(path)/\(StoreFiles.shard(0))/\(StoreFiles.log)"
      if files.exists(log), try !files.list(log).isEmpty {
        throw FormatError(file: file, offset: 0, reason: "missing, but the directory holds a store's shards")
      }
      return nil
    }
    return try StoreIdentity(page: try files.contents(file), path: file)
  }

  private static func create(_ environment: Environment, _ path: String, shards: Int) throws -> StoreIdentity {
    precondition(1...StoreIdentity.shardLimit ~= shards)
    let files = environment.files
    if !files.exists(path) { try files.createDirectory(path) }
    // Also where it exists: a process that was killed may have made it and got no further.
    if !sabotaged(.trustUnsyncedNames) { try files.synchronizeDirectory(parent(of: path)) }
    for number in 0..<shards { try prepare(files, "\(path)/\(StoreFiles.shard(number))", in: path) }
    let identity = StoreIdentity(
      id: StoreID(high: environment.chance.next(), low: environment.chance.next()), shards: shards,
      created: environment.time.wall())
    let target = "\(path)/\(StoreFiles.store)"
    try files.replace(target, with: identity.page, by: target + ".tmp", in: path)
    return identity
  }

  private static func parent(of path: String) -> String {
    guard let slash = path.lastIndex(of: "/") else { return "." }
    return slash == path.startIndex ? "/" : String(path[..<slash])
  }

  /// Makes a shard's directories where they are missing, and empties `tmp`. Names that a killed process left without a
  /// sync look like all others, so they are synced again: `STORE` and the shard in the parent, `log` in the shard.
  private static func prepare(_ files: any FileSystem, _ directory: String, in parent: String) throws {
    let log = "\(directory)/\(StoreFiles.log)"
    let temporary = "\(directory)/\(StoreFiles.temporary)"
    let folders = ["\(directory)", log, temporary] + StoreFiles.directories.map { "\(directory)/\($0)" }
    for folder in folders where !files.exists(folder) { try files.createDirectory(folder) }
    if !sabotaged(.trustUnsyncedNames) {
      try files.synchronizeDirectory(directory)
      try files.synchronizeDirectory(parent)
    }
    for name in try files.list(temporary) { try files.remove("\(temporary)/\(name)") }
  }
}

/// There is no store in the directory.
package struct NoStore: Error, CustomStringConvertible {
  package var path: String

  package init(path: String) { self.path = path }

  package var description: String { "\(path): no Tally data directory (it has no \(StoreFiles.store) file)" }
}

/// Carries a noncopyable recovery through an array.
private final class Box {
  private var recovery: ShardRecovery?
  init(_ recovery: consuming ShardRecovery) { self.recovery = consume recovery }

  func take() -> ShardRecovery {
    var taken: ShardRecovery?
    swap(&taken, &recovery)
    return taken!
  }
}

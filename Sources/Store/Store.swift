import Bytes
import ClickLog
import Files
import Platform
import Synchronization

/// A data directory: its identity and its shards. Whoever opens one for writing holds its `LOCK` already.
package final class Store {
  package let path: String
  package let identity: StoreIdentity
  package let clock: LogicalClock
  package let shards: [Shard]
  /// Where the shards stand.
  package var root: String { identity.root(in: path) }
  /// What was wrong on disk and is repaired by having been opened.
  package let notes: [String]

  /// What the raw clicks of a shard said of minting times when the store was opened.
  package struct Mintings: Sendable {
    /// The latest minting time of those that were not early, ms since 1970; `.min` without one.
    package var newest: Int64
    /// Those that were early, as far as segments list them, and the times in the bits of the others.
    package var early: [EarlyClick]
    package var unlisted: ClosedRange<Int64>?
  }

  /// Of each shard.
  package let mintings: [Mintings]

  private init(
    path: String, identity: StoreIdentity, clock: LogicalClock, shards: [Shard], notes: [String], mintings: [Mintings]
  ) {
    self.mintings = mintings
    self.path = path
    self.identity = identity
    self.clock = clock
    self.shards = shards
    self.notes = notes
  }

  /// Opens the store at `path` for clicks; makes one of `shards` shards where the directory has none. With `concurrently` each
  /// shard is read back by a thread of its own.
  package static func open(
    _ environment: Environment, _ path: String, shards: Int = 1, options: ShardOptions = ShardOptions(),
    concurrently: Bool = false
  ) throws -> Store {
    let files = environment.files
    let identity = try identify(files, path) ?? create(environment, path, shards: shards)
    let root = identity.root(in: path)
    // A `STORE` that a killed process put there and did not sync may be gone again after a crash; the layout before it, which
    // is removed now, is needed then.
    if !sabotaged(.trustUnsyncedStore) { try files.synchronizeDirectory(path) }
    try removeOtherLayouts(files, path, identity)
    // The store's clock starts from the newest time of all shards, so the first pass only reads.
    let recoveries = try forEachShard(identity.shards, concurrently) { number in
      let directory = identity.directory(of: number, in: path)
      try prepare(files, directory, in: root)
      return Recovered(
        try ShardRecovery.read(environment, directory: directory, store: identity.id, options: options))
    }
    let newest = recoveries.map(\.logicalTime).max() ?? 0
    let clock = try LogicalClock(environment.time, last: newest, accept: options.acceptClock)
    let opened = try forEachShard(identity.shards, concurrently) { number in
      Opened(
        shard: try Shard.open(
          recoveries[number].box.take(), environment, store: identity.id, options: options, clock: clock))
    }
    Upkeep.shareThread(opened.map(\.shard.upkeep))
    return Store(
      path: path, identity: identity, clock: clock, shards: opened.map(\.shard), notes: recoveries.flatMap(\.notes),
      mintings: recoveries.map(\.mintings))
  }

  /// A shard as it was read back, on its way from one thread to another.
  private struct Recovered: Sendable {
    var logicalTime: Int64
    var mintings: Mintings
    var notes: [String]
    var box: Box

    init(_ recovery: consuming ShardRecovery) {
      logicalTime = recovery.logicalTime
      mintings = Mintings(
        newest: recovery.newestMinting, early: recovery.early, unlisted: recovery.unlistedEarly)
      notes = recovery.notes
      box = Box(recovery)
    }
  }

  /// An open shard on its way to the thread that asked for it; nobody else has it.
  private struct Opened: @unchecked Sendable { let shard: Shard }

  /// What `body` gives for each shard: one after the other, or a thread each. Throws the error of the lowest shard that has
  /// one.
  private static func forEachShard<T: Sendable>(
    _ count: Int, _ concurrently: Bool, _ body: @escaping @Sendable (Int) throws -> T
  ) throws -> [T] {
    guard concurrently, count > 1 else { return try (0..<count).map(body) }
    let results = Results<T>(count)
    var threads: [Thread] = []
    defer { threads.forEach { $0.join() } }
    for number in 0..<count {
      threads.append(try Thread("open-\(number)") { results.set(number, Result { try body(number) }) })
    }
    threads.forEach { $0.join() }
    threads = []
    return try results.all()
  }

  /// Results of several threads.
  private final class Results<T: Sendable>: Sendable {
    private let results: Mutex<[Result<T, any Error>?]>
    init(_ count: Int) { results = Mutex([Result<T, any Error>?](repeating: nil, count: count)) }
    func set(_ number: Int, _ result: Result<T, any Error>) { results.withLock { $0[number] = result } }
    func all() throws -> [T] { try results.withLock { $0 }.map { try $0!.get() } }
  }

  /// Reads the store at `path` without changing anything, for queries and checks on a directory that no server holds.
  package static func read(
    _ environment: Environment, _ path: String, options: ShardOptions = ShardOptions(),
    _ body: (_ shard: Int, borrowing ShardRecovery) throws -> Void
  ) throws -> StoreIdentity {
    guard let identity = try identify(environment.files, path) else { throw NoStore(path: path) }
    for number in 0..<identity.shards {
      let directory = identity.directory(of: number, in: path)
      try body(
        number,
        ShardRecovery.read(
          environment, directory: directory, store: identity.id, options: options, identities: false))
    }
    return identity
  }

  /// Reads one shard of the store at `path`; see `read`.
  package static func read(
    _ environment: Environment, _ path: String, _ identity: StoreIdentity, shard: Int,
    options: ShardOptions = ShardOptions()
  ) throws -> ShardRecovery {
    try ShardRecovery.read(
      environment, directory: identity.directory(of: shard, in: path), store: identity.id, options: options,
      identities: false)
  }

  /// Who the directory is; nil where it has no `STORE` file.
  package static func identify(_ files: any FileSystem, _ path: String) throws -> StoreIdentity? {
    let file = "\(path)/\(StoreFiles.store)"
    guard files.exists(file) else {
      // Without its identity nothing else can be believed; a directory with shards but no STORE has lost it.
      let log = "\(path)/\(StoreFiles.shard(0))/\(StoreFiles.log)"
      let hasLog = try files.exists(log) && !files.list(log).isEmpty
      let layouts = files.exists(path) ? try files.list(path).filter { $0.hasPrefix(StoreFiles.layoutPrefix) } : []
      if hasLog || !layouts.isEmpty {
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
    if !sabotaged(.trustUnsyncedDirectory) { try files.synchronizeDirectory(parent(of: path)) }
    for number in 0..<shards { try prepare(files, "\(path)/\(StoreFiles.shard(number))", in: path) }
    let identity = StoreIdentity(
      id: StoreID(high: environment.chance.next(), low: environment.chance.next()), shards: shards,
      created: environment.time.wall())
    let target = "\(path)/\(StoreFiles.store)"
    try files.replace(target, with: identity.page, by: target + ".tmp", in: path)
    return identity
  }

  /// Removes what a rewriting has left: the shards of an older layout behind the switch, those of a newer one before it.
  package static func removeOtherLayouts(
    _ files: any FileSystem, _ path: String, _ identity: StoreIdentity
  ) throws {
    for name in try files.list(path) {
      let isOther =
        name.hasPrefix(StoreFiles.layoutPrefix)
        ? name != StoreFiles.layout(identity.layout) || identity.layout == 0
        : identity.layout > 0 && (StoreFiles.isShard(name) || name == StoreFiles.routes)
      if isOther { try files.removeTree("\(path)/\(name)") }
    }
  }

  private static func parent(of path: String) -> String {
    guard let slash = path.lastIndex(of: "/") else { return "." }
    return slash == path.startIndex ? "/" : String(path[..<slash])
  }

  /// Makes a shard's directories where they are missing, and empties `tmp`. Names that a killed process left without a
  /// sync look like all others, so they are synced again: `STORE` and the shard in the parent, `log` in the shard.
  package static func prepare(_ files: any FileSystem, _ directory: String, in parent: String) throws {
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

/// Carries a noncopyable recovery through an array, and from the thread that read it to the one that goes on.
private final class Box: @unchecked Sendable {
  private var recovery: ShardRecovery?
  init(_ recovery: consuming ShardRecovery) { self.recovery = consume recovery }

  func take() -> ShardRecovery {
    var taken: ShardRecovery?
    swap(&taken, &recovery)
    return taken!
  }
}

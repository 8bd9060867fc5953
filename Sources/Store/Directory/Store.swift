import Bytes
import ClickLog
import Files
import Platform
import Synchronization

/// A data directory: its identity and its shards. Whoever opens one for writing holds its `LOCK` already.
package final class Store {
  package let path: String
  package private(set) var identity: StoreIdentity
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
  /// shard is read back by a thread of its own. Throws `StoreMismatch` where shards are not those that `STORE` knows, and the
  /// options do not accept them.
  package static func open(
    _ environment: Environment, _ path: String, shards: Int = 1, options: ShardOptions = ShardOptions(),
    concurrently: Bool = false
  ) throws -> Store {
    let files = environment.files
    var identity = try identify(files, path) ?? create(environment, path, shards: shards)
    let root = identity.root(in: path)
    // A `STORE` that a killed process put there and did not sync may be gone again after a crash; the layout before it, which
    // is removed now, is needed then, and so is the number of the last opening.
    if !sabotaged(.trustUnsyncedStore) { try files.synchronizeDirectory(path) }
    var sights = try identity.look(files, path)
    try refuse(identity.faults(sights, in: path), options)
    try removeOtherLayouts(files, path, identity)
    // The store's clock starts from the newest time of all shards, so the first pass only reads.
    let known = identity
    let recoveries = try forEachShard(identity.shards, concurrently) { number in
      let directory = known.directory(of: number, in: path)
      try prepare(files, directory, in: root)
      return Recovered(
        try ShardRecovery.read(environment, directory: directory, store: known.id, options: options))
    }
    let newest = recoveries.map(\.logicalTime).max() ?? 0
    let clock = try LogicalClock(environment.time, last: newest, accept: options.acceptClock)
    for shard in sights.indices { sights[shard]?.position = recoveries[shard].position }
    let accepted = try accept(&identity, sights, options, files, path, at: clock.now())
    let start = identity.nextStart
    if sabotaged(.numberStoreFirst) {
      var early = identity
      early.began(start, recoveries.map { ($0.position, 0) })
      try write(early, files, path)
    }
    let budget = StoreBudget(options.budget, environment.time, shards: identity.shards)
    let opened = try forEachShard(identity.shards, concurrently) { number in
      Opened(
        shard: try Shard.open(
          recoveries[number].box.take(), environment, store: known.id, start: (start, number), options: options,
          clock: clock, budget: budget))
    }
    // Behind the manifests of all shards, never before: see `ShardJudgement`.
    identity.began(start, opened.map { ($0.shard.position, $0.shard.core.manifest.sequence) })
    try write(identity, files, path)
    return Store(
      path: path, identity: identity, clock: clock, shards: opened.map(\.shard),
      notes: accepted + recoveries.flatMap(\.notes), mintings: recoveries.map(\.mintings))
  }

  /// Throws where one of the faults is not accepted.
  private static func refuse(_ faults: [ShardFault], _ options: ShardOptions) throws {
    let refused = faults.filter { !$0.isAcceptable || !options.acceptShards.contains($0.shard) }
    guard refused.isEmpty else { throw StoreMismatch(faults: refused) }
  }

  /// Takes the shards that the options accept as they are, and writes down that it did. Returns what it did, in words.
  private static func accept(
    _ identity: inout StoreIdentity, _ sights: [ShardSight?], _ options: ShardOptions, _ files: any FileSystem,
    _ path: String, at time: Int64
  ) throws -> [String] {
    let faults = identity.faults(sights, in: path)
    try refuse(faults, options)
    var words = options.acceptShards.subtracting(faults.map(\.shard)).sorted().map {
      $0 < identity.shards
        ? "shard \($0) is what STORE knows: there was nothing to accept" : "there is no shard \($0) to accept"
    }
    guard !faults.isEmpty else { return words }
    identity.accept(faults, sights, at: time)
    try write(identity, files, path)
    words += faults.map { "accepted: \(identity.acceptance(of: $0.shard, in: path) ?? "")" }
    return words
  }

  private static func write(_ identity: StoreIdentity, _ files: any FileSystem, _ path: String) throws(SystemError) {
    let target = "\(path)/\(StoreFiles.store)"
    try files.replace(target, with: identity.page, by: target + ".tmp", in: path)
  }

  // MARK: - The end

  /// Closes the shards in good order and writes down how far each is; an error of that leaves the marks of the opening in
  /// force, and is returned.
  @discardableResult
  package func close() -> SystemError? {
    for shard in shards { shard.close() }
    return end.record()
  }

  /// What is left to do when all shards are closed, for any thread.
  package var end: StoreEnd { StoreEnd(path: path, identity: identity, cores: shards.map(\.core)) }

  /// `ROUTES` has this version: one that is older will be refused from now on. Written down where it was never seen before; a
  /// closing writes it otherwise.
  package func note(routes version: UInt64) throws(SystemError) {
    let isNew = identity.routes == 0
    identity.routes = max(identity.routes, version + 1)
    if isNew { try Self.write(identity, shards[0].environment.files, path) }
  }

  /// A shard as it was read back, on its way from one thread to another.
  private struct Recovered: Sendable {
    var logicalTime: Int64
    var mintings: Mintings
    var position: UInt64
    var notes: [String]
    var box: Box

    init(_ recovery: consuming ShardRecovery) {
      position = recovery.nextPosition
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
      try body(number, read(environment, path, identity, shard: number, options: options))
    }
    return identity
  }

  /// Reads one shard of the store at `path`; see `read`. Throws `StoreMismatch` where it is not the one that `STORE` knows.
  package static func read(
    _ environment: Environment, _ path: String, _ identity: StoreIdentity, shard: Int,
    options: ShardOptions = ShardOptions()
  ) throws -> ShardRecovery {
    let directory = identity.directory(of: shard, in: path)
    var sight = try ShardSight.look(environment.files, directory, store: identity.id)
    if let fault = identity.fault(of: shard, sight, in: path) { throw StoreMismatch(faults: [fault]) }
    let recovery = try ShardRecovery.read(
      environment, directory: directory, store: identity.id, options: options, identities: false)
    sight?.position = recovery.nextPosition
    if let fault = identity.fault(of: shard, sight, in: path) { throw StoreMismatch(faults: [fault]) }
    return recovery
  }

  /// Who the directory is; nil where it has no `STORE` file.
  package static func identify(_ files: any FileSystem, _ path: String) throws -> StoreIdentity? {
    let file = "\(path)/\(StoreFiles.store)"
    guard files.exists(file) else {
      // Without its identity nothing else can be believed; a directory with shards but no STORE has lost it.
      let names = files.exists(path) ? try files.list(path) : []
      let hasLog = try names.contains { name in
        let log = "\(path)/\(name)/\(StoreFiles.log)"
        return try StoreFiles.isShard(name) && files.exists(log) && !files.list(log).isEmpty
      }
      if hasLog || names.contains(where: { $0.hasPrefix(StoreFiles.layoutPrefix) }) {
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
    try write(identity, files, path)
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

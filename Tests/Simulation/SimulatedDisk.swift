// A disk in memory that remembers what was synced. Observers see the cache; the device has what the syncs brought
// there; between the two stands one list of changes in the order they were made (`Tree.swift`). A sync moves its
// changes over, a crash lets any part of the rest through (`Survival.swift`), a plan makes calls fail (`Faults.swift`).
//
// Names and contents are independent: a synced file whose directory was not synced may vanish, and a name that came
// through may stand for a file whose bytes did not. Stricter than a real disk in two ways that contract (d) of
// `FileSystem` allows: of two unsynced writes into one sector the later may survive without the earlier, and syncing
// the directory that a file was renamed out of does not make the rename durable. Milder in one, as every journal is:
// the changes of one file's name, and those of one name, survive in their order (`DurableTree.complete`).
//
// Paths are normalised: "/a//b/", "a/b" and "./a/b" are one, and the root always exists.

import Glibc
import Platform
import Synchronization

/// A `FileSystem` in memory that crashes, tears, fills up and rots on request. Calls from several threads are allowed.
package final class SimulatedDisk: FileSystem, @unchecked Sendable {
  /// The `errno` value of every call at and after the crash: no kernel has it.
  package static let crashedCode: Int32 = 9_999
  /// What a disk without a capacity has room for.
  private static let unlimited = UInt64(1) << 40

  // Everything below is guarded by `lock`.
  let lock = Mutex(())
  var directories: [String: Directory] = ["": Directory()]
  var changes: [Change] = []
  var nextInode = 0
  /// Pages that take space, of all files that have a name or a handle.
  var usedPages = 0
  var limit: UInt64?
  private var state = FaultState(FaultPlan())
  private var hook: (@Sendable (DiskOperation) -> Void)?
  private var journal: [DiskOperation] = []
  private var journalCapacity = 0

  /// An empty disk; `capacity` in bytes, nil for as good as endless.
  package init(capacity: UInt64? = nil) { limit = capacity }

  // MARK: Steering

  /// What shall go wrong. Setting it starts all counting anew, and wakes a crashed disk as it was: with its cache.
  package var faults: FaultPlan {
    get { lock.withLock { _ in state.plan } }
    set { lock.withLock { _ in state = FaultState(newValue) } }
  }

  /// Calls that reached the disk since the fault plan was set.
  package var operationCount: Int { lock.withLock { _ in state.count } }

  /// The same for one kind of calls.
  package func operationCount(_ kind: DiskOperation.Kind) -> Int {
    lock.withLock { _ in state.counts[kind.rawValue] }
  }

  /// Calls that a fault of the plan has hit.
  package var faultsInjected: Int { lock.withLock { _ in state.injected } }

  /// Whether the planned crash has happened.
  package var isCrashed: Bool { lock.withLock { _ in state.crashed } }

  /// Bytes that fit, nil for as good as endless. What is written or reserved stays when it shrinks below that.
  package var capacity: UInt64? {
    get { lock.withLock { _ in limit } }
    set { lock.withLock { _ in limit = newValue } }
  }

  /// Called after each call that reached the disk, on its thread and outside of all locks.
  package var onOperation: (@Sendable (DiskOperation) -> Void)? {
    get { lock.withLock { _ in hook } }
    set { lock.withLock { _ in hook = newValue } }
  }

  /// How many of the latest operations `operations` remembers at least; 0, the default, is none.
  package var journalLimit: Int {
    get { lock.withLock { _ in journalCapacity } }
    set { lock.withLock { _ in journalCapacity = newValue } }
  }

  /// The latest operations, oldest first, for a person to read.
  package var operations: [String] { lock.withLock { _ in journal }.map(\.description) }

  /// Changes that no sync has covered: what a crash now would choose from.
  package var unsyncedCount: Int {
    lock.withLock { _ in
      changes.reduce(0) { count, change in
        if case .write(_, _, continued: true) = change { count } else { count + 1 }
      }
    }
  }

  // MARK: FileSystem

  package func open(_ path: String, _ mode: OpenMode) throws(SystemError) -> any File {
    try perform(DiskOperation(.open, path)) { operation, _ throws(SystemError) in
      let place = try self.place(operation)
      let inode: Inode
      switch self.directories[place.directory]!.entries[place.name] {
      case .file(let found)?:
        if mode == .create { throw operation.failure(EEXIST) }
        inode = found
      case .directory?: throw operation.failure(mode == .create ? EEXIST : EISDIR)
      case nil:
        guard mode == .create else { throw operation.failure(place.name.isEmpty ? EISDIR : ENOENT) }
        inode = self.newInode(Content())
        self.directories[place.directory]!.entries[place.name] = .file(inode)
        self.changes.append(.entry(EntryChange(inode: inode, to: place)))
      }
      inode.handles += 1
      return SimulatedFile(self, inode, path, mode)
    }
  }

  package func rename(_ from: String, to: String) throws(SystemError) {
    try perform(DiskOperation(.rename, from, destination: to)) { operation, _ throws(SystemError) in
      let source = try self.place(operation)
      let target = try self.place(operation, path: to)
      let inode = try self.file(source, operation)
      let replaced = self.directories[target.directory]!.entries[target.name]
      if case .directory? = replaced { throw operation.failure(EISDIR) }
      if source == target { return }
      if case .file(let old)? = replaced { self.unlinked(old) }
      self.directories[source.directory]!.entries[source.name] = nil
      self.directories[target.directory]!.entries[target.name] = .file(inode)
      self.changes.append(.entry(EntryChange(inode: inode, from: source, to: target)))
    }
  }

  package func remove(_ path: String) throws(SystemError) {
    try perform(DiskOperation(.remove, path)) { operation, _ throws(SystemError) in
      let place = try self.place(operation)
      let inode = try self.file(place, operation)
      self.directories[place.directory]!.entries[place.name] = nil
      self.unlinked(inode)
      self.changes.append(.entry(EntryChange(inode: inode, from: place)))
    }
  }

  package func createDirectory(_ path: String) throws(SystemError) {
    try perform(DiskOperation(.createDirectory, path)) { operation, _ throws(SystemError) in
      let place = try self.place(operation)
      guard !place.name.isEmpty, self.directories[place.directory]!.entries[place.name] == nil else { return }
      self.directories[place.directory]!.entries[place.name] = .directory
      self.directories[place.path] = Directory()
      self.changes.append(.entry(EntryChange(to: place)))
    }
  }

  package func synchronizeDirectory(_ path: String) throws(SystemError) {
    try perform(DiskOperation(.synchronizeDirectory, path)) { operation, _ throws(SystemError) in
      self.persistEntries(of: try self.directory(operation))
    }
  }

  package func list(_ path: String) throws(SystemError) -> [String] {
    try perform(DiskOperation(.list, path)) { operation, _ throws(SystemError) in
      self.directories[try self.directory(operation)]!.entries.keys.sorted()
    }
  }

  package func exists(_ path: String) -> Bool {
    lock.withLock { _ in
      let place = Self.place(path)
      return place.name.isEmpty || directories[place.directory]?.entries[place.name] != nil
    }
  }

  package func availableSpace(at path: String) throws(SystemError) -> UInt64 {
    try lock.withLock { _ throws(SystemError) in
      if state.crashed { throw SystemError("statvfs", path, code: Self.crashedCode) }
      let used = UInt64(usedPages * Content.pageSize)
      let all = limit ?? Self.unlimited
      return all > used ? all - used : 0
    }
  }

  // MARK: Below the calls

  /// One call: counts it, lets the plan decide, does `body` under the lock, tells the journal and the hook.
  func perform<R: Sendable>(
    _ call: DiskOperation, _ body: (DiskOperation, Verdict) throws(SystemError) -> R
  ) throws(SystemError) -> R {
    // What a call made before the plan failed it goes away outside of the lock, which a handle takes when it closes.
    let (result, operation, hook, made) = lock.withLock { _ in
      var made: R?
      var operation = call
      let verdict = state.admit(&operation)
      var result: Result<R, SystemError> = .failure(operation.failure(verdict.code))
      if verdict.performs {
        do throws(SystemError) {
          let value = try body(operation, verdict)
          if verdict.code == 0 { result = .success(value) } else { made = value }
        } catch {
          if verdict.code == 0 { result = .failure(error) }
        }
      }
      if case .failure(let error) = result { operation.code = error.code }
      if journalCapacity > 0 { remember(operation) }
      return (result, operation, self.hook, made)
    }
    _ = consume made
    if let hook { hook(operation) }
    return try result.get()
  }

  /// Whether the machine is down, for the calls that are not counted.
  func checkRunning(_ call: String, _ path: String) throws(SystemError) {
    if state.crashed { throw SystemError(call, path, code: Self.crashedCode) }
  }

  func newInode(_ content: Content) -> Inode {
    nextInode += 1
    return Inode(id: nextInode, content: content)
  }

  /// A file lost its name; its space is free once nobody has it open.
  func unlinked(_ inode: Inode) {
    inode.linked = false
    if inode.handles == 0 { usedPages -= inode.cached.allocated }
  }

  /// Pages that can still be taken.
  var freePages: Int {
    guard let limit else { return Int.max }
    return max(0, Int(clamping: limit / UInt64(Content.pageSize)) - usedPages)
  }

  private func remember(_ operation: DiskOperation) {
    if journal.count >= 2 * journalCapacity { journal.removeFirst(journal.count - journalCapacity) }
    journal.append(operation)
  }

  // MARK: Paths

  /// Where a path points; the root is the empty name in the empty directory.
  static func place(_ path: String) -> Place {
    let parts = path.split(separator: "/").filter { $0 != "." }
    precondition(!parts.contains(".."), "the simulated disk does not know '..': \(path)")
    guard let name = parts.last else { return Place(directory: "", name: "") }
    return Place(directory: parts.dropLast().joined(separator: "/"), name: String(name))
  }

  /// Where the operation's path (or `path`) points, in a directory that exists.
  private func place(_ operation: DiskOperation, path: String? = nil) throws(SystemError) -> Place {
    let place = Self.place(path ?? operation.path)
    guard directories[place.directory] != nil else { throw operation.failure(ENOENT) }
    return place
  }

  private func file(_ place: Place, _ operation: DiskOperation) throws(SystemError) -> Inode {
    switch directories[place.directory]!.entries[place.name] {
    case .file(let inode)?: return inode
    case .directory?: throw operation.failure(EISDIR)
    case nil: throw operation.failure(place.name.isEmpty ? EISDIR : ENOENT)
    }
  }

  /// The key of the directory that the operation's path names.
  private func directory(_ operation: DiskOperation) throws(SystemError) -> String {
    let place = try place(operation)
    if directories[place.path] != nil { return place.path }
    throw operation.failure(directories[place.directory]!.entries[place.name] == nil ? ENOENT : ENOTDIR)
  }
}

extension DiskOperation {
  init(
    _ kind: Kind, _ path: String, destination: String? = nil, offset: UInt64 = 0, length: Int = 0
  ) {
    self.kind = kind
    self.path = path
    self.destination = destination
    self.offset = offset
    self.length = length
  }

  func failure(_ code: Int32) -> SystemError { SystemError(kind.call, subject, code: code) }
}

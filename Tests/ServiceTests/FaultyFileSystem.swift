import Glibc
import Platform
import Synchronization

/// The real file system with a disk that can be told to fail or to stand still, for the files in a `log/` directory: what a
/// running server meets when its volume does.
final class FaultyFileSystem: FileSystem {
  /// What the disk does with the log from now on.
  struct Faults {
    /// `errno` of every sync, and of every write.
    var sync: Int32?
    var write: Int32?
    /// No new log slot can be made: the volume says it is full, or it says so only when written to.
    var isFull = false
    var isFullOnAllocation = false
    /// No descriptor can be had for a file of the log, or for one that is made.
    var isOutOfDescriptors = false
    /// Syncs do not come back until this is over.
    var isStalled = false
    /// Writes of new files whose path has this in it do not come back until this is over; log slots apart.
    var stalledFolder: String?
  }

  private let base = KernelFileSystem()
  private let current = Mutex(Faults())
  private let released = Doorbell()
  private let syncs = Atomic<Int>(0)
  private let failures = Atomic<Int>(0)
  private let sleepers = Atomic<Int>(0)

  var faults: Faults {
    get { current.withLock { $0 } }
    set {
      current.withLock { $0 = newValue }
      released.ring()
    }
  }

  /// Syncs of log slots so far, how many of them failed, and how many calls stand still now.
  var syncCount: Int { syncs.load(ordering: .sequentiallyConsistent) }
  var failedSyncCount: Int { failures.load(ordering: .sequentiallyConsistent) }
  var stalledCount: Int { sleepers.load(ordering: .sequentiallyConsistent) }

  func open(_ path: String, _ mode: OpenMode) throws(SystemError) -> any File {
    let isLog = path.contains("/log/")
    if faults.isOutOfDescriptors, isLog || mode == .create { throw SystemError("open", path, code: EMFILE) }
    let file = try base.open(path, mode)
    return isLog || path.contains("/tmp/slot") || mode == .create ? FaultyFile(file, self, isLog: isLog) : file
  }

  func rename(_ from: String, to: String) throws(SystemError) { try base.rename(from, to: to) }
  func remove(_ path: String) throws(SystemError) { try base.remove(path) }
  func createDirectory(_ path: String) throws(SystemError) { try base.createDirectory(path) }
  func synchronizeDirectory(_ path: String) throws(SystemError) { try base.synchronizeDirectory(path) }
  func list(_ path: String) throws(SystemError) -> [String] { try base.list(path) }
  func exists(_ path: String) -> Bool { base.exists(path) }
  func availableSpace(at path: String) throws(SystemError) -> UInt64 {
    faults.isFull ? 4096 : try base.availableSpace(at: path)
  }

  private final class FaultyFile: File {
    private let file: any File
    private let disk: FaultyFileSystem
    private let isLog: Bool

    init(_ file: any File, _ disk: FaultyFileSystem, isLog: Bool) {
      self.file = file
      self.disk = disk
      self.isLog = isLog
    }

    var path: String { file.path }
    func size() throws(SystemError) -> UInt64 { try file.size() }
    func read(into buffer: UnsafeMutableRawBufferPointer, at offset: UInt64) throws(SystemError) -> Int {
      unsafe try file.read(into: buffer, at: offset)
    }

    func write(_ bytes: UnsafeRawBufferPointer, at offset: UInt64) throws(SystemError) -> Int {
      if isLog, let code = disk.faults.write { throw SystemError("pwrite", path, code: code) }
      if let folder = disk.faults.stalledFolder, path.contains(folder), !path.contains("slot") {
        disk.sleepers.add(1, ordering: .sequentiallyConsistent)
        _ = disk.released.wait(nanoseconds: -1) { disk.faults.stalledFolder == nil }
        disk.sleepers.subtract(1, ordering: .sequentiallyConsistent)
      }
      return unsafe try file.write(bytes, at: offset)
    }

    func synchronizeData() throws(SystemError) {
      if isLog {
        disk.syncs.add(1, ordering: .sequentiallyConsistent)
        disk.sleepers.add(1, ordering: .sequentiallyConsistent)
        _ = disk.released.wait(nanoseconds: -1) { !disk.faults.isStalled }
        disk.sleepers.subtract(1, ordering: .sequentiallyConsistent)
        if let code = disk.faults.sync {
          disk.failures.add(1, ordering: .sequentiallyConsistent)
          throw SystemError("fdatasync", path, code: code)
        }
      }
      try file.synchronizeData()
    }

    func synchronize() throws(SystemError) { try file.synchronize() }
    func map() throws(SystemError) -> FileMapping { try file.map() }

    func allocate(size: UInt64) throws(SystemError) {
      if disk.faults.isFullOnAllocation { throw SystemError("fallocate", path, code: ENOSPC) }
      try file.allocate(size: size)
    }
  }
}

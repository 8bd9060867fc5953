import Glibc
import Platform
import Synchronization

/// A number that any thread counts up.
final class Counter: Sendable {
  private let number = Atomic(0)

  var value: Int { number.load(ordering: .sequentiallyConsistent) }
  func next() -> Int { number.add(1, ordering: .sequentiallyConsistent).newValue }
}

/// Files whose reads do not return while they are held, but on the thread that made this.
final class HeldFiles: FileSystem {
  private let base: any FileSystem
  let isHeld = Atomic(false)
  private let owner = pthread_self()
  let reads = Counter()

  init(_ base: any FileSystem) { self.base = base }

  var holdsThisThread: Bool {
    isHeld.load(ordering: .sequentiallyConsistent) && pthread_equal(owner, pthread_self()) == 0
  }

  func open(_ path: String, _ mode: OpenMode) throws(SystemError) -> any File {
    HeldFile(try base.open(path, mode), self)
  }

  func rename(_ from: String, to: String) throws(SystemError) { try base.rename(from, to: to) }
  func remove(_ path: String) throws(SystemError) { try base.remove(path) }
  func createDirectory(_ path: String) throws(SystemError) { try base.createDirectory(path) }
  func synchronizeDirectory(_ path: String) throws(SystemError) { try base.synchronizeDirectory(path) }
  func list(_ path: String) throws(SystemError) -> [String] { try base.list(path) }
  func exists(_ path: String) -> Bool { base.exists(path) }
  func availableSpace(at path: String) throws(SystemError) -> UInt64 { try base.availableSpace(at: path) }
}

private final class HeldFile: File {
  private let file: any File
  private let files: HeldFiles

  init(_ file: any File, _ files: HeldFiles) {
    self.file = file
    self.files = files
  }

  var path: String { file.path }
  func size() throws(SystemError) -> UInt64 { try file.size() }

  func read(into buffer: UnsafeMutableRawBufferPointer, at offset: UInt64) throws(SystemError) -> Int {
    while files.holdsThisThread {
      if files.reads.value == 0 { _ = files.reads.next() }
      Thread.sleep(nanoseconds: 1_000_000)
    }
    return unsafe try file.read(into: buffer, at: offset)
  }

  func write(_ bytes: UnsafeRawBufferPointer, at offset: UInt64) throws(SystemError) -> Int {
    unsafe try file.write(bytes, at: offset)
  }

  func startWriteback(at offset: UInt64, count: Int) { file.startWriteback(at: offset, count: count) }
  func synchronizeData() throws(SystemError) { try file.synchronizeData() }
  func synchronize() throws(SystemError) { try file.synchronize() }
  func allocate(size: UInt64) throws(SystemError) { try file.allocate(size: size) }
  func map() throws(SystemError) -> FileMapping { try file.map() }
}

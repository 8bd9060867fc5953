import Platform

/// The kernel's file system without its syncs, for files that are made before anything is measured: whoever makes them syncs
/// once at the end. A day of commits has a hundred thousand syncs, which a disk needs minutes for.
final class UnsyncedFiles: FileSystem {
  private let base = KernelFileSystem()

  func open(_ path: String, _ mode: OpenMode) throws(SystemError) -> any File {
    UnsyncedFile(try base.open(path, mode))
  }
  func rename(_ from: String, to: String) throws(SystemError) { try base.rename(from, to: to) }
  func remove(_ path: String) throws(SystemError) { try base.remove(path) }
  func createDirectory(_ path: String) throws(SystemError) { try base.createDirectory(path) }
  func removeDirectory(_ path: String) throws(SystemError) { try base.removeDirectory(path) }
  func synchronizeDirectory(_ path: String) throws(SystemError) {}
  func list(_ path: String) throws(SystemError) -> [String] { try base.list(path) }
  func exists(_ path: String) -> Bool { base.exists(path) }
  func availableSpace(at path: String) throws(SystemError) -> UInt64 { try base.availableSpace(at: path) }
}

private final class UnsyncedFile: File {
  private let file: any File

  init(_ file: any File) { self.file = file }

  var path: String { file.path }
  func size() throws(SystemError) -> UInt64 { try file.size() }

  func read(into buffer: UnsafeMutableRawBufferPointer, at offset: UInt64) throws(SystemError) -> Int {
    unsafe try file.read(into: buffer, at: offset)
  }

  func write(_ bytes: UnsafeRawBufferPointer, at offset: UInt64) throws(SystemError) -> Int {
    unsafe try file.write(bytes, at: offset)
  }

  func synchronizeData() throws(SystemError) {}
  func synchronize() throws(SystemError) {}
  func allocate(size: UInt64) throws(SystemError) { try file.allocate(size: size) }
  func map() throws(SystemError) -> FileMapping { try file.map() }
}

import CPlatform
import Glibc

/// The real file system, through the kernel's calls. `EINTR` is absorbed here; every other error is the caller's.
package final class KernelFileSystem: FileSystem {
  package init() {}

  package func open(_ path: String, _ mode: OpenMode) throws(SystemError) -> any File {
    switch mode {
    case .read: return try KernelFile(path, O_RDONLY)
    case .readDirect:
      // tmpfs and some others refuse O_DIRECT with EINVAL; there the page cache is the device.
      do throws(SystemError) { return try KernelFile(path, O_RDONLY | TALLY_O_DIRECT) } catch {
        guard error.code == EINVAL else { throw error }
        return try KernelFile(path, O_RDONLY)
      }
    case .readWrite: return try KernelFile(path, O_RDWR)
    case .create: return try KernelFile(path, O_RDWR | O_CREAT | O_EXCL)
    }
  }

  package func rename(_ from: String, to: String) throws(SystemError) {
    if unsafe Glibc.rename(from, to) != 0 { throw SystemError("rename", "\(from) to \(to)", code: errno) }
  }

  package func remove(_ path: String) throws(SystemError) {
    if unsafe unlink(path) != 0 { throw SystemError("unlink", path, code: errno) }
  }

  package func createDirectory(_ path: String) throws(SystemError) {
    if unsafe mkdir(path, 0o700) != 0, errno != EEXIST { throw SystemError("mkdir", path, code: errno) }
  }

  package func synchronizeDirectory(_ path: String) throws(SystemError) {
    let directory = try KernelFile(path, O_RDONLY | O_DIRECTORY)
    try directory.synchronize()
  }

  package func list(_ path: String) throws(SystemError) -> [String] {
    let descriptor = Descriptors.opening { unsafe tally_open(path, O_RDONLY | O_DIRECTORY, 0) }
    if descriptor < 0 { throw SystemError("opendir", path, code: -descriptor) }
    guard let directory = unsafe fdopendir(descriptor) else {
      let code = errno
      Descriptors.closing(descriptor)
      throw SystemError("opendir", path, code: code)
    }
    defer { unsafe closedir(directory) }
    var names: [String] = []
    while true {
      errno = 0
      guard let entry = unsafe readdir(directory) else { break }
      let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) {
        unsafe $0.withMemoryRebound(to: CChar.self, capacity: 256) { unsafe String(cString: $0) }
      }
      if name != "." && name != ".." { names.append(name) }
    }
    if errno != 0 { throw SystemError("readdir", path, code: errno) }
    return names.sorted()
  }

  package func removeDirectory(_ path: String) throws(SystemError) {
    if unsafe rmdir(path) != 0 { throw SystemError("rmdir", path, code: errno) }
  }

  package func exists(_ path: String) -> Bool { unsafe access(path, F_OK) == 0 }

  package func availableSpace(at path: String) throws(SystemError) -> UInt64 {
    var status = statvfs()
    if unsafe statvfs(path, &status) != 0 { throw SystemError("statvfs", path, code: errno) }
    return UInt64(status.f_bavail) * UInt64(status.f_frsize)
  }
}

/// One descriptor of the kernel's; closed when the last reference goes.
final class KernelFile: File {
  let path: String
  private let descriptor: Int32

  init(_ path: String, _ flags: Int32) throws(SystemError) {
    let result = Descriptors.opening { unsafe tally_open(path, flags, 0o600) }
    if result < 0 { throw SystemError("open", path, code: -result) }
    self.path = path
    descriptor = result
  }

  deinit { Descriptors.closing(descriptor) }

  func size() throws(SystemError) -> UInt64 {
    var status = stat()
    if unsafe fstat(descriptor, &status) != 0 { throw SystemError("fstat", path, code: errno) }
    return UInt64(status.st_size)
  }

  func read(into buffer: UnsafeMutableRawBufferPointer, at offset: UInt64) throws(SystemError) -> Int {
    while true {
      let n = unsafe tally_pread(descriptor, buffer.baseAddress, buffer.count, offset)
      if n >= 0 { return Int(n) }
      if n != -Int64(EINTR) { throw SystemError("pread", "\(path) at \(offset)", code: Int32(-n)) }
    }
  }

  func readNext(into buffer: UnsafeMutableRawBufferPointer) throws(SystemError) -> Int {
    while true {
      let n = unsafe Glibc.read(descriptor, buffer.baseAddress, buffer.count)
      if n >= 0 { return n }
      if errno != EINTR { throw SystemError("read", path, code: errno) }
    }
  }

  func write(_ bytes: UnsafeRawBufferPointer, at offset: UInt64) throws(SystemError) -> Int {
    while true {
      let n = unsafe tally_pwrite(descriptor, bytes.baseAddress, bytes.count, offset)
      if n >= 0 { return Int(n) }
      if n != -Int64(EINTR) { throw SystemError("pwrite", "\(path) at \(offset)", code: Int32(-n)) }
    }
  }

  func synchronizeData() throws(SystemError) {
    if fdatasync(descriptor) != 0 { throw SystemError("fdatasync", path, code: errno) }
  }

  func synchronize() throws(SystemError) {
    if fsync(descriptor) != 0 { throw SystemError("fsync", path, code: errno) }
  }

  func startWriteback(at offset: UInt64, count: Int) { tally_start_writeback(descriptor, offset, UInt64(count)) }

  func allocate(size: UInt64) throws(SystemError) {
    let result = tally_fallocate(descriptor, size)
    if result < 0 { throw SystemError("fallocate", path, code: -result) }
  }

  func map() throws(SystemError) -> FileMapping {
    try FileMapping(descriptor: descriptor, count: Int(size()), path: path)
  }
}

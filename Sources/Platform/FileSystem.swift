// The one door to storage. Everything that keeps bytes takes a `FileSystem` as an argument; the kernel stands behind it in
// production and a simulated disk in the tests, so that the same code meets crashes, torn sectors and full disks.
//
// What a caller may rely on, and nothing else:
//   (a) data and size covered by a successful `synchronize` or `synchronizeData` persist;
//   (b) a name persists after `synchronizeDirectory` of the directory that holds it;
//   (c) `rename` replaces at once for observers, and durably only after (b);
//   (d) between syncs any subset of the 512-byte sectors of any unsynced writes, and any subset of the directory
//       operations, may or may not be there after a crash, in any order.
// After a failed synchronise the state of the file is unknown: the caller must stop writing to it for good.

/// How a file is opened.
package enum OpenMode: Sendable {
  /// For reading, through the page cache.
  case read
  /// For reading past the page cache, where the file system allows it: what the device has, not what a failed sync
  /// left in memory. Offsets, lengths and buffers must then be multiples of 4,096.
  case readDirect
  /// For reading and writing an existing file.
  case readWrite
  /// For reading and writing a file that must not exist yet.
  case create
}

/// One open file. The handle closes itself when the last reference goes; calls from several threads are allowed.
package protocol File: AnyObject, Sendable {
  /// The path it was opened by, for messages.
  var path: String { get }
  /// Bytes in the file now.
  func size() throws(SystemError) -> UInt64
  /// Reads up to `buffer.count` bytes at `offset`; returns how many, 0 at the end. May be short.
  func read(into buffer: UnsafeMutableRawBufferPointer, at offset: UInt64) throws(SystemError) -> Int
  /// Reads the next bytes of a file that has no offsets (a pipe, a socket, a terminal); as `read` else.
  func readNext(into buffer: UnsafeMutableRawBufferPointer) throws(SystemError) -> Int
  /// Writes up to `bytes.count` bytes at `offset`; returns how many. May be short.
  func write(_ bytes: UnsafeRawBufferPointer, at offset: UInt64) throws(SystemError) -> Int
  /// `fdatasync`: data and what is needed to read it back.
  func synchronizeData() throws(SystemError)
  /// `fsync`: data and all metadata.
  func synchronize() throws(SystemError)
  /// A hint: these bytes, just written, are not written again, and the device may begin with them. Promises nothing.
  func startWriteback(at offset: UInt64, count: Int)
  /// Reserves space for `size` bytes and sets the size; what is not written yet reads as zeros.
  func allocate(size: UInt64) throws(SystemError)
  /// The whole file in memory, for a file that is not empty and never changes again.
  func map() throws(SystemError) -> FileMapping
}

/// A directory tree and what may be done with it. Paths are absolute or relative to the working directory.
package protocol FileSystem: AnyObject, Sendable {
  func open(_ path: String, _ mode: OpenMode) throws(SystemError) -> any File
  func rename(_ from: String, to: String) throws(SystemError)
  func remove(_ path: String) throws(SystemError)
  /// Creates one directory; it is not an error that it exists.
  func createDirectory(_ path: String) throws(SystemError)
  /// Removes an empty directory; a file system that cannot leaves it there.
  func removeDirectory(_ path: String) throws(SystemError)
  func synchronizeDirectory(_ path: String) throws(SystemError)
  /// Names inside a directory, sorted, without `.` and `..`.
  func list(_ path: String) throws(SystemError) -> [String]
  func exists(_ path: String) -> Bool
  /// Bytes that can still be written on the volume that holds `path`.
  func availableSpace(at path: String) throws(SystemError) -> UInt64
}

extension File {
  package func readNext(into buffer: UnsafeMutableRawBufferPointer) throws(SystemError) -> Int {
    throw SystemError("read", path, code: 29)
  }

  /// Whether bytes can be read at an offset; a pipe has them once.
  package func hasOffsets() throws(SystemError) -> Bool {
    do throws(SystemError) { _ = try bytes(at: 0, count: 1) } catch {
      // ESPIPE
      guard error.code == 29 else { throw error }
      return false
    }
    return true
  }

  package func startWriteback(at offset: UInt64, count: Int) {}

  /// Writes all of `bytes`, however many calls that takes. An error leaves an unknown prefix written.
  package func writeAll(_ bytes: UnsafeRawBufferPointer, at offset: UInt64) throws(SystemError) {
    var done = 0
    while done < bytes.count {
      let n = unsafe try write(UnsafeRawBufferPointer(rebasing: bytes[done...]), at: offset + UInt64(done))
      guard n > 0 else { throw SystemError("pwrite", path, code: 5) }
      done += n
    }
  }

  /// Writes all of an array's bytes.
  package func writeAll(_ bytes: [UInt8], at offset: UInt64) throws(SystemError) {
    let result = unsafe bytes.withUnsafeBytes { raw -> Result<Void, SystemError> in
      do throws(SystemError) { return .success(unsafe try writeAll(raw, at: offset)) } catch { return .failure(error) }
    }
    try result.get()
  }

  /// Reads until `buffer` is full or the file ends; returns the bytes read.
  package func readFully(into buffer: UnsafeMutableRawBufferPointer, at offset: UInt64) throws(SystemError) -> Int {
    var done = 0
    while done < buffer.count {
      let n = unsafe try read(into: UnsafeMutableRawBufferPointer(rebasing: buffer[done...]), at: offset + UInt64(done))
      if n == 0 { break }
      done += n
    }
    return done
  }

  /// Up to `count` bytes from `offset` on; fewer where the file ends.
  package func bytes(at offset: UInt64, count: Int) throws(SystemError) -> [UInt8] {
    var failure: SystemError?
    let bytes = unsafe [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
      do throws(SystemError) {
        initialized = unsafe try readFully(into: UnsafeMutableRawBufferPointer(buffer), at: offset)
      } catch { failure = error }
    }
    if let failure { throw failure }
    return bytes
  }
}

extension FileSystem {
  package func removeDirectory(_ path: String) throws(SystemError) {}

  /// Removes a file, or a directory with all that is in it; nothing where there is none. A crash leaves a part.
  package func removeTree(_ path: String) throws(SystemError) {
    guard exists(path) else { return }
    guard let names = try? list(path) else { return try remove(path) }
    for name in names { try removeTree("\(path)/\(name)") }
    try removeDirectory(path)
  }

  /// The whole of a small file.
  package func contents(_ path: String) throws(SystemError) -> [UInt8] {
    let file = try open(path, .read)
    return try file.bytes(at: 0, count: Int(file.size()))
  }

  /// Puts `bytes` at `path` so that after a crash the name holds all of them or what it held before: written under
  /// `temporary`, synced, renamed, and the directory synced.
  package func replace(
    _ path: String, with bytes: [UInt8], by temporary: String, in directory: String
  ) throws(SystemError) {
    if exists(temporary) { try remove(temporary) }
    let file = try open(temporary, .create)
    try file.writeAll(bytes, at: 0)
    try file.synchronize()
    try rename(temporary, to: path)
    try synchronizeDirectory(directory)
  }
}

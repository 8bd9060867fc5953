import Bytes
import Platform
import Synchronization

// Blocks that memory has no room for. The file is nobody's but its maker's and is gone with it; it is never synced. What is read
// back decides about money, so each block is held against a checksum that stayed in memory.

/// A file of blocks, written once and read back at any time by any thread.
package final class SpillFile: @unchecked Sendable {
  private let files: any FileSystem
  private let path: String
  private let file: any File
  private var bytes: UInt64 = 0

  private static let numbers = Atomic<UInt64>(0)

  /// A new file in `directory`, whose name begins with `name` and a hyphen and is no other file's of the process.
  package static func create(
    _ files: any FileSystem, in directory: String, name: String
  ) throws(SystemError) -> SpillFile {
    let number = numbers.add(1, ordering: .relaxed).newValue
    let path = "\(directory)/\(name)-\(number)"
    if files.exists(path) { try files.remove(path) }
    do throws(SystemError) {
      return SpillFile(files, path, try files.open(path, .create))
    } catch {
      // The call may have failed after its work was done.
      if files.exists(path) { do throws(SystemError) { try files.remove(path) } catch {} }
      throw error
    }
  }

  private init(_ files: any FileSystem, _ path: String, _ file: any File) {
    self.files = files
    self.path = path
    self.file = file
  }

  deinit {
    // What cannot be removed now is removed by the next opening of the store.
    do throws(SystemError) { try files.remove(path) } catch {}
  }

  /// Where a block is, and what it must be.
  package struct Block: Sendable {
    fileprivate var offset: UInt64
    package fileprivate(set) var count: UInt32
    fileprivate var checksum: UInt32
  }

  /// Appends a block.
  package func append(_ block: UnsafeRawBufferPointer) throws(SystemError) -> Block {
    let place = unsafe Block(offset: bytes, count: UInt32(block.count), checksum: CRC32C.checksum(block))
    unsafe try file.writeAll(block, at: bytes)
    bytes += UInt64(block.count)
    return place
  }

  /// Appends a block of an array's bytes.
  package func append(_ block: [UInt8]) throws(SystemError) -> Block {
    let place = Block(offset: bytes, count: UInt32(block.count), checksum: CRC32C.checksum(block))
    try file.writeAll(block, at: bytes)
    bytes += UInt64(block.count)
    return place
  }

  /// Reads a block into the front of `buffer`. Throws `FormatError` where it is not what was written.
  package func read(_ block: Block, into buffer: UnsafeMutableRawBufferPointer) throws {
    let target = unsafe UnsafeMutableRawBufferPointer(rebasing: buffer[..<Int(block.count)])
    let count = unsafe try file.readFully(into: target, at: block.offset)
    guard count == target.count, unsafe CRC32C.checksum(UnsafeRawBufferPointer(target)) == block.checksum else {
      throw FormatError(file: path, offset: block.offset, reason: "what was put aside has changed")
    }
  }
}

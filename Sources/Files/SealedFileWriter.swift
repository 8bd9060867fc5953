import Bytes
import Platform

/// Writes an immutable file from its first byte to its last: sections in order, then footer and header page, sync, rename,
/// directory sync (K7). Until `finish` returns, the file stands under its temporary name; a writer that is dropped before
/// takes it away again. Memory: one buffer of 256 KiB and four bytes a block.
package struct SealedFileWriter: ~Copyable {
  private let files: any FileSystem
  private let path: String
  private let temporary: String
  private let directory: String
  private let header: FileHeader
  private let file: any File
  private var buffer: AlignedBuffer
  private var filled = 0
  /// Bytes of the body that are in the file already.
  private var written: UInt64 = 0
  /// Bytes of the body that the device was asked to write.
  private var started: UInt64 = 0
  private var sections: [SealedSection] = []
  private var isOpen = false
  private var checksums: [UInt32] = []
  private var isFinished = false

  /// Bytes checked together where nothing else is asked for.
  package static let defaultBlockBytes: UInt32 = 16_384
  private static let bufferBytes = 256 << 10
  /// The device begins to write after so many bytes. Left to the last sync, a merge of gigabytes would keep the device to itself
  /// at one stroke, while clicks wait for theirs.
  private static let writebackBytes: UInt64 = 4 << 20

  /// Starts a file that will be called `path` and is born as `temporary`, on the same volume. `header.blockBytes` is the
  /// size of its blocks.
  package init(_ files: any FileSystem, path: String, temporary: String, header: FileHeader) throws(SystemError) {
    precondition(SealedFooter.blockSizes.contains(header.blockBytes) && header.blockBytes % 8 == 0)
    self.files = files
    self.path = path
    self.temporary = temporary
    self.header = header
    directory = path.lastIndex(of: "/").map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
    if files.exists(temporary) { try files.remove(temporary) }
    do throws(SystemError) { file = try files.open(temporary, .create) } catch {
      // The call may have failed after its work was done.
      if files.exists(temporary) { do throws(SystemError) { try files.remove(temporary) } catch {} }
      throw error
    }
    let blocks = max(1, Self.bufferBytes / Int(header.blockBytes))
    buffer = AlignedBuffer(capacity: blocks * Int(header.blockBytes))
    limit = blocks * Int(header.blockBytes)
  }

  private let limit: Int

  deinit {
    guard !isFinished else { return }
    // What cannot be removed now is removed by the next opening of the store.
    do throws(SystemError) { try files.remove(temporary) } catch {}
  }

  /// Where the next byte goes, from the body's start.
  private var position: UInt64 { written + UInt64(filled) }

  /// Bytes of the open section so far.
  package var sectionBytes: Int { Int(UInt64(FileHeader.size) + position - sections.last!.offset) }

  /// Bytes the file has now, without its footer.
  package var bytes: UInt64 { UInt64(FileHeader.size) + position }

  /// Starts a section, at a multiple of 8.
  package mutating func begin(section kind: UInt32) throws(SystemError) {
    precondition(!isOpen)
    let padding = Int((8 - position % 8) % 8)
    if padding > 0 { try put([UInt8](repeating: 0, count: padding)) }
    sections.append(SealedSection(kind: kind, offset: UInt64(FileHeader.size) + position, bytes: 0))
    isOpen = true
  }

  /// Adds bytes to the open section.
  package mutating func append(_ bytes: UnsafeRawBufferPointer) throws(SystemError) {
    precondition(isOpen)
    unsafe try put(bytes)
  }

  /// Adds an array's bytes to the open section.
  package mutating func append(_ bytes: [UInt8]) throws(SystemError) {
    precondition(isOpen)
    try put(bytes)
  }

  private mutating func put(_ bytes: UnsafeRawBufferPointer) throws(SystemError) {
    var done = 0
    while done < bytes.count {
      let count = min(bytes.count - done, limit - filled)
      unsafe (buffer.base + filled).copyMemory(from: bytes.baseAddress! + done, byteCount: count)
      filled += count
      done += count
      if filled == limit { try flush() }
    }
  }

  private mutating func put(_ bytes: [UInt8]) throws(SystemError) {
    var failure: SystemError?
    unsafe bytes.withUnsafeBytes { raw in
      do throws(SystemError) { unsafe try put(raw) } catch { failure = error }
    }
    if let failure { throw failure }
  }

  /// Ends the open section.
  package mutating func end() {
    precondition(isOpen)
    sections[sections.count - 1].bytes = sectionBytes
    isOpen = false
  }

  private mutating func flush() throws(SystemError) {
    let bytes = unsafe buffer.bytes(filled)
    var at = 0
    while at < filled {
      let block = unsafe UnsafeRawBufferPointer(rebasing: bytes[at..<min(at + Int(header.blockBytes), filled)])
      unsafe checksums.append(SealedFooter.checksum(block, number: header.number, index: checksums.count))
      at += block.count
    }
    unsafe try file.writeAll(bytes, at: UInt64(FileHeader.size) + written)
    written += UInt64(filled)
    filled = 0
    guard written - started >= Self.writebackBytes else { return }
    file.startWriteback(at: UInt64(FileHeader.size) + started, count: Int(written - started))
    started = written
  }

  /// Ends the file and puts it in its place. `fields` writes the type's own fields into the header page, from
  /// `FileHeader.typeFields` on. After an error nothing has the file's name, except where the error came from the rename
  /// or from the directory's sync: then a whole file may have it or not, and nothing may refer to it.
  package consuming func finish(
    _ fields: (UnsafeMutableRawPointer) -> Void
  ) throws(SystemError) -> SealedReference {
    precondition(!isOpen)
    try flush()
    let page = unsafe header.page(fields)
    let checksum = page[12..<16].reversed().reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
    let footer = SealedFooter(
      number: header.number, offset: UInt64(FileHeader.size) + written, blockBytes: header.blockBytes,
      headerChecksum: checksum, sections: sections, checksums: checksums)
    let tail = footer.bytes
    try file.writeAll(tail, at: footer.offset)
    try file.writeAll(page, at: 0)
    if !sabotaged(.noFileSyncBeforeRename) { try file.synchronize() }
    try files.rename(temporary, to: path)
    isFinished = true
    if !sabotaged(.noDirectorySync) { try files.synchronizeDirectory(directory) }
    return SealedReference(
      number: header.number, bytes: footer.offset + UInt64(tail.count), digest: SealedFooter.digest(of: tail))
  }
}

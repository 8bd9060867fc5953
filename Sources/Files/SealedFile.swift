import Bytes
import Platform
import Synchronization

/// What is asked for would have to be fetched, or takes longer than it may: for threads that must not wait.
package struct NotAtHand: Error {
  package init() {}
}

/// An immutable file that is open for reading. Header page and footer are checked when it is opened; the blocks of the body
/// when they are first touched (mapped) or each time they are read. Any thread may read it; it costs nothing to keep open.
///
/// A mapped file that somebody else shortens, or whose device fails, gives `SystemError` from then on. What is written over
/// a block, or cut from the last page that is left, after the block was first touched is not seen until `verify`.
///
/// A file that the store no longer lists stays readable for whoever still holds it and is removed with its last
/// reference (K5).
@safe package final class SealedFile: @unchecked Sendable {
  /// How the body is read.
  package enum Access: String, CaseIterable, Sendable {
    /// Through memory: no copy, no system call, each block verified on first touch.
    case mapped
    /// By `pread` into a buffer, verified each time: for volumes whose errors must not come through a page fault.
    case read
  }

  package let path: String
  package let header: FileHeader
  /// The header page, for the type's own fields.
  package let page: [UInt8]
  package let footer: SealedFooter
  /// What the manifest keeps of it.
  package let reference: SealedReference

  private let files: any FileSystem
  private let file: any File
  private let mapping: FileMapping?
  /// One bit a block, set once its checksum has held. A second thread that races here verifies it once more.
  private let verified: UnsafeMutableBufferPointer<Atomic<UInt64>>
  private let obsolete = Atomic<Bool>(false)

  /// The sections of the body, in order.
  package var sections: [SealedSection] { footer.sections }

  /// Opens the file at `path`, which must be a `magic` file of `store`, and the one that `reference` means, where they are
  /// given. Throws `FormatError` where it is not, `SystemError` where the disk does not answer.
  package static func open(
    _ files: any FileSystem, _ path: String, as magic: FileMagic, store: StoreID? = nil,
    reference: SealedReference? = nil, access: Access
  ) throws -> SealedFile {
    guard files.exists(path) else { throw FormatError(file: path, offset: 0, reason: "the file is missing") }
    let file = try files.open(path, .read)
    let total = try file.size()
    if let reference, total != reference.bytes {
      throw FormatError(
        file: path, offset: total, reason: "\(total) bytes long; the manifest says \(reference.bytes)")
    }
    let page = try file.bytes(at: 0, count: FileHeader.size)
    let header = try FileHeader.read(page, as: magic, path: path)
    if let store, header.store != store {
      throw FormatError(file: path, offset: 16, reason: "the file belongs to store \(header.store), not \(store)")
    }
    if let reference, header.number != reference.number {
      throw FormatError(file: path, offset: 32, reason: "the header says file \(header.number)")
    }
    let (footer, digest) = try readFooter(file, total: total, header: header, page: page)
    if let reference, reference.digest != digest, !sabotaged(.ignoreDigest) {
      throw FormatError(
        file: path, offset: footer.offset,
        reason: "digest \(Hex.encode(digest)) stands where the manifest has \(Hex.encode(reference.digest))")
    }
    return SealedFile(
      files, file, path: path, header: header, page: page, footer: footer,
      reference: SealedReference(number: header.number, bytes: total, digest: digest),
      mapping: access == .mapped ? try map(file, total) : nil)
  }

  /// The file in memory; nil where the process has as many mappings as it may have: then it is read instead.
  private static func map(_ file: any File, _ total: UInt64) throws -> FileMapping? {
    do throws(SystemError) {
      let mapping = try file.map()
      if unsafe mapping.bytes.count >= Int(total) { return mapping }
    } catch {
      guard error.code == 12 else { throw error }
      return nil
    }
    throw FormatError(file: file.path, offset: total, reason: "the file has become shorter")
  }

  private static func readFooter(
    _ file: any File, total: UInt64, header: FileHeader, page: [UInt8]
  ) throws -> (SealedFooter, digest: UInt64) {
    let least = UInt64(FileHeader.size + SealedFooter.headBytes + SealedFooter.trailerBytes)
    guard total >= least else {
      throw FormatError(file: file.path, offset: total, reason: "the file ends before a footer fits")
    }
    var trailer = ByteReader(try file.bytes(at: total - 16, count: 16))
    let last = total - UInt64(SealedFooter.headBytes + SealedFooter.trailerBytes)
    guard let start = trailer.next(UInt64.self), start >= UInt64(FileHeader.size), start <= last else {
      throw FormatError(file: file.path, offset: total - 16, reason: "no footer where the last bytes point")
    }
    guard SealedFooter.size(head: try file.bytes(at: start, count: SealedFooter.headBytes)) == total - start else {
      throw FormatError(file: file.path, offset: start, reason: "no footer of \(total - start) bytes begins here")
    }
    let bytes = try file.bytes(at: start, count: Int(total - start))
    let footer: SealedFooter
    switch SealedFooter.read(bytes, at: start, total: total, number: header.number) {
    case .success(let found): footer = found
    case .failure(let reason): throw FormatError(file: file.path, offset: start, reason: reason.text)
    }
    let checksum = page[12..<16].reversed().reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
    guard footer.headerChecksum == checksum, footer.blockBytes == header.blockBytes else {
      throw FormatError(file: file.path, offset: start, reason: "header page and footer are not of one file")
    }
    return (footer, SealedFooter.digest(of: bytes))
  }

  private init(
    _ files: any FileSystem, _ file: any File, path: String, header: FileHeader, page: [UInt8], footer: SealedFooter,
    reference: SealedReference, mapping: FileMapping?
  ) {
    self.files = files
    self.file = file
    self.path = path
    self.header = header
    self.page = page
    self.footer = footer
    self.reference = reference
    self.mapping = mapping
    let words = max(1, (footer.checksums.count + 63) / 64)
    unsafe verified = UnsafeMutableBufferPointer<Atomic<UInt64>>.allocate(capacity: words)
    for i in 0..<words { unsafe (verified.baseAddress! + i).initialize(to: Atomic(0)) }
  }

  deinit {
    unsafe verified.baseAddress!.deinitialize(count: verified.count)
    unsafe verified.deallocate()
    guard obsolete.load(ordering: .relaxed) else { return }
    // What cannot be removed now is removed by the next opening of the store.
    do throws(SystemError) { try files.remove(path) } catch {}
  }

  /// The manifest no longer lists the file: its last reader takes it away.
  package func makeObsolete() { obsolete.store(true, ordering: .relaxed) }

  /// The first section of this kind.
  package func section(_ kind: UInt32) throws(FormatError) -> SealedSection {
    guard let found = sections.first(where: { $0.kind == kind }) else {
      throw FormatError(file: path, offset: footer.offset, reason: "the file has no section \(kind)")
    }
    return found
  }

  /// Verified bytes of `range` of a section. They must not leave `body`. Throws `FormatError` where they are damaged and
  /// `SystemError` where the device does not deliver them; with `atHand` also `NotAtHand` where they were not touched before.
  package func withBytes<R>(
    of section: SealedSection, _ range: Range<Int>, atHand: Bool = false, _ body: (UnsafeRawBufferPointer) throws -> R
  ) throws -> R {
    precondition(range.lowerBound >= 0 && range.upperBound <= section.bytes, "beyond the section's end")
    precondition(
      section.offset >= UInt64(FileHeader.size) && section.offset + UInt64(section.bytes) <= footer.offset,
      "a section of another file")
    if range.isEmpty { return unsafe try body(UnsafeRawBufferPointer(start: nil, count: 0)) }
    let start = Int(section.offset) + range.lowerBound
    let blockBytes = Int(footer.blockBytes)
    let first = (start - FileHeader.size) / blockBytes
    let last = (start + range.count - 1 - FileHeader.size) / blockBytes
    guard let mapping else {
      if atHand { throw NotAtHand() }
      return unsafe try readBlocks(first...last, start: start, count: range.count, body)
    }
    for block in first...last where !isVerified(block) {
      if atHand { throw NotAtHand() }
      let (from, count) = extent(of: block)
      unsafe try check(unsafe UnsafeRawBufferPointer(rebasing: mapping.bytes[from..<(from + count)]), block)
      markVerified(block)
    }
    do {
      let result = unsafe try body(
        unsafe UnsafeRawBufferPointer(rebasing: mapping.bytes[start..<(start + range.count)]))
      if mapping.hasFailed { throw unreadable }
      return result
    } catch {
      // What was decoded from a page that the device did not deliver is not the file's fault.
      throw mapping.hasFailed ? unreadable : error
    }
  }

  /// Asks for a byte of a section to be brought near, where the file is mapped and the byte in memory.
  package func prefetch(_ section: SealedSection, _ offset: Int) { mapping?.prefetch(Int(section.offset) + offset) }

  /// Lets go of the memory of what was read; it is read anew when it is asked for again.
  package func release() { mapping?.release() }

  private var unreadable: SystemError { SystemError("read (mapped)", path, code: 5) }

  private func readBlocks<R>(
    _ blocks: ClosedRange<Int>, start: Int, count: Int, _ body: (UnsafeRawBufferPointer) throws -> R
  ) throws -> R {
    let from = extent(of: blocks.lowerBound).start
    let (lastStart, lastCount) = extent(of: blocks.upperBound)
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: lastStart + lastCount - from, alignment: 4096)
    defer { unsafe buffer.deallocate() }
    guard unsafe try file.readFully(into: buffer, at: UInt64(from)) == buffer.count else {
      throw FormatError(file: path, offset: UInt64(from), reason: "the file has become shorter")
    }
    for block in blocks {
      let (blockStart, blockCount) = extent(of: block)
      let at = blockStart - from
      unsafe try check(unsafe UnsafeRawBufferPointer(rebasing: buffer[at..<(at + blockCount)]), block)
    }
    let offset = start - from
    return unsafe try body(UnsafeRawBufferPointer(rebasing: buffer[offset..<(offset + count)]))
  }

  private func extent(of block: Int) -> (start: Int, count: Int) {
    let start = FileHeader.size + block * Int(footer.blockBytes)
    return (start, min(Int(footer.blockBytes), Int(footer.offset) - start))
  }

  private func check(_ bytes: UnsafeRawBufferPointer, _ block: Int) throws {
    let computed = unsafe SealedFooter.checksum(bytes, number: header.number, index: block)
    if let mapping, mapping.hasFailed { throw unreadable }
    guard computed == footer.checksums[block] || sabotaged(.trustBlocks) else {
      throw FormatError(
        file: path, offset: UInt64(extent(of: block).start),
        reason: "block \(block) is damaged: checksum \(Hex.encode(computed)) where "
          + "\(Hex.encode(footer.checksums[block])) is due")
    }
  }

  private func isVerified(_ block: Int) -> Bool {
    unsafe verified[block >> 6].load(ordering: .acquiring) & (1 << UInt64(block & 63)) != 0
  }

  private func markVerified(_ block: Int) {
    unsafe verified[block >> 6].bitwiseOr(1 << UInt64(block & 63), ordering: .releasing)
  }

  /// Reads the whole file anew and checks it: header page, footer, and every block with the zeros between the sections.
  package func verify() throws {
    guard try file.bytes(at: 0, count: FileHeader.size) == page else {
      throw FormatError(file: path, offset: 0, reason: "the header page has changed since the file was opened")
    }
    let tail = try file.bytes(at: footer.offset, count: Int(reference.bytes - footer.offset))
    guard SealedFooter.digest(of: tail) == reference.digest, try file.size() == reference.bytes else {
      throw FormatError(file: path, offset: footer.offset, reason: "the footer has changed since the file was opened")
    }
    let step = max(1, (1 << 20) / Int(footer.blockBytes))
    var block = 0
    while block < footer.checksums.count {
      let last = min(block + step, footer.checksums.count) - 1
      let (from, count) = extent(of: block)
      unsafe try readBlocks(block...last, start: from, count: count) { _ in }
      block = last + 1
    }
  }
}

import CPlatform
import Glibc

/// A whole file in memory, for reading: mapped by the kernel, or a copy where the file system is a simulated one. The
/// file must not change or shrink while it is mapped; only immutable files are.
///
/// A page that the device cannot deliver reads as zeros and makes `hasFailed` true for good: whoever has used the bytes
/// asks it afterwards [Crotty, Leis and Pavlo, "Are You Sure You Want to Use MMAP in Your DBMS?", CIDR 2022].
@safe package final class FileMapping: @unchecked Sendable {
  /// The file's bytes; they live as long as this object.
  package let bytes: UnsafeRawBufferPointer
  private let slot: Int32

  /// A mapping of the first `count` bytes of an open descriptor.
  init(descriptor: Int32, count: Int, path: String) throws(SystemError) {
    var slot: Int32 = 0
    guard let memory = unsafe tally_map(descriptor, count, &slot) else {
      throw SystemError("mmap", path, code: -slot)
    }
    unsafe bytes = UnsafeRawBufferPointer(start: memory, count: count)
    self.slot = slot
  }

  /// A copy of `contents`, which behaves as a mapping that never fails.
  package init(copying contents: [UInt8]) {
    let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: max(contents.count, 1), alignment: 4096)
    unsafe copy.copyBytes(from: contents)
    unsafe bytes = UnsafeRawBufferPointer(rebasing: copy[..<contents.count])
    slot = -1
  }

  deinit {
    if slot >= 0 { tally_unmap(slot) } else { unsafe bytes.deallocate() }
  }

  /// Asks for the byte at `offset` to be brought near. Never waits, and never fails: a page that is on disk stays there.
  package func prefetch(_ offset: Int) {
    guard unsafe offset < bytes.count else { return }
    unsafe tally_prefetch_to_read(bytes.baseAddress! + offset)
  }

  /// Lets go of the pages that were touched, which the kernel may still have: who touches one again has it mapped anew. What a scan
  /// has gone through would otherwise count as this process's memory for as long as the file is open.
  package func release() {
    if slot >= 0 { unsafe tally_release(bytes.baseAddress!, bytes.count) }
  }

  /// Whether a page could not be read since the file was mapped.
  package var hasFailed: Bool { slot >= 0 && tally_map_failed(slot) != 0 }
}

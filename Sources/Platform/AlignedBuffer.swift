import Glibc

/// Memory whose address and size are multiples of 4,096 bytes, as direct I/O wants it. Grows on request, never shrinks.
/// New memory is zero.
@safe package struct AlignedBuffer: ~Copyable {
  package private(set) var base: UnsafeMutableRawPointer
  /// Bytes that may be used from `base` on.
  package private(set) var capacity: Int

  package static let alignment = 4096

  /// Room for at least `capacity` bytes.
  package init(capacity: Int) {
    self.capacity = Self.roundUp(max(capacity, 1))
    unsafe base = Self.allocate(self.capacity)
  }

  deinit { unsafe free(base) }

  /// Makes room for at least `needed` bytes, keeping the first `count` ones.
  package mutating func reserve(_ needed: Int, keeping count: Int) {
    guard needed > capacity else { return }
    precondition(count <= capacity)
    let larger = Self.roundUp(max(needed, capacity * 2))
    let fresh = unsafe Self.allocate(larger)
    unsafe fresh.copyMemory(from: base, byteCount: count)
    unsafe free(base)
    unsafe base = fresh
    capacity = larger
  }

  /// The first `count` bytes.
  package func bytes(_ count: Int) -> UnsafeRawBufferPointer {
    precondition(count <= capacity)
    return unsafe UnsafeRawBufferPointer(start: base, count: count)
  }

  /// The first `count` bytes, to be filled.
  package mutating func mutableBytes(_ count: Int) -> UnsafeMutableRawBufferPointer {
    precondition(count <= capacity)
    return unsafe UnsafeMutableRawBufferPointer(start: base, count: count)
  }

  /// `count` rounded up to whole pages.
  package static func roundUp(_ count: Int) -> Int { (count + alignment - 1) & ~(alignment - 1) }

  private static func allocate(_ size: Int) -> UnsafeMutableRawPointer {
    guard let memory = unsafe aligned_alloc(alignment, size) else { fatalError("out of memory: \(size) bytes") }
    unsafe memset(memory, 0, size)
    return unsafe memory
  }
}

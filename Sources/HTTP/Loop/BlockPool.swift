/// Blocks of memory of one size that connections borrow while they have bytes in flight, so that an idle connection
/// holds none and a busy one allocates none. Larger needs are met by memory of their own. Belongs to one thread.
///
/// The struct is a handle: copies share the pool, and its owner calls `destroy` last.
@safe struct BlockPool {
  /// Bytes of a block: what one receive takes, and the table of field lines in front of it.
  static let blockSize = 16 << 10 + InputBuffer.tableSize
  /// Free blocks that are kept; more are given back to the system.
  static let keep = 512

  @safe private struct State {
    var free: UnsafeMutableRawPointer?
    var count = 0
    var borrowed = 0
  }

  private let state: UnsafeMutablePointer<State>

  init() {
    unsafe state = .allocate(capacity: 1)
    unsafe state.initialize(to: State())
  }

  /// Gives all kept memory back. Nothing may be borrowed any more.
  func destroy() {
    while let block = unsafe state.pointee.free {
      unsafe state.pointee.free = block.load(as: UnsafeMutableRawPointer?.self)
      unsafe block.deallocate()
    }
    unsafe state.deallocate()
  }

  /// Bytes that are borrowed now.
  var borrowed: Int { unsafe state.pointee.borrowed }

  /// Memory of `capacity` bytes, at least `blockSize`.
  func take(_ capacity: Int) -> UnsafeMutableRawPointer {
    precondition(capacity >= Self.blockSize)
    unsafe state.pointee.borrowed += capacity
    if capacity == Self.blockSize, let block = unsafe state.pointee.free {
      unsafe state.pointee.free = block.load(as: UnsafeMutableRawPointer?.self)
      unsafe state.pointee.count -= 1
      return unsafe block
    }
    return .allocate(byteCount: capacity, alignment: 16)
  }

  /// Takes memory of `capacity` bytes back.
  func give(_ memory: UnsafeMutableRawPointer, _ capacity: Int) {
    unsafe state.pointee.borrowed -= capacity
    guard capacity == Self.blockSize, unsafe state.pointee.count < Self.keep else {
      unsafe memory.deallocate()
      return
    }
    unsafe memory.storeBytes(of: state.pointee.free, as: UnsafeMutableRawPointer?.self)
    unsafe state.pointee.free = memory
    unsafe state.pointee.count += 1
  }
}

// An open file of the simulated disk: reads from the cache or from the device, writes into the cache.

import Glibc
import Platform

final class SimulatedFile: File, @unchecked Sendable {
  let path: String
  private let disk: SimulatedDisk
  /// Guarded by the disk's lock, as all below it.
  private let inode: Inode
  private let mode: OpenMode

  init(_ disk: SimulatedDisk, _ inode: Inode, _ path: String, _ mode: OpenMode) {
    self.disk = disk
    self.inode = inode
    self.path = path
    self.mode = mode
  }

  deinit {
    disk.lock.withLock { _ in
      inode.handles -= 1
      if inode.handles == 0, !inode.linked { disk.usedPages -= inode.cached.allocated }
    }
  }

  func size() throws(SystemError) -> UInt64 {
    try disk.lock.withLock { _ throws(SystemError) in
      try disk.checkRunning("fstat", path)
      return UInt64(inode.cached.size)
    }
  }

  func read(into buffer: UnsafeMutableRawBufferPointer, at offset: UInt64) throws(SystemError) -> Int {
    let operation = DiskOperation(.read, path, offset: offset, length: buffer.count)
    return try disk.perform(operation) { operation, verdict throws(SystemError) in
      guard offset < UInt64(inode.cached.size) else { return 0 }
      let count = min(buffer.count, verdict.limit)
      let target = unsafe UnsafeMutableRawBufferPointer(rebasing: buffer[..<count])
      guard mode == .readDirect else { return unsafe inode.cached.read(into: target, at: Int(offset)) }
      let address = UInt(bitPattern: buffer.baseAddress)
      guard (offset | UInt64(buffer.count) | UInt64(address)) % UInt64(Content.pageSize) == 0 else {
        throw operation.failure(EINVAL)
      }
      return unsafe device.read(into: target, at: Int(offset))
    }
  }

  func write(_ bytes: UnsafeRawBufferPointer, at offset: UInt64) throws(SystemError) -> Int {
    let operation = DiskOperation(.write, path, offset: offset, length: bytes.count)
    return try disk.perform(operation) { operation, verdict throws(SystemError) in
      try checkWritable(operation)
      var count = min(bytes.count, verdict.limit)
      if count == 0 { return 0 }
      guard offset <= UInt64(Content.maximumSize - count) else { throw operation.failure(EFBIG) }
      let start = Int(offset)
      count = inode.cached.fitting(start..<start + count, room: disk.freePages)
      if count == 0 { throw operation.failure(ENOSPC) }

      let before = inode.cached.allocated
      if start + count > inode.cached.size {
        disk.changes.append(.size(inode, start + count))
        inode.cached.extend(to: start + count)
      }
      var continued = false
      unsafe Content.forEachPiece(of: .init(rebasing: bytes[..<count]), at: start) { piece in
        inode.cached.put(piece)
        disk.changes.append(.write(inode, piece, continued: continued))
        continued = true
      }
      disk.usedPages += inode.cached.allocated - before
      return count
    }
  }

  func synchronizeData() throws(SystemError) { try synchronize(.synchronizeData) }

  func synchronize() throws(SystemError) { try synchronize(.synchronize) }

  func allocate(size: UInt64) throws(SystemError) {
    let operation = DiskOperation(.allocate, path, length: Int(clamping: size))
    try disk.perform(operation) { operation, _ throws(SystemError) in
      try checkWritable(operation)
      guard size > 0 else { throw operation.failure(EINVAL) }
      guard size <= UInt64(Content.maximumSize) else { throw operation.failure(EFBIG) }
      let size = Int(size)
      if inode.cached.fitting(0..<size, room: disk.freePages) < size { throw operation.failure(ENOSPC) }
      let before = inode.cached.allocated
      inode.cached.reserve(size)
      disk.usedPages += inode.cached.allocated - before
      disk.changes.append(.reserve(inode, size))
    }
  }

  /// A copy of what is in the file now: rot that comes later is not seen through it.
  func map() throws(SystemError) -> FileMapping { FileMapping(copying: try bytes(at: 0, count: Int(size()))) }

  private func synchronize(_ kind: DiskOperation.Kind) throws(SystemError) {
    try disk.perform(DiskOperation(kind, path)) { _, verdict throws(SystemError) in
      guard let (cache, survival) = verdict.lostSync else { return disk.persistData(of: inode) }
      disk.persistData(of: inode, survival)
      switch cache {
      case .kept: inode.diverged = true
      case .reverted:
        let before = inode.cached.allocated
        inode.cached = inode.durable
        disk.usedPages += inode.cached.allocated - before
        inode.diverged = false
      }
    }
  }

  /// What a read past the cache sees: dirty pages are written back first, but not those a failed sync marked clean.
  private var device: Content {
    guard inode.diverged else { return inode.cached }
    var content = inode.durable
    var judge = SurvivalJudge(.everything)
    for change in disk.changes where change.dataOwner === inode { judge.apply(change, .whole, to: &content) }
    content.dropTail()
    content.extend(to: inode.cached.size)
    return content
  }

  private func checkWritable(_ operation: DiskOperation) throws(SystemError) {
    switch mode {
    case .readWrite, .create: return
    case .read, .readDirect: throw operation.failure(EBADF)
    }
  }
}

import Platform
import Synchronization

/// The slots of a shard that hold no live generation, kept one ahead of need.
///
/// A new slot is born in `tmp/`, written with zeros to its full size, synced, renamed into `log/` and the directory synced:
/// pre-writing is what keeps file metadata out of every later sync (engine §2.1). Preparing takes a disk's time, so a
/// background thread does it; taking and releasing are the committer's and take none.
package final class SlotPool: Sendable {
  /// A slot without a live generation; opened where it is about to be taken.
  private struct Free {
    var slot: UInt32
    var file: (any File)?
  }

  private struct State {
    /// The next one is the last that is open, else the last.
    var free: [Free] = []
    var next: UInt32 = 0
    var preparing = false
    var lastError: String?
    var keeper: Doorbell?
    /// Committers that wait for a slot.
    var waiting = 0

    var hasOpen: Bool { free.contains { $0.file != nil } }

    mutating func take() -> Free? {
      guard let open = free.lastIndex(where: { $0.file != nil }) else { return free.popLast() }
      return free.remove(at: open)
    }
  }

  private let files: any FileSystem
  private let logDirectory: String
  private let temporaryDirectory: String
  private let reserve: UInt64
  private let state = Mutex(State())
  private let prepared = Doorbell()

  /// How long `take` waits for a slot that is being made, ns. A click that waits is counted, one that is turned away is not.
  private static let patience: Int64 = 250_000_000
  /// Bytes written at once.
  private static let pieceBytes = 1 << 20

  /// Bytes of each slot.
  package let slotBytes: Int

  /// Least and greatest size of a slot.
  package static let sizes = 65_536...(1 << 30)

  /// A pool over the slot files found in `logDirectory`; `live` are taken. A free slot of another size is removed. The
  /// directory is synced, since a killed process may have named a slot and got no further.
  /// Preparing leaves at least `reserve` bytes of the volume free.
  package init(
    files: any FileSystem, logDirectory: String, temporaryDirectory: String, slotBytes: Int, reserve: UInt64,
    live: Set<UInt32>
  ) throws(SystemError) {
    precondition(Self.sizes.contains(slotBytes) && slotBytes % FrameHeader.alignment == 0)
    self.files = files
    self.logDirectory = logDirectory
    self.temporaryDirectory = temporaryDirectory
    self.slotBytes = slotBytes
    self.reserve = reserve
    var found = State()
    for name in try files.list(logDirectory) {
      guard let slot = SlotHeader.number(of: name) else { continue }
      found.next = max(found.next, slot + 1)
      if live.contains(slot) { continue }
      let path = "\(logDirectory)/\(name)"
      if try files.open(path, .read).size() == UInt64(slotBytes) {
        found.free.append(Free(slot: slot))
      } else {
        try files.remove(path)
      }
    }
    if !sabotaged(.trustUnsyncedNames) { try files.synchronizeDirectory(logDirectory) }
    found.free.sort { $0.slot > $1.slot }
    let initial = found
    state.withLock { $0 = initial }
  }

  /// Whether slots are ahead, but none of them is open: taking one then needs a descriptor, which may not be had.
  package var needsOpening: Bool { state.withLock { !$0.free.isEmpty && !$0.hasOpen } }

  /// Opens the slot that is taken next. Throws where it cannot be opened; it stays where it is.
  package func openNext() throws(SystemError) {
    guard let slot = state.withLock({ $0.hasOpen ? nil : $0.free.last?.slot }) else { return }
    do throws(SystemError) {
      let file = try files.open(path(slot), .readWrite)
      state.withLock {
        if let index = $0.free.lastIndex(where: { $0.slot == slot }) { $0.free[index].file = file }
        $0.lastError = nil
      }
    } catch {
      state.withLock { $0.lastError = "\(error)" }
      throw error
    }
  }

  /// Whether no slot is ahead.
  package var needsPreparation: Bool { state.withLock { $0.free.isEmpty && !$0.preparing } }

  /// Whether a committer waits for a slot.
  package var isWanted: Bool { state.withLock { $0.waiting > 0 } }

  /// Why the last preparation failed; nil after a success.
  package var lastError: String? { state.withLock { $0.lastError } }

  /// How many slots wait.
  package var freeCount: Int { state.withLock { $0.free.count } }

  /// The path of a slot.
  package func path(_ slot: UInt32) -> String { "\(logDirectory)/\(SlotHeader.name(slot))" }

  /// From now on another thread makes slots ahead of need; `bell` wakes it.
  package func keep(by bell: Doorbell) { state.withLock { $0.keeper = bell } }

  /// Takes a free slot, opened for writing. Where none waits but one is being made, and the last making did not fail, it
  /// waits a moment; nil where there is none then, or none can be opened for want of descriptors.
  package func take() throws(SystemError) -> (slot: UInt32, file: any File)? {
    let (first, keeper, failed) = state.withLock { ($0.take(), $0.keeper, $0.lastError != nil) }
    keeper?.ring()
    var taken = first
    if taken == nil, keeper != nil, !failed {
      state.withLock { $0.waiting += 1 }
      defer { state.withLock { $0.waiting -= 1 } }
      keeper?.ring()
      _ = prepared.wait(nanoseconds: Self.patience) { state.withLock { !$0.free.isEmpty || $0.lastError != nil } }
      taken = state.withLock { $0.take() }
      keeper?.ring()
    }
    guard let free = taken else { return nil }
    if let file = free.file { return (free.slot, file) }
    do throws(SystemError) { return (free.slot, try files.open(path(free.slot), .readWrite)) } catch {
      // Nothing was written: the slot is as free as it was.
      state.withLock {
        $0.free.append(Free(slot: free.slot))
        if error.isOutOfDescriptors { $0.lastError = "\(error)" }
      }
      guard error.isOutOfDescriptors else { throw error }
      return nil
    }
  }

  /// Gives back a slot whose generation no durable manifest names any more.
  package func release(_ slot: UInt32) { state.withLock { $0.free.append(Free(slot: slot)) } }

  /// Makes one slot, and calls `rest` behind each piece of it. Throws `ENOSPC` where the volume would fall below its reserve; nothing
  /// is left behind then.
  package func prepare(rest: () -> Void = {}) throws(SystemError) {
    let slot: UInt32? = state.withLock {
      guard !$0.preparing else { return nil }
      $0.preparing = true
      $0.next += 1
      return $0.next - 1
    }
    guard let slot else { return }
    let temporary = "\(temporaryDirectory)/\(SlotHeader.name(slot))"
    do throws(SystemError) {
      try write(slot, as: temporary, rest)
      // By its own name; where no descriptor can be had now, `openNext` does it.
      let file = state.withLock { $0.hasOpen } ? nil : try? files.open(path(slot), .readWrite)
      state.withLock {
        $0.free.insert(Free(slot: slot, file: file), at: 0)
        $0.preparing = false
        $0.lastError = nil
      }
      prepared.ring()
    } catch {
      if files.exists(temporary) { do throws(SystemError) { try files.remove(temporary) } catch {} }
      state.withLock {
        if $0.next == slot + 1 { $0.next = slot }
        $0.preparing = false
        $0.lastError = "\(error)"
      }
      prepared.ring()
      throw error
    }
  }

  private func write(_ slot: UInt32, as temporary: String, _ rest: () -> Void) throws(SystemError) {
    let available = try files.availableSpace(at: temporaryDirectory)
    guard available >= UInt64(slotBytes) + reserve else {
      throw SystemError("prepare", "\(path(slot)) (\(available) bytes free, \(reserve) kept back)", code: 28)
    }
    if files.exists(temporary) { try files.remove(temporary) }
    let file = try files.open(temporary, .create)
    try file.allocate(size: UInt64(slotBytes))
    let zeros = AlignedBuffer(capacity: min(slotBytes, Self.pieceBytes))
    var written = 0
    while written < slotBytes {
      let size = min(zeros.capacity, slotBytes - written)
      unsafe try file.writeAll(zeros.bytes(size), at: UInt64(written))
      file.startWriteback(at: UInt64(written), count: size)
      written += size
      rest()
    }
    if !sabotaged(.noFileSyncBeforeRename) { try file.synchronize() }
    try files.rename(temporary, to: path(slot))
    if !sabotaged(.noDirectorySync) { try files.synchronizeDirectory(logDirectory) }
  }
}

import Platform
import Synchronization

/// The slots of a shard that hold no live generation, kept one ahead of need.
///
/// A new slot is born in `tmp/`, written with zeros to its full size, synced, renamed into `log/` and the directory synced:
/// pre-writing is what keeps file metadata out of every later sync (engine §2.1). Preparing takes a disk's time, so a
/// background thread does it; taking and releasing are the committer's and take none.
package final class SlotPool: Sendable {
  private struct State {
    var free: [UInt32] = []
    var next: UInt32 = 0
    var preparing = false
    var lastError: String?
    var keeper: Doorbell?
    /// Committers that wait for a slot.
    var waiting = 0
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
        found.free.append(slot)
      } else {
        try files.remove(path)
      }
    }
    if !sabotaged(.trustUnsyncedNames) { try files.synchronizeDirectory(logDirectory) }
    found.free.sort(by: >)
    let initial = found
    state.withLock { $0 = initial }
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
  /// waits a moment; nil where there is none then.
  package func take() throws(SystemError) -> (slot: UInt32, file: any File)? {
    let (first, keeper, failed) = state.withLock { ($0.free.popLast(), $0.keeper, $0.lastError != nil) }
    keeper?.ring()
    var taken = first
    if taken == nil, keeper != nil, !failed {
      state.withLock { $0.waiting += 1 }
      defer { state.withLock { $0.waiting -= 1 } }
      keeper?.ring()
      _ = prepared.wait(nanoseconds: Self.patience) { state.withLock { !$0.free.isEmpty || $0.lastError != nil } }
      taken = state.withLock { $0.free.popLast() }
      keeper?.ring()
    }
    guard let slot = taken else { return nil }
    return (slot, try files.open(path(slot), .readWrite))
  }

  /// Gives back a slot whose generation no durable manifest names any more.
  package func release(_ slot: UInt32) { state.withLock { $0.free.append(slot) } }

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
      state.withLock {
        $0.free.insert(slot, at: 0)
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

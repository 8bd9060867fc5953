import Bytes
import ClickLog
import Files
import Platform

// The manifest: two identical copies of one list of records. The first record is a snapshot of the whole state, the others
// are edits. A record counts once it is synced in both copies; copy a is written and synced before copy b is touched, so
// that a crash harms one at most. Every opening of the store starts a new manifest, so nothing is ever appended behind a
// crash.
//
//     sequence numbers go on over all manifests of a shard; every log frame names the newest one known durable,
//     so a manifest that lost records is told from one that never had them.

/// What reading found.
package struct ManifestReading {
  package var number: UInt64
  package var state: ManifestState
  /// Sequence number of the last record.
  package var sequence: UInt64
  /// Records that one copy lacked and the other had: where, and what was wrong.
  package var repaired: [String]
  /// Records read.
  package var records: Int
}

/// The open manifest of a shard. After a failed write or sync it is poisoned and throws the first error for ever (K8).
package struct Manifest: ~Copyable {
  private let files: any FileSystem
  private let directory: String
  private let store: StoreID
  private let bytes: Int
  private var copies: [any File]
  private var number: UInt64
  private var offset: Int
  private var frameIndex: UInt32
  private var checksum: UInt32

  /// The state that the durable records make.
  package private(set) var state: ManifestState
  /// Sequence number of the last durable record.
  package private(set) var sequence: UInt64
  /// The first error, if there was one.
  package private(set) var failure: SystemError?

  /// Bytes of each copy where a snapshot does not need more.
  package static let defaultBytes = 256 << 10

  /// Starts manifest `number` with `state` as its snapshot, makes it durable, and then removes older ones. An error before
  /// the new one has its name leaves the old one in force.
  package init(
    files: any FileSystem, directory: String, store: StoreID, number: UInt64, state: ManifestState, sequence: UInt64,
    bytes: Int = Self.defaultBytes
  ) throws(SystemError) {
    self.files = files
    self.directory = directory
    self.store = store
    self.bytes = bytes
    self.state = state
    self.sequence = sequence
    copies = []
    self.number = number
    offset = FileHeader.size
    frameIndex = 0
    checksum = 0
    try start(number, state: state, sequence: sequence)
  }

  /// Makes `changes` durable as one record. They must fit the state (a change that does not is a bug and traps).
  package mutating func append(_ changes: [ManifestChange]) throws(SystemError) {
    if let failure { throw failure }
    var next = state
    for change in changes { Self.apply(change, to: &next) }
    let frame = Self.frame(
      .edit, changes, number: number, sequence: sequence + 1, index: frameIndex, offset: offset, previous: checksum,
      state: next)
    if offset + frame.bytes.count > Int(fileBytes) {
      // The changes become part of the next manifest's snapshot.
      try start(number + 1, state: next, sequence: sequence + 1)
      state = next
      return
    }
    do throws(SystemError) {
      for copy in copies {
        try copy.writeAll(frame.bytes, at: UInt64(offset))
        do throws(SystemError) { try copy.synchronizeData() } catch {
          if sabotaged(.ignoreSyncError) { continue }
          if sabotaged(.retrySync) { try copy.synchronizeData() } else { throw error }
        }
      }
    } catch {
      failure = error
      throw error
    }
    offset += frame.bytes.count
    frameIndex += 1
    checksum = frame.checksum
    sequence += 1
    state = next
  }

  private var fileBytes: UInt64 = 0

  /// Starts a new manifest while there is still room in this one, so that the next `append` needs no new file. A full disk
  /// throws and leaves this one in force.
  package mutating func makeRoom() throws(SystemError) {
    if let failure { throw failure }
    guard offset + 2 * FrameHeader.alignment > Int(fileBytes) else { return }
    try start(number + 1, state: state, sequence: sequence + 1)
  }

  private mutating func start(_ number: UInt64, state: ManifestState, sequence: UInt64) throws(SystemError) {
    let first = Self.frame(
      .snapshot, state.snapshot, number: number, sequence: sequence, index: 0, offset: FileHeader.size, previous: 0,
      state: state)
    let size = max(bytes, FileHeader.size + 4 * first.bytes.count)
    let header = unsafe FileHeader(magic: .manifest, store: store, number: number, created: state.logicalTime).page()
    let temporary = ManifestCopy.allCases.map {
      "\(directory)/\(StoreFiles.temporary)/\(StoreFiles.manifest(number, copy: $0))"
    }
    let paths = ManifestCopy.allCases.map { "\(directory)/\(StoreFiles.manifest(number, copy: $0))" }
    var fresh: [any File] = []
    do throws(SystemError) {
      for path in temporary {
        if files.exists(path) { try files.remove(path) }
        let file = try files.open(path, .create)
        try file.allocate(size: UInt64(size))
        let rest = size - FileHeader.size - first.bytes.count
        try file.writeAll(header + first.bytes + [UInt8](repeating: 0, count: rest), at: 0)
        if !sabotaged(.noFileSyncBeforeRename) { try file.synchronize() }
        fresh.append(file)
      }
    } catch {
      for path in temporary where files.exists(path) {
        do throws(SystemError) { try files.remove(path) } catch {}
      }
      if !error.isShortage { failure = error }
      throw error
    }
    if sabotaged(.removeManifestEarly) { removeOlder(than: number) }
    do throws(SystemError) {
      for (from, to) in zip(temporary, paths) { try files.rename(from, to: to) }
      if !sabotaged(.noDirectorySync) { try files.synchronizeDirectory(directory) }
    } catch {
      failure = error
      throw error
    }
    copies = fresh
    fileBytes = UInt64(size)
    self.number = number
    self.sequence = sequence
    offset = FileHeader.size + first.bytes.count
    frameIndex = 1
    checksum = first.checksum
    removeOlder(than: number)
  }

  /// Older manifests are only litter now; one that cannot be removed is removed by the next opening.
  private func removeOlder(than number: UInt64) {
    do throws(SystemError) {
      for name in try files.list(directory) {
        guard let found = StoreFiles.manifest(of: name), found.number < number else { continue }
        try files.remove("\(directory)/\(name)")
      }
    } catch {}
  }

  private static func apply(_ change: ManifestChange, to state: inout ManifestState) {
    do throws(ManifestFault) { try state.apply(change) } catch { preconditionFailure("manifest: \(error)") }
  }

  private static func frame(
    _ kind: FrameKind, _ changes: [ManifestChange], number: UInt64, sequence: UInt64, index: UInt32, offset: Int,
    previous: UInt32, state: ManifestState
  ) -> (bytes: [UInt8], checksum: UInt32) {
    var payload = ByteWriter()
    for change in changes { change.write(to: &payload) }
    let header = FrameHeader(
      kind: kind, generation: number, firstPosition: sequence, records: UInt32(changes.count),
      payloadBytes: UInt32(payload.bytes.count), promise: LogAddress(generation: number, offset: offset),
      previousChecksum: previous, index: index, manifestSequence: sequence - 1, epoch: state.epoch,
      logicalTime: state.logicalTime, runningTime: 0)
    var frame = [UInt8](repeating: 0, count: header.frameBytes)
    frame.replaceSubrange(FrameHeader.size..<(FrameHeader.size + payload.bytes.count), with: payload.bytes)
    let checksum = unsafe frame.withUnsafeMutableBytes { unsafe header.seal($0) }
    return (frame, checksum)
  }
}

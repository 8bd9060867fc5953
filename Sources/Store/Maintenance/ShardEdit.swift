import Corrections
import Files
import Minutes
import Platform
import Runs
import Segments

// A change of a shard's files, as a step makes it:
//
//   1. new files are written under `tmp` and named (`newFile`, the `write…` functions), and opened for readers (`open`)
//   2. `install` lists them, and no longer what they replace, with one manifest record; then readers get the new version
//   3. a failure before that takes the new files away again (`perform`): the inputs are as they were
//
// A crash before the record leaves files that no manifest names; the next opening removes them.

/// Files that a step has made and nothing lists yet.
final class ShardEdit {
  let context: MaintenanceContext
  private(set) var files: [StoreFile] = []
  private(set) var added = Version.Added()
  /// A dictionary of codes behind the last one.
  var dictionary: DictionaryPart?
  /// Where the earlier copies of repeats are that the step has found.
  var earlierCopies = EarlierCopies()
  /// Rows of minutes that were closed before, which late clicks change.
  var late: [LiveRow] = []
  private var isInstalled = false
  private let yields: Bool

  private init(_ context: MaintenanceContext, yields: Bool) {
    self.context = context
    self.yields = yields
  }

  var core: ShardCore { context.core }

  /// Lets `body` make and install a change, and takes away what it has made where it fails, or does not install it. `yields`:
  /// other changes may be made and installed before this one is.
  static func perform<R>(
    _ context: MaintenanceContext, yields: Bool = false, _ body: (ShardEdit) throws -> R
  ) throws -> R {
    let edit = ShardEdit(context, yields: yields)
    if yields { context.beginYielding() }
    defer { if yields { context.endYielding() } }
    defer { edit.discard() }
    return try body(edit)
  }

  // MARK: - New files

  /// A new file's number, path and place of birth.
  struct NewFile {
    var number: UInt64
    var path: String
    var temporary: String
  }

  func newFile(_ kind: StoreFile.Kind) throws(ShardError) -> NewFile {
    let number = try context.takeFileNumber(yielding: yields)
    let name = StoreFiles.path(kind, number)
    let last = name[name.index(after: name.lastIndex(of: "/")!)...]
    return NewFile(
      number: number, path: "\(core.directory)/\(name)", temporary: "\(core.directory)/\(StoreFiles.temporary)/\(last)")
  }

  /// The header of a file that is made now.
  func header(_ kind: StoreFile.Kind, _ number: UInt64) -> FileHeader {
    FileHeader(
      magic: kind.magic, store: core.store, number: number, created: core.clock.now(),
      blockBytes: SealedFileWriter.defaultBlockBytes)
  }

  /// Where a segment that is made now goes.
  func target(_ file: NewFile, _ files: any FileSystem) -> SegmentTarget {
    SegmentTarget(
      files: files, path: file.path, temporary: file.temporary, store: core.store, number: file.number,
      created: core.clock.now())
  }

  /// Opens a file that was just written, for the version to come.
  func open(_ kind: StoreFile.Kind, _ reference: SealedReference) throws {
    files.append(StoreFile(kind: kind, reference: reference))
    let path = "\(core.directory)/\(StoreFiles.path(kind, reference.number))"
    let (files, access) = (core.environment.files, core.options.access)
    switch kind {
    case .segment:
      added.segments.append(
        try Segment.open(files, path, store: core.store, reference: reference, access: access))
    case .run, .base, .external:
      added.runs.append((kind, try Run.open(files, path, store: core.store, reference: reference, access: access)))
    case .corrections:
      added.corrections.append(
        try CorrectionFile.open(files, path, store: core.store, reference: reference, access: access))
    case .dictionary: break
    }
  }

  /// Removes new files that will not be listed.
  private func discard() {
    // After a failed manifest nobody knows whether its last record lists them.
    guard !isInstalled, !core.manifest.hasFailed else { return }
    for file in files {
      let path = "\(core.directory)/\(StoreFiles.path(file.kind, file.reference.number))"
      do throws(SystemError) { try core.environment.files.remove(path) } catch {}
    }
  }

  // MARK: - Installing

  /// Lists what the step has made, and no longer `removed`, in one manifest record with `changes`; then readers see it, and
  /// the open files `closing` go with their last reader. Slots whose clicks are all in segments and below the replay floor go
  /// in the same record. `closedThrough`: a checkpoint's, which holds what was frozen; `mark`: a recount's; `sealed`: a month
  /// is from now on; `isRevised`: counts may differ in a way that no file of corrections tells. A change that the manifest cannot take ends the shard's changes, as a failed write of it does: what is in memory
  /// and what is on disk no longer fit.
  func install(
    removing removed: [StoreFile] = [], closing: [SealedFile] = [], closedThrough: Int64? = nil,
    mark: RecountMark? = nil, sealed: MonthSeal? = nil, isRevised: Bool = false, _ changes: [ManifestChange] = []
  ) throws {
    let (after, freed, logStart) = try log(removed, changes)
    isInstalled = true
    core.floor.store(after.floor, ordering: .relaxed)
    if let dictionary { context.dictionaries.append(dictionary) }
    // A merge of corrections brings nothing new.
    let isMerge = removed.contains { $0.kind == .corrections }
    core.live.publish(
      core.live.version.changed(removing: closing, adding: added, after), closedThrough: closedThrough, late: late,
      mark: mark, sealed: sealed, corrections: isMerge ? [] : added.corrections, isRevised: isRevised)
    context.audit()
    if !freed.isEmpty { core.leave(freed, logStart: logStart) }
  }

  /// Makes the record durable. Returns the state behind it, and the slots that it frees with where the log starts then.
  private func log(
    _ removed: [StoreFile], _ changes: [ManifestChange]
  ) throws -> (after: ManifestState, freed: [UInt32], logStart: UInt64) {
    var fault: ManifestFault?
    var freed: [UInt32] = []
    var logStart: UInt64 = 0
    var after = ManifestState()
    do throws(SystemError) {
      try core.manifest.change { state in
        var record = removed.map { ManifestChange.removeFile(number: $0.reference.number) }
        record += files.map { .addFile($0) }
        record += changes
        var copies = state.earlierCopies
        copies.add(earlierCopies)
        if !sabotaged(.leaveEarlierCopies) { for segment in added.segments { copies.join(segment.summary.positions) } }
        record += copies.changes(since: state.earlierCopies)
        // Before a slot is used again, the manifest knows what its frames said of sources.
        if !sabotaged(.forgetProgress) { record += core.sources.withLock { $0.changes(since: state.sources) } }
        var next = state
        do throws(ManifestFault) { for change in record { try next.apply(change) } } catch {
          fault = error
          return []
        }
        after = next
        for extent in next.extents {
          let limit = sabotaged(.recycleBeforeSeal) ? next.floor : next.logFloor
          guard let end = extent.end, end.position <= limit else { break }
          record.append(.remove(generation: extent.generation))
          freed.append(extent.slot)
          logStart = end.position
        }
        record.append(.logicalTime(core.clock.now()))
        return record
      }
    } catch {
      if core.manifest.hasFailed { core.fail(error) }
      throw error
    }
    if let fault {
      let error = ShardError.corrupt(
        "\(core.directory)/MANIFEST", what: "a change does not fit what the manifest says: \(fault)",
        remedy: "a restart reads all files again; `tally verify` names what contradicts itself")
      core.fail("\(error)")
      throw error
    }
    return (after, freed, logStart)
  }
}

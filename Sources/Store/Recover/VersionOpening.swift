import Bytes
import Clicks
import Corrections
import Files
import Minutes
import Platform
import Runs
import Segments

extension Version {
  /// What the manifest's list of files opens to.
  struct Opened {
    var version: Version
    var ads: AdCodes
    var dictionaries: [DictionaryPart]
    /// Derived files that cannot be read; only where `sparing` asked for that.
    var damaged: [(file: StoreFile, reason: String)] = []
  }

  /// Opens every file that `state` lists. Throws `FormatError` where one is missing, damaged or foreign. With `sparing`,
  /// derived runs that are damaged (all their blocks are read then) are left out and named.
  static func open(
    _ files: any FileSystem, directory: String, store: StoreID, state: ManifestState, access: SealedFile.Access,
    sparing: Bool
  ) throws -> Opened {
    var tables: [RunTableKey: RunTable] = [:]
    var segments: [Segment] = []
    var corrections: [CorrectionFile] = []
    var parts: [(part: DictionaryPart, keys: [UInt64])] = []
    var damaged: [(StoreFile, String)] = []
    for file in state.files {
      let path = "\(directory)/\(StoreFiles.path(file.kind, file.reference.number))"
      switch file.kind {
      case .segment:
        segments.append(try Segment.open(files, path, store: store, reference: file.reference, access: access))
      case .corrections:
        corrections.append(
          try CorrectionFile.open(files, path, store: store, reference: file.reference, access: access))
      case .dictionary:
        let part = try AdDictionary.read(files, path, store: store, reference: file.reference)
        parts.append(
          (DictionaryPart(firstCode: part.firstCode, count: part.keys.count, reference: file.reference), part.keys))
      case .run, .base, .external:
        do {
          let run = try Run.open(files, path, store: store, reference: file.reference, access: access)
          if sparing { try run.verify() }
          if let fault = tables[RunTableKey(run, kind: file.kind), default: RunTable()].add(run) {
            throw FormatError(file: path, offset: UInt64(FileHeader.typeFields), reason: fault)
          }
        } catch let error as FormatError where sparing && file.kind == .run {
          damaged.append((file, error.description))
        }
      }
    }
    segments.sort { $0.summary.positions.lowerBound < $1.summary.positions.lowerBound }
    try checkTiles(segments, state, directory)
    parts.sort { $0.part.firstCode < $1.part.firstCode }
    return Opened(
      version: Version(
        tables: tables, segments: segments, corrections: corrections, rolledUp: state.rolledUp,
        minutesFrom: state.minutesFrom, externals: state.tables),
      ads: try codes(parts, directory), dictionaries: parts.map(\.part), damaged: damaged)
  }

  /// Segments hold every position from `retired` to `sealed`, each once.
  private static func checkTiles(_ segments: [Segment], _ state: ManifestState, _ directory: String) throws {
    var position = state.retired
    for segment in segments {
      guard segment.summary.positions.lowerBound == position else {
        throw FormatError(
          file: segment.file.path, offset: UInt64(FileHeader.typeFields),
          reason: "the segment starts at position \(segment.summary.positions.lowerBound), where \(position) is due")
      }
      position = segment.summary.positions.upperBound
    }
    guard position == state.sealed else {
      throw FormatError(
        file: "\(directory)/\(StoreFile.Kind.segment.directory)", offset: 0,
        reason: "segments reach to position \(position), the manifest says \(state.sealed)")
    }
  }

  /// The codes of all dictionary files, which follow one another; a key with two codes is damage.
  private static func codes(_ parts: [(part: DictionaryPart, keys: [UInt64])], _ directory: String) throws -> AdCodes {
    var keys: [UInt64] = []
    for (part, more) in parts {
      guard Int(part.firstCode) == keys.count else {
        throw FormatError(
          file: "\(directory)/\(StoreFiles.path(.dictionary, part.reference.number))",
          offset: UInt64(FileHeader.typeFields),
          reason: "the dictionary starts at code \(part.firstCode), where \(keys.count) is due")
      }
      keys += more
    }
    let codes = AdCodes(keys: keys)
    for (code, key) in keys.enumerated() where codes.code(of: AdKey(rawValue: key)) != UInt32(code) {
      throw FormatError(
        file: "\(directory)/\(StoreFile.Kind.dictionary.directory)", offset: 0,
        reason: "an ad has two codes, one of them \(code)")
    }
    return codes
  }
}

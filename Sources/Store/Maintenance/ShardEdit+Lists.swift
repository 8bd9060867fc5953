import Clicks
import Corrections
import Files
import Minutes
import Platform

// The files of a shard that are no tables: dictionaries and corrections.

extension ShardEdit {
  /// Writes the keys of ads that no dictionary holds yet.
  func writeDictionary(_ keys: [UInt64]) throws {
    guard !keys.isEmpty else { return }
    let firstCode = UInt32(context.codes)
    let reference = try writeDictionary(keys, firstCode: firstCode, core.environment.files)
    dictionary = DictionaryPart(firstCode: firstCode, count: keys.count, reference: reference)
  }

  /// Writes a dictionary of the codes from `firstCode` on.
  func writeDictionary(_ keys: [UInt64], firstCode: UInt32, _ files: any FileSystem) throws -> SealedReference {
    let file = try newFile(.dictionary)
    let reference = try AdDictionary.write(
      keys, firstCode: firstCode, files: files, path: file.path, temporary: file.temporary, store: core.store,
      number: file.number, created: core.clock.now())
    try open(.dictionary, reference)
    return reference
  }

  /// Writes corrections in any order as one file.
  func writeCorrections(_ rows: [Correction], _ repeats: [RecordedRepeat], _ files: any FileSystem) throws {
    let file = try newFile(.corrections)
    let reference = try CorrectionWriter.write(
      rows, repeats, files: files, path: file.path, temporary: file.temporary,
      header: header(.corrections, file.number))
    try open(.corrections, reference)
  }
}

import Bytes
import ClickLog
import Files
import Platform

extension Manifest {
  /// Reads the newest manifest in `directory`; nil where there is none. Each record is taken from whichever copy has it
  /// whole. Throws `FormatError` where both lack a record that was durable.
  package static func read(
    _ files: any FileSystem, directory: String, store: StoreID
  ) throws -> ManifestReading? {
    let found = try files.list(directory).compactMap { StoreFiles.manifest(of: $0) }
    guard let number = found.map(\.number).max() else { return nil }
    do { return try read(number, files, directory: directory, store: store) } catch {
      guard sabotaged(.fallBackToOlderManifest), let older = found.map(\.number).min(), older < number else {
        throw error
      }
      return try read(older, files, directory: directory, store: store)
    }
  }

  private static func read(
    _ number: UInt64, _ files: any FileSystem, directory: String, store: StoreID
  ) throws -> ManifestReading {
    var faults: [String] = []
    var copies: [ManifestCopyReader] = []
    for copy in ManifestCopy.allCases {
      let path = "\(directory)/\(StoreFiles.manifest(number, copy: copy))"
      guard files.exists(path) else {
        faults.append("\(path): missing")
        continue
      }
      do {
        copies.append(try ManifestCopyReader(files, path, number: number, store: store))
      } catch let error as FormatError {
        faults.append(error.description)
      }
    }
    guard !copies.isEmpty else {
      throw FormatError(
        file: "\(directory)/\(StoreFiles.manifest(number, copy: .a))", offset: 0,
        reason: "no copy of the manifest is readable: \(faults.joined(separator: "; "))")
    }
    return try merge(&copies, number: number, faults: faults)
  }

  private static func merge(
    _ copies: inout [ManifestCopyReader], number: UInt64, faults: [String]
  ) throws -> ManifestReading {
    var reading = ManifestReading(number: number, state: ManifestState(), sequence: 0, repaired: faults, records: 0)
    var offset = FileHeader.size
    var checksum: UInt32 = 0
    while true {
      var next: ManifestRecord?
      var reasons: [String] = []
      for copy in copies {
        switch try copy.record(at: offset, index: UInt32(reading.records), previous: checksum) {
        case .success(let record): next = next ?? record
        case .failure(let fault): reasons.append("\(copy.path): at byte \(offset): \(fault)")
        }
      }
      guard let record = next else {
        for copy in copies where try copy.hasRecord(behind: offset) {
          throw FormatError(
            file: copy.path, offset: UInt64(offset),
            reason: "manifest records are damaged in every copy: \(reasons.joined(separator: "; "))")
        }
        guard reading.records > 0 else {
          throw FormatError(
            file: copies[0].path, offset: UInt64(offset),
            reason: "the manifest has no snapshot: \(reasons.joined(separator: "; "))")
        }
        return reading
      }
      reading.repaired += reasons
      guard reading.records == 0 || record.header.firstPosition == reading.sequence + 1 else {
        throw FormatError(
          file: copies[0].path, offset: UInt64(offset), reason: "sequence \(record.header.firstPosition)")
      }
      do throws(ManifestFault) {
        for change in try ManifestChange.read(record.payload) { try reading.state.apply(change) }
      } catch { throw FormatError(file: copies[0].path, offset: UInt64(offset), reason: error.description) }
      reading.sequence = record.header.firstPosition
      reading.records += 1
      checksum = record.checksum
      offset += record.header.frameBytes
    }
  }
}

/// One record as it was found.
package struct ManifestRecord {
  package var header: FrameHeader
  package var checksum: UInt32
  package var payload: [UInt8]
}

/// One copy of a manifest, held in memory (it is small).
package struct ManifestCopyReader {
  package let path: String
  package let header: FileHeader
  private let bytes: [UInt8]

  /// Reads the copy at `path` and checks its header page.
  package init(_ files: any FileSystem, _ path: String, number: UInt64? = nil, store: StoreID? = nil) throws {
    self.path = path
    bytes = try files.contents(path)
    header = try FileHeader.read(bytes, as: .manifest, path: path)
    if let store, header.store != store {
      throw FormatError(file: path, offset: 16, reason: "the manifest belongs to store \(header.store), not \(store)")
    }
    if let number, header.number != number {
      throw FormatError(file: path, offset: 32, reason: "the header says manifest \(header.number)")
    }
  }

  /// The record at `offset`, if it continues the chain.
  package func record(
    at offset: Int, index: UInt32, previous: UInt32
  ) throws -> Result<ManifestRecord, ManifestFault> {
    guard offset + FrameHeader.alignment <= bytes.count else { return .failure(ManifestFault("the copy ends here")) }
    let found = unsafe bytes.withUnsafeBytes { raw in
      unsafe FrameHeader.scan(
        UnsafeRawBufferPointer(rebasing: raw[offset...]), generation: header.number, limit: raw.count - offset)
    }
    guard case .valid(let frame, let checksum) = found else {
      if case .invalid(let reason) = found { return .failure(ManifestFault(reason)) }
      return .failure(ManifestFault("the copy ends inside a record"))
    }
    guard frame.kind == (index == 0 ? .snapshot : .edit), frame.index == index, frame.previousChecksum == previous
    else {
      return .failure(ManifestFault("the chain of records is broken"))
    }
    let start = offset + FrameHeader.size
    return .success(
      ManifestRecord(
        header: frame, checksum: checksum, payload: Array(bytes[start..<(start + Int(frame.payloadBytes))])))
  }

  /// Whether a whole record of this manifest stands somewhere behind `offset`.
  package func hasRecord(behind offset: Int) throws -> Bool {
    var at = offset + FrameHeader.alignment
    while at + FrameHeader.alignment <= bytes.count {
      let found = unsafe bytes.withUnsafeBytes { raw in
        unsafe FrameHeader.scan(
          UnsafeRawBufferPointer(rebasing: raw[at...]), generation: header.number, limit: raw.count - at)
      }
      if case .valid = found { return true }
      at += FrameHeader.alignment
    }
    return false
  }
}

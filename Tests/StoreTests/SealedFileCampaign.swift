#if Sabotage
  import Bytes
  import Files
  import Platform
  import Simulation

  /// Sealed files that are damaged, mixed up or old: each must be refused.
  enum SealedFileCampaign {
    /// What was not refused.
    @Sendable static func run() throws -> [String] {
      let disk = SimulatedDisk()
      var violations: [String] = []
      let older = try write(disk, fill: 1)
      let bytes = disk.bytes(of: "f")!
      let reference = try write(disk, fill: 2)
      func expectRefusal(_ what: String, _ reference: SealedReference?) throws {
        do {
          let file = try SealedFile.open(disk, "f", as: .run, reference: reference, access: .read)
          try file.verify()
          violations.append("\(what) is taken")
        } catch is FormatError {}
      }
      disk.flip(bit: 0, ofByte: FileHeader.size + 700, in: "f")
      try expectRefusal("a damaged block", reference)
      disk.place(bytes, at: "f")
      try expectRefusal("an older file", reference)

      // Two blocks change places, with their checksums, and the footer is made to hold again.
      var swapped = bytes
      let footer = FileHeader.size + 1024
      for i in 0..<512 { swapped.swapAt(FileHeader.size + i, FileHeader.size + 512 + i) }
      for i in 0..<4 { swapped.swapAt(footer + 64 + i, footer + 68 + i) }
      let checksum = CRC32C.checksum([7, 0, 0, 0, 0, 0, 0, 0] + swapped[footer..<(swapped.count - 4)])
      for i in 0..<4 { swapped[swapped.count - 4 + i] = UInt8(truncatingIfNeeded: checksum >> UInt32(8 * i)) }
      disk.place(swapped, at: "f")
      try expectRefusal("a file with swapped blocks", nil)
      disk.place(bytes, at: "f")
      do {
        try SealedFile.open(disk, "f", as: .run, reference: older, access: .read).verify()
      } catch { violations.append("a whole file is refused: \(error)") }
      return violations
    }

    /// File 7 with a section of two blocks.
    private static func write(_ disk: SimulatedDisk, fill: UInt8) throws -> SealedReference {
      let header = FileHeader(
        magic: .run, store: StoreID(high: 1, low: 2), number: 7, created: 0, blockBytes: 512)
      var writer = try SealedFileWriter(disk, path: "f", temporary: "t", header: header)
      try writer.begin(section: 0)
      try writer.append([UInt8](repeating: fill, count: 512) + [UInt8](repeating: fill &+ 100, count: 512))
      writer.end()
      return unsafe try writer.finish { _ in }
    }
  }
#endif

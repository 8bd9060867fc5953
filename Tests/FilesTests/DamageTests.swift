import Bytes
import Files
import Platform
import Simulation
import Testing

/// Damaged, shortened, mixed up, old or foreign: a `FormatError` each time, never wrong bytes and never a trap.
@Suite struct DamageTests {
  private static let sample: Sample = {
    var chance = SeededGenerator(seed: 3)
    return Sample(chance.bytes(700), [], chance.bytes(1), chance.bytes(513))
  }()

  private func written(_ sample: Sample = Self.sample) throws -> (disk: SimulatedDisk, reference: SealedReference) {
    let disk = SimulatedDisk()
    let reference = try sample.write(disk, at: "f", temporary: "t")
    return (disk, reference)
  }

  @Test(arguments: SealedFile.Access.allCases, [false, true])
  func everyBitIsGuarded(_ access: SealedFile.Access, _ isListed: Bool) throws {
    let (disk, reference) = try written()
    var missed: [Int] = []
    for byte in 0..<Int(reference.bytes) {
      for bit in 0..<8 {
        disk.flip(bit: bit, ofByte: byte, in: "f")
        let reading = try Reading(Self.sample, disk, "f", reference: isListed ? reference : nil, access: access)
        if !reading.isDamaged { missed.append(byte) }
        disk.flip(bit: bit, ofByte: byte, in: "f")
      }
    }
    #expect(missed == [])
    #expect(try Reading(Self.sample, disk, "f", reference: reference, access: access) == .whole)
  }

  /// The same while the file is open: what is read each time is checked each time, and `verify` reads everything anew.
  @Test(arguments: SealedFile.Access.allCases) func damageBehindTheReadersBackIsFound(_ access: SealedFile.Access)
    throws
  {
    let (disk, reference) = try written()
    let file = try SealedFile.open(disk, "f", as: .segment, reference: reference, access: access)
    #expect(try Self.sample.difference(from: file) == nil)
    for byte in stride(from: 0, to: Int(reference.bytes), by: 3) {
      disk.flip(bit: byte % 8, ofByte: byte, in: "f")
      #expect(throws: FormatError.self, "byte \(byte)") { try file.verify() }
      if access == .read, byte >= FileHeader.size, byte < FileHeader.size + 512 {
        #expect(throws: FormatError.self) { _ = try Self.sample.difference(from: file) }
      }
      disk.flip(bit: byte % 8, ofByte: byte, in: "f")
    }
    try file.verify()
    disk.overwrite("f", at: Int(reference.bytes), with: [0])
    #expect(throws: FormatError.self) { try file.verify() }
    disk.truncate("f", to: 5000)
    #expect(throws: FormatError.self) { try file.verify() }
  }

  @Test(arguments: SealedFile.Access.allCases) func everyTruncation(_ access: SealedFile.Access) throws {
    let (disk, reference) = try written()
    let bytes = try #require(disk.bytes(of: "f"))
    for length in 0..<bytes.count {
      disk.place(Array(bytes[..<length]), at: "f")
      let reading = try Reading(Self.sample, disk, "f", access: access)
      guard reading.isDamaged else {
        Issue.record("cut to \(length): \(reading)")
        return
      }
      let listed = try Reading(Self.sample, disk, "f", reference: reference, access: access)
      guard listed.reason?.contains("manifest") == true else {
        Issue.record("cut to \(length), listed: \(listed)")
        return
      }
    }
  }

  @Test func garbageBehindTheEnd() throws {
    let (disk, reference) = try written()
    let bytes = try #require(disk.bytes(of: "f"))
    var chance = SeededGenerator(seed: 4)
    let tails =
      (1...40).map { chance.bytes($0) } + [
        [UInt8](repeating: 0, count: 4096), Array(bytes.suffix(16)), Array(bytes[Int(reference.bytes - 100)...]), bytes,
      ]
    for tail in tails {
      disk.place(bytes + tail, at: "f")
      for access in SealedFile.Access.allCases {
        #expect(try Reading(Self.sample, disk, "f", access: access).isDamaged, "\(tail.count) bytes more")
      }
    }
  }

  /// Blocks that stand in each other's place, and their checksums with them, under a footer that is valid again.
  @Test func swappedBlocksAreFound() throws {
    var chance = SeededGenerator(seed: 5)
    let sample = Sample(chance.bytes(512), chance.bytes(512))
    let (disk, reference) = try written(sample)
    var bytes = try #require(disk.bytes(of: "f"))
    for offset in 0..<512 { bytes.swapAt(4096 + offset, 4096 + 512 + offset) }
    disk.place(bytes, at: "f")
    #expect(try Reading(sample, disk, "f", access: .read).isDamaged)
    let checksums = Forgery.checksums(of: bytes)
    for offset in 0..<4 { bytes.swapAt(checksums + offset, checksums + 4 + offset) }
    disk.place(Forgery.resealed(bytes, number: sample.number), at: "f")
    for access in SealedFile.Access.allCases {
      #expect(try Reading(sample, disk, "f", access: access).isDamaged)
      let listed = try Reading(sample, disk, "f", reference: reference, access: access)
      #expect(listed.reason?.hasPrefix("digest") == true)
    }
  }

  @Test func blocksOfAnotherFileAreFound() throws {
    var chance = SeededGenerator(seed: 6)
    let one = Sample(chance.bytes(1024), number: 1)
    let two = Sample(chance.bytes(1024), number: 2)
    let (disk, _) = try written(one)
    let own = try #require(disk.bytes(of: "f"))
    let (other, _) = try written(two)
    let foreign = try #require(other.bytes(of: "f"))
    let blocks = 4096..<(4096 + 512)
    for withChecksum in [false, true] {
      var mixed = own
      mixed.replaceSubrange(blocks, with: foreign[blocks])
      let checksum = Forgery.checksums(of: own)
      if withChecksum {
        mixed.replaceSubrange(checksum..<(checksum + 4), with: foreign[checksum..<(checksum + 4)])
        mixed = Forgery.resealed(mixed, number: 1)
      }
      disk.place(mixed, at: "f")
      for access in SealedFile.Access.allCases {
        #expect(try Reading(one, disk, "f", access: access).isDamaged)
        #expect(try Reading(two, disk, "f", access: access) != .whole)
      }
    }
    // A body under the other file's footer, and a header page over the other file's body.
    for cut in [4096, 4096 + 1024] {
      disk.place(Array(own[..<cut] + foreign[cut...]), at: "f")
      #expect(try Reading(one, disk, "f", access: .read).isDamaged)
    }
  }

  /// A header page that is valid in itself and another one's: its own fields count as much as the body.
  @Test func anotherHeaderPageIsFound() throws {
    let (disk, _) = try written()
    var other = Self.sample
    other.field += 1
    let (second, _) = try written(other)
    disk.overwrite("f", at: 0, with: Array(try #require(second.bytes(of: "f"))[..<4096]))
    for access in SealedFile.Access.allCases {
      #expect(try Reading(other, disk, "f", access: access).reason == "header page and footer are not of one file")
    }
  }

  /// A file that was whole once and had the number: every checksum in it holds, and the manifest's digest does not.
  @Test func anOlderFileUnderTheSameNumberIsRefused() throws {
    try Seeds.run(20) { seed in
      var chance = seed.generator
      let length = chance.small(in: 0...3000)
      let newer = Sample(chance.bytes(length))
      let older = chance.oneIn(2) ? Sample(chance.bytes(length)) : Sample(chance.bytes(length + 1))
      let (disk, _) = try written(older)
      let (_, reference) = try written(newer)
      for access in SealedFile.Access.allCases {
        #expect(try Reading(older, disk, "f", access: access) == .whole)
        let reading = try Reading(older, disk, "f", reference: reference, access: access)
        #expect(reading.isDamaged || older == newer, "\(seed)")
      }
    }
    // The type's own fields alone differ, or the time of making, or the store.
    let (_, reference) = try written()
    var changed = Self.sample
    changed.field += 1
    let (disk, otherReference) = try written(changed)
    #expect(reference.bytes == otherReference.bytes && reference.digest != otherReference.digest)
    #expect(try Reading(changed, disk, "f", reference: reference, access: .mapped).isDamaged)
  }

  @Test func theWrongFileIsNamedAsSuch() throws {
    let (disk, reference) = try written()
    let path = "f"
    func reason(
      _ magic: FileMagic = .segment, store: StoreID = Sample.store, reference: SealedReference? = nil,
      path: String = path
    ) throws -> String? {
      try Reading(Self.sample, disk, path, reference: reference, store: store, magic: magic, access: .mapped).reason
    }
    #expect(try reason() == nil)
    #expect(try reason(.run)?.hasPrefix("no TALLYRUN file") == true)
    #expect(try reason(store: StoreID(high: 1, low: 2))?.hasPrefix("the file belongs to store") == true)
    #expect(try reason(path: "missing") == "the file is missing")
    let other = SealedReference(number: 8, bytes: reference.bytes, digest: reference.digest)
    #expect(try reason(reference: other) == "the header says file 7")
    let longer = SealedReference(number: 7, bytes: reference.bytes + 1, digest: reference.digest)
    #expect(try reason(reference: longer)?.contains("long") == true)

    var header = Self.sample.header
    header.version = FileMagic.segment.versions.upperBound + 1
    unsafe disk.overwrite("f", at: 0, with: header.page())
    #expect(try reason()?.hasPrefix("format version \(header.version)") == true)
    #expect(throws: SystemError.self) { try disk.open("none/f", .read).size() }
  }

  /// Numbers that nobody writes, under checksums that hold: refused, or harmless.
  @Test func forgedFootersAreHarmless() throws {
    let (disk, reference) = try written()
    let bytes = try #require(disk.bytes(of: "f"))
    let footer = Int(reference.bytes) - Forgery.footerBytes(of: bytes)
    try Seeds.run(3_000) { seed in
      var chance = seed.generator
      var forged = bytes
      for _ in 0..<(1 + chance.small(in: 0...3)) {
        // One field of four or eight bytes, at the edge of its range.
        let at = footer + 4 * chance.small(in: 0...((bytes.count - footer) / 4 - 2))
        let value = chance.oneIn(2) ? chance.edge(in: 0...UInt64.max) : UInt64(chance.small(in: 0...10_000))
        let width = chance.oneIn(2) ? 4 : 8
        for i in 0..<width { forged[at + i] = UInt8(truncatingIfNeeded: value >> UInt64(8 * i)) }
      }
      if chance.oneIn(4) { forged.removeSubrange((footer + 40)..<(footer + 40 + 4 * chance.small(in: 0...20))) }
      disk.place(Forgery.resealed(forged, number: 7), at: "f")
      for access in SealedFile.Access.allCases {
        do {
          let file = try SealedFile.open(disk, "f", as: .segment, access: access)
          for section in file.sections {
            _ = try unsafe file.withBytes(of: section, 0..<section.bytes) { unsafe $0.reduce(0, &+) }
          }
          try file.verify()
        } catch { #expect(error is FormatError, "\(seed): \(error)") }
      }
    }
  }
}

/// The container's bytes in other words than the program's: what somebody who knows the format could write.
enum Forgery {
  private static func number(_ bytes: [UInt8], at offset: Int, _ width: Int) -> Int {
    bytes[offset..<(offset + width)].reversed().reduce(0) { $0 << 8 | Int($1) }
  }

  /// Where the list of block checksums starts.
  static func checksums(of bytes: [UInt8]) -> Int {
    let footer = number(bytes, at: bytes.count - 16, 8)
    return footer + 40 + 24 * number(bytes, at: footer + 28, 4)
  }

  static func footerBytes(of bytes: [UInt8]) -> Int { bytes.count - number(bytes, at: bytes.count - 16, 8) }

  /// The file with a checksum that fits its footer, wherever the last bytes say that it begins.
  static func resealed(_ bytes: [UInt8], number file: UInt64) -> [UInt8] {
    let start = number(bytes, at: bytes.count - 16, 6)
    guard start < bytes.count - 4 else { return bytes }
    let seed = (0..<8).map { UInt8(truncatingIfNeeded: file >> UInt64(8 * $0)) }
    let checksum = CRC32C.checksum(seed + bytes[start..<(bytes.count - 4)])
    return bytes.dropLast(4) + (0..<4).map { UInt8(truncatingIfNeeded: checksum >> UInt32(8 * $0)) }
  }
}

import Bytes
import Files
import Platform
import Simulation
import Testing

/// What was written is what is read, in both ways of reading, on both disks.
@Suite struct RoundTripTests {
  @Test func randomFilesOnTheSimulatedDisk() throws {
    try Seeds.run(60) { seed in
      let disk = SimulatedDisk()
      try disk.createDirectory("/d")
      try disk.createDirectory("/tmp")
      try check(disk, "/d/f", "/tmp/f", seed)
    }
  }

  @Test func randomFilesOnTheRealDisk() throws {
    let scratch = try Scratch()
    try Seeds.run(15) { seed in
      try check(scratch.files, "\(scratch.path)/\(seed.value)", "\(scratch.path)/tmp", seed)
    }
  }

  private func check(_ files: any FileSystem, _ path: String, _ temporary: String, _ seed: Seed) throws {
    var chance = seed.generator
    let sample = Sample(&chance)
    let reference = try sample.write(files, at: path, temporary: temporary, chance: chance)
    #expect(!files.exists(temporary))
    #expect(try files.open(path, .read).size() == reference.bytes)
    for access in SealedFile.Access.allCases {
      #expect(
        try Reading(sample, files, path, reference: reference, access: access) == .whole, "\(seed) \(access)")
      let file = try SealedFile.open(files, path, as: .segment, access: access)
      #expect(file.reference == reference && file.path == path)
      guard !sample.sections.isEmpty else { continue }
      for _ in 0..<40 {
        let kind = Int.random(in: 0..<sample.sections.count, using: &chance)
        let bytes = sample.sections[kind]
        let start = chance.edge(in: 0...bytes.count)
        let range = start..<(start + chance.small(in: 0...(bytes.count - start)))
        let found = try unsafe file.withBytes(of: file.section(UInt32(kind)), range) { unsafe Array($0) }
        #expect(found == Array(bytes[range]), "\(seed): section \(kind) \(range)")
      }
    }
  }

  /// All lengths around the writer's buffer and the borders of blocks.
  @Test(arguments: [0, 1, 511, 512, 513, 262_143, 262_144, 262_145, 524_288, 600_000])
  func awkwardLengths(_ length: Int) throws {
    let disk = SimulatedDisk()
    var chance = SeededGenerator(seed: 1)
    for blockBytes in [512, 520, 262_144, 1 << 20] as [UInt32] {
      var sample = Sample(chance.bytes(length), chance.bytes(3))
      sample.blockBytes = blockBytes
      let reference = try sample.write(disk, at: "f", temporary: "t")
      #expect(try Reading(sample, disk, "f", reference: reference, access: .mapped) == .whole)
      #expect(try Reading(sample, disk, "f", reference: reference, access: .read) == .whole)
    }
  }

  /// A section's range alone decides what is read: damage of one block does not reach the others, and that others hold
  /// says nothing of it.
  @Test func everyBlockIsCheckedForItself() throws {
    try Seeds.run(20) { seed in
      var chance = seed.generator
      let disk = SimulatedDisk()
      let sample = Sample(chance.bytes(150 * 512))
      _ = try sample.write(disk, at: "f", temporary: "t")
      let damaged = chance.edge(in: 0...149)
      disk.flip(bit: 3, ofByte: FileHeader.size + damaged * 512 + chance.small(in: 0...511), in: "f")
      for access in SealedFile.Access.allCases {
        let file = try SealedFile.open(disk, "f", as: .segment, access: access)
        for block in (0..<150).filter({ $0 != damaged }) + [damaged] {
          let range = (block * 512)..<(block * 512 + 512)
          let isWhole = try? unsafe file.withBytes(of: file.sections[0], range) {
            unsafe $0.elementsEqual(sample.sections[0][range])
          }
          guard isWhole == (block == damaged ? nil : true) else {
            Issue.record("\(seed), \(access), damaged \(damaged), read \(block)")
            return
          }
        }
      }
    }
  }

  @Test func anEmptyBodyIsAFile() throws {
    let disk = SimulatedDisk()
    let reference = try Sample().write(disk, at: "f", temporary: "t")
    #expect(reference.bytes == 4096 + 40 + 16)
    #expect(try Reading(Sample(), disk, "f", reference: reference, access: .mapped) == .whole)
    let file = try SealedFile.open(disk, "f", as: .segment, access: .read)
    #expect(throws: FormatError.self) { _ = try file.section(0) }
  }

  @Test func aStaleTemporaryFileIsReplaced() throws {
    let disk = SimulatedDisk()
    disk.place([UInt8](repeating: 9, count: 100_000), at: "t")
    let sample = Sample([1, 2, 3])
    let reference = try sample.write(disk, at: "f", temporary: "t")
    #expect(try Reading(sample, disk, "f", reference: reference, access: .read) == .whole)
  }

  @Test func aWriterThatIsDroppedLeavesNothing() throws {
    let disk = SimulatedDisk()
    do {
      var writer = try SealedFileWriter(disk, path: "f", temporary: "t", header: Sample().header)
      try writer.begin(section: 0)
      try writer.append([UInt8](repeating: 1, count: 500_000))
      #expect(disk.exists("t") && writer.bytes == 504_096)
    }
    #expect(disk.files().isEmpty)
  }

  @Test func anObsoleteFileGoesWithItsLastReference() throws {
    let scratch = try Scratch()
    let disk = SimulatedDisk()
    for (files, root) in [(scratch.files as any FileSystem, scratch.path), (disk, "")] {
      for access in SealedFile.Access.allCases {
        let path = "\(root)/f"
        let sample = Sample([UInt8](repeating: 5, count: 5000))
        _ = try sample.write(files, at: path, temporary: "\(root)/t")
        var first: SealedFile? = try SealedFile.open(files, path, as: .segment, access: access)
        var second = first
        first = nil
        #expect(files.exists(path))
        second?.makeObsolete()
        #expect(files.exists(path))
        #expect(try second.map { try sample.difference(from: $0) } == .some(nil))
        second = nil
        #expect(!files.exists(path), "\(access)")
        _ = second
      }
    }
  }

  @Test func manyReadersAtOnce() throws {
    let scratch = try Scratch()
    try Seeds.run(4) { seed in
      var chance = seed.generator
      var sample = Sample(chance.bytes(700_000))
      sample.blockBytes = 512
      _ = try sample.write(scratch.files, at: "\(scratch.path)/f", temporary: "\(scratch.path)/t")
      for access in SealedFile.Access.allCases {
        let file = try SealedFile.open(scratch.files, "\(scratch.path)/f", as: .segment, access: access)
        let wrong = Tally()
        let threads = try (0..<4 as Range<UInt64>).map { number in
          try Thread("reader") { [sample] in
            var chance = SeededGenerator(seed: seed.value &+ number)
            for _ in 0..<300 {
              let start = Int.random(in: 0..<700_000, using: &chance)
              let range = start..<(start + chance.small(in: 0...min(20_000, 700_000 - start)))
              let isRight = try? unsafe file.withBytes(of: file.sections[0], range) {
                unsafe $0.elementsEqual(sample.sections[0][range])
              }
              if isRight != true { wrong.add() }
            }
          }
        }
        for thread in threads { thread.join() }
        #expect(wrong.count == 0, "\(seed) \(access)")
      }
    }
  }
}

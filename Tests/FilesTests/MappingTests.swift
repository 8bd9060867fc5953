import Bytes
import Files
import Glibc
import Platform
import Simulation
import Testing

/// Pages that the device does not deliver: `SystemError` for who reads them, and everybody else lives on.
@Suite struct MappingTests {
  private let scratch: Scratch
  private let sample: Sample

  init() throws {
    scratch = try Scratch()
    var chance = SeededGenerator(seed: 9)
    var sample = Sample(chance.bytes(100_000), chance.bytes(100_000))
    sample.blockBytes = 4096
    self.sample = sample
  }

  private func open(_ name: String, _ access: SealedFile.Access = .mapped) throws -> SealedFile {
    let path = "\(scratch.path)/\(name)"
    if !scratch.files.exists(path) {
      _ = try sample.write(scratch.files, at: path, temporary: path + ".tmp")
    }
    return try SealedFile.open(scratch.files, path, as: .segment, access: access)
  }

  private func read(_ file: SealedFile, _ section: Int, _ range: Range<Int>) throws -> Bool {
    try unsafe file.withBytes(of: file.sections[section], range) {
      unsafe $0.elementsEqual(sample.sections[section][range])
    }
  }

  @Test func aFileThatIsCutBeforeItIsTouched() throws {
    let file = try open("f")
    let other = try open("g")
    try scratch.truncate("f", to: 4096)
    let error = #expect(throws: SystemError.self) { _ = try read(file, 0, 0..<10) }
    #expect(error == SystemError("read (mapped)", file.path, code: EIO))
    #expect(throws: SystemError.self) { _ = try read(file, 1, 0..<100_000) }
    #expect(try read(other, 0, 0..<100_000), "the other file is none the worse")
    #expect(throws: FormatError.self) { _ = try open("f", .read) }
  }

  @Test func aFileThatIsCutAfterItWasTouched() throws {
    let file = try open("f")
    let other = try open("g")
    #expect(try sample.difference(from: file) == nil && sample.difference(from: other) == nil)
    try scratch.truncate("f", to: 4096 + 8 * 4096)
    #expect(try read(file, 0, 0..<(8 * 4096)), "what is left is whole")
    #expect(throws: SystemError.self) { _ = try read(file, 0, (8 * 4096)..<100_000) }
    #expect(throws: SystemError.self, "from then on nothing is believed") { _ = try read(file, 0, 0..<10) }
    #expect(try sample.difference(from: other) == nil)
    #expect(throws: (any Error).self) { try file.verify() }
  }

  /// What a decoder makes of the zeros is not taken for damage, and what it throws is not passed on.
  @Test func theFailureWinsOverWhatTheBodySays() throws {
    let file = try open("f")
    #expect(try sample.difference(from: file) == nil)
    try scratch.truncate("f", to: 4096)
    let error = #expect(throws: (any Error).self) {
      try unsafe file.withBytes(of: file.sections[0], 0..<100) { bytes in
        if unsafe bytes.allSatisfy({ $0 == 0 }) { throw FormatError(file: "f", offset: 0, reason: "zeros") }
      }
    }
    #expect(error is SystemError)
  }

  @Test func aNewMappingStartsWithoutTheOldFailure() throws {
    for _ in 0..<5 {
      let file = try open("f")
      try scratch.truncate("f", to: 4096)
      #expect(throws: SystemError.self) { _ = try read(file, 0, 0..<10) }
      try scratch.files.remove("\(scratch.path)/f")
    }
    #expect(try sample.difference(from: open("f")) == nil)
  }

  @Test func manyReadersOfALostPage() throws {
    for _ in 0..<20 {
      let file = try open("f")
      let other = try open("g")
      let (wrong, refused) = (Tally(), Tally())
      let threads = try (0..<4).map { number in
        try Thread("reader") { [self] in
          for round in 0..<200 {
            let start = (number * 7 + round) % 24 * 4096
            let isRight = try? read(file, 0, start..<(start + 100))
            if isRight == nil { refused.add() }
            if isRight == false { wrong.add() }
            if (try? read(other, 1, start..<(start + 50))) != true { wrong.add() }
          }
        }
      }
      try scratch.truncate("f", to: 4096)
      for thread in threads { thread.join() }
      #expect(throws: SystemError.self) { _ = try read(file, 0, 0..<10) }
      #expect(wrong.count == 0)
      try scratch.files.remove("\(scratch.path)/f")
    }
  }

  /// Faults that are not ours end the process as they always did.
  @Test func otherBusErrorsAreNotSwallowed() async throws {
    await #expect(processExitsWith: .signal(SIGBUS)) {
      try Self.installHandler()
      kill(getpid(), SIGBUS)
      sleep(60)
    }
    await #expect(processExitsWith: .signal(SIGBUS)) {
      try Self.installHandler()
      // A mapping that nobody announced, without a file behind it any more.
      let path = "/tmp/tally-files-\(getpid())-foreign"
      let descriptor = unsafe Glibc.open(path, O_RDWR | O_CREAT | O_EXCL, 0o600)
      unsafe unlink(path)
      ftruncate(descriptor, 4096)
      let memory = unsafe mmap(nil, 4096, PROT_READ, MAP_SHARED, descriptor, 0)!
      ftruncate(descriptor, 0)
      unsafe print(memory.load(as: UInt8.self))
    }
  }

  private static func installHandler() throws {
    // The exit tests' processes print no backtrace of what they do on purpose.
    signal(SIGBUS, SIG_DFL)
    _ = try MappingTests().open("f")
  }
}

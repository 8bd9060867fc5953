import Glibc
import Platform
import Simulation
import Testing

/// The kernel's file system does what the simulated one promises, as far as that can be seen without a power cut.
@Suite struct KernelFileSystemTests {
  let files = KernelFileSystem()

  /// Runs `body` with a fresh directory, which goes away afterwards with the files in it.
  private func withDirectory(_ body: (String) throws -> Void) throws {
    let path = "/tmp/tally-platform-\(getpid())-\(KernelChance().next())"
    try files.createDirectory(path)
    defer {
      for name in (try? files.list(path)) ?? [] {
        if (try? files.remove("\(path)/\(name)")) == nil { _ = unsafe rmdir("\(path)/\(name)") }
      }
      _ = unsafe rmdir(path)
    }
    try body(path)
  }

  private func error(_ body: () throws -> Void) -> SystemError? {
    do { try body() } catch { return error as? SystemError }
    return nil
  }

  @Test func opensAsAsked() throws {
    try withDirectory { directory in
      let path = "\(directory)/f"
      #expect(error { _ = try files.open(path, .read) } == SystemError("open", path, code: ENOENT))
      #expect(error { _ = try files.open(path, .readWrite) }?.code == ENOENT)
      let file = try files.open(path, .create)
      #expect(file.path == path)
      #expect(error { _ = try files.open(path, .create) } == SystemError("open", path, code: EEXIST))
      try file.writeAll([1, 2, 3], at: 2)
      #expect(try file.size() == 5)
      #expect(try files.open(path, .readWrite).bytes(at: 0, count: 100) == [0, 0, 1, 2, 3])
      let refused = error { try files.open(path, .read).writeAll([1], at: 7) }
      #expect(refused == SystemError("pwrite", "\(path) at 7", code: EBADF))
      try file.synchronizeData()
      try file.synchronize()
    }
  }

  @Test func readsPastTheCache() throws {
    try withDirectory { directory in
      let file = try files.open("\(directory)/f", .create)
      try file.writeAll([UInt8](repeating: 5, count: 8192), at: 0)
      var buffer = AlignedBuffer(capacity: 8192)
      let direct = try files.open("\(directory)/f", .readDirect)
      #expect(unsafe try direct.readFully(into: buffer.mutableBytes(8192), at: 0) == 8192)
      #expect(unsafe buffer.bytes(8192).allSatisfy { $0 == 5 })
    }
  }

  @Test func reservesZeros() throws {
    try withDirectory { directory in
      let file = try files.open("\(directory)/f", .create)
      try file.allocate(size: 10_000)
      #expect(try file.size() == 10_000)
      try file.writeAll([1], at: 9_999)
      #expect(try file.bytes(at: 9_998, count: 5) == [0, 1])
      try file.allocate(size: 5)
      #expect(try file.size() == 10_000)
      #expect(error { try file.allocate(size: 0) }?.call == "fallocate")
    }
  }

  @Test func listsSorted() throws {
    try withDirectory { directory in
      for name in ["b", "a", "c c", ".hidden", "é"] { _ = try files.open("\(directory)/\(name)", .create) }
      try files.createDirectory("\(directory)/sub")
      try files.createDirectory("\(directory)/sub")
      #expect(try files.list(directory) == [".hidden", "a", "b", "c c", "sub", "é"])
      #expect(error { _ = try files.list("\(directory)/none") }?.subject == "\(directory)/none")
      try files.synchronizeDirectory(directory)
      #expect(error { try files.synchronizeDirectory("\(directory)/a") }?.code == ENOTDIR)
    }
  }

  @Test func renamesAndRemoves() throws {
    try withDirectory { directory in
      let (a, b) = ("\(directory)/a", "\(directory)/b")
      try files.replace(a, with: [1], by: b, in: directory)
      try files.replace(b, with: [2], by: "\(directory)/tmp", in: directory)
      try files.rename(a, to: b)
      #expect(try files.contents(b) == [1])
      #expect(!files.exists(a) && files.exists(b))
      #expect(error { try files.rename(a, to: b) } == SystemError("rename", "\(a) to \(b)", code: ENOENT))
      let open = try files.open(b, .read)
      try files.remove(b)
      #expect(error { try files.remove(b) } == SystemError("unlink", b, code: ENOENT))
      #expect(try open.bytes(at: 0, count: 9) == [1])
      #expect(try files.availableSpace(at: directory) > 0)
      #expect(error { _ = try files.availableSpace(at: b) }?.call == "statvfs")
    }
  }

  @Test func closesWithTheLastReference() throws {
    try withDirectory { directory in
      _ = try files.open("\(directory)/f", .create)
      // More opens than a process may have descriptors.
      var limit = rlimit()
      _ = unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
      for _ in 0..<min(Int(clamping: limit.rlim_cur) + 10, 100_000) { _ = try files.open("\(directory)/f", .read) }
    }
  }

  /// One random script on both: the same bytes, names and errors.
  @Test func theSimulatedDiskBehavesTheSame() throws {
    try Seeds.run(20) { seed in
      try withDirectory { directory in
        var chance = seed.generator
        let disk = SimulatedDisk()
        let names = ["a", "b", "c", "sub"]
        func both<R: Equatable>(_ body: (any FileSystem, String) throws -> R) {
          func outcome(_ files: any FileSystem, _ root: String) -> (R?, Int32?) {
            do { return (try body(files, root), nil) } catch { return (nil, (error as? SystemError)?.code) }
          }
          let (kernel, simulated) = (outcome(files, directory), outcome(disk, ""))
          #expect(kernel.0 == simulated.0 && kernel.1 == simulated.1, "\(seed): \(kernel) \(simulated)")
        }
        for _ in 0..<60 {
          let name = chance.pick(names)
          let other = chance.pick(names)
          let offset = UInt64(chance.small(in: 0...9000))
          let bytes = chance.bytes(chance.small(in: 0...9000))
          switch chance.next() % 9 {
          case 0, 1:
            both { files, root in try files.open("\(root)/\(name)", .create).writeAll(bytes, at: offset) == () }
          case 2:
            both { files, root in try files.open("\(root)/\(name)", .readWrite).writeAll(bytes, at: offset) == () }
          case 3: both { files, root in try files.contents("\(root)/\(name)") }
          case 4 where name != "sub" && other != "sub":
            both { files, root in try files.rename("\(root)/\(name)", to: "\(root)/\(other)") == () }
          case 5: both { files, root in try files.remove("\(root)/\(name)") == () }
          case 6: both { files, root in try files.list("\(root)/") }
          case 7: both { files, root in try files.createDirectory("\(root)/sub") == () }
          default: both { files, root in try files.open("\(root)/\(name)", .readWrite).allocate(size: offset) == () }
          }
        }
      }
    }
  }
}

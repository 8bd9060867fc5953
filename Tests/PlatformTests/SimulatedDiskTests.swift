import Glibc
import Platform
import Simulation
import Testing

/// What the tests of everything else lean on: the simulated disk loses what a real one may lose, and nothing else.
@Suite struct SimulatedDiskTests {
  let disk = SimulatedDisk()

  /// A durable file of `count` bytes `value` at `path` in the root.
  private func settled(_ path: String, _ value: UInt8, count: Int = 4096) throws -> any File {
    let file = try disk.open(path, .create)
    try file.writeAll([UInt8](repeating: value, count: count), at: 0)
    try file.synchronize()
    try disk.synchronizeDirectory("/")
    return file
  }

  @Test func readsBackWhatWasWritten() throws {
    try Seeds.run(200) { seed in
      var chance = seed.generator
      let disk = SimulatedDisk()
      let file = try disk.open("f", .create)
      var model: [UInt8] = []
      for _ in 0..<30 {
        let bytes = chance.bytes(chance.small(in: 0...10_000))
        let offset = chance.edge(in: 0...max(0, model.count)) + (chance.oneIn(8) ? 5_000 : 0)
        try file.writeAll(bytes, at: UInt64(offset))
        if !bytes.isEmpty, offset + bytes.count > model.count {
          model += [UInt8](repeating: 0, count: offset + bytes.count - model.count)
        }
        model.replaceSubrange(min(offset, model.count)..<min(offset + bytes.count, model.count), with: bytes)
        if chance.oneIn(4) { try file.synchronizeData() }
        let start = chance.edge(in: 0...model.count)
        let length = chance.small(in: 0...9_000)
        #expect(
          try file.bytes(at: UInt64(start), count: length) == Array(model[start..<min(start + length, model.count)]),
          "\(seed)")
      }
      #expect(try file.size() == UInt64(model.count), "\(seed)")
      #expect(disk.crash(.everything).bytes(of: "f") ?? model == model, "\(seed)")
    }
  }

  @Test func aNameIsLostUntilItsDirectoryIsSynced() throws {
    try disk.createDirectory("d")
    let file = try disk.open("d/f", .create)
    try file.writeAll([1, 2, 3], at: 0)
    try file.synchronize()
    #expect(!disk.crash(.nothing).exists("d"))
    #expect(disk.crash(.everything).bytes(of: "d/f") == [1, 2, 3])
    try disk.synchronizeDirectory("d")
    #expect(!disk.crash(.nothing).exists("d/f"), "the directory itself has no durable name yet")
    try disk.synchronizeDirectory("/")
    #expect(disk.crash(.nothing).bytes(of: "/d/f") == [1, 2, 3])
  }

  @Test func aNameCanSurviveWithoutItsBytes() throws {
    let file = try disk.open("f", .create)
    try file.writeAll([UInt8](repeating: 7, count: 5000), at: 0)
    try disk.synchronizeDirectory("/")
    #expect(disk.crash(.nothing).bytes(of: "f") == [])
    // The size came through, the bytes did not.
    #expect(disk.crash(.prefix(1)).bytes(of: "f") == [UInt8](repeating: 0, count: 5000))
    #expect(disk.crash(.subset(0b10)).bytes(of: "f") == [], "bytes behind a size that was lost")
    try file.synchronizeData()
    #expect(disk.crash(.nothing).bytes(of: "f") == [UInt8](repeating: 7, count: 5000))
  }

  @Test func aRenameWithoutSyncMayShowAnEmptyFile() throws {
    _ = try settled("name", 1)
    let file = try disk.open("tmp", .create)
    try file.writeAll([2], at: 0)
    try disk.rename("tmp", to: "name")
    let seen = (0..<16).map { disk.crash(.subset($0)).bytes(of: "name") }
    #expect(seen.contains([]))
    #expect(seen.contains([2]))
    #expect(seen.contains([UInt8](repeating: 1, count: 4096)))
    #expect(disk.crash(.nothing).bytes(of: "name")?.first == 1)
  }

  @Test func unsyncedWritesTearAtSectors() throws {
    let file = try settled("f", 1)
    try file.writeAll([UInt8](repeating: 2, count: 4096), at: 0)
    var masks: Set<Int> = []
    for seed in UInt64(0)..<200 {
      let bytes = disk.crash(.torn(seed)).bytes(of: "f")!
      var mask = 0
      for sector in 0..<8 {
        let values = Set(bytes[sector * 512..<(sector + 1) * 512])
        #expect(values == [1] || values == [2])
        if values == [2] { mask |= 1 << sector }
      }
      masks.insert(mask)
    }
    #expect(masks.count > 100)
  }

  @Test func unsyncedWritesSurviveInAnyOrder() throws {
    let file = try settled("f", 0)
    for value in UInt8(1)...3 { try file.writeAll([UInt8](repeating: value, count: 600), at: UInt64(value) * 100) }
    #expect(disk.unsyncedCount == 3)
    for mask in UInt64(0)..<8 {
      var model = [UInt8](repeating: 0, count: 4096)
      for value in 1...3 where mask & (1 << UInt64(value - 1)) != 0 {
        for index in value * 100..<value * 100 + 600 { model[index] = UInt8(value) }
      }
      #expect(disk.crash(.subset(mask)).bytes(of: "f") == model)
    }
    #expect(disk.crash(.prefix(2)).bytes(of: "f") == disk.crash(.subset(0b011)).bytes(of: "f"))
    #expect(disk.crash(.random(5)).bytes(of: "f") == disk.crash(.random(5)).bytes(of: "f"))
  }

  @Test func theImageAndTheDiskGoSeparateWays() throws {
    let file = try settled("f", 1)
    let image = disk.crash(.nothing)
    try file.writeAll([9], at: 0)
    #expect(image.bytes(of: "f")?.first == 1)
    let other = try image.open("f", .readWrite)
    try other.writeAll([5], at: 1)
    #expect(try file.bytes(at: 0, count: 3) == [9, 1, 1])
    #expect(try other.bytes(at: 0, count: 3) == [1, 5, 1])
    #expect(image.crash(.nothing).bytes(of: "f")?.prefix(2) == [1, 1])
  }

  /// Every byte after a crash is the synced one or one that was written there since.
  @Test func syncedBytesAreNeverLost() throws {
    try Seeds.run(50) { seed in
      var chance = seed.generator
      let disk = SimulatedDisk()
      let size = 3 * 4096
      let file = try disk.open("f", .create)
      try file.allocate(size: UInt64(size))
      try file.synchronize()
      try disk.synchronizeDirectory("/")
      var allowed = [Set<UInt8>](repeating: [0], count: size)
      var now = [UInt8](repeating: 0, count: size)
      for round in 0..<20 {
        if chance.oneIn(4) {
          try file.synchronizeData()
          allowed = now.map { [$0] }
        } else {
          let length = chance.edge(in: 1...5000)
          let start = chance.edge(in: 0...size - length)
          try file.writeAll([UInt8](repeating: UInt8(round + 1), count: length), at: UInt64(start))
          for index in start..<start + length {
            now[index] = UInt8(round + 1)
            allowed[index].insert(UInt8(round + 1))
          }
        }
        let survival = Survival.eight(seed: chance.next(), unsynced: disk.unsyncedCount).randomElement(using: &chance)!
        let bytes = disk.crash(survival).bytes(of: "f") ?? []
        #expect(bytes.count == size && zip(bytes, allowed).allSatisfy { $1.contains($0) }, "\(seed), \(survival)")
      }
      #expect(disk.crash(.everything).bytes(of: "f") == now, "\(seed)")
    }
  }

  /// Files with synced bytes move between names of two directories: after a crash each is there at most once, at a name
  /// it had; and somewhere, if it ever had a durable name and was not removed or replaced.
  @Test func namesAreLostConsistently() throws {
    try Seeds.run(300) { seed in
      var chance = seed.generator
      let disk = SimulatedDisk()
      for directory in ["a", "b"] { try disk.createDirectory(directory) }
      try disk.synchronizeDirectory("/")
      let names = ["a/1", "a/2", "a/3", "b/1", "b/2"]
      var live: [String: [UInt8]] = [:]
      var history: [[UInt8]: Set<String>] = [:]
      // Files that once had a durable name.
      var durable: Set<[UInt8]> = []
      var removed: Set<[UInt8]> = []
      for step in 0..<25 {
        let name = chance.pick(names)
        switch chance.next() % 5 {
        case 0, 1:
          if live[name] != nil { continue }
          let bytes = [UInt8(step)]
          let file = try disk.open(name, .create)
          try file.writeAll(bytes, at: 0)
          try file.synchronize()
          live[name] = bytes
          history[bytes] = [name]
        case 2:
          guard let bytes = live[name] else { continue }
          let target = chance.pick(names)
          if target == name { continue }
          try disk.rename(name, to: target)
          if let old = live[target] { removed.insert(old) }
          live[name] = nil
          live[target] = bytes
          history[bytes]!.insert(target)
        case 3:
          guard let bytes = live[name] else { continue }
          try disk.remove(name)
          live[name] = nil
          removed.insert(bytes)
        default:
          try disk.synchronizeDirectory(String(name.prefix(1)))
        }
        for (name, bytes) in live where disk.isNameDurable(name) { durable.insert(bytes) }
        for survival in Survival.eight(seed: chance.next(), unsynced: disk.unsyncedCount) {
          let image = disk.crash(survival)
          var found: Set<[UInt8]> = []
          for (path, _) in image.files() {
            let bytes = image.bytes(of: path)!
            #expect(found.insert(bytes).inserted, "two names, \(seed), \(survival)")
            #expect(history[bytes]?.contains(path) == true, "\(seed), \(survival)")
          }
          for bytes in durable.subtracting(removed) { #expect(found.contains(bytes), "lost, \(seed), \(survival)") }
          if survival == .everything {
            let all = Dictionary(uniqueKeysWithValues: image.files().map { ($0.path, image.bytes(of: $0.path)!) })
            #expect(all == live, "\(seed)")
          }
        }
      }
      for directory in ["a", "b"] { try disk.synchronizeDirectory(directory) }
      #expect(disk.unsyncedCount == 0, "\(seed)")
      let image = disk.crash(.nothing)
      #expect(
        Dictionary(uniqueKeysWithValues: image.files().map { ($0.path, image.bytes(of: $0.path)!) }) == live, "\(seed)")
      #expect(removed.isDisjoint(with: image.files().map { image.bytes(of: $0.path)! }), "\(seed)")
    }
  }

  @Test func anOpenFileOutlivesItsName() throws {
    disk.capacity = 8192
    let file = try settled("f", 1)
    try disk.remove("f")
    #expect(try file.bytes(at: 0, count: 1) == [1])
    #expect(try disk.availableSpace(at: "/") == 4096)
    #expect(disk.crash(.nothing).exists("f"))
    try disk.synchronizeDirectory("/")
    #expect(!disk.crash(.random(1)).exists("f"))
  }

  @Test func spaceComesBackWithTheLastHandle() throws {
    disk.capacity = 8192
    do {
      let file = try settled("f", 1)
      try disk.remove("f")
      #expect(try disk.availableSpace(at: "/") == 4096)
      #expect(try file.size() == 4096)
    }
    #expect(try disk.availableSpace(at: "/") == 8192)
  }

  @Test func refusesWhatTheKernelRefuses() throws {
    func code(_ body: () throws -> Void) -> Int32? {
      do { try body() } catch { return (error as? SystemError)?.code }
      return nil
    }
    _ = try settled("f", 1)
    try disk.createDirectory("d")
    try disk.createDirectory("d")
    #expect(code { _ = try disk.open("f", .create) } == EEXIST)
    #expect(code { _ = try disk.open("g", .readWrite) } == ENOENT)
    #expect(code { _ = try disk.open("x/g", .create) } == ENOENT)
    #expect(code { try disk.remove("g") } == ENOENT)
    #expect(code { try disk.remove("d") } == EISDIR)
    #expect(code { try disk.rename("g", to: "h") } == ENOENT)
    #expect(code { _ = try disk.list("x") } == ENOENT)
    #expect(code { _ = try disk.list("f") } == ENOTDIR)
    #expect(code { try disk.open("f", .read).writeAll([1], at: 0) } == EBADF)
    #expect(code { _ = try disk.open("f", .readDirect).bytes(at: 1, count: 512) } == EINVAL)
    #expect(try disk.list("/") == ["d", "f"])
    do { _ = try disk.open("/some/g", .read) } catch {
      #expect("\(error)" == "open /some/g: No such file or directory (errno 2)")
    }
  }

  @Test func rotHitsTheDeviceAndTheCache() throws {
    let file = try settled("f", 0)
    disk.flip(bit: 3, ofByte: 4000, in: "f")
    #expect(try file.bytes(at: 4000, count: 1) == [8])
    #expect(disk.crash(.nothing).bytes(of: "f")?[4000] == 8)
    disk.overwrite("f", at: 4094, with: [1, 2, 3])
    #expect(disk.crash(.nothing).bytes(of: "f")?.suffix(4) == [0, 1, 2, 3])
    disk.copy("f", to: "d/g")
    disk.truncate("f", to: 10)
    #expect(disk.crash(.nothing).files().map(\.path) == ["d/g", "f"])
    #expect(disk.crash(.nothing).files().map(\.size) == [4097, 10])
    disk.delete("f")
    disk.place([1, 2], at: "d/g")
    #expect(disk.crash(.everything).files().map(\.path) == ["d/g"])
    #expect(disk.crash(.nothing).bytes(of: "d/g") == [1, 2])
  }
}

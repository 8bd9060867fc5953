import ClickLog
import Clicks
import Commands
import JSON
import Platform
import Service
import Simulation
import Store
import Testing

/// `inspect` and `verify` on real files: sound ones, and ones with a bit flipped.
@Suite struct VerifyTests {
  private static let ad = AdID("42")!

  /// The files of a directory that are under checksums, in a fixed order.
  private func files(_ session: Session) throws -> [String] {
    let shard = "\(session.data)/shard-00"
    let system = KernelFileSystem()
    let manifests = try system.list(shard).filter { $0.hasPrefix("MANIFEST") }.map { "\(shard)/\($0)" }
    let slots = try system.list("\(shard)/log").map { "\(shard)/log/\($0)" }
    return ["\(session.data)/STORE"] + manifests + slots
  }

  private func json(_ session: Session, _ line: String) throws -> JSONValue {
    try JSONReader.read(Array(session.run(line + " --format json").output.utf8))
  }

  @Test(arguments: [true, false])
  func aSoundDirectoryIsSound(_ closes: Bool) throws {
    let session = try Session()
    #expect(session.run("verify --data-dir DATA").status == .failed)
    try session.fill(900, ad: Self.ad, closes: closes)
    let result = session.run("verify --data-dir DATA")
    #expect(result.status == .done, "\(result.talk)")
    #expect(result.talk.contains("sound: 900 clicks"))
    let report = try json(session, "verify --data-dir DATA")
    #expect(report["clicks"]?.text == "900")
    let slots = (report["files"]?.elements ?? []).filter { $0.shown("kind") == "log slot" }
    #expect(slots.count > 1, "the clicks should not fit into one slot")
    #expect(slots.compactMap { Int($0.shown("clicks")) }.reduce(0, +) == 900)
    for file in try files(session) {
      let inspected = session.run(["inspect", file, "--records"])
      #expect(inspected.status == .done, "\(file): \(inspected.talk)")
    }
    // Looking has changed nothing.
    #expect(session.run("verify --data-dir DATA").output == result.output)
  }

  @Test func inspectSaysWhatTheBytesMean() throws {
    let session = try Session()
    try session.fill(50, ad: Self.ad)
    let shard = "\(session.data)/shard-00"
    let store = session.run("inspect DATA/STORE").lines
    #expect(store[0].hasSuffix("STORE: store identity, 4096 bytes"))
    #expect(store.contains("        56  shards: 1"))
    #expect(store.contains { $0.hasPrefix("        12  checksum: ") && $0.hasSuffix(" (holds)") })
    let manifest = session.run("inspect DATA/shard-00/MANIFEST-1.a").output
    #expect(manifest.contains("opening number 1 of the store"))
    #expect(manifest.contains("generation 1 takes clicks in slot 0 from position 0"))
    let slot = session.run(["inspect", "\(shard)/log/slot-000", "--records"]).output
    #expect(slot.contains("      4096  data frame 0, generation 1, 0..<20, 20 records, 4096 bytes"))
    #expect(slot.contains("      4176    0: ad key \(AdKey(Self.ad)), impression "))
    let both = session.run([
      "inspect", "\(session.data)/STORE", "\(shard)/log/slot-000", "--records", "--format", "json",
    ])
    #expect(both.lines.count == 2)
    let value = try JSONReader.read(Array(both.lines[1].utf8))
    let clicks = (value["frames"]?.elements ?? []).flatMap { $0["clicks"]?.elements ?? [] }
    #expect(clicks.compactMap { Int($0.shown("position")) } == Array(0..<50))
    #expect(value["damage"] == .null)
  }

  @Test func otherFilesAreNamedAsWhatTheyAreNot() throws {
    let session = try Session()
    try session.write("note.txt", "hello, hello")
    let result = session.run("inspect DIR/note.txt")
    #expect(result.status == .failed)
    #expect(
      result.talk.contains(
        "note.txt: not a STORE, ROUTES, MANIFEST, log slot, segment, run, dictionary or corrections file: "
          + "it starts with 68656c6c6f2c2068"))
    #expect(session.run("keys add --data-dir DATA").status == .done)
    #expect(session.run("inspect DATA/catalog.sqlite").talk.contains("SQLite"))
    #expect(session.run("inspect DIR/none").status == .failed)
    #expect(session.run("inspect").status == .usage)
  }

  @Test func damageIsNamedWithFileAndOffset() throws {
    let session = try Session()
    try session.fill(900, ad: Self.ad)
    let slot = "\(session.data)/shard-00/log/slot-000"
    let manifest = "\(session.data)/shard-00/MANIFEST-1.a"
    for (file, at, place) in [
      ("\(session.data)/STORE", 100, 12), (slot, 60, 12), (slot, 3 * 4096 + 200, 3 * 4096), (manifest, 30, 12),
      (manifest, 4096 + 90, 4096),
    ] as [(String, UInt64, UInt64)] {
      try Session.flip(file, at: at)
      let result = session.run("verify --data-dir DATA")
      #expect(result.status == .differs, "\(file) at \(at)")
      #expect(result.talk.contains("DAMAGE: \(file): at byte \(place): "), "\(file) at \(at): \(result.talk)")
      let inspected = session.run(["inspect", file])
      #expect(inspected.status == .differs, "\(file) at \(at)")
      #expect(inspected.lines.last?.contains("\(place)  DAMAGE: ") == true, "\(inspected.lines.last ?? "")")
      let json = try JSONReader.read(Array(session.run(["inspect", file, "--format", "json"]).output.utf8))
      #expect(json["damage"]?.shown("offset") == "\(place)")
      try Session.flip(file, at: at)
    }
    #expect(session.run("verify --data-dir DATA").status == .done)
  }

  /// Every byte that a checksum covers, by samples: headers, frames, manifest records.
  @Test func everyFlippedBitIsFound() throws {
    let session = try Session()
    try session.fill(900, ad: Self.ad)
    var extents: [(file: String, bytes: UInt64)] = []
    let report = try json(session, "verify --data-dir DATA")
    let newest = report["files"]?.elements.last { $0.shown("kind") == "log slot" }
    for file in report["files"]?.elements ?? [] {
      // Nothing promises the log's very last frame: it closes the log and holds no click. Damaged, it is a torn tail.
      let frames = (UInt64(file.shown("frames")) ?? 0) - (file == newest ? 1 : 0)
      switch file.shown("kind") {
      case "store identity", "log slot", "manifest copy": extents.append((file.shown("file"), 4096 * (1 + frames)))
      default: break
      }
    }
    #expect(extents.count >= 5)
    try Seeds.run(60) { seed in
      var chance = seed.generator
      let extent = extents[Int(chance.next() % UInt64(extents.count))]
      let offset = chance.next() % extent.bytes
      let bit = UInt8(chance.next() % 8)
      try Session.flip(extent.file, at: offset, bit: bit)
      let result = session.run("verify --data-dir DATA")
      #expect(result.status == .differs, "\(seed): \(extent.file) at \(offset): \(result.talk)")
      #expect(result.talk.contains("DAMAGE: \(session.data)"), "\(seed)")
      try Session.flip(extent.file, at: offset, bit: bit)
    }
  }

  @Test func aMissingSlotAndAMissingCopyAreDamage() throws {
    let session = try Session()
    try session.fill(900, ad: Self.ad)
    let system = KernelFileSystem()
    for name in ["log/slot-000", "MANIFEST-1.b", "MANIFEST-1.a"] {
      let path = "\(session.data)/shard-00/\(name)"
      try system.rename(path, to: path + ".away")
      let result = session.run("verify --data-dir DATA")
      #expect(result.status == .differs, "\(name): \(result.talk)")
      #expect(result.talk.contains(path), "\(name)")
      try system.rename(path + ".away", to: path)
    }
    #expect(session.run("verify --data-dir DATA").status == .done)
  }
}

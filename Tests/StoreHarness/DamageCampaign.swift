import Bytes
import Simulation

/// T4: gross damage to one file (or two, where blocks or files change places): cut at every 512 bytes, a sector of zeros,
/// bursts, overwritten pieces, blocks moved, an older version of the file, none at all, one of another store, garbage at
/// the end. The outcome is the right contents or a `FormatError`.
///
/// One thing cannot be told from a write that a crash cut short, because nothing outside knows of it: that the newest
/// frames of the open generation are gone **together with everything after them**: the last clicks and the mark behind them
/// overwritten in one go, or the open slot replaced by an older version of itself. It is noticed as far back as a promise
/// reaches: a later frame of the generation that is still whole, the end that the manifest gives to a closed
/// generation, and for an open one its start. `MiniStore.isBeyondDetection` is that rule; every other loss is a violation.
package enum DamageCampaign {
  /// What can happen to a file.
  enum Damage: CustomStringConvertible {
    case truncate(Int)
    case overwrite(Int, [UInt8])
    case delete
    case replace([UInt8], String)
    case swap(Int, with: Int, in: String)

    var description: String {
      switch self {
      case .truncate(let size): "cut at \(size)"
      case .overwrite(let offset, let bytes): "\(bytes.count) bytes overwritten at \(offset)"
      case .delete: "deleted"
      case .replace(_, let what): what
      case .swap(let a, let b, let path): "block \(a) swapped with block \(b) of \(path)"
      }
    }
  }

  /// Does all of it to every file, with one of `sparse` of what is plentiful, and `random` pieces at random places.
  package static func run(seed: UInt64, sparse: Int = 4, random: Int = 300, limit: Int = 5) throws -> Findings {
    let store = try MiniStore(seed: seed)
    let foreign = try MiniStore(seed: seed &+ 1)
    var findings = Findings()
    var generator = SeededGenerator(seed: seed)
    for (path, size) in store.files {
      for damage in damages(path, size, store, foreign, sparse, random / store.files.count, &generator) {
        let fault = meet(store, path, damage, opening: generator.oneIn(8))
        findings.runs += 1
        findings.faultsInjected += 1
        if let fault { findings.violations.append("seed \(seed), \(path) \(damage): \(fault)") }
        if findings.violations.count >= limit { return findings }
      }
    }
    let restarted = try MiniStore(seed: seed, restarted: true)
    return findings + oldManifests(store, seed) + oldManifests(restarted, seed)
  }

  private static func damages(
    _ path: String, _ size: Int, _ store: MiniStore, _ foreign: MiniStore, _ sparse: Int, _ random: Int,
    _ generator: inout SeededGenerator
  ) -> [Damage] {
    var all: [Damage] = [.delete]
    for offset in stride(from: 0, to: size, by: 512) where generator.oneIn(UInt64(sparse)) || offset < 8192 {
      all.append(.truncate(offset))
      all.append(.overwrite(offset, [UInt8](repeating: 0, count: 512)))
    }
    for _ in 0..<random {
      let offset = generator.small(in: 0...(size - 1))
      let length = generator.oneIn(2) ? 4 : 1024 + generator.small(in: 0...3072)
      all.append(.overwrite(offset, generator.bytes(min(length, size - offset))))
      let other = generator.pick(store.files)
      let blocks = (generator.small(in: 0...(size / 4096 - 1)), generator.small(in: 0...(other.size / 4096 - 1)))
      all.append(.swap(blocks.0, with: blocks.1, in: other.path))
    }
    all.append(.overwrite(size, generator.bytes(1 + generator.small(in: 0...5000))))
    for (index, old) in (store.history[path] ?? []).enumerated() {
      all.append(.replace(old, "replaced by its version \(index)"))
    }
    for (other, _) in store.files where other != path {
      all.append(.replace(store.disk.bytes(of: other)!, "replaced by \(other)"))
    }
    if let bytes = foreign.disk.bytes(of: path) { all.append(.replace(bytes, "replaced by another store's")) }
    return all
  }

  /// Damages, looks, repairs.
  private static func meet(_ store: MiniStore, _ path: String, _ damage: Damage, opening: Bool) -> String? {
    let before = store.disk.bytes(of: path)!
    var other: (path: String, bytes: [UInt8])?
    switch damage {
    case .truncate(let size): store.disk.truncate(path, to: size)
    case .overwrite(let offset, let bytes): store.disk.overwrite(path, at: offset, with: bytes)
    case .delete: store.disk.delete(path)
    case .replace(let bytes, _): store.disk.place(bytes, at: path)
    case .swap(let a, let b, let partner):
      let there = store.disk.bytes(of: partner)!
      other = (partner, there)
      store.disk.overwrite(path, at: a * 4096, with: Array(there[(b * 4096)..<((b + 1) * 4096)]))
      store.disk.overwrite(partner, at: b * 4096, with: Array(before[(a * 4096)..<((a + 1) * 4096)]))
    }
    defer {
      if let other { store.disk.place(other.bytes, at: other.path) }
      store.disk.place(before, at: path)
    }
    return fault(store, opening: false) ?? (opening ? fault(store, opening: true) : nil)
  }

  private static func fault(_ store: MiniStore, opening: Bool) -> String? {
    switch store.outcome(opening: opening) {
    case .right, .refused: nil
    case .shorter(let count): store.isBeyondDetection(count) ? nil : "only \(count) clicks are found"
    case .wrong(let what): what
    }
  }

  /// Both copies of the manifest as they were earlier, or an older manifest beside a newest one that cannot be read:
  /// the log names records that are not there.
  private static func oldManifests(_ store: MiniStore, _ seed: UInt64) -> Findings {
    var findings = Findings()
    let copies = store.files.map(\.path).filter { $0.contains("MANIFEST") }
    let now = copies.map { store.disk.bytes(of: $0)! }
    func expectRight(_ what: String) {
      findings.runs += 1
      if let fault = fault(store, opening: false) { findings.violations.append("seed \(seed), \(what): \(fault)") }
    }
    for version in 0..<(store.history[copies[0]]?.count ?? 0) {
      for copy in copies { store.disk.place(store.history[copy]![version], at: copy) }
      expectRight("both manifests replaced by their version \(version)")
    }
    for old in store.history.keys.sorted() where old.contains("MANIFEST") && !copies.contains(old) {
      for copy in copies { store.disk.truncate(copy, to: 4096) }
      store.disk.place(store.history[old]!.last!, at: old)
      expectRight("\(old) alone is readable")
      store.disk.delete(old)
    }
    for (copy, bytes) in zip(copies, now) { store.disk.place(bytes, at: copy) }
    return findings
  }
}

import Bytes
import Simulation

/// T3: every byte of every file of a small store gets a flipped bit. Reading either gives exactly the right contents (the
/// other copy of the manifest has the record, or nothing is kept in that place), or a `FormatError` that names the
/// file. There is no third outcome, and no limit: one flipped bit is always noticed or harmless.
package enum RotCampaign {
  /// Flips one random bit in each byte that means something, and in one of `sample` bytes of zeros; with `allBits` every
  /// bit of the bytes that mean something. One flip in 64 is met by an opening for clicks as well.
  package static func run(
    seed: UInt64, sample: Int = 61, allBits: Bool = false, stride: Int = 1, limit: Int = 5
  ) throws -> Findings {
    let store = try MiniStore(seed: seed)
    var findings = Findings()
    var generator = SeededGenerator(seed: seed)
    for (path, size) in store.files {
      let bytes = store.disk.bytes(of: path)!
      for offset in Swift.stride(from: Int(seed % UInt64(stride)), to: size, by: stride) {
        let isMeaningful = bytes[offset] != 0 || offset < 128 || offset % 4096 < 80
        guard isMeaningful || generator.oneIn(UInt64(sample)) else { continue }
        for bit in allBits && isMeaningful ? Array(0..<8) : [Int(generator.next() % 8)] {
          store.disk.flip(bit: bit, ofByte: offset, in: path)
          let opening = generator.oneIn(64)
          for fault in [check(store, path, opening: false)] + (opening ? [check(store, path, opening: true)] : []) {
            if let fault {
              findings.violations.append("seed \(seed), bit \(bit) of byte \(offset) of \(path): \(fault)")
            }
          }
          store.disk.flip(bit: bit, ofByte: offset, in: path)
          findings.runs += 1
          findings.faultsInjected += 1
          if opening { findings.recoveries += 1 }
          if findings.violations.count >= limit { return findings }
        }
      }
    }
    if store.outcome() != .right { findings.violations.append("the store did not come back to what it was") }
    return findings
  }

  private static func check(_ store: MiniStore, _ path: String, opening: Bool) -> String? {
    let verb = opening ? "opening" : "reading"
    switch store.outcome(opening: opening) {
    case .right: return nil
    case .refused(let error): return error.file.hasSuffix(path) ? nil : "\(verb) blames another file: \(error)"
    case .shorter(let count): return "\(verb) finds only \(count) clicks"
    case .wrong(let what): return "\(verb) finds \(what)"
    }
  }
}

import Clicks
import Platform
import Store

// Sealed months: their rows are digested again and held against what the manifest keeps of them. Credits lie in sealed months
// alone, and no correction of a sealed row is younger than its seal.

extension Verifier {
  /// Checks the sealed months of shard `number`, whose files all hold.
  mutating func checkSeals(shard number: Int, of identity: StoreIdentity) throws {
    let directory = identity.directory(of: number, in: path)
    do {
      let recovery = try Store.read(environment, path, identity, shard: number)
      guard let state = recovery.manifest?.state else { return }
      let keys = recovery.live.adKeys
      let faults = try recovery.version.sealFaults(
        state, key: { Int($0) < keys.count ? AdKey(rawValue: keys[Int($0)]) : nil })
      for fault in faults { report.damaged(directory, nil, fault) }
      for seal in state.seals where faults.isEmpty {
        report.note("\(directory): \(seal.month) is as it was sealed: \(seal.clicks) clicks of \(seal.ads) ads")
      }
    } catch { try report.damaged(by: error) }
  }
}

import Clicks

/// The shard's dictionary of ads: each ad key gets the next 32-bit code in the order of the log, so that replaying the log
/// gives the same codes (R11). Open addressing with linear probing at half load; 16 to 24 bytes an ad.
package struct AdCodes {
  private var keys: [UInt64] = []
  private var table: [UInt32]
  private var shift: UInt64

  private static let free = UInt32.max

  package init() {
    table = Array(repeating: Self.free, count: 1024)
    shift = 54
  }

  /// How many ads have a code; codes are 0 ..< count.
  package var count: Int { keys.count }

  /// The key of a code that was given.
  package func key(_ code: UInt32) -> AdKey { AdKey(rawValue: keys[Int(code)]) }

  /// The code of `ad`, if it has one.
  package func code(of ad: AdKey) -> UInt32? {
    let code = table[slot(of: ad.rawValue)]
    return code == Self.free ? nil : code
  }

  /// The code of `ad`, given now if it has none.
  package mutating func assign(_ ad: AdKey) -> UInt32 {
    let slot = slot(of: ad.rawValue)
    if table[slot] != Self.free { return table[slot] }
    precondition(keys.count < Int(Self.free), "more than 2^32 - 1 ads in a shard")
    let code = UInt32(keys.count)
    keys.append(ad.rawValue)
    table[slot] = code
    if keys.count * 2 > table.count { grow() }
    return code
  }

  /// Ad keys are bits of SHA-256: even already, so the top bits are the hash. One multiplication keeps keys that were
  /// chosen to share their top bits apart.
  private func slot(of key: UInt64) -> Int {
    var slot = Int(truncatingIfNeeded: (key &* 0x9E37_79B9_7F4A_7C15) >> shift)
    let mask = table.count - 1
    while table[slot] != Self.free, keys[Int(table[slot])] != key { slot = (slot + 1) & mask }
    return slot
  }

  private mutating func grow() {
    table = Array(repeating: Self.free, count: table.count * 2)
    shift -= 1
    for (code, key) in keys.enumerated() { table[slot(of: key)] = UInt32(code) }
  }
}

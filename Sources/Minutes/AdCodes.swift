import CPlatform
import Clicks

/// The shard's dictionary of ads: each ad key gets the next 32-bit code in the order of the log, so that replaying the log
/// gives the same codes (R11). Open addressing with linear probing at half load; 16 to 24 bytes an ad.
package struct AdCodes {
  private var keys: [UInt64] = []
  private var table: [UInt32]
  private var shift: UInt64

  private static let free = UInt32.max
  private static let leastSlots = 1024

  /// Most ads of a shard: every code below the one that marks a free slot.
  package static let limit = Int(UInt32.max)

  /// A key that stands twice in what should be a dictionary.
  package struct RepeatedKey: Error, Equatable {
    /// Where it stands first, and where again.
    package var first: Int
    package var again: Int

    package init(first: Int, again: Int) {
      self.first = first
      self.again = again
    }
  }

  package init() {
    table = Array(repeating: Self.free, count: Self.leastSlots)
    shift = Self.shift(Self.leastSlots)
  }

  /// The dictionary in which `keys[i]` has the code i. A key that appears twice, or more keys than codes, is a bug of the
  /// caller's and traps.
  package init(keys: [UInt64]) {
    do throws(RepeatedKey) { try self.init(checking: keys) } catch {
      preconditionFailure("ads \(error.first) and \(error.again) have one key")
    }
  }

  /// The same for keys that come from outside: says so where a key appears twice.
  package init(checking keys: [UInt64]) throws(RepeatedKey) {
    precondition(keys.count <= Self.limit, "more than 2^32 - 1 ads in a shard")
    var slots = Self.leastSlots
    while slots < 2 * keys.count { slots *= 2 }
    self.keys = keys
    table = []
    shift = 0
    try build(slots)
  }

  /// How many ads have a code; codes are 0 ..< count.
  package var count: Int { keys.count }

  /// The key of a code that was given.
  package func key(_ code: UInt32) -> AdKey { AdKey(rawValue: keys[Int(code)]) }

  /// The keys of the codes `code` ..< count, in their order: what a dictionary file holds. `code` is at most `count`.
  package func keys(from code: UInt32) -> [UInt64] { Array(keys[Int(code)...]) }

  /// The code of `ad`, if it has one.
  package func code(of ad: AdKey) -> UInt32? {
    let code = table[slot(of: ad.rawValue)]
    return code == Self.free ? nil : code
  }

  /// The code of `ad`, given now if it has none.
  package mutating func assign(_ ad: AdKey) -> UInt32 {
    let slot = slot(of: ad.rawValue)
    if table[slot] != Self.free { return table[slot] }
    precondition(keys.count < Self.limit, "more than 2^32 - 1 ads in a shard")
    let code = UInt32(keys.count)
    keys.append(ad.rawValue)
    table[slot] = code
    if keys.count * 2 > table.count {
      do throws(RepeatedKey) { try build(table.count * 2) } catch { preconditionFailure("an ad has two codes") }
    }
    return code
  }

  /// The codes of `ads`, nil for those that have none.
  package func codes(of ads: [AdKey]) -> [UInt32?] {
    ads.indices.map { i in
      prefetch(i, ads.count) { ads[$0] }
      return code(of: ads[i])
    }
  }

  /// The codes of `ads`, given now to those that have none.
  package mutating func assign(_ ads: [AdKey]) -> [UInt32] {
    var codes: [UInt32] = []
    codes.reserveCapacity(ads.count)
    for i in ads.indices {
      prefetch(i, ads.count) { ads[$0] }
      codes.append(assign(ads[i]))
    }
    return codes
  }

  /// Brings near what the look-ups of a list of ads will touch, called before that of `ad(i)`. A look-up is two cache misses,
  /// the second known only after the first: so slots are asked for some look-ups ahead, and then the keys of these slots.
  @inline(__always)
  func prefetch(_ i: Int, _ count: Int, _ ad: (Int) -> AdKey) {
    if i + 2 * Self.ahead < count {
      unsafe table.withUnsafeBufferPointer {
        unsafe tally_prefetch_to_read($0.baseAddress! + Self.home(of: ad(i + 2 * Self.ahead).rawValue, shift))
      }
    }
    if i + Self.ahead < count {
      let code = table[Self.home(of: ad(i + Self.ahead).rawValue, shift)]
      guard code != Self.free else { return }
      unsafe keys.withUnsafeBufferPointer { unsafe tally_prefetch_to_read($0.baseAddress! + Int(code)) }
    }
  }

  private static let ahead = 16

  /// Ad keys are bits of SHA-256: even already, so the top bits are the hash. One multiplication keeps keys that were
  /// chosen to share their top bits apart.
  private func slot(of key: UInt64) -> Int {
    var slot = Self.home(of: key, shift)
    let mask = table.count - 1
    while table[slot] != Self.free, keys[Int(table[slot])] != key { slot = (slot + 1) & mask }
    return slot
  }

  @inline(__always) private static func home(of key: UInt64, _ shift: UInt64) -> Int {
    Int(truncatingIfNeeded: (key &* 0x9E37_79B9_7F4A_7C15) &>> shift)
  }

  private static func shift(_ slots: Int) -> UInt64 { UInt64(64 - slots.trailingZeroBitCount) }

  /// Makes the table anew, of `slots`, a power of two and more than there are keys. Each slot is a cache miss of its own, so
  /// the slots of the keys `ahead` are asked for before they are needed.
  private mutating func build(_ slots: Int) throws(RepeatedKey) {
    table = []  // Gives the old one's memory back before the new one takes its own.
    table = Array(repeating: Self.free, count: slots)
    shift = Self.shift(slots)
    let shift = shift
    let ahead = 24
    var repeated: RepeatedKey?
    unsafe table.withUnsafeMutableBufferPointer { table in
      unsafe keys.withUnsafeBufferPointer { keys in
        let count = keys.count
        let mask = slots - 1
        // Slots are hashes of `slots` values or masked; codes are indices of `keys`: every access is inside.
        for code in 0..<count {
          if code + ahead < count {
            unsafe tally_prefetch(table.baseAddress! + Self.home(of: keys[code + ahead], shift))
          }
          let key = unsafe keys[code]
          var slot = Self.home(of: key, shift)
          while true {
            let other = unsafe table[slot]
            if other == Self.free { break }
            if unsafe keys[Int(other)] == key {
              repeated = RepeatedKey(first: Int(other), again: code)
              return
            }
            slot = (slot + 1) & mask
          }
          unsafe table[slot] = UInt32(truncatingIfNeeded: code)
        }
      }
    }
    if let repeated { throw repeated }
  }
}

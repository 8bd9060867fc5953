/// The counts of one open minute: ad code → clicks. Open addressing with linear probing, below three quarters full; 8
/// bytes a slot. A count of zero is a free slot, since no ad with a click has none.
package struct MinuteMap: Sendable {
  private var codes: [UInt32]
  private var counts: [UInt32]

  /// Ads with at least one click.
  package private(set) var ads = 0
  /// Clicks of all ads.
  package private(set) var total: UInt64 = 0

  package init() {
    codes = Array(repeating: 0, count: 16)
    counts = Array(repeating: 0, count: 16)
  }

  /// Clicks of an ad.
  package func count(_ code: UInt32) -> UInt32 { counts[slot(of: code)] }

  /// Adds one click.
  package mutating func add(_ code: UInt32) { add(code, clicks: 1) }

  /// Adds clicks of an ad. An ad can have 2^32 − 1 of them in a minute; one more is a bug elsewhere and traps.
  package mutating func add(_ code: UInt32, clicks: UInt32) {
    let slot = slot(of: code)
    total += UInt64(clicks)
    if counts[slot] == 0 {
      codes[slot] = code
      counts[slot] = clicks
      ads += 1
      if ads * 4 > counts.count * 3 { grow() }
    } else {
      counts[slot] += clicks
    }
  }

  /// Every ad with its clicks, in no particular order.
  package func forEach(_ body: (_ code: UInt32, _ clicks: UInt32) -> Void) {
    for i in counts.indices where counts[i] != 0 { body(codes[i], counts[i]) }
  }

  private func slot(of code: UInt32) -> Int {
    let mask = counts.count - 1
    var slot = Int(truncatingIfNeeded: (UInt64(code) &* 0x9E37_79B9_7F4A_7C15) >> 32) & mask
    // Both have as many slots, and a slot is masked.
    unsafe codes.withUnsafeBufferPointer { codes in
      unsafe counts.withUnsafeBufferPointer { counts in
        while unsafe counts[slot] != 0 && codes[slot] != code { slot = (slot + 1) & mask }
      }
    }
    return slot
  }

  private mutating func grow() {
    let before = (codes, counts)
    codes = Array(repeating: 0, count: before.0.count * 2)
    counts = Array(repeating: 0, count: before.1.count * 2)
    for i in before.1.indices where before.1[i] != 0 {
      let slot = slot(of: before.0[i])
      codes[slot] = before.0[i]
      counts[slot] = before.1[i]
    }
  }
}

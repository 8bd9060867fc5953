// CLOCK, the second-chance approximation of "least recently used" (F. Corbató, "A paging experiment with the Multics
// system", 1968). Entries stand in a circle with a bit each; a hit sets the bit. To make room, a hand goes round: an entry
// with its bit set loses the bit and stays, the first one without it goes.
//
//   slots   [ key value cost bit | … ]   dense: the last entry fills the gap of a removed one
//   places  key -> index in slots
//   invariant: places and slots hold the same keys, and cost == Σ slots.cost <= limit
//
// One insertion looks at no more than `patience` entries that have their bit set, then takes the next one whatever its
// bit: so that room for one entry is made in constant time.

/// A map from ad keys to values, bounded by the sum of their costs.
struct ClockTable<Value>: ~Copyable {
  private struct Slot {
    var key: UInt64
    var value: Value
    var cost: Int
    var referenced: Bool
  }

  private var slots: [Slot] = []
  private var places: [UInt64: Int] = [:]
  private var hand = 0
  /// The sum of the costs now.
  private(set) var cost = 0
  /// What `cost` never exceeds.
  let limit: Int
  /// Entries that went to make room for others.
  private(set) var evictions = 0

  private static var patience: Int { 64 }

  init(limit: Int) { self.limit = limit }

  var count: Int { slots.count }

  /// The value of a key, which thereby earns its second chance.
  mutating func value(for key: UInt64) -> Value? {
    guard let place = places[key] else { return nil }
    if !slots[place].referenced { slots[place].referenced = true }
    return slots[place].value
  }

  /// Stores a value in place of an older one, making room where needed. A value that costs more than the limit is not
  /// stored. New entries have no bit yet: what is asked for once goes first.
  mutating func insert(_ value: Value, for key: UInt64, cost new: Int) {
    precondition(new > 0)
    remove(key)
    guard new <= limit else { return }
    while cost > limit - new { evict() }
    places[key] = slots.count
    slots.append(Slot(key: key, value: value, cost: new, referenced: false))
    cost += new
  }

  /// Removes a key; false where it was not there.
  @discardableResult
  mutating func remove(_ key: UInt64) -> Bool {
    guard let place = places[key] else { return false }
    removeSlot(at: place)
    return true
  }

  private mutating func evict() {
    var looked = 0
    while true {
      if hand >= slots.count { hand = 0 }
      guard slots[hand].referenced, looked < Self.patience else { break }
      slots[hand].referenced = false
      hand += 1
      looked += 1
    }
    removeSlot(at: hand)
    evictions += 1
  }

  private mutating func removeSlot(at place: Int) {
    places[slots[place].key] = nil
    cost -= slots[place].cost
    let last = slots.removeLast()
    if place < slots.count {
      slots[place] = last
      places[last.key] = place
    }
  }

  /// Whether the invariant above holds; looks at every entry.
  func invariantHolds() -> Bool {
    slots.count == places.count && cost <= limit && cost == slots.reduce(0) { $0 + $1.cost }
      && slots.indices.allSatisfy { places[slots[$0].key] == $0 }
  }
}

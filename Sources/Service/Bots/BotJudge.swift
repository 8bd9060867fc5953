import Glibc

// Browsers send the same few hundred user agents again and again, so a loop remembers what it found of each:
//
//   slot   | length, u16 | verdict, u8 | … | the user agent, up to 240 bytes |        1,024 of them, 256 bytes each
//
// A user agent has one slot, by a cheap hash; what the slot holds is compared whole, so a collision costs a walk over the
// list and never a wrong verdict.

/// Judges the user agents of one event loop.
@safe final class BotJudge {
  private static let slots = 1_024
  private static let stride = 256
  private static let start = 16
  private static let longest = stride - start
  private static let shortest = 8

  private let list: BotList
  private let memory: UnsafeMutableRawPointer

  init(_ list: BotList) {
    self.list = list
    unsafe memory = .allocate(byteCount: Self.slots * Self.stride, alignment: 64)
    unsafe memory.initializeMemory(as: UInt8.self, repeating: 0, count: Self.slots * Self.stride)
  }

  deinit { unsafe memory.deallocate() }

  /// Whether `agent` is a robot that says so.
  func isBot(_ agent: UnsafeRawBufferPointer) -> Bool {
    let count = agent.count
    guard count >= Self.shortest, count <= Self.longest, let base = agent.baseAddress else {
      return unsafe list.matches(agent)
    }
    let slot = unsafe memory + Self.slot(base, count) &* Self.stride
    if unsafe slot.load(as: UInt16.self) == UInt16(truncatingIfNeeded: count),
      unsafe memcmp(slot + Self.start, base, count) == 0
    {
      return unsafe slot.load(fromByteOffset: 2, as: UInt8.self) != 0
    }
    let verdict = unsafe list.matches(agent)
    unsafe slot.storeBytes(of: UInt16(count), as: UInt16.self)
    unsafe slot.storeBytes(of: verdict ? 1 : 0, toByteOffset: 2, as: UInt8.self)
    unsafe memcpy(slot + Self.start, base, count)
    return verdict
  }

  /// The slot of a user agent: user agents begin alike and differ in the middle and at the end.
  @inline(__always)
  private static func slot(_ base: UnsafeRawPointer, _ count: Int) -> Int {
    let last = count &- 8
    var hash = UInt64(truncatingIfNeeded: count)
    for part in 1...4 {
      let word = unsafe base.loadUnaligned(fromByteOffset: last &* part &>> 2, as: UInt64.self)
      hash = (hash ^ word) &* 0x9E37_79B9_7F4A_7C15
      hash ^= hash &>> 29
    }
    return Int(truncatingIfNeeded: hash &>> 32) & (slots - 1)
  }
}

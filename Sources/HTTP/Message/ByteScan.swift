// The innermost loops of the parser: character classes as 128-bit sets, and scans that look at eight bytes a step.
//
// A word scan finds the first byte of a class with the usual borrow trick: in `(w - k*0x01…) & ~w & 0x80…` the lowest
// set bit marks the first byte below k. Borrows run upwards only, so what stands above the first hit may be wrong, and
// nobody looks at it.

/// The bytes that the grammar names.
enum ASCII {
  static let tab: UInt8 = 0x09
  static let lineFeed: UInt8 = 0x0A
  static let carriageReturn: UInt8 = 0x0D
  static let space: UInt8 = 0x20
  static let hash: UInt8 = 0x23
  static let percent: UInt8 = 0x25
  static let ampersand: UInt8 = 0x26
  static let asterisk: UInt8 = 0x2A
  static let plus: UInt8 = 0x2B
  static let comma: UInt8 = 0x2C
  static let dash: UInt8 = 0x2D
  static let dot: UInt8 = 0x2E
  static let slash: UInt8 = 0x2F
  static let zero: UInt8 = 0x30
  static let colon: UInt8 = 0x3A
  static let semicolon: UInt8 = 0x3B
  static let equals: UInt8 = 0x3D
  static let question: UInt8 = 0x3F
  static let delete: UInt8 = 0x7F
}

/// Whether `byte` may stand in a token (RFC 9110, 5.6.2): letters, digits and ``!#$%&'*+-.^_`|~``.
@inline(__always)
func isToken(_ byte: UInt8) -> Bool {
  // Most are letters.
  (byte | 0x20) &- 0x61 < 26 || isMember(byte, low: 0x03FF_6CFA_0000_0000, high: 0x57FF_FFFF_C7FF_FFFE)
}

/// Whether `byte` may stand in `host [":" port]` (RFC 3986, 3.2.2): unreserved, sub-delims, `%`, `:`, `[` and `]`.
@inline(__always)
func isHost(_ byte: UInt8) -> Bool {
  isMember(byte, low: 0x2FFF_7FF2_0000_0000, high: 0x47FF_FFFE_AFFF_FFFE)
}

@inline(__always)
private func isMember(_ byte: UInt8, low: UInt64, high: UInt64) -> Bool {
  let set = byte & 0x40 == 0 ? low : high
  return byte < 0x80 && (set &>> UInt64(byte & 63)) & 1 != 0
}

/// Whether `byte` is optional white space inside a line: a space or a tab.
@inline(__always)
func isBlank(_ byte: UInt8) -> Bool { byte == ASCII.space || byte == ASCII.tab }

private let ones: UInt64 = 0x0101_0101_0101_0101
private let tops: UInt64 = 0x8080_8080_8080_8080

/// Marks at least the first byte of `word` that is below `limit` (at most 0x80); see the head of this file.
@inline(__always)
private func below(_ word: UInt64, _ limit: UInt8) -> UInt64 { (word &- ones &* UInt64(limit)) & ~word & tops }

/// Marks at least the first byte of `word` that equals `byte`.
@inline(__always)
private func equal(_ word: UInt64, _ byte: UInt8) -> UInt64 {
  let difference = word ^ (ones &* UInt64(byte))
  return (difference &- ones) & ~difference & tops
}

/// The first position in `from ..< end` whose byte cannot stand in a field value: a control other than a tab. `end`
/// where there is none.
@inline(__always)
func scanFieldValue(_ base: UnsafePointer<UInt8>, _ from: Int, _ end: Int) -> Int {
  var p = from
  while true {
    while p &+ 8 <= end {
      let word = UInt64(littleEndian: unsafe UnsafeRawPointer(base + p).loadUnaligned(as: UInt64.self))
      let hits = below(word, 0x20) | equal(word, ASCII.delete)
      if hits != 0 {
        p &+= hits.trailingZeroBitCount &>> 3
        break
      }
      p &+= 8
    }
    while p < end {
      let byte = unsafe base[p]
      if byte == ASCII.tab {
        p &+= 1
        break
      }
      if byte < 0x20 || byte == ASCII.delete { return p }
      p &+= 1
    }
    if p >= end { return end }
  }
}

/// The first position in `from ..< end` whose byte cannot stand in a path or an authority, or is `?`. `end` where there
/// is none. Both hold visible ASCII without `#`.
@inline(__always)
func scanPath(_ base: UnsafePointer<UInt8>, _ from: Int, _ end: Int) -> Int {
  var p = from
  while p &+ 8 <= end {
    let word = UInt64(littleEndian: unsafe UnsafeRawPointer(base + p).loadUnaligned(as: UInt64.self))
    let hits =
      below(word, 0x21) | (word & tops) | equal(word, ASCII.delete) | equal(word, ASCII.hash)
      | equal(word, ASCII.question)
    if hits != 0 { return p &+ (hits.trailingZeroBitCount &>> 3) }
    p &+= 8
  }
  while p < end {
    let byte = unsafe base[p]
    if byte < 0x21 || byte > 0x7E || byte == ASCII.hash || byte == ASCII.question { return p }
    p &+= 1
  }
  return end
}

/// The first position in `from ..< end` whose byte cannot stand in a query: a control or a space. `end` where there is
/// none. Bytes above 0x7F and `#` belong in no URI, but publishers' tags have them, nothing about them changes where the
/// request ends, and what they mean is for the route to say.
@inline(__always)
func scanQuery(_ base: UnsafePointer<UInt8>, _ from: Int, _ end: Int) -> Int {
  var p = from
  while p &+ 8 <= end {
    let word = UInt64(littleEndian: unsafe UnsafeRawPointer(base + p).loadUnaligned(as: UInt64.self))
    let hits = below(word, 0x21) | equal(word, ASCII.delete)
    if hits != 0 { return p &+ (hits.trailingZeroBitCount &>> 3) }
    p &+= 8
  }
  while p < end {
    let byte = unsafe base[p]
    if byte < 0x21 || byte == ASCII.delete { return p }
    p &+= 1
  }
  return end
}

/// Whether `count` bytes at `base` are `text` without regard to case. Both are tokens; `text` has none of `^` and `~`.
@inline(__always)
func matches(_ base: UnsafePointer<UInt8>, _ count: Int, _ text: StaticString) -> Bool {
  guard count == text.utf8CodeUnitCount else { return false }
  let other = unsafe text.utf8Start
  for i in 0..<count where unsafe base[i] | 0x20 != other[i] | 0x20 { return false }
  return true
}

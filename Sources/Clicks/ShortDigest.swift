import COpenSSL

// SHA-256 (FIPS 180-4) of short texts, by its compression function alone: what an ad id or a link needs is one to four
// compressions, and the interface for digests of any length (EVP) costs more than these.
//
//   text, 0x80, zeros, length of all in bits (8 bytes, big-endian)  =  one or two blocks of 64 bytes  ▶  compress each
//
//   HMAC (RFC 2104):  inner state behind (key ^ 0x36…) ▶ text ▶ digest;  outer state behind (key ^ 0x5C…) ▶ digest ▶ MAC
//
// A key's two states are computed once.

/// The state of SHA-256 between two blocks.
struct DigestState {
  private var context = SHA256_CTX()

  /// The state before the first block.
  init() {
    let ok = unsafe SHA256_Init(&context) == 1
    precondition(ok, "SHA-256 failed")
  }

  /// Takes in 64 bytes.
  @inline(__always)
  mutating func take(_ block: UnsafeRawPointer) {
    unsafe SHA256_Transform(&context, block.assumingMemoryBound(to: UInt8.self))
  }

  /// The digest, 64 bits at a time, as big-endian numbers.
  @inline(__always)
  var words: (UInt64, UInt64, UInt64, UInt64) {
    let h = context.h
    func word(_ high: UInt32, _ low: UInt32) -> UInt64 { UInt64(high) << 32 | UInt64(low) }
    return (word(h.0, h.1), word(h.2, h.3), word(h.4, h.5), word(h.6, h.7))
  }
}

/// Two blocks of 64 bytes, of which the last text fills one or both.
struct DigestBlocks {
  private var words:
    (
      UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64,
      UInt64, UInt64
    ) = (0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
  private var count = 0

  /// The longest text: behind it one byte and the length stand.
  static let most = 119

  /// Adds a text; all of them are `most` bytes at most.
  @inline(__always)
  mutating func add(_ text: UnsafeRawBufferPointer) {
    guard let start = text.baseAddress, text.count > 0 else { return }
    let place = count
    precondition(place + text.count <= Self.most, "too long a text for two blocks")
    unsafe withUnsafeMutableBytes(of: &words) {
      unsafe ($0.baseAddress! + place).copyMemory(from: start, byteCount: text.count)
    }
    count += text.count
  }

  /// Adds one byte.
  @inline(__always)
  mutating func add(_ byte: UInt8) {
    let place = count
    precondition(place < Self.most, "too long a text for two blocks")
    unsafe withUnsafeMutableBytes(of: &words) { unsafe $0[place] = byte }
    count += 1
  }

  /// Adds a number, big-endian.
  @inline(__always)
  mutating func add(_ number: UInt64) {
    unsafe withUnsafeBytes(of: number.bigEndian) { unsafe add($0) }
  }

  /// The digest of what `state` has taken in, `before` bytes, and the texts.
  @inline(__always)
  mutating func digest(_ state: DigestState, before: Int = 0) -> (UInt64, UInt64, UInt64, UInt64) {
    var state = state
    let count = count
    let blocks = count + 9 <= 64 ? 1 : 2
    unsafe withUnsafeMutableBytes(of: &words) { bytes in
      unsafe bytes[count] = 0x80
      unsafe bytes.storeBytes(
        of: UInt64(8 * (before + count)).bigEndian, toByteOffset: 64 * blocks - 8, as: UInt64.self)
      unsafe state.take(bytes.baseAddress!)
      if blocks == 2 { unsafe state.take(bytes.baseAddress! + 64) }
    }
    return state.words
  }
}

/// The two states of an HMAC-SHA256 key.
struct KeyedDigest {
  private let inner: DigestState
  private let outer: DigestState

  init(key: [UInt8], by hasher: SHA256 = SHA256()) {
    let short = key.count <= 64 ? key : hasher.digest(key)
    func state(_ pad: UInt8) -> DigestState {
      let block = (0..<64).map { ($0 < short.count ? short[$0] : 0) ^ pad }
      var state = DigestState()
      unsafe block.withUnsafeBytes { unsafe state.take($0.baseAddress!) }
      return state
    }
    inner = state(0x36)
    outer = state(0x5C)
  }

  /// The MAC of the texts in `blocks`, 64 bits at a time, as big-endian numbers.
  @inline(__always)
  func code(_ blocks: inout DigestBlocks) -> (UInt64, UInt64, UInt64, UInt64) {
    let digest = blocks.digest(inner, before: 64)
    var last = DigestBlocks()
    last.add(digest.0)
    last.add(digest.1)
    last.add(digest.2)
    last.add(digest.3)
    return last.digest(outer, before: 64)
  }
}

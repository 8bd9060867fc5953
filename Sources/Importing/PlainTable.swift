import Bytes
import Clicks
import Glibc

// Nearly all rows of a large table are plain: no field is quoted, the ad's id is short, and nothing is wrong. They are read
// here, eight bytes at a time and without a call for each field; whatever is not plain is nobody's fault yet, and is
// read by `ClickParser`, which says what it is. Whoever reads a plain row either way gets the same.

/// An ad's id of at most 16 characters: its bytes, little-endian, with zeros behind them, which no id has.
package struct ShortAdID: Equatable, Sendable {
  package var first: UInt64
  package var second: UInt64

  static let longest = 16

  /// The ad's key.
  func key(by hasher: SHA256) -> AdKey {
    let zeros = second == 0 ? 64 + first.leadingZeroBitCount : second.leadingZeroBitCount
    return unsafe withUnsafeBytes(of: (first.littleEndian, second.littleEndian)) { bytes in
      let text = unsafe UnsafeRawBufferPointer(rebasing: bytes[..<(Self.longest - zeros / 8)])
      return AdKey(rawValue: unsafe hasher.first64(text))
    }
  }
}

/// A click of a plain row.
package struct PlainRow: Sendable {
  package var ad: ShortAdID
  package var impression: ImpressionID
  /// The minting time that the id's spelling claims.
  package var minted: Int64?
  /// ms since 1970.
  package var time: Int64
}

/// Reads the plain rows of one table, and has what was said of their ads.
package final class PlainTable {
  private let delimiter: Int32
  private let ad: Int
  private let impression: Int
  private let time: Int
  private let times: TimeReader
  let recall = AdRecall()

  /// The columns in which the fields are.
  init(delimiter: UInt8, ad: Int, impression: Int, time: Int, times: TimeReader) {
    self.delimiter = Int32(delimiter)
    self.ad = ad
    self.impression = impression
    self.time = time
    self.times = times
  }

  /// A row without its newline; nil where it is not plain.
  package func read(_ line: UnsafeRawBufferPointer) -> PlainRow? {
    guard let base = line.baseAddress, 1...ClickLineReader.maximumLine ~= line.count else { return nil }
    let end = unsafe line[line.count - 1] == 0x0D ? line.count - 1 : line.count
    var row = PlainRow(
      ad: ShortAdID(first: 0, second: 0), impression: ImpressionID(high: 0, low: 0), minted: nil, time: 0)
    var found = 0
    var field = 0
    var at = 0
    while true {
      let next = unsafe at < end ? memchr(base + at, delimiter, end - at) : nil
      let stop = unsafe next.map { unsafe UnsafeRawPointer($0) - base } ?? end
      let text = unsafe UnsafeRawBufferPointer(start: base + at, count: stop - at)
      if field == ad {
        guard let id = unsafe Self.shortID(text, readable: line.count - at) else { return nil }
        row.ad = id
        found |= 1
      } else if field == impression {
        guard let id = unsafe ImpressionID(text) else { return nil }
        row.impression = id
        row.minted = id.claimedMinting(characters: text.count)
        found |= 2
      } else if field == time {
        do throws(TimeFault) { row.time = unsafe try times.read(text) } catch { return nil }
        found |= 4
      } else if text.count > 0 {
        guard unsafe text[0] != 0x22, unsafe memchr(base + at, 0x0D, text.count) == nil else { return nil }
      }
      field += 1
      if stop == end { break }
      at = stop + 1
    }
    return found == 7 ? row : nil
  }

  /// The id that a text is; nil where it is long or none. There are `readable` bytes from its beginning on.
  @inline(__always)
  private static func shortID(_ text: UnsafeRawBufferPointer, readable: Int) -> ShortAdID? {
    guard 1...ShortAdID.longest ~= text.count, let base = text.baseAddress else { return nil }
    let first = unsafe word(base, min(text.count, 8), readable)
    guard isOfID(first, min(text.count, 8)) else { return nil }
    guard text.count > 8 else { return ShortAdID(first: first, second: 0) }
    let second = unsafe word(base + 8, text.count - 8, readable - 8)
    return isOfID(second, text.count - 8) ? ShortAdID(first: first, second: second) : nil
  }

  /// `count` bytes, 1 to 8, as a word with zeros behind them.
  @inline(__always)
  private static func word(_ base: UnsafeRawPointer, _ count: Int, _ readable: Int) -> UInt64 {
    if readable >= 8 {
      return UInt64(littleEndian: unsafe base.loadUnaligned(as: UInt64.self)) & mask(count)
    }
    var word: UInt64 = 0
    for i in 0..<count { word |= unsafe UInt64(base.load(fromByteOffset: i, as: UInt8.self)) << UInt64(8 * i) }
    return word
  }

  @inline(__always)
  private static func mask(_ count: Int) -> UInt64 { ~0 >> UInt64(64 - 8 * count) }

  /// Whether the first `count` bytes of a word, behind which there are zeros, are characters of an ad's id. With bytes below
  /// 0x80, adding 0x80 - n sets the high bit of those that are at least n and carries into no other.
  @inline(__always)
  private static func isOfID(_ word: UInt64, _ count: Int) -> Bool {
    let low: UInt64 = 0x0101_0101_0101_0101
    let high: UInt64 = 0x8080_8080_8080_8080
    guard word & high == 0 else { return false }
    let lower = word | low &* 0x20
    let letters = (lower &+ low &* (0x80 - 0x61)) & ~(lower &+ low &* (0x80 - 0x7B))
    let digits = (word &+ low &* (0x80 - 0x30)) & ~(word &+ low &* (0x80 - 0x3A))
    let hyphensAndPoints = (word &+ low &* (0x80 - 0x2D)) & ~(word &+ low &* (0x80 - 0x2F))
    let underscores = ~((word ^ low &* 0x5F) &+ low &* 0x7F)
    return (letters | digits | hyphensAndPoints | underscores) & high == high & mask(count)
  }
}

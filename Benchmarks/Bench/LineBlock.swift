import Clicks
import Traffic

/// A block of click lines, written once and renewed in place: only the impression ids change, all of the same length, so
/// that the generator takes about as little of the machine as a copy would.
struct LineBlock {
  private(set) var bytes: [UInt8] = []
  /// Where the id of each line begins.
  private var places: [Int] = []
  private var chance: SplitMix64

  /// Two hex digits by their value, in the order of memory.
  private static let digits: [UInt16] = (0..<256).map { value in
    let pair = "0123456789abcdef".utf8.map(\.self)
    return UInt16(pair[value >> 4]) | UInt16(pair[value & 15]) << 8
  }

  /// `count` unsigned lines on the ads in turn, clicked at `time`; `renew` gives them their ids.
  init(_ count: Int, ads: [[UInt8]], time: Int64, seed: UInt64) {
    chance = SplitMix64(seed: seed)
    bytes.reserveCapacity(count * 112)
    for i in 0..<count {
      bytes += "{\"adId\":\"".utf8
      bytes += ads[i % ads.count]
      bytes += "\",\"impressionId\":\"".utf8
      places.append(bytes.count)
      bytes += [UInt8](repeating: 0x30, count: 32)
      bytes += "\",\"time\":\(time)}\n".utf8
    }
    renew(at: time)
  }

  var lines: Int { places.count }

  /// Gives every line a fresh impression, minted at `time`.
  mutating func renew(at time: Int64) {
    let places = places
    var chance = chance
    unsafe bytes.withUnsafeMutableBytes { bytes in
      unsafe Self.digits.withUnsafeBufferPointer { digits in
        for place in places {
          let id = ImpressionID.version7(at: time, random: (chance.next(), chance.next()))
          for i in 0..<8 {
            let (high, low) = (Int(id.high >> UInt64(56 - 8 * i) & 255), Int(id.low >> UInt64(56 - 8 * i) & 255))
            unsafe bytes.storeBytes(of: digits[high], toByteOffset: place + 2 * i, as: UInt16.self)
            unsafe bytes.storeBytes(of: digits[low], toByteOffset: place + 16 + 2 * i, as: UInt16.self)
          }
        }
      }
    }
    self.chance = chance
  }
}

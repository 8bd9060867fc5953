import Bytes
import Clicks

/// What an answer says, as bytes that are cheap to make, and a short text that changes with them.
struct Fingerprint {
  private var bytes: [UInt8] = []

  mutating func add(_ number: UInt64) {
    for shift in stride(from: 0, to: 64, by: 8) { bytes.append(UInt8(truncatingIfNeeded: number >> UInt64(shift))) }
  }

  mutating func add(_ number: Int64) { add(UInt64(bitPattern: number)) }

  mutating func add(_ text: String) {
    bytes += text.utf8
    // In no text: so that texts side by side are told apart.
    bytes.append(0xFF)
  }

  mutating func add(_ points: [Point]) {
    bytes.reserveCapacity(bytes.count + points.count * 26 + 8)
    add(UInt64(points.count))
    for point in points {
      add(point.minute.index)
      add(point.clicks)
      bytes.append(point.status.number)
      add(point.credits)
      for metric in point.metrics { add(metric) }
    }
  }

  /// 32 hex digits.
  func text(by hasher: SHA256) -> String { Hex.encode(hasher.digest(bytes).prefix(16)) }
}

extension PointStatus {
  fileprivate var number: UInt8 {
    switch self {
    case .provisional: 0
    case .closed: 1
    case .reconciled: 2
    case .sealed: 3
    }
  }
}

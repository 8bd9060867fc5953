import Bytes
import Clicks

/// What an answer says, as bytes that are cheap to make, and a short text that changes with them.
struct Fingerprint {
  private var bytes: [UInt8] = []

  /// The print of nothing so far; `room` is about how many bytes it will have.
  init(room: Int = 256) { bytes.reserveCapacity(room) }

  mutating func add(_ number: UInt64) {
    unsafe withUnsafeBytes(of: number.littleEndian) { unsafe bytes.append(contentsOf: $0) }
  }

  mutating func add(_ number: Int64) { add(UInt64(bitPattern: number)) }

  mutating func add(_ text: String) {
    bytes += text.utf8
    // In no text: so that texts side by side are told apart.
    bytes.append(0xFF)
  }

  mutating func add(_ points: [Point]) {
    add(UInt64(points.count))
    let metrics = points.first?.metrics.count ?? 0
    let size = 25 + 8 * metrics
    let start = bytes.count
    bytes.append(contentsOf: repeatElement(0, count: points.count * size))
    unsafe bytes.withUnsafeMutableBytes { bytes in
      var target = unsafe bytes.baseAddress! + start
      for point in points {
        precondition(point.metrics.count == metrics, "points of one query have the same metrics")
        unsafe target.unsafeStoreLE(point.minute.index, 0)
        unsafe target.unsafeStoreLE(point.clicks, 8)
        unsafe target.storeBytes(of: point.status.number, toByteOffset: 16, as: UInt8.self)
        unsafe target.unsafeStoreLE(point.credits, 17)
        for i in 0..<metrics { unsafe target.unsafeStoreLE(point.metrics[i], 25 + 8 * i) }
        unsafe target += size
      }
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

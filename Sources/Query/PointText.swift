import Clicks

// Points without metrics as JSON, many at a time: what is the same of all points of a day, up to its date, is copied in one piece.
//
//   ,{"minute":"2026-11-30T  09:41:00Z  ","clicks":  17  ,"status":"closed"}

/// Writes points of one group into memory.
struct PointText {
  /// What stands before the time of day.
  private var head: [UInt8]
  /// Bytes of the head before the date.
  private let dateStart: Int
  private static let clicks = Array("\",\"clicks\":".utf8)
  private static let credits = Array(",\"credits\":".utf8)
  /// By `PointStatus.allCases`.
  private static let statuses: [[UInt8]] = PointStatus.allCases.map { Array(",\"status\":\"\($0.rawValue)\"".utf8) }
  private let end: [UInt8]
  private var day = Int64.min

  /// Points of which each begins with `head`, `time` being the name of their time, and ends with `end`.
  init(head: String, group: [UInt8], time: [UInt8], end: String) {
    let start = Array(head.utf8) + group + [UInt8(ascii: "\"")] + time + Array("\":\"".utf8)
    dateStart = start.count
    self.head = start + Array(repeating: 0, count: Self.dateBytes)
    self.end = Array(end.utf8)
  }

  private static let dateBytes = 11

  /// The most bytes of a point: of the numbers, what stands around them, and the head.
  private var room: Int { head.count + 128 + end.count }

  /// Appends `points`, of the first what stands behind its first `skipped` bytes.
  mutating func append(_ points: ArraySlice<Point>, skipping skipped: Int = 0, to text: inout [UInt8]) {
    let (clicks, credits, statuses) = (Self.clicks, Self.credits, Self.statuses)
    let piece = unsafe [UInt8](unsafeUninitializedCapacity: points.count * room) { memory, count in
      var output = unsafe ByteOutput(memory)
      for point in points { write(point, clicks, credits, statuses, &output) }
      count = output.count
    }
    text += piece[skipped...]
  }

  private mutating func write(
    _ point: Point, _ clicks: [UInt8], _ credits: [UInt8], _ statuses: [[UInt8]], _ output: inout ByteOutput
  ) {
    let (day, clock) = point.minute.index.quotientAndRemainder(dividingBy: 1440)
    if day != self.day {
      self.day = day
      let date = Timestamp.format(day * 86_400_000, fraction: false).utf8.prefix(Self.dateBytes)
      head.replaceSubrange(dateStart..., with: date)
    }
    output.append(head)
    let (hour, minute) = clock.quotientAndRemainder(dividingBy: 60)
    output.append(twoDigits: UInt8(truncatingIfNeeded: hour))
    output.append(UInt8(ascii: ":"))
    output.append(twoDigits: UInt8(truncatingIfNeeded: minute))
    output.append(UInt8(ascii: ":"))
    output.append(twoDigits: 0)
    output.append(UInt8(ascii: "Z"))
    output.append(clicks)
    output.append(decimal: point.clicks)
    output.append(statuses[point.status.place])
    if point.credits != 0 {
      output.append(credits)
      if point.credits < 0 { output.append(UInt8(ascii: "-")) }
      output.append(decimal: point.credits.magnitude)
    }
    output.append(end)
  }
}

/// Bytes that are written one behind the other into memory that has room for them.
@safe private struct ByteOutput {
  private let start: UnsafeMutablePointer<UInt8>
  private let room: Int
  private(set) var count = 0

  init(_ memory: UnsafeMutableBufferPointer<UInt8>) {
    unsafe start = memory.baseAddress!
    room = memory.count
  }

  @inline(__always)
  mutating func append(_ byte: UInt8) {
    precondition(count < room)
    unsafe start[count] = byte
    count &+= 1
  }

  @inline(__always)
  mutating func append(_ bytes: [UInt8]) {
    precondition(bytes.count <= room - count)
    let target = unsafe start + count
    unsafe bytes.withUnsafeBufferPointer { unsafe target.update(from: $0.baseAddress!, count: $0.count) }
    count &+= bytes.count
  }

  @inline(__always)
  mutating func append(twoDigits number: UInt8) {
    append(0x30 &+ number / 10)
    append(0x30 &+ number % 10)
  }

  mutating func append(decimal number: UInt64) {
    var digits = 1
    var limit: UInt64 = 10
    while number >= limit {
      digits += 1
      // The largest numbers have twenty digits, and ten times as much does not fit.
      if digits == 20 { break }
      limit *= 10
    }
    precondition(digits <= room - count)
    var rest = number
    var place = count + digits
    while place > count {
      place -= 1
      unsafe start[place] = 0x30 + UInt8(truncatingIfNeeded: rest % 10)
      rest /= 10
    }
    count += digits
  }
}

extension PointStatus {
  /// Its place among all of them.
  fileprivate var place: Int {
    switch self {
    case .provisional: 0
    case .closed: 1
    case .reconciled: 2
    case .sealed: 3
    }
  }
}

import Dedup
import Testing

/// The ring of seconds against the list of all clicks.
struct HorizonWatermarkTests {
  @Test(
    "a click is kept for its time to live, and for less than a second more",
    arguments: [1_000, 1_001, 1_999, 10_000, 600_000, 86_400_000] as [Int64], 0..<4 as Range<UInt64>)
  func bounds(timeToLive: Int64, seed: UInt64) throws {
    var chance = Chance(seed)
    var position = UInt64(chance.below(1_000))
    var horizon = HorizonWatermark(timeToLive: timeToLive, from: position)
    var now = Int64(chance.below(5_000))
    // Those not yet seen below the watermark.
    var clicks: ArraySlice<(position: UInt64, time: Int64)> = []
    var last = position
    try #require(horizon.watermark(at: now) == position)

    for step in 0..<1_500 {
      let pause =
        switch chance.below(12) {
        case 0...3: 0
        case 4...6: chance.below(40)
        case 7...8: 1_000
        case 9: chance.below(4_000)
        case 10: chance.below(Int(timeToLive / 50) + 2)
        default: chance.once(in: 40) ? chance.below(3 * Int(timeToLive)) : 999
        }
      now += Int64(pause)
      let watermark = horizon.watermark(at: now)
      try #require(watermark >= last, "it went back")
      last = watermark
      while let first = clicks.first, first.position < watermark {
        try #require(now - first.time >= timeToLive, "seed \(seed) step \(step): \(first) gone at \(now)")
        clicks.removeFirst()
      }
      if let first = clicks.first {
        try #require(now - first.time < timeToLive + 1_000, "seed \(seed) step \(step): \(first) kept at \(now)")
        try #require(watermark == first.position)
      } else {
        try #require(watermark == position)
      }
      let count = UInt64(chance.below(4))
      horizon.note(position..<position + count, at: now)
      for _ in 0..<count {
        clicks.append((position, now))
        position += 1
      }
    }
  }

  @Test("the last millisecond of a second decides")
  func exactEdge() {
    var horizon = HorizonWatermark(timeToLive: 1_000)
    horizon.note(0..<5, at: 2_000)
    horizon.note(5..<6, at: 2_999)
    horizon.note(6..<9, at: 3_000)
    #expect(horizon.watermark(at: 3_998) == 0)
    #expect(horizon.watermark(at: 3_999) == 6)
    #expect(horizon.watermark(at: 4_998) == 6)
    #expect(horizon.watermark(at: 4_999) == 9)
    horizon.note(20..<21, at: 4_999)
    #expect(horizon.watermark(at: 4_999) == 20)
  }

  @Test("a full ring: a click each second for longer than a day")
  func day() {
    var horizon = HorizonWatermark(timeToLive: 86_400_000)
    for second in 0..<90_000 as Range<Int64> {
      horizon.note(UInt64(second)..<UInt64(second) + 1, at: second * 1_000 + second % 1_000)
    }
    #expect(horizon.watermark(at: 90_000_000) == 90_000 - 86_400)
  }
}

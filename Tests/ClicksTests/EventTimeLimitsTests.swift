import Clicks
import Testing

@Suite struct EventTimeLimitsTests {
  private let now: Int64 = 1_750_000_000_000
  private let hour: Int64 = 3_600_000

  @Test(
    arguments: [
      (0, nil, EventTimeLimits.Judgement.accept),
      (300_000, nil, .accept), (300_001, nil, .inFuture),
      (-48 * 3_600_000, nil, .accept), (-48 * 3_600_000 - 1, nil, .tooOld),
      // Minting is compared with the click's own time.
      (0, -24 * 3_600_000, .accept), (0, -24 * 3_600_000 - 1, .expired),
      (-40 * 3_600_000, -64 * 3_600_000, .accept), (-40 * 3_600_000, -64 * 3_600_000 - 1, .expired),
      (0, 60_000, .accept), (0, 60_001, .expired),
      (-hourOf(3), -hourOf(3) + 60_000, .accept), (-hourOf(3), 0, .expired),
      // The time at fault is named before the minting.
      (300_001, 0, .inFuture), (-hourOf(50), 0, .tooOld),
    ] as [(Int64, Int64?, EventTimeLimits.Judgement)])
  func edges(_ time: Int64, _ minted: Int64?, _ expected: EventTimeLimits.Judgement) {
    let limits = EventTimeLimits()
    #expect(limits.judge(eventTime: now + time, minted: minted.map { now + $0 }, now: now) == expected)
  }

  @Test func historyHasNoAge() {
    var limits = EventTimeLimits()
    limits.admitsHistory = true
    #expect(limits.judge(eventTime: 0, minted: nil, now: now) == .accept)
    #expect(limits.judge(eventTime: -1, minted: nil, now: now) == .tooOld)
    #expect(limits.judge(eventTime: now + 300_001, minted: nil, now: now) == .inFuture)
    #expect(limits.judge(eventTime: now - 1_000 * hour, minted: now - 1_025 * hour, now: now) == .expired)
  }

  @Test func everyTimeIsJudged() {
    var limits = EventTimeLimits()
    for history in [false, true] {
      limits.admitsHistory = history
      #expect(limits.judge(eventTime: .max, minted: 0, now: now) == .inFuture)
      #expect(limits.judge(eventTime: .min, minted: 0, now: now) == .tooOld)
    }
  }
}

private func hourOf(_ count: Int64) -> Int64 { count * 3_600_000 }

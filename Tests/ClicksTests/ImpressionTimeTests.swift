import Clicks
import Simulation
import Testing

/// Any 128 bits are as good an impression as any others: a time is believed only where the spelling claims it and the clock
/// allows it.
@Suite struct ImpressionTimeTests {
  private let now: Int64 = 1_750_000_000_000
  private static let day: Int64 = 86_400_000

  /// Bits of ad servers and generators that are no UUIDs of version 7 of RFC 9562, but may look like it.
  enum Maker: CaseIterable {
    /// 128 random bits; the first half of a hash is as good.
    case random
    /// The version and the variant are right, the time is random bits.
    case stamped
    /// An older draft of version 7: 36 bits of seconds, then fractions of them.
    case draftSeconds
    /// Microseconds, and nanoseconds, where milliseconds are due.
    case microseconds, nanoseconds
    /// Seconds where milliseconds are due.
    case seconds
    /// The bytes of the time in the other order.
    case turned
    /// All ones but for version and variant, and all zeros.
    case ones, zeros
    /// Ticks of 100 ns since 1582, as version 6 has them.
    case gregorian

    func id(at now: Int64, using chance: inout SeededGenerator) -> ImpressionID {
      let random = (chance.next(), chance.next())
      let mask: UInt64 = 1 << 48 - 1
      func stamped(_ time: UInt64) -> ImpressionID { .version7(at: Int64(time & mask), random: random) }
      let time = UInt64(now) - chance.next() % 100_000
      switch self {
      case .random: return ImpressionID(high: random.0, low: random.1)
      case .stamped: return stamped(chance.next())
      case .draftSeconds: return stamped(time / 1_000 << 12 | chance.next() & 0xFFF)
      case .microseconds: return stamped(time * 1_000)
      case .nanoseconds: return stamped(time &* 1_000_000)
      case .seconds: return stamped(time / 1_000)
      case .turned: return stamped(time.byteSwapped >> 16)
      case .ones: return .version7(at: Int64(mask), random: (.max, random.1))
      case .zeros: return .version7(at: 0, random: (0, random.1))
      case .gregorian: return stamped((time + 12_219_292_800_000) * 10_000 >> 12)
      }
    }
  }

  /// A million ids: as 32 hex digits none is ever expired; with hyphens the very ones that say a plausible time too long ago.
  @Test(arguments: Maker.allCases) func whateverTheBitsSayTheyCount(_ maker: Maker) {
    let seed = Seeds.list(1)[0]
    var chance = seed.generator
    let limits = EventTimeLimits()
    var lost = 0
    var wrong: [ImpressionID] = []
    for _ in 0..<100_000 {
      let id = maker.id(at: now, using: &chance)
      let plain = limits.judge(eventTime: now, minted: id.claimedMinting(characters: 32), now: now)
      if plain != .accept { lost += 1 }
      // By the digits: version 7, variant 8 … b, and the first twelve of them a number of ms.
      let (version, variant, time) = (id.high & 0xF000, id.low >> 60 & 0xC, Int64(id.high >> 16))
      let isPlausible = (1_577_836_800_000...(now + Self.day)).contains(time)
      let isTimed = version == 0x7000 && variant == 0x8 && isPlausible
      let isExpired = isTimed && (time < now - Self.day || time > now + 60_000)
      let spelled = limits.judge(eventTime: now, minted: id.claimedMinting(characters: 36), now: now)
      if (spelled == .expired) != isExpired, wrong.count < 10 { wrong.append(id) }
    }
    #expect(lost == 0 && wrong == [], "\(seed)")
  }

  @Test func theClockOfTheDoorSaysWhatIsPlausible() {
    let limits = EventTimeLimits()
    let earliest = ImpressionID.earliestMinting
    #expect(Timestamp.parse("2020-01-01T00:00:00Z") == earliest)
    for (time, isTimed) in [
      (earliest - 1, false), (earliest, true), (now - Self.day - 1, true), (now + 60_001, true), (now + Self.day, true),
      (now + Self.day + 1, false),
    ] {
      let id = ImpressionID.version7(at: time, random: (1, 2))
      let judged = limits.judge(eventTime: now, minted: id.claimedMinting(characters: 36), now: now)
      #expect((judged == .expired) == isTimed, "\(time - now)")
      // Below the door a time in the bits means something as soon as it has come.
      #expect(id.minting(by: now) == (time >= earliest && time <= now ? time : nil))
    }
  }

  @Test func theSpellingThatClaimsNothingIsDigits() throws {
    let id = try #require(ImpressionID("0190163d-8694-739b-aea5-966c26f8ad91"))
    #expect(id.digits == "0190163d8694739baea5966c26f8ad91")
    #expect(id.claimedMinting(characters: 36) == 0x0190_163D_8694 && id.claimedMinting(characters: 32) == nil)
  }
}

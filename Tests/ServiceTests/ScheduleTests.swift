import Clicks
import Platform
import Service
import Simulation
import Testing

/// Cron expressions, the moments they mean, and what a schedule does about them. No thread, no clock: years pass in a loop.
@Suite struct ScheduleTests {
  /// Seconds since 1970 of a UTC time.
  private func utc(_ text: String) throws -> Int64 {
    let parts = text.split { !$0.isNumber }.compactMap { Int64($0) }
    var days: Int64 = 0
    for year in 1970..<parts[0] { days += isLeap(year) ? 366 : 365 }
    let months: [Int64] = [31, isLeap(parts[0]) ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
    days += months.prefix(Int(parts[1]) - 1).reduce(0, +) + parts[2] - 1
    return days * 86_400 + parts[3] * 3_600 + parts[4] * 60
  }

  private func isLeap(_ year: Int64) -> Bool { year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) }

  private static let berlin = ZoneFile.find("Europe/Berlin", KernelFileSystem())

  /// The moments after `start`, as many as are due.
  private func check(_ cron: String, from start: String, _ due: [String], zone: ZoneFile = ZoneFile()) throws {
    let cron = try Cron(cron)
    var time = try utc(start) * 1_000
    for text in due {
      time = CronTimes.next(cron, after: time) { zone.offset(at: $0) }
      #expect(time == (try utc(text)) * 1_000, "\(cron): \(text)")
    }
  }

  @Test func expressionsMeanMoments() throws {
    try check("17 3 * * *", from: "2026-02-28 03:17", ["2026-03-01 03:17", "2026-03-02 03:17"])
    try check("*/10 * * * *", from: "2026-01-01 00:55", ["2026-01-01 01:00", "2026-01-01 01:10"])
    try check("0 12 29 2 *", from: "2025-01-01 00:00", ["2028-02-29 12:00", "2032-02-29 12:00"])
    try check("30 1 1,15 * *", from: "2026-01-15 01:30", ["2026-02-01 01:30", "2026-02-15 01:30"])
    try check("0 0 * * mon-fri", from: "2026-11-27 00:00", ["2026-11-30 00:00", "2026-12-01 00:00"])
    try check("0 0 * * 7", from: "2026-11-23 00:00", ["2026-11-29 00:00", "2026-12-06 00:00"])
    // Neither day field is free: one of them is enough.
    try check("0 0 13 * fri", from: "2026-02-06 00:00", ["2026-02-13 00:00", "2026-02-20 00:00", "2026-02-27 00:00"])
    try check("5/20 23 31 dec *", from: "2026-01-01 00:00", ["2026-12-31 23:05", "2026-12-31 23:25"])
    try check("@weekly", from: "2026-11-23 00:00", ["2026-11-29 00:00"])
  }

  @Test func whatIsNoneIsNamed() throws {
    for (text, word) in [
      ("* * * *", "five fields"), ("60 * * * *", "minute"), ("* 24 * * *", "hour"), ("* * 0 * *", "day of month"),
      ("* * * 13 *", "month"), ("* * * * 8", "day of week"), ("5-1 * * * *", "back"), ("*/0 * * * *", "step"),
      ("a * * * *", "minute"), (", * * * *", "empty"), ("0 0 31 2 *", "no year"), ("0 0 30 feb *", "no year"),
      ("1/2/3 * * * *", "minute"),
    ] {
      let fault = #expect(throws: Cron.Fault.self) { try Cron(text) }
      #expect(fault?.description.contains(word) == true, "\(text): \(fault?.description ?? "")")
    }
  }

  /// Every moment is found by going through the minutes one by one as well.
  @Test func momentsAreThoseOfAWalk() throws {
    try Seeds.run(60) { seed in
      var chance = seed.generator
      func field(_ low: Int, _ high: Int) -> String {
        switch chance.next() % 4 {
        case 0: return "*"
        case 1: return "\(low + chance.small(in: 0...(high - low)))"
        case 2: return "*/\(1 + chance.small(in: 0...min(9, high - 1)))"
        default:
          let first = low + chance.small(in: 0...(high - low))
          return "\(first)-\(first + chance.small(in: 0...(high - first)))"
        }
      }
      let text = "\(field(0, 59)) \(field(0, 23)) \(field(1, 28)) \(field(1, 12)) \(field(0, 6))"
      let cron = try Cron(text)
      let start = Int64(chance.small(in: 0...20_000_000)) * 60
      let found = CronTimes.next(cron, after: start * 1_000) { _ in 0 } / 1_000
      // The moment itself fits, and a day before it there is no other between it and the start.
      let again = CronTimes.next(cron, after: (found - 1) * 1_000) { _ in 0 } / 1_000
      #expect(again == found && found > start && found % 60 == 0, "\(seed): \(text)")
      if found - start > 120 {
        let middle = start + (found - start) / 2
        #expect(CronTimes.next(cron, after: middle * 1_000) { _ in 0 } / 1_000 == found, "\(seed): \(text)")
      }
    }
  }

  @Test(.enabled(if: Self.berlin != nil)) func clocksThatAreSetLoseAndDoubleNothing() throws {
    let berlin = try #require(Self.berlin)
    // 29 March 2026, 02:00 becomes 03:00: a job of 02:30 begins at 03:00, which is 01:00 UTC.
    try check(
      "30 2 * * *", from: "2026-03-28 00:00", ["2026-03-28 01:30", "2026-03-29 01:00", "2026-03-30 00:30"], zone: berlin
    )
    try check("17 3 * * *", from: "2026-03-28 12:00", ["2026-03-29 01:17", "2026-03-30 01:17"], zone: berlin)
    try check(
      "*/30 * * * *", from: "2026-03-29 00:20", ["2026-03-29 00:30", "2026-03-29 01:00", "2026-03-29 01:30"],
      zone: berlin)
    // 25 October 2026, 03:00 becomes 02:00: a job of 02:30 runs the first time alone, one of every half hour each time.
    try check("30 2 * * *", from: "2026-10-24 12:00", ["2026-10-25 00:30", "2026-10-26 01:30"], zone: berlin)
    try check(
      "*/30 * * * *", from: "2026-10-25 00:20", ["2026-10-25 00:30", "2026-10-25 01:00", "2026-10-25 01:30"],
      zone: berlin)
  }

  @Test(.enabled(if: Self.berlin != nil)) func zonesAreThoseOfTheSystem() throws {
    let berlin = try #require(Self.berlin)
    #expect(berlin.offset(at: try utc("2026-01-15 12:00")) == 3_600)
    #expect(berlin.offset(at: try utc("2026-07-15 12:00")) == 7_200)
    // Far behind the last change that the file lists, the rule holds.
    #expect(berlin.offset(at: try utc("2126-07-15 12:00")) == 7_200)
    #expect(berlin.offset(at: try utc("2126-01-15 12:00")) == 3_600)
    #expect(berlin.offset(at: try utc("2126-03-31 00:59")) == 3_600)
    #expect(berlin.offset(at: try utc("2126-03-31 01:00")) == 7_200)
    let files = KernelFileSystem()
    let sydney = try #require(ZoneFile.find("Australia/Sydney", files))
    #expect(sydney.offset(at: try utc("2126-01-15 12:00")) == 39_600)
    #expect(sydney.offset(at: try utc("2126-07-15 12:00")) == 36_000)
    #expect(ZoneFile.find("Asia/Kathmandu", files)?.offset(at: try utc("2026-01-01 00:00")) == 20_700)
    for name in ["Nowhere/Land", "../../etc/passwd", "", "Europe", "zone.tab"] {
      #expect(ZoneFile.find(name, files) == nil, "\(name)")
    }
    #expect(ZoneFile.find("UTC", files)?.offset(at: 5) == 0)
  }

  @Test(.enabled(if: Self.berlin != nil)) func aFileThatIsNoneIsRefused() throws {
    let bytes = try KernelFileSystem().contents("\(ZoneFile.directory)/Europe/Berlin")
    try Seeds.run(200) { seed in
      var chance = seed.generator
      var damaged = bytes
      if chance.oneIn(2) { damaged.removeLast(chance.small(in: 1...bytes.count)) }
      for _ in 0..<chance.small(in: 0...5) where !damaged.isEmpty {
        damaged[chance.small(in: 0...(damaged.count - 1))] = UInt8(truncatingIfNeeded: chance.next())
      }
      // Any answer, but no trap.
      if let zone = ZoneFile(damaged) { _ = zone.offset(at: Int64(truncatingIfNeeded: chance.next() >> 20)) }
    }
  }

  private func schedule(_ cron: String, jitter: Int64 = 0) throws -> Schedule {
    Schedule(try Cron(cron), zone: "UTC", offset: { _ in 0 }, jitter: jitter, seed: 7)
  }

  @Test func missedRunsAreMadeUpForOnce() throws {
    let daily = try schedule("17 3 * * *")
    let day: Int64 = 86_400_000
    let first: Int64 = 3 * 3_600_000 + 17 * 60_000
    #expect(daily.decide(now: first - 1, last: 0, isRunning: false) == .wait(until: first))
    #expect(daily.decide(now: first, last: 0, isRunning: false) == .run(first))
    #expect(daily.decide(now: first + 5, last: first, isRunning: false) == .wait(until: first + day))
    // Down for ten days: one run, the latest, and then the next day's.
    let late = first + 10 * day + 99
    #expect(daily.decide(now: late, last: first, isRunning: false) == .run(first + 10 * day))
    #expect(daily.decide(now: late + 1, last: first + 10 * day, isRunning: false) == .wait(until: first + 11 * day))
    // One that runs still is not begun again; afterwards the one that was due is.
    #expect(daily.decide(now: late, last: first, isRunning: true) == .wait(until: late + 1_000))
  }

  @Test func jitterDelaysAndNeverReorders() throws {
    let hourly = try schedule("0 * * * *", jitter: 60_000)
    var delays: Set<Int64> = []
    var last: Int64 = 0
    for _ in 0..<200 {
      let next = hourly.following(last)
      #expect((0..<60_000).contains(next.begins - next.scheduled) && next.begins > last)
      #expect(hourly.following(last) == next)
      delays.insert(next.begins - next.scheduled)
      last = next.scheduled
    }
    #expect(delays.count > 150)
  }

  @Test func settingsNameAZone() throws {
    let plain = try #require(try ScheduleText.read("17 3 * * *"))
    #expect(plain.zone == "UTC" && plain.text == "17 3 * * *")
    let zoned = try #require(try ScheduleText.read("CRON_TZ=Europe/Berlin 17 3  * * *"))
    #expect(zoned.zone == "Europe/Berlin" && zoned.text == "CRON_TZ=Europe/Berlin 17 3 * * *")
    #expect(try ScheduleText.read("off") == nil)
    #expect(throws: Cron.Fault.self) { try ScheduleText.read("CRON_TZ= 17 3 * * *") }
  }
}

import Clicks
import Glibc
import OtherPrograms
import Platform
import Testing

// Days, weeks and months of places, held against Python's zoneinfo: a second reading of the same files by somebody else.

@Suite struct ZoneTests {
  /// Zones of every kind of rule: none, half and quarter hours, changes at midnight and a minute behind it, changes of a whole
  /// day, summer that is written as winter, rules that went and came.
  static let zones = [
    "Africa/Cairo", "Africa/Casablanca", "Africa/Johannesburg", "Africa/Monrovia", "America/Asuncion",
    "America/Caracas", "America/Chicago", "America/Havana", "America/Los_Angeles", "America/New_York", "America/Nuuk",
    "America/Santiago", "America/Sao_Paulo", "America/St_Johns", "America/Toronto", "Antarctica/Troll",
    "Asia/Amman", "Asia/Beirut", "Asia/Gaza", "Asia/Kathmandu", "Asia/Kolkata", "Asia/Pyongyang", "Asia/Shanghai",
    "Asia/Tehran", "Asia/Tokyo", "Atlantic/Azores", "Australia/Adelaide", "Australia/Lord_Howe", "Australia/Sydney",
    "Europe/Berlin", "Europe/Dublin", "Europe/Istanbul", "Europe/London", "Europe/Moscow", "Pacific/Apia",
    "Pacific/Auckland", "Pacific/Chatham", "Pacific/Fiji", "Pacific/Kiritimati", "Pacific/Kwajalein",
  ]

  /// For each unit the first minutes of all buckets that begin in the years, by the wall: where it leaves midnight out, the
  /// first minute behind the gap.
  private static let script = """
    import sys, zoneinfo, datetime as d
    zone = zoneinfo.ZoneInfo(sys.argv[1]); utc = d.timezone.utc
    def wall(t): return d.datetime.fromtimestamp(t, utc).astimezone(zone).replace(tzinfo=None)
    def start(day):
      midnight = d.datetime(day.year, day.month, day.day)
      t = int(midnight.replace(tzinfo=zone, fold=0).timestamp())
      if wall(t) != midnight:
        t = int(midnight.replace(tzinfo=zone, fold=1).timestamp()) - 60
        while wall(t) < midnight: t += 60 - t % 60
      return -(-t // 60)
    days, weeks, months = [], [], []
    day = d.date(int(sys.argv[2]), 1, 1)
    while day.year < int(sys.argv[3]):
      minute = start(day)
      days.append(minute)
      if day.weekday() == 0: weeks.append(minute)
      if day.day == 1: months.append(minute)
      day += d.timedelta(1)
    for name, list in ("day", days), ("week", weeks), ("month", months):
      print(name, *sorted(set(list)))
    """

  @Test(arguments: zones) func everyBucketBeginsWhereTheWallSays(_ name: String) throws {
    guard let python = try OtherPrograms.path("python3") else {
      return OtherPrograms.leaveOut("the days of \(name) as Python knows them", without: "python3")
    }
    let zone = try #require(ZoneBook(KernelFileSystem()).zone(name))
    for years in [1_970..<1_974, 1_986..<2_006, 2_010..<2_040, 2_400..<2_402] {
      let output = "/tmp/tally-zones-\(getpid())-\(KernelChance().next())"
      defer { unsafe unlink(output) }
      let child = try ChildProcess(
        python, ["-c", Self.script, name, "\(years.lowerBound)", "\(years.upperBound)"], log: output, follows: true)
      try #require(child.wait() == 0)
      let text = String(decoding: try KernelFileSystem().contents(output), as: UTF8.self)
      for line in text.split(separator: "\n") {
        let words = line.split(separator: " ")
        let grid = BucketGrid(try #require(BucketGrid.Unit(rawValue: String(words[0]))), of: zone)
        let due = words.dropFirst().map { Minute(index: Int64($0)!) }
        let first = try #require(due.first)
        let found = [grid.start(of: first)] + grid.starts(in: first..<Minute(index: due.last!.index + 1))
        #expect(found.count == due.count, "\(name) \(line.prefix(5))")
        if let i = zip(found, due).enumerated().first(where: { $0.element.0 != $0.element.1 })?.offset {
          Issue.record("\(name) \(words[0]): \(found[i]) is to be \(due[i])")
        }
        // Every minute is in the bucket that begins last before it.
        for (start, next) in zip(due, due.dropFirst()).prefix(400) {
          for minute in [start.index, start.index + 1, (start.index + next.index) / 2, next.index - 1] {
            #expect(
              grid.start(of: Minute(index: minute)) == start && grid.end(of: Minute(index: minute)) == next,
              "\(name) \(Minute(index: minute))")
          }
        }
      }
    }
  }

  @Test func aDayThatTheWallLeavesOutHasNoBucket() throws {
    let apia = try #require(ZoneBook(KernelFileSystem()).zone("Pacific/Apia"))
    let days = BucketGrid(.day, of: apia)
    let day = Timestamp.days(fromCivil: 2011, 12, 30)
    #expect(apia.start(ofDay: day) == apia.start(ofDay: day + 1) && apia.start(ofDay: day - 1) < apia.start(ofDay: day))
    let before = Minute(index: apia.start(ofDay: day).index - 1)
    #expect(apia.day(of: before) == day - 1 && apia.day(of: apia.start(ofDay: day)) == day + 1)
    #expect(days.end(of: before) == apia.start(ofDay: day + 1))
  }
}

import Clicks

// From an expression to moments. Days are gone through on the wall's calendar, and each of their times becomes a moment:
//
//     the clock is put back       a wall time comes twice: it counts the first time; of an hourly expression both count
//     the clock is put forward    a wall time does not come: it counts when the clock jumps; of an hourly one it is left out
//
// So a nightly job runs once a night, and one of every ten minutes runs every ten minutes.

/// What a clock on the wall is ahead of UTC, seconds, at a moment in seconds since 1970.
package typealias WallOffset = (Int64) -> Int64

/// The moments that an expression means.
package enum CronTimes {
  private static let daySeconds: Int64 = 86_400

  /// The first moment after `time` (ms since 1970) that `cron` means on a wall with this offset; ms since 1970.
  package static func next(_ cron: Cron, after time: Int64, offset: WallOffset) -> Int64 {
    let seconds = time.dividedDown(by: 1_000)
    // A wall time may come up to a day before or after the same time of UTC.
    var day = seconds.dividedDown(by: daySeconds) - 2
    while true {
      let (_, month, dayOfMonth) = civil(day)
      let weekday = Int(((day % 7) + 11) % 7)
      if cron.fits(month: month, day: dayOfMonth, weekday: weekday),
        let found = moments(cron, day, offset).first(where: { $0 * 1_000 > time })
      {
        return found * 1_000
      }
      day += 1
    }
  }

  /// The moments of a day on the wall, ascending.
  private static func moments(_ cron: Cron, _ day: Int64, _ offset: WallOffset) -> [Int64] {
    var found: Set<Int64> = []
    for hour in cron.hours.numbers {
      for minute in cron.minutes.numbers {
        let wall = day * daySeconds + Int64(hour) * 3_600 + Int64(minute) * 60
        found.formUnion(moments(of: wall, isHourly: cron.isHourly, offset))
      }
    }
    return found.sorted()
  }

  /// When a wall shows `wall`, seconds.
  private static func moments(of wall: Int64, isHourly: Bool, _ offset: WallOffset) -> [Int64] {
    let before = wall - offset(wall - daySeconds)
    let after = wall - offset(wall + daySeconds)
    let shown = Set([before, after]).filter { $0 + offset($0) == wall }.sorted()
    if !shown.isEmpty { return isHourly ? shown : [shown[0]] }
    if isHourly { return [] }
    // The wall jumps over it: the first moment at which it shows more.
    var (low, high) = (min(before, after) - 1, max(before, after) + 1)
    while high - low > 1 {
      let middle = low + (high - low) / 2
      if middle + offset(middle) >= wall { high = middle } else { low = middle }
    }
    return [high]
  }

  /// Whether there is such a day within 28 years, which hold every pair of date and weekday.
  static func hasDay(_ cron: Cron) -> Bool {
    (0..<(28 * 366) as Range<Int64>).contains { day in
      let (_, month, dayOfMonth) = civil(day)
      return cron.fits(month: month, day: dayOfMonth, weekday: Int(((day % 7) + 11) % 7))
    }
  }

  /// Year, month and day of a day since 1970; after Howard Hinnant's `civil_from_days`.
  static func civil(_ day: Int64) -> (year: Int64, month: Int, day: Int) {
    let shifted = day + 719_468
    let era = shifted.dividedDown(by: 146_097)
    let dayOfEra = shifted - era * 146_097
    let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let shiftedMonth = (5 * dayOfYear + 2) / 153
    let dayOfMonth = Int(dayOfYear - (153 * shiftedMonth + 2) / 5) + 1
    let month = Int(shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9)
    return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, dayOfMonth)
  }
}

extension CronTimes {
  /// The day since 1970 of a date; after Howard Hinnant's `days_from_civil`.
  static func day(_ year: Int64, _ month: Int, _ day: Int) -> Int64 {
    let shifted = month <= 2 ? year - 1 : year
    let era = shifted.dividedDown(by: 400)
    let yearOfEra = shifted - era * 400
    let dayOfYear = Int64((153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1)
    return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
  }
}

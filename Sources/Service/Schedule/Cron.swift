// A cron expression: five fields, each a list of numbers, ranges and steps.
//
//     minute 0–59   hour 0–23   day of month 1–31   month 1–12 or jan–dec   day of week 0–7 or sun–sat, 0 and 7 Sunday
//
//     17 3 * * *        every day at 03:17            0 */6 * * mon-fri     every six hours on working days
//     30 1 1,15 * *     on the 1st and 15th at 01:30  @daily, @hourly, @weekly, @monthly, @yearly
//
// As in Vixie's cron, a day fits where both day fields do, or, if neither begins with *, where one of them does.

/// When something is to be done, by the fields of a clock on the wall.
package struct Cron: Equatable, Sendable, CustomStringConvertible {
  /// What was written.
  package let description: String
  let minutes: BitField
  let hours: BitField
  private let days: BitField
  private let months: BitField
  private let weekdays: BitField
  private let daysAreFree: Bool
  private let weekdaysAreFree: Bool
  /// It means every hour: then it follows the time that passes, and not the clock on the wall, where that is set.
  let isHourly: Bool

  /// Numbers of a field, as bits.
  struct BitField: Equatable, Sendable {
    var bits: UInt64 = 0
    func contains(_ number: Int) -> Bool { bits >> UInt64(number) & 1 == 1 }
    var numbers: [Int] { (0..<64).filter(contains) }
  }

  /// What is wrong with a text.
  package struct Fault: Error, Equatable, CustomStringConvertible {
    package var description: String
  }

  private static let names: [String: String] = [
    "@hourly": "0 * * * *", "@daily": "0 0 * * *", "@midnight": "0 0 * * *", "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *", "@yearly": "0 0 1 1 *", "@annually": "0 0 1 1 *",
  ]
  private static let monthNames = [
    "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
  ]
  private static let dayNames = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]

  /// Reads an expression.
  package init(_ text: String) throws(Fault) {
    description = text.split { $0 == " " || $0 == "\t" }.joined(separator: " ")
    let fields = (Self.names[text.lowercased()] ?? text).lowercased().split { $0 == " " || $0 == "\t" }.map(String.init)
    guard fields.count == 5 else {
      throw Fault(description: "must have five fields (minute hour day month weekday), not \(fields.count)")
    }
    minutes = try Self.field(fields[0], "minute", 0...59)
    hours = try Self.field(fields[1], "hour", 0...23)
    days = try Self.field(fields[2], "day of month", 1...31)
    months = try Self.field(fields[3], "month", 1...12, names: Self.monthNames, firstName: 1)
    var week = try Self.field(fields[4], "day of week", 0...7, names: Self.dayNames, firstName: 0)
    if week.contains(7) { week.bits |= 1 }
    weekdays = week
    daysAreFree = fields[2].hasPrefix("*")
    weekdaysAreFree = fields[4].hasPrefix("*")
    isHourly = hours.bits == 0xFF_FFFF
    guard CronTimes.hasDay(self) else { throw Fault(description: "names a day that no year has") }
  }

  private static func field(
    _ text: String, _ name: String, _ range: ClosedRange<Int>, names: [String] = [], firstName: Int = 0
  ) throws(Fault) -> BitField {
    var field = BitField()
    func number(_ text: Substring) throws(Fault) -> Int {
      if let index = names.firstIndex(of: String(text)) { return index + firstName }
      guard !text.isEmpty, text.utf8.allSatisfy({ 0x30...0x39 ~= $0 }), let number = Int(text), range.contains(number)
      else {
        throw Fault(
          description:
            "\(name) is \(text.isEmpty ? "empty" : "\(text)"); it must be from \(range.lowerBound) to \(range.upperBound)"
        )
      }
      return number
    }
    for part in text.split(separator: ",", omittingEmptySubsequences: false) {
      let pieces = part.split(separator: "/", omittingEmptySubsequences: false)
      guard pieces.count <= 2 else { throw Fault(description: "\(name) is \(part)") }
      var step = 1
      if pieces.count == 2 {
        guard let found = Int(pieces[1]), 1...range.upperBound ~= found else {
          throw Fault(description: "\(name) has the step \(pieces[1])")
        }
        step = found
      }
      let bounds = pieces[0].split(separator: "-", omittingEmptySubsequences: false)
      let first: Int
      let last: Int
      if pieces[0] == "*" {
        (first, last) = (range.lowerBound, range.upperBound)
      } else if bounds.count == 2 {
        (first, last) = (try number(bounds[0]), try number(bounds[1]))
      } else {
        first = try number(pieces[0])
        last = pieces.count == 2 ? range.upperBound : first
      }
      guard first <= last else { throw Fault(description: "\(name) goes from \(first) back to \(last)") }
      for number in stride(from: first, through: last, by: step) { field.bits |= 1 << UInt64(number) }
    }
    return field
  }

  /// Whether it means this day; `weekday` 0 is Sunday.
  func fits(month: Int, day: Int, weekday: Int) -> Bool {
    guard months.contains(month) else { return false }
    let (byDay, byWeekday) = (days.contains(day), weekdays.contains(weekday))
    return daysAreFree || weekdaysAreFree ? byDay && byWeekday : byDay || byWeekday
  }
}

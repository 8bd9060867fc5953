/// Buckets of time, one behind the other, each under its first minute. Days, weeks and months are those of a zone; hours and
/// minutes are those of UTC.
package struct BucketGrid: Hashable, Sendable {
  /// How long a bucket is. Weeks begin on Monday.
  package enum Unit: String, Sendable, CaseIterable {
    case minute, hour, day, week, month
  }

  package let unit: Unit
  package let zone: WallZone

  package init(_ unit: Unit, of zone: WallZone = .utc) {
    self.unit = unit
    // So that equal grids are equal.
    self.zone = unit == .minute || unit == .hour ? .utc : zone
  }

  /// Buckets of UTC.
  package static let minutes = BucketGrid(.minute)
  package static let hours = BucketGrid(.hour)
  package static let days = BucketGrid(.day)

  /// Minutes that a bucket has at the most but for changes of clocks.
  package var minutes: Int64 {
    switch unit {
    case .minute: 1
    case .hour: 60
    case .day: 1_440
    case .week: 7 * 1_440
    case .month: 31 * 1_440
    }
  }

  /// The first minute of the bucket that holds `minute`.
  package func start(of minute: Minute) -> Minute {
    switch unit {
    case .minute: minute
    case .hour: Minute(index: minute.index.dividedDown(by: 60) * 60)
    case .day, .week, .month: zone.start(ofDay: firstDay(of: number(of: zone.day(of: minute))))
    }
  }

  /// The first minute behind the bucket that holds `minute`.
  package func end(of minute: Minute) -> Minute {
    switch unit {
    case .minute: return Minute(index: minute.index + 1)
    case .hour: return Minute(index: (minute.index.dividedDown(by: 60) + 1) * 60)
    case .day, .week, .month:
      // Clocks that are put forward by a day leave a day without a minute.
      var next = number(of: zone.day(of: minute)) + 1
      while zone.start(ofDay: firstDay(of: next)) <= minute { next += 1 }
      return zone.start(ofDay: firstDay(of: next))
    }
  }

  /// The first minute of the bucket that lies `count` before the one that holds `minute`.
  package func start(_ count: Int64, before minute: Minute) -> Minute {
    switch unit {
    case .minute, .hour: Minute(index: start(of: minute).index - count * minutes)
    case .day, .week, .month: zone.start(ofDay: firstDay(of: number(of: zone.day(of: minute)) - count))
    }
  }

  /// The buckets that begin behind the first minute of `range` and before its end, ascending.
  package func starts(in range: Range<Minute>) -> [Minute] {
    var starts: [Minute] = []
    guard var next = range.isEmpty ? nil : end(of: range.lowerBound) else { return [] }
    while next < range.upperBound {
      starts.append(next)
      next = end(of: next)
    }
    return starts
  }

  /// The number of the day, week or month that holds a day, all counted from 1970 or from year 0.
  private func number(of day: Int64) -> Int64 {
    switch unit {
    case .minute, .hour, .day: return day
    // 1 January 1970 was a Thursday.
    case .week: return (day + 3).dividedDown(by: 7)
    case .month:
      let date = Timestamp.civil(fromDays: day)
      return date.year * 12 + date.month - 1
    }
  }

  private func firstDay(of number: Int64) -> Int64 {
    switch unit {
    case .minute, .hour, .day: number
    case .week: number * 7 - 3
    case .month:
      Timestamp.days(
        fromCivil: number.dividedDown(by: 12), number - number.dividedDown(by: 12) * 12 + 1, 1)
    }
  }
}

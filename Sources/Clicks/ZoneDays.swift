// Days, weeks and months of a place. The wall may show a midnight twice, or leave it out, where the clocks are put back or
// forward; so a day begins at the first moment at which the wall shows its midnight or a later time, and lasts until the next
// day begins:
//
//     Berlin, 26 October     00:00 ─ 02:59, 02:00 ─ 24:00     25 hours
//     Beirut, 26 March       01:00 ─ 24:00                    23 hours: midnight is left out
//     Apia, 30 December 2011                                   none: the wall went from the 29th to the 31st
//
//   invariant: start(day) ≤ start(day + 1); the minutes of a day are those between the two
//
// Where the wall has been ahead by parts of a minute, a day begins with the first whole minute of UTC in it.

extension WallZone {
  /// The first minute of a day, which is counted from 1970.
  package func start(ofDay day: Int64) -> Minute {
    let wall = day * 86_400
    switch self {
    case .fixed(let offset): return Minute(index: (wall - offset).dividedUp(by: 60))
    case .file(let file, _):
      // Before the first of these moments no wall shows the midnight yet, and behind the last one every wall has.
      let around = wall - ZoneFile.farthest - 1..<wall + ZoneFile.farthest + 1
      if file.isSteady(in: around.lowerBound...around.upperBound) {
        return Minute(index: (wall - file.offset(at: wall)).dividedUp(by: 60))
      }
      var from = around.lowerBound
      for until in file.changes(in: around) + [around.upperBound] {
        let moment = max(from, wall - file.offset(at: from))
        if moment < until { return Minute(index: moment.dividedUp(by: 60)) }
        from = until
      }
      return Minute(index: from.dividedUp(by: 60))
    }
  }

  /// The day that holds a minute.
  package func day(of minute: Minute) -> Int64 {
    let time = minute.index * 60
    var day = (time + offset(at: time)).dividedDown(by: 86_400)
    // The wall may show the same time twice.
    while start(ofDay: day) > minute { day -= 1 }
    while start(ofDay: day + 1) <= minute { day += 1 }
    return day
  }
}

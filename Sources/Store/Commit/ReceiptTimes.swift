// When clicks were received, roughly: for each second with clicks one pair (position, time) that says
//
//   every click below `position` was received at `time` or before
//
// So the time from which on the dedup index knows every click, and the age of the oldest click that a restart would read
// again, are one binary search away. What is below both is forgotten.

/// From positions to receive times, to the second. Times are ms of the logical clock.
struct ReceiptTimes {
  private var entries: [(position: UInt64, time: Int64)] = []
  /// The time of the first click that the last entry stands for.
  private var began = Int64.min

  /// The clicks below `position` were received at `time` or before. Positions and times ascend; a time that goes back, as
  /// after a clock that was accepted, counts as the one before.
  mutating func note(_ position: UInt64, at time: Int64) {
    guard let last = entries.last else {
      entries.append((position, time))
      began = time
      return
    }
    let time = max(time, last.time)
    if time - began < 1_000 {
      entries[entries.count - 1] = (max(position, last.position), time)
    } else if position > last.position {
      entries.append((position, time))
      began = time
    }
  }

  /// No click below `position` was received later than this; `.min` where nothing is known of any.
  func latest(before position: UInt64) -> Int64 {
    guard position > 0, let last = entries.last else { return .min }
    let index = first(notBelow: position)
    // Behind the newest click: the next will be received later.
    return index < entries.count ? entries[index].time : last.time
  }

  /// About when the click at `position` was received, never too early by more than a second; nil where nothing is known.
  func time(of position: UInt64) -> Int64? {
    let index = first(notBelow: position + 1)
    return index < entries.count ? entries[index].time : nil
  }

  /// What only tells of clicks below `position` is not asked for any more.
  mutating func forget(below position: UInt64) {
    let index = first(notBelow: position)
    // Moved down only when half of it is gone.
    if index * 2 > entries.count { entries.removeFirst(index) }
  }

  private func first(notBelow position: UInt64) -> Int {
    var (low, high) = (0, entries.count)
    while low < high {
      let middle = (low + high) / 2
      if entries[middle].position < position { low = middle + 1 } else { high = middle }
    }
    return low
  }
}

// How many keys of a table are still live, without visiting it. Inserted positions never decrease, so the keys expire
// in the order in which they came: a queue of spans, each so many keys up to some newest position, loses its front
// when the watermark passes it.
//
//   live keys  ≤  total  <  live keys + step
//
// The front span alone can be expired in part; a span holds at most `step` keys, 1/256 of the table.

/// An upper bound of the live keys of one table.
struct LiveCount {
  /// Keys in a full span.
  let step: Int
  /// The bound.
  private(set) var total = 0

  private var full: [(newest: UInt64, count: Int)] = []
  /// Where the queue begins in `full`.
  private var front = 0
  private var openCount = 0
  private var openNewest: UInt64 = 0

  /// A count for a table of `capacity` slots.
  init(capacity: Int) {
    step = max(1, capacity / 256)
  }

  /// One more key, at `position`, not below any counted before.
  mutating func add(_ position: UInt64) {
    total &+= 1
    openCount &+= 1
    openNewest = position
    if openCount == step {
      full.append((position, openCount))
      openCount = 0
    }
  }

  /// The keys below `watermark` are gone.
  mutating func expire(below watermark: UInt64) {
    while front < full.count, full[front].newest < watermark {
      total -= full[front].count
      front += 1
    }
    if front == full.count, openNewest < watermark {
      total -= openCount
      openCount = 0
    }
    if front >= 256, front * 2 >= full.count {
      full.removeFirst(front)
      front = 0
    }
  }
}

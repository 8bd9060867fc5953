// The invariants of LineTable.swift, DedupIndex.swift and LiveCount.swift as a function.
// It visits every line: for tests.

extension DedupIndex {
  /// The first broken invariant in words, or nil. `hashAt` gives the hash that was put at a position, nil if none was;
  /// each position may have been put once.
  package func brokenInvariant(hashAt: (_ position: UInt64) -> UInt64?) -> String? {
    var tables = older.map { $0.table }
    tables.append(newest)
    let low = low
    let (first, last) = (UInt16(truncatingIfNeeded: low &>> 16), UInt16(truncatingIfNeeded: number(frontier) &>> 16))
    var broken: String?
    func check(_ condition: Bool, _ text: @autoclosure () -> String) {
      if !condition, broken == nil { broken = text() }
    }

    check(watermark <= frontier && frontier - watermark < Self.widestHorizon, "frontier \(frontier), \(watermark)")
    if let next { check(next.lines.lines == newest.lines.lines * 2, "the next table is not twice as large") }
    for index in older.indices { check(older[index].end > watermark, "table \(index) is kept for nothing") }

    var seen: Set<UInt64> = []
    for index in tables.indices {
      let lines = tables[index].lines
      var live = 0
      lines.forEachLive(low) { line, tag, stored in
        let position = watermark &+ UInt64(stored &- low)
        live += 1
        check(position <= frontier, "a stale slot of line \(line) looks like \(position), beyond \(frontier)")
        check(seen.insert(position).inserted, "\(position) is there twice")
        guard let hash = hashAt(position) else { return check(false, "\(position) was never put") }
        check(UInt16(truncatingIfNeeded: hash) == tag, "\(position) has the tag of another")
        var passed = lines.home(hash)
        while passed != line {
          check(
            lines.remembers(passed, tag, stored, low),
            "\(position) in line \(line): line \(passed) forgot that it overflowed")
          passed = lines.after(passed)
        }
      }
      for line in 0..<lines.lines {
        guard let mark = lines.newestOverflow(line, low) else { continue }
        check(mark &- first <= last &- first, "a stale mark of line \(line) looks live")
      }
      let count = tables[index].live
      check(
        live <= count.total && count.total < live + count.step, "table \(index): \(live) live, counted \(count.total)")
    }
    return broken
  }
}

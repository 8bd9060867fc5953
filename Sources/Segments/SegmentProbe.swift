import Bytes
import Clicks

/// Looks many identities up in one segment. They come in the order of ids, so each page is read once at most, and only
/// where its fences leave it possible that it has one of them. A page that few ids fall on is searched without being
/// decoded.
@safe package final class SegmentProbe {
  let segment: Segment
  private let rows = RowVector()

  /// Ids of one page above which it is decoded.
  private static let few = 96
  /// Pages of one read.
  private static let pagesAtOnce = 16

  package init(_ segment: Segment) { self.segment = segment }

  /// Identities that are looked for, in the order of (high, low).
  @safe package struct Wanted {
    package let high: UnsafePointer<UInt64>
    package let low: UnsafePointer<UInt64>
    package let count: Int

    package init(high: UnsafePointer<UInt64>, low: UnsafePointer<UInt64>, count: Int) {
      unsafe self.high = high
      unsafe self.low = low
      self.count = count
    }
  }

  /// What is told of a row: the index of its id, its ad code, and a way to its position, which few want.
  package typealias Found = (_ index: Int, _ code: UInt32, _ position: () throws -> UInt64) throws -> Void

  /// Calls `found` for each row of the segment that has one of the ids.
  package func find(_ wanted: Wanted, _ found: Found) throws {
    guard segment.pages > 0 else { return }
    var next = 0
    while next < wanted.count {
      // The pages that the next ids may be on, as far as they follow each other.
      let first = unsafe segment.lastPage(below: wanted.high[next])
      guard unsafe segment.fences[first] <= wanted.high[next] else {
        // Before the segment's first id.
        next = Self.first(in: wanted, from: next, notBelow: segment.fences[first])
        continue
      }
      var last = first
      var end = next
      while end < wanted.count {
        let high = unsafe wanted.high[end]
        var page = last
        while page + 1 < segment.pages, segment.fences[page + 1] <= high, page - last <= 1 { page += 1 }
        if page - last > 1 || page - first >= Self.pagesAtOnce, end > next { break }
        last = page
        end += 1
      }
      // One id alone may stand on more pages than are read at once: those with its high half are all needed.
      let high = unsafe wanted.high[end - 1]
      while last + 1 < segment.pages, segment.fences[last + 1] <= high { last += 1 }
      try search(first...last, wanted, next..<end, found)
      next = end
    }
  }

  private func search(
    _ pages: ClosedRange<Int>, _ wanted: Wanted, _ range: Range<Int>, _ found: Found
  ) throws {
    var from = pages.lowerBound
    var start = range.lowerBound
    while from <= pages.upperBound {
      let read = from..<min(from + Self.pagesAtOnce, pages.upperBound + 1)
      try unsafe segment.withPageBytes(read) { bytes in
        for page in read {
          let next = page + 1 < segment.pages ? segment.fences[page + 1] : .max
          // Those of the page: from the first not below its fence to the last not above the next one's.
          start = Self.first(in: wanted, from: start, notBelow: segment.fences[page])
          var end = start
          while end < range.upperBound, unsafe wanted.high[end] <= next { end += 1 }
          guard start < end else { continue }
          let offset = segment.starts[page] - segment.starts[read.lowerBound]
          let reader = unsafe try segment.reader(page, UnsafeRawBufferPointer(rebasing: bytes[offset...]))
          do { try search(reader, wanted, start..<end, found) } catch let fault as Fault {
            throw segment.formatError(fault, page: page)
          }
        }
      }
      from = read.upperBound
    }
  }

  private func search(
    _ reader: RowPageReader, _ wanted: Wanted, _ range: Range<Int>, _ found: Found
  ) throws {
    if range.count > Self.few { return try merge(reader, wanted, range, found) }
    for index in range {
      let (high, low) = unsafe (wanted.high[index], wanted.low[index])
      let hits = try reader.find(high: high)
      if hits.isEmpty { continue }
      let lows = try reader.lows()
      for row in hits where lows.low(row) == low { try tell(index, row, high, reader, found) }
    }
  }

  private func merge(
    _ reader: RowPageReader, _ wanted: Wanted, _ range: Range<Int>, _ found: Found
  ) throws {
    try reader.readIDs(rows)
    var row = 0
    for index in range {
      let (high, low) = unsafe (wanted.high[index], wanted.low[index])
      while row < rows.count, unsafe rows.high[row] < high || rows.high[row] == high && rows.low[row] < low {
        row &+= 1
      }
      var hit = row
      while hit < rows.count, unsafe rows.high[hit] == high, unsafe rows.low[hit] == low {
        try tell(index, hit, high, reader, found)
        hit &+= 1
      }
    }
  }

  private func tell(_ index: Int, _ row: Int, _ high: UInt64, _ reader: RowPageReader, _ found: Found) throws {
    try found(index, try reader.code(at: row)) {
      try segment.position(at: row, try reader.eventTime(at: row, high: high), reader)
    }
  }

  private static func first(in wanted: Wanted, from start: Int, notBelow high: UInt64) -> Int {
    var (low, end) = (start, wanted.count)
    while low < end {
      let middle = (low + end) / 2
      if unsafe wanted.high[middle] < high { low = middle + 1 } else { end = middle }
    }
    return low
  }
}

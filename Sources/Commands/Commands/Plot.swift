import Clicks
import JSON
import Query
import Service
import Traffic

// A series as a drawing of at most 80 columns:
//
//      1,200 ┤  ▂█▄
//            │ ▁███▁
//          0 ┼┴──────────┴─────────┄┄┴     ┄: not complete yet
//            17:00      17:30      18:00

/// A series as columns of blocks, for a look in a terminal.
package struct Plot {
  private static let width = 80
  private static let height = 8
  private static let blocks = Array(" ▁▂▃▄▅▆▇█")

  /// The drawing, its top first.
  package let lines: [String]

  /// `answer` is one of the aggregates route, whose days, weeks and months are those of `zone`.
  package init(_ answer: JSONValue, zone: WallZone) {
    func minute(_ name: String) -> Int64? {
      Timestamp.parse(answer.shown(name)).map { Minute(containing: $0).index }
    }
    let (from, to) = (minute("from") ?? 0, minute("to") ?? 0)
    guard from < to else {
      lines = ["the range is empty"]
      return
    }
    let granularity = answer.shown("granularity")
    let grid = BucketGrid(SeriesQuery.Granularity(rawValue: granularity) ?? .minute, of: zone)
    // The first minutes of the buckets, and what lies behind the last one.
    let range = Minute(index: from)..<Minute(index: to)
    let starts = ([grid.start(of: range.lowerBound)] + grid.starts(in: range)).map(\.index)
    let points = (answer["series"]?.elements ?? []).compactMap { point -> (index: Int64, clicks: UInt64)? in
      guard let time = Timestamp.parse(point.shown(granularity)), let clicks = UInt64(point.shown("clicks")) else {
        return nil
      }
      return (Int64(Self.bucket(of: Minute(containing: time).index, starts)), clicks)
    }
    // As many buckets in each column, so that equal counts look equal; a bucket has several columns where there is room.
    let count = Int64(starts.count)
    var (each, room) = (Int64(1), 0)
    var sums: [UInt64] = []
    var label = 1
    // The sums decide how wide their scale is, and the scale how many of them there are.
    repeat {
      room = Self.width - label - 2
      each = (count + Int64(room) - 1) / Int64(room)
      sums = [UInt64](repeating: 0, count: Int((count + each - 1) / each))
      for point in points where 0..<count ~= point.index { sums[Int(point.index / each)] += point.clicks }
      let widest = NumberText.grouped(sums.max() ?? 0).count
      guard widest > label else { break }
      label = widest
    } while true
    let times = max(1, room / sums.count)
    let top = max(1, sums.max() ?? 1)
    let levels = sums.map { sum in
      sum == 0 ? 0 : max(1, Int((Double(sum) / Double(top) * Double(Self.height * 8)).rounded()))
    }
    func left(_ text: String) -> String { String(repeating: " ", count: label - text.count) + text }
    var drawn = (0..<Self.height).reversed().map { row -> String in
      var line =
        left(row == Self.height - 1 ? NumberText.grouped(top) : "") + (row == Self.height - 1 ? " ┤" : " │")
        + levels.map { String(repeating: Self.blocks[min(8, max(0, $0 - row * 8))], count: times) }.joined()
      while line.last == " " { line.removeLast() }
      return line
    }
    // What may still grow.
    func ending(_ column: Int) -> Int64 {
      let next = (column + 1) * Int(each)
      return next < starts.count ? starts[next] : to
    }
    let complete = minute("completeThrough") ?? 0
    var axis = Array(repeating: Character("─"), count: sums.count * times)
    for column in sums.indices where ending(column) > complete {
      for place in column * times..<(column + 1) * times { axis[place] = "┄" }
    }
    let columnStarts = stride(from: 0, to: starts.count, by: Int(each)).map { starts[$0] }
    let (ticks, labels) = Self.ticks(columnStarts, each: each * grid.minutes, times: times, zone)
    for tick in ticks { axis[tick] = "┴" }
    drawn.append(left("0") + " ┼" + String(axis))
    drawn.append(String(repeating: " ", count: label + 2) + labels)
    let column = each == 1 ? "a \(granularity)" : NumberText.of(each, granularity)
    let columns = times == 1 ? "a column is \(column)" : "\(times) columns are \(column)"
    drawn.append("\(columns)\(axis.contains("┄") ? ", ┄ is not complete yet" : "")")
    drawn.append("\(answer.shown("from")) to \(answer.shown("to")), \(NumberText.of(answer.shown("total"), "click"))")
    lines = drawn
  }

  /// The last of ascending starts that is not behind `minute`.
  private static func bucket(of minute: Int64, _ starts: [Int64]) -> Int {
    var (low, end) = (0, starts.count)
    while low < end {
      let middle = (low + end) / 2
      if starts[middle] <= minute { low = middle + 1 } else { end = middle }
    }
    return low - 1
  }

  /// Where times stand under the axis, and their line of text: as many as have room.
  private static func ticks(
    _ starts: [Int64], each: Int64, times: Int, _ zone: WallZone
  ) -> (places: [Int], labels: String) {
    let columns = starts.count
    let span = each * Int64(columns)
    func name(_ minute: Int64) -> String {
      let text = Timestamp.format((minute * 60 + zone.offset(at: minute * 60)) * 1000, fraction: false)
      let (date, clock) = (text.prefix(10), text.dropFirst(11).prefix(5))
      // The year, the date or the clock is what tells the ticks apart.
      if each >= 1_440 { return span > 366 * 1_440 ? String(date) : String(date.dropFirst(5)) }
      return span > 1_440 ? "\(date.dropFirst(5)) \(clock)" : String(clock)
    }
    let gap = name(starts[0]).count + 2
    let step = max(1, (max(gap, columns * times / 6) + times - 1) / times)
    var places: [Int] = []
    var labels = ""
    for column in stride(from: 0, to: columns, by: step) {
      let place = column * times
      let text = name(starts[column])
      guard place + text.count <= max(columns * times, gap) else { break }
      labels += String(repeating: " ", count: place - labels.count) + text
      places.append(place)
    }
    return (places, labels)
  }
}

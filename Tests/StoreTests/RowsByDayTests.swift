import Bytes
import Clicks
import Files
import Platform
import Simulation
import Store
import Testing

/// Rows that come ad by ad are there day by day, after one pass and whatever memory has room for.
@Suite struct RowsByDayTests {
  @Test(arguments: Seeds.list(60))
  func everyDayHasItsRowsInOrder(_ seed: Seed) throws {
    var generator = seed.generator
    let disk = SimulatedDisk()
    try disk.createDirectory("/tmp")
    var rows: [RowCount] = []
    let days = Int64(generator.edge(in: 1...400))
    for code in 0..<UInt32(generator.small(in: 0...40)) {
      // Some before 1970: days round down.
      let minutes = Set((0..<generator.small(in: 0...40)).map { _ in generator.below(Int(days) * 1_440) - 100 * 1_440 })
      for minute in minutes.sorted() {
        rows.append(RowCount(code: code, bucket: Int64(minute), count: 1 + generator.next() % 1_000))
      }
    }
    let limit = generator.pick([1, 7, 100, 10_000])
    var read = 0
    var spills = 0
    let stream = RowStream(rows)
    let counted = RowStream(next: {
      read += 1
      return try stream.next()
    })
    do {
      let found = try RowsByDay(counted, limit: limit) {
        spills += 1
        return try SpillFile.create(disk, in: "/tmp", name: "days")
      }
      #expect(read == rows.count + 1, "\(seed): one pass")
      #expect(spills == (rows.count > limit ? 1 : 0), "\(seed)")
      let due = Dictionary(grouping: rows) { Day(ofMinute: $0.bucket).index }
      #expect(found.days == due.keys.sorted(), "\(seed)")
      // Each day twice: reading takes nothing away.
      for day in found.days + found.days {
        var some: [RowCount] = []
        try found.forEach(of: day) { some.append($0) }
        #expect(some == due[day], "\(seed): day \(day), limit \(limit)")
      }
      try found.forEach(of: days + 5) { _ in Issue.record("\(seed): a day without rows") }
    }
    #expect(try disk.list("/tmp").isEmpty, "\(seed)")
  }

  /// What was put aside decides about money: it is not believed where it has changed.
  @Test func whatHasChangedAsideIsDamage() throws {
    let disk = SimulatedDisk()
    try disk.createDirectory("/tmp")
    let rows = (0..<10 as Range<Int64>).map { RowCount(code: 1, bucket: $0, count: 5) }
    let found = try RowsByDay(RowStream(rows), limit: 4) { try SpillFile.create(disk, in: "/tmp", name: "days") }
    let path = try #require(disk.files().first?.path)
    disk.flip(bit: 3, ofByte: 9, in: path)
    #expect(throws: FormatError.self) { try found.forEach(of: 0) { _ in } }
  }
}

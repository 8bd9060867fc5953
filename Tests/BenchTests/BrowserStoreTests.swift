import Bench
import Clicks
import Demo
import Platform
import Store
import Testing

/// The store in which repeats were counted holds what it says, and a recount makes it the exact count.
@Suite struct BrowserStoreTests {
  private let files = KernelFileSystem()
  private var now: Int64 { KernelTime().wall() - BrowserStore.age }

  private func data(_ directory: TemporaryDirectory, _ spread: DataSets.Spread = .usual) throws -> DataSets {
    let path = "\(directory.path)/data"
    try files.createDirectory(path)
    try DataSets.write(files, path, scale: spread == .usual ? 0.0005 : 0.0025, spread: spread)
    return try DataSets(files, path)
  }

  @Test(arguments: DataSets.Spread.allCases) func repeatsCountUntilARecount(_ spread: DataSets.Spread) throws {
    let directory = try TemporaryDirectory("tally-bench")
    let data = try data(directory, spread)
    let store = "\(directory.path)/store"
    let made = try BrowserStore.write(store, data, end: now)
    #expect(made.clicks == 10_000 && made.counted + made.dropped == 10_000)
    // Three in a hundred repeat one of the last half hour; a commit of 64 clicks is 9 minutes of so few.
    #expect(made.repeats + made.dropped == 300 && made.repeats > 100 && made.dropped > 20, "\(made)")
    #expect(throws: BenchFailure.self) { _ = try StoreCheck.compare(store, data) }

    var options = ShardOptions()
    options.takesClicks = false
    options.idleAfter = 0
    let opened = try Store.open(.kernel, store, options: options)
    let reports = try opened.shards.map { try $0.maintenance.recount(.deep(nil)) }
    _ = opened.close()
    #expect(reports.reduce(0) { $0 + $1.repeats } == UInt64(made.repeats))
    #expect(reports.reduce(0) { $0 + $1.removed } == UInt64(made.repeats))
    let exact = try StoreCheck.compare(store, data)
    #expect(exact.clicks == 9_700 && exact.rows > 1_000)
  }

  @Test func theDayEndsInTheMinuteBefore() throws {
    let directory = try TemporaryDirectory("tally-bench")
    let data = try data(directory)
    let (store, end) = ("\(directory.path)/store", now)
    _ = try BrowserStore.write(store, data, end: end)
    var newest = Int64.min
    _ = try Store.read(.kernel, store) { _, recovery in
      for row in try recovery.live.rows() { newest = max(newest, row.minute.index) }
    }
    #expect(end / 60_000 - 3 <= newest && newest < end / 60_000)
  }

  @Test func aRowThatDiffersIsNamed() throws {
    let directory = try TemporaryDirectory("tally-bench")
    let data = try data(directory)
    let other = "\(directory.path)/other"
    _ = try BrowserStore.write(other, try self.data(try TemporaryDirectory("tally-bench"), .skewed), end: now)
    #expect(throws: BenchFailure.self) { _ = try StoreCheck.compare(other, data) }
  }

  @Test func aDirectoryThatIsThereIsLeftAlone() throws {
    let directory = try TemporaryDirectory("tally-bench")
    let data = try data(directory)
    #expect(throws: BenchFailure.self) { _ = try BrowserStore.write(directory.path, data, end: now) }
  }
}

import Catalog
import Clicks
import Importing
import Platform
import Service
import Shards
import Store

/// An import into a directory that no server holds.
enum DirectoryImport {
  static func run(
    _ reading: ImportReading, _ values: ServeSettings, _ path: String, _ console: Console
  ) throws -> ImportResult {
    let environment = console.environment
    try environment.files.createDirectory(path)
    let lock: DirectoryLock
    do throws(DirectoryLock.Refusal) { lock = try DirectoryLock("\(path)/\(StoreFiles.lock)") } catch {
      if case .held = error { throw Failure("\(error)", .refused) }
      throw Failure("\(error)")
    }
    defer { withExtendedLifetime(lock) {} }
    let catalog = try Catalog.open("\(path)/\(StoreFiles.catalog)", in: environment)
    if let token = try AdminToken.writeOnFirstStart(catalog, in: path) {
      console.note("the admin token is in \(token)")
    }
    var options = values.shardOptions
    options.budget = WorkBudget()
    // The log's own times say what is closed, not the clock: a minute is written once where the log is in order.
    options.idleAfter = 3_600_000
    // Its clicks are looked up in segments anyway, and what the index holds is memory.
    options.dedupHorizon = min(options.dedupHorizon, 60_000)
    let store = try Store.open(environment, path, shards: values.shards, options: options, concurrently: true)
    store.notes.forEach { console.note("note: \($0)") }
    // Ids of hot ads have their shards already.
    let known = try RoutesFile.read(
      environment.files, store.identity.root(in: path), store: store.identity.id, shards: store.shards.count)
    let routes = known?.table ?? RouteTable(shards: store.shards.count)
    do {
      return try work(reading, catalog, store, console) { routes.route($0) }
    } catch let fault as ImportFault {
      throw Failure("\(reading.path): \(fault)")
    }
  }

  private static func work(
    _ reading: ImportReading, _ catalog: Catalog, _ store: Store, _ console: Console,
    route: @escaping (ClickIdentity) -> Int
  ) throws -> ImportResult {
    let plan = reading.plan
    let parser = try ClickParser(plan)
    let done = StoreImport.progress(of: reading.sourceID, in: store.shards)
    let isSkippedByLine = reading.size == nil
    let needsHeader = plan.format == .csv && plan.hasHeader
    if needsHeader {
      // Also where the import goes on behind it.
      var head = reading.size == nil ? nil : reading.lines(from: 0)
      if head != nil { _ = unsafe try head!.next { line, _ in unsafe try parser.readHeader(line) } }
    }
    var lines = reading.lines(from: isSkippedByLine ? 0 : done.bytes)
    let work = try StoreImport(
      plan, parser: parser, gate: AdGate(catalog, admitsPaused: plan.limits.admitsHistory), clock: store.clock,
      shards: store.shards, source: reading.sourceID, route: route)
    var number: UInt64 = isSkippedByLine ? 0 : done.lines
    if done.lines > 0 {
      console.note("\(reading.path): goes on behind line \(done.lines)")
      work.skip(lines: done.lines, bytes: done.bytes, isRead: isSkippedByLine)
    }
    var progress = ImportProgress(console, size: reading.size, from: done.bytes)
    var bytes = isSkippedByLine ? 0 : done.bytes
    var goesOn = true
    var failure: (any Error)?
    do {
      while goesOn {
        let isThere = unsafe try lines.next { line, lineBytes in
          number += 1
          bytes += UInt64(lineBytes)
          if number == 1, needsHeader {
            if isSkippedByLine { unsafe try parser.readHeader(line) }
            work.pass(lineBytes)
          } else if number <= done.lines || (unsafe ClickLineReader.isBlank(line)) {
            work.pass(lineBytes)
          } else {
            goesOn = unsafe try work.take(line, lineBytes)
          }
        }
        if !isThere { break }
        if number & 0xFFF == 0 { progress.tell(lines: work.report.lines, bytes: bytes) }
      }
    } catch { failure = error }
    if let failure {
      work.abandon()
      throw failure
    }
    try work.finish()
    return work.report
  }
}

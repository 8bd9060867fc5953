import Catalog
import Clicks
import Importing
import Platform
import Service
import Shards
import Store

/// An import into a directory that no server holds.
struct DirectoryImport {
  private let reading: ImportReading
  private let question: ImportQuestion
  private let catalog: Catalog
  private let store: Store
  private let console: Console
  private let interrupt: Interrupt
  private let route: (ClickIdentity) -> Int
  private var finished: FinishedImports

  /// Bytes of a line, about, by which their number is guessed; and the most impressions of a shard that are expected by that.
  private static let lineBytes = 64
  private static let mostExpected = 16 << 20

  static func run(
    _ reading: ImportReading, _ question: ImportQuestion, _ values: ServeSettings, _ path: String, _ console: Console,
    _ interrupt: Interrupt
  ) throws -> ImportOutcome {
    let environment = console.environment
    try environment.files.createDirectory(path)
    let lock: DirectoryLock
    do throws(DirectoryLock.Refusal) { lock = try DirectoryLock("\(path)/\(StoreFiles.lock)") } catch {
      if case .held = error { throw Failure("\(error)", .refused) }
      throw Failure("\(error)")
    }
    defer { withExtendedLifetime(lock) {} }
    let catalog = try StoreCatalog.open(path, in: environment)
    if let token = try AdminToken.writeOnFirstStart(catalog, in: path) {
      console.note("the admin token is in \(token)")
    }
    var options = values.shardOptions
    options.budget = WorkBudget()
    // The log's own times say what is closed, not the clock: a minute is written once where the log is in order.
    options.idleAfter = 3_600_000
    // What a day had in minutes comes in seconds: rows are written when a segment of clicks is.
    options.closesMinutesAtOnce = false
    options.checkpointClicks = UInt64(options.segmentRows)
    // Its clicks are looked up in segments anyway, and what the index holds is memory.
    options.dedupHorizon = min(options.dedupHorizon, 60_000)
    // An index that is as large as the file will make it need not grow, and be searched in several tables, on the way there.
    if let size = reading.size {
      options.expectedImpressions = max(
        options.expectedImpressions, min(Int(size) / Self.lineBytes / max(1, values.shards), Self.mostExpected))
    }
    let store = try Store.open(environment, path, shards: values.shards, options: options, concurrently: true)
    store.notes.forEach { console.note("note: \($0)") }
    // A store that has just been made takes the catalog for its own before it has clicks.
    try catalog.belong(to: CatalogOwner(store: "\(store.identity.id)", hasClicks: { false }))
    // Ids of hot ads have their shards already.
    let cores = store.shards.map(\.core)
    let hot = try HotAds(environment, store, HotPolicy(), reporters: 1) { error in
      for core in cores { core.fail(error) }
    }
    let imports = try ImportsFile.read(environment.files, path, store: store.identity.id)
    imports.repaired.forEach { console.note("note: repaired from the other copy: \($0)") }
    var work = DirectoryImport(
      reading: reading, question: question, catalog: catalog, store: store, console: console, interrupt: interrupt,
      route: Router(hot).shard, finished: imports.imports)
    do {
      let result = try work.run(oldest: { $0 - options.minuteRetention })
      // The threads of the import have closed the shards.
      if let error = store.end.record() { console.note("note: \(error)") }
      return result
    } catch let fault as ImportFault {
      throw Failure("\(reading.path): \(fault)")
    }
  }

  /// Says where clicks go, for the one thread that reads lines.
  private final class Router {
    private let hot: HotAds
    private var routes: RouteBoard.Routes
    /// Those of the beginning: what they say for good needs no look at the newest.
    private let first: RouteBoard.Routes

    init(_ hot: HotAds) {
      self.hot = hot
      routes = hot.board.current
      first = routes
    }

    func shard(_ identity: ClickIdentity) -> Int {
      if let shard = first.onlyShard(identity) { return shard }
      if let shard = hot.board.place(identity, by: &routes) { return shard }
      // The list of early ids is full: no ad is hot from here on. Where that cannot be written, no shard takes a click any more.
      hot.step()
      routes = hot.board.current
      return hot.board.place(identity, by: &routes) ?? routes.table.home(of: identity.ad)
    }
  }

  private mutating func run(oldest: (Int64) -> Int64) throws -> ImportOutcome {
    let plan = reading.plan
    let parser = try ClickParser(plan)
    let text = reading.text
    if !parser.isReady, text != nil {
      // Also where the import goes on behind it.
      var head = try reading.lines(from: 0)
      while !parser.isReady, unsafe try head.next({ unsafe try parser.readHead($0, lines: $2) }) {}
    }
    let memory = ImportMemory(
      progress: StoreImport.progress(of: plan.sourceID, in: store.shards), finished: finished.read(plan.way),
      retired: store.shards.map(\.state.retired), layout: store.identity.layout, lost: store.identity.lastLoss)
    var before: ReadBefore?
    var passed: (before: ReadBefore, ends: [FinishedImport])?
    var digest = SourceDigest()
    var sample: LineSample? = LineSample()
    switch try memory.start(question, text) {
    case .done(let one):
      close()
      return .before(one)
    case .refused(let why):
      close()
      throw Failure("\(reading.path): \(why)", .refused)
    case .anew(.changed):
      console.note("\(reading.path): what was read before has changed; it is read from its first line")
    case .anew(.rejectedBefore(let one)):
      let when = Timestamp.format(one.ended, fraction: false)
      console.note(
        "\(reading.path): read already on \(when), but \(one.rejected) lines were not counted; it is read again")
    case .anew(.lostSince(let one)):
      console.note(
        "\(reading.path): read already on \(Timestamp.format(one.ended, fraction: false)), but a shard has lost clicks since; "
          + "it is read again")
    case .anew(nil): break
    case .behind(let found, let beginning):
      console.note("\(reading.path): goes on behind line \(found.lines)")
      (before, digest, sample) = (found, beginning.digest, beginning.sample)
    case .proving(let found, let ends):
      passed = (found, ends)
      before = found
      sample = nil
    }
    let work = try StoreImport(
      plan, parser: parser, gate: AdGate(catalog, admitsPaused: plan.limits.admitsHistory), clock: store.clock,
      shards: store.shards, layout: store.identity.layout, behind: before, sample: sample, route: route)
    if let before, passed == nil { work.skip(lines: before.lines, bytes: before.bytes) }
    let start = passed == nil ? before : nil
    var reader = Reader(lines: try reading.lines(from: start?.bytes ?? 0, digest: digest), digest: digest)
    do {
      if let passed {
        try passOver(passed.before, parser, work, &reader)
        let digest = reader.settled
        guard digest == passed.before.digest || passed.ends.contains(where: { $0.digest == digest }) else {
          throw Failure("\(reading.path): \(ImportMemory.changedText(question))", .refused)
        }
        reader.isAtEnd = unsafe try reader.lines.peek().isEmpty
        if reader.isAtEnd, let whole = passed.ends.last(where: { $0.digest == digest }) {
          work.abandon()
          return .before(whole)
        }
      }
      if try read(work, &reader, from: start) {
        return .interrupted(work.report, through: work.stop(reader.settled))
      }
    } catch {
      work.abandon()
      throw error
    }
    try work.finish(reader.settled) { one in
      finished.add(one, oldest: oldest(one.ended))
      try ImportsFile.write(
        finished, console.environment.files, store.path, store: store.identity.id, created: one.ended)
    }
    return .read(work.report)
  }

  /// Nothing was taken.
  private func close() {
    for shard in store.shards { shard.close() }
  }

  /// The lines of the source, and the digest of those read.
  private struct Reader: ~Copyable {
    var lines: LineSource
    let digest: SourceDigest
    var isAtEnd = false

    init(lines: consuming LineSource, digest: SourceDigest) {
      self.lines = lines
      self.digest = digest
    }

    /// The digest up to the end of the last line.
    var settled: SourceKey {
      mutating get {
        lines.settle()
        return digest.value
      }
    }
  }

  /// Passes over the lines that were read before; whether they are what was read, the digest tells. Nothing was counted yet.
  private func passOver(
    _ before: ReadBefore, _ parser: ClickParser, _ work: StoreImport, _ reader: inout Reader
  ) throws {
    var number: UInt64 = 0
    while number < before.lines, !reader.isAtEnd {
      reader.isAtEnd = unsafe try !reader.lines.next { line, lineBytes, lineCount in
        number += UInt64(lineCount)
        if !parser.isReady { unsafe try parser.readHead(line, lines: lineCount) }
        work.pass(lineBytes, lines: lineCount)
      }
    }
    guard !interrupt.isRequested else { throw Failure("interrupted; nothing was counted") }
  }

  /// Reads to the end; true where somebody ended it before.
  private func read(_ work: StoreImport, _ reader: inout Reader, from before: ReadBefore?) throws -> Bool {
    var progress = ImportProgress(console, size: reading.size, from: before?.bytes ?? 0)
    while !interrupt.isRequested {
      // A pipe ends too when its writer was told to end together with this process.
      guard try work.take(from: &reader.lines) else {
        if let bytes = reader.lines.heldBack { work.holdBack(bytes) }
        return interrupt.isRequested
      }
      if work.isPieceFull, !work.flush(reader.settled) { return false }
      progress.tell(lines: work.report.lines, bytes: work.bytes)
    }
    return true
  }
}

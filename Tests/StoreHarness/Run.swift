import Bytes
import ClickLog
import Clicks
import Platform
import Runs
import Shards
import Simulation
import Store

/// One run of a script on one simulated machine, with its ledger.
package final class Run {
  package let machine: SimulatedMachine
  package private(set) var ledger: ClientLedger
  /// The store, while it is open.
  package private(set) var store: Store?
  /// Why the store could not be opened.
  package private(set) var refusal: (any Error)?
  /// The most that a reader of this run could have seen.
  package private(set) var observed = Sight()
  package private(set) var violations: [String] = []
  /// Steps of maintenance, which may fail where a fault is injected or the disk is full.
  package private(set) var attempts = Attempts()

  /// Sees to it that nothing is touched or acknowledged after a failure; for one life of the process.
  private let watch = FailureWatch()
  private let began: (monotonic: Int64, wall: Int64)
  private var next: UInt64
  /// Of each shard, at the last opening.
  private var lastStates: [ManifestState] = []
  /// Shards of a new store.
  private let shards: Int
  package static let path = "/data"

  private let options: ShardOptions
  /// What is captured of clicks.
  package var capture: CaptureSet = []

  package init(
    _ machine: SimulatedMachine, ledger: ClientLedger = ClientLedger(), options: ShardOptions = Scenario.options,
    shards: Int = 1
  ) {
    self.shards = shards
    self.machine = machine
    self.options = options
    self.ledger = ledger
    next = UInt64(ledger.sent.count)
    began = (machine.time.monotonic(), machine.time.wall())
    watch.follow(machine.disk)
  }

  /// All violations so far.
  package var faults: [String] { violations + watch.violations + ledger.violations }

  /// Opens the store. One that failed early in a script of weeks has clicks that are weeks old: then an operator says that the
  /// clock is right.
  private func openStore() throws -> Store {
    do { return try Store.open(machine.environment, Self.path, shards: shards, options: options) } catch is ClockRefusal
    {
      var options = options
      options.acceptClock = true
      return try Store.open(machine.environment, Self.path, shards: shards, options: options)
    }
  }

  /// Opens the store if it is not open.
  @discardableResult
  package func open() -> Bool {
    guard store == nil else { return true }
    watch.startAnew()
    do {
      let opened = try openStore()
      let states = opened.shards.map(\.state)
      for ((state, last), shard) in zip(zip(states, lastStates), opened.shards) {
        if state.epoch <= last.epoch { violations.append("epoch \(state.epoch) after \(last.epoch)") }
        if state.lastGeneration <= last.lastGeneration, case .recording = shard.condition.state {
          violations.append("an opening goes on in generation \(state.lastGeneration)")
        }
      }
      lastStates = states
      store = opened
      refusal = nil
      return true
    } catch {
      refusal = error
      return false
    }
  }

  /// Performs the script until it ends, the machine crashes, or the store cannot be opened.
  package func perform(_ scenario: Scenario) {
    guard open() else { return }
    for step in scenario.steps {
      perform(step)
      note()
      if machine.disk.isCrashed || store == nil { return }
    }
  }

  /// The process ends in good order.
  func end() {
    store?.close()
    store = nil
  }

  /// Takes over what readers of the run before had seen.
  package func observe(_ sight: Sight) { observed = observed.joined(with: sight) }

  private func note() {
    guard let store else { return }
    let summaries = store.shards.map(\.live.summary)
    observe(Sight(positions: summaries.map(\.position), closedThrough: summaries.map(\.closedThrough)))
  }

  package func perform(_ step: Step) {
    guard let store else { return }
    switch step {
    case .commit(let count): commit((0..<count).map { _ in fresh() })
    case .repeats(let count): commit((0..<count).map { again($0) })
    case .twins(let count):
      commit((0..<count).flatMap { _ in [ClickIdentity](repeating: fresh(), count: 2) })
    case .wait(let milliseconds):
      machine.time.advance(milliseconds: milliseconds)
      ledger.pass(milliseconds)
      for shard in store.shards {
        shard.maintain()
        work(shard)
      }
    case .late(let count, let minutes):
      let time = machine.time.wall() - minutes * 60_000
      commit((0..<count).map { _ in fresh() }, at: time)
    case .settle:
      for shard in store.shards {
        attempt("settle") { try shard.maintenance.settle() }
        shard.maintain()
      }
    case .damage:
      for shard in store.shards {
        let rows = attempt("read rows") { try shard.live.rows() } ?? []
        let sealed = shard.live.sealed
        let closed = rows.filter {
          $0.minute < shard.live.summary.closedThrough && !sealed.contains(minute: $0.minute.index)
        }
        var changes: [(ad: AdKey, bucket: Int64, change: Int64)] = []
        for (row, change) in zip(closed, [5, -1, -100, 3] as [Int64]) {
          changes.append((row.ad, row.minute.index, change))
          changes.append((row.ad, row.minute.index + 1, 2))
        }
        attempt("damage") { try shard.maintenance.plant(changes) }
      }
    case .recount:
      for shard in store.shards {
        attempt("recount") { try shard.maintenance.recount(.deep(nil)) }
        shard.maintain()
      }
    case .seal:
      let now = Month(containing: Minute(containing: machine.time.wall()))
      for shard in store.shards {
        guard attempt("recount", { try shard.maintenance.recount(.changes) }) != nil else { continue }
        attempt("seal") { try shard.maintenance.seal(Month(index: now.index - 1)!) }
        shard.maintain()
      }
    case .prepare:
      for shard in store.shards {
        if shard.slots.needsPreparation { attempt("prepare") { try shard.slots.prepare() } }
        shard.maintain()
      }
    case .restart:
      end()
      open()
    case .kill:
      self.store = nil
      open()
    case .capacity(let bytes):
      // What is used stays used: the limit says how much more fits.
      machine.disk.capacity = bytes.map { $0 + used() }
    case .capture(let set): capture = set
    case .clock(let offset):
      let elapsed = (machine.time.monotonic() - began.monotonic) / 1_000_000
      machine.time.setWall(began.wall + elapsed + offset)
    }
  }

  /// Sends every click whose fate is unknown again, and some that are known.
  package func retry() {
    guard let store else { return }
    let unknown = ledger.open.filter { ledger.isRecent($0) }.sorted { $0.impression.low < $1.impression.low }
    let known = ledger.counted.keys.filter { ledger.isRecent($0) }.sorted { $0.impression.low < $1.impression.low }
      .prefix(20)
    for batch in [unknown, Array(known)] where !batch.isEmpty {
      for start in stride(from: 0, to: batch.count, by: 300) {
        commit(Array(batch[start..<min(start + 300, batch.count)]))
      }
    }
    let unsettled = ledger.open.filter { ledger.isRecent($0) }
    // A read that the crash cut off leaves the shard recording, and its click unsettled.
    if store.shards.allSatisfy({ $0.condition.state == .recording }), !unsettled.isEmpty, !machine.disk.isCrashed {
      violations.append("\(unsettled.count) clicks are unsettled after a retry")
    }
    note()
  }

  /// Tries a step of maintenance. Where nothing is wrong with the disk it must succeed, but for a month that is not ready.
  @discardableResult
  private func attempt<R>(_ step: String, _ body: () throws -> R) -> R? {
    let result = attempts.attempt(step, body)
    let disk = machine.disk
    if result == nil, !disk.isCrashed, disk.faultsInjected == 0, disk.capacity == nil {
      let error = attempts.failure(of: step)!
      if !(error is NotSealable) { violations.append("\(step): \(error)") }
    }
    return result
  }

  /// Whatever the background has to do.
  private func work(_ shard: Shard) {
    var steps = 0
    while shard.maintenance.turn(), steps < 1_000 { steps += 1 }
    if steps == 1_000 { violations.append("the background finds no end") }
  }

  /// Commits a batch in each shard that has some of the clicks.
  private func commit(_ identities: [ClickIdentity], at time: Int64 = ClickRequest.onReceipt) {
    guard let store else { return }
    machine.time.advance(milliseconds: 1)
    let before = ledger.open
    ledger.send(identities, capturing: capture)
    let table = RouteTable(shards: store.shards.count)
    var parts = [[ClickIdentity]](repeating: [], count: store.shards.count)
    for identity in identities { parts[table.route(identity)].append(identity) }
    for (number, part) in parts.enumerated() where !part.isEmpty || parts.count == 1 {
      commit(part, number, store.shards[number], at: time, before)
    }
  }

  private func commit(
    _ identities: [ClickIdentity], _ number: Int, _ shard: Shard, at time: Int64, _ before: Set<ClickIdentity>
  ) {
    let batch = identities.map { ClickRequest(identity: $0, eventTime: time) }
    var left = [Bool](repeating: false, count: batch.count)
    var seen: Set<ClickIdentity> = []
    let isFirst = identities.map { seen.insert($0).inserted }
    shard.commit(batch.span, captured: Captures.strings(capture, of: identities)) { index, answer in
      let identity = identities[index]
      if watch.hasFailed(shard: number), answer.verdict == .valid || answer.verdict == .duplicate {
        violations.append("answered \(answer.verdict.name) after a failed write or sync")
      }
      if !left[index] {
        ledger.receive(answer, for: identity, earlierOpen: before.contains(identity) || !isFirst[index])
      }
      left[index] = true
    }
    if left.contains(false) { violations.append("a click was never answered") }
  }

  private func fresh() -> ClickIdentity {
    next += 1
    return ClickIdentity(
      ad: AdKey(rawValue: next % 3), impression: ImpressionID(high: next &* 0x9E37_79B9_7F4A_7C15, low: next))
  }

  private func again(_ index: Int) -> ClickIdentity {
    let sent = ledger.sent
    guard !sent.isEmpty else { return fresh() }
    let identity = sent[(index * 7 + sent.count / 2) % sent.count]
    return ledger.isRecent(identity) ? identity : fresh()
  }

  private func used() -> UInt64 { machine.disk.files().reduce(0) { $0 + UInt64($1.size) } }

  /// Compares what the disk holds with the ledger and with what readers saw.
  package func check() -> [String] {
    do {
      let count = try Store.identify(machine.environment.files, Self.path)?.shards ?? 1
      let found = try (0..<count).map { try Contents(machine.environment, Self.path, shard: $0) }
      var (rows, base) = ([Row: UInt64](), [Row: UInt64]())
      for part in found {
        rows.merge(part.rows, uniquingKeysWith: +)
        base.merge(part.base, uniquingKeysWith: +)
      }
      var faults = ledger.check(found.flatMap(\.clicks), rows, retired: base) + found.flatMap(\.inconsistent)
      for part in found { faults += ledger.check(part.strings, of: part.clicks) }
      for ((part, position), closed) in zip(zip(found, observed.positions), observed.closedThrough) {
        if part.retired + UInt64(part.clicks.count) < position {
          faults.append("a reader saw position \(position), the log ends at \(part.retired) + \(part.clicks.count)")
        }
        if let state = part.state, state.closedThrough < closed.index {
          faults.append("a reader saw minutes before \(closed) closed, they are not any more")
        }
      }
      return faults
    } catch { return ["the store cannot be read: \(error)"] }
  }
}

/// How far a reader has seen log and time of each shard go; neither may go back (K5).
package struct Sight: Sendable {
  package var positions: [UInt64] = []
  package var closedThrough: [Minute] = []

  func joined(with other: Sight) -> Sight {
    func join<T: Comparable>(_ a: [T], _ b: [T]) -> [T] {
      zip(a, b).map { max($0, $1) } + (a.count > b.count ? a.dropFirst(b.count) : b.dropFirst(a.count))
    }
    return Sight(
      positions: join(positions, other.positions), closedThrough: join(closedThrough, other.closedThrough))
  }
}

/// What a store's directory holds: the clicks of the log, and the table folded from it by the store.
package struct Contents: Equatable {
  package var clicks: [Click] = []
  /// What was captured of each.
  package var strings: [[CapturedColumn: [UInt8]]] = []
  /// What counts: rows, and the credits beside those of sealed months.
  package var rows: [Row: UInt64] = [:]
  /// The rows alone.
  package var table: [Row: UInt64] = [:]
  package var credits: [Row: Int64] = [:]
  /// How many raw clicks are gone, and the rows that they left.
  package var retired: UInt64 = 0
  package var base: [Row: UInt64] = [:]
  /// Positions of the clicks that recounts took away.
  package var removed: [UInt64] = []
  /// Those that their segments mark.
  private var marked: [UInt64] = []
  /// What disagrees inside the store.
  package var inconsistent: [String] = []
  /// The state of the manifest, without what each opening changes.
  package var state: ManifestState?

  /// Reads one shard without changing anything.
  package init(_ environment: Environment, _ path: String, shard: Int = 0) throws {
    guard let identity = try Store.identify(environment.files, path) else { return }
    let directory = identity.directory(of: shard, in: path)
    let recovery = try ShardRecovery.read(
      environment, directory: directory, store: identity.id, options: Scenario.options)
    state = recovery.manifest?.state
    retired = state?.retired ?? 0
    for row in try recovery.live.rows() { table[Row(ad: row.ad, minute: row.minute)] = row.clicks }
    for row in try recovery.live.credits() { credits[Row(ad: row.ad, minute: row.minute)] = row.change }
    rows = table
    for (row, change) in credits {
      let sum = Int64(rows[row] ?? 0) + change
      if sum < 0 { inconsistent.append("row and credits of \(row) are \(sum)") }
      rows[row] = sum > 0 ? UInt64(sum) : nil
    }
    try checkSeals(recovery)
    let live = recovery.live
    let minutes = table.keys.map(\.minute) + credits.keys.map(\.minute)
    if let first = minutes.min(), let last = minutes.max() {
      // The other ways to ask must give the same rows.
      let range = (first, Minute(index: last.index + 1))
      for ad in Set(table.keys.map(\.ad)).union(credits.keys.map(\.ad)) {
        let series = try live.series(of: ad, from: range.0, to: range.1)
        let due = table.filter { $0.key.ad == ad }.sorted { $0.key.minute < $1.key.minute }
        let beside = credits.filter { $0.key.ad == ad }.sorted { $0.key.minute < $1.key.minute }
        if !series.credits.elementsEqual(beside, by: { $0.minute == $1.key.minute && $0.change == $1.value }) {
          inconsistent.append("the series of \(ad) has other credits: \(series.credits)")
        }
        if !series.points.elementsEqual(due, by: { $0.minute == $1.key.minute && $0.clicks == $1.value }) {
          inconsistent.append("the series of \(ad) is not its rows")
        }
      }
      var sums: [Minute: UInt64] = [:]
      for (row, clicks) in table { sums[row.minute, default: 0] += clicks }
      let totals = try live.totals(from: range.0, to: range.1)
      if Dictionary(uniqueKeysWithValues: totals.points.map { ($0.minute, $0.clicks) }) != sums {
        inconsistent.append("the totals are not those of the rows")
      }
    }
    try checkRollUps(recovery)
    try recovery.forEachRetained(environment.files, store: identity.id) { found in
      let due = retired + UInt64(clicks.count)
      if found.position != due { inconsistent.append("position \(found.position) where \(due) is due") }
      clicks.append(found.click)
      if found.isRepeat { marked.append(found.position) }
      let captured = found.strings.map { CapturedStrings(found.set, of: $0).strings(at: 0) } ?? []
      strings.append(Dictionary(uniqueKeysWithValues: zip(found.set.columns, captured)))
    }
    try checkRecount(recovery)
  }

  /// Sealed rows are what they were, and credits lie beside them alone.
  private mutating func checkSeals(_ recovery: borrowing ShardRecovery) throws {
    guard let state = recovery.manifest?.state else { return }
    let keys = recovery.live.adKeys
    inconsistent += try recovery.version.sealFaults(
      state, key: { Int($0) < keys.count ? AdKey(rawValue: keys[Int($0)]) : nil })
  }

  /// Rows of retired clicks and clicks that are kept, less the repeats that recounts removed, make the table together (R6).
  private mutating func checkRecount(_ recovery: borrowing ShardRecovery) throws {
    var recount: [Row: UInt64] = [:]
    for run in recovery.version.table(.base).runs {
      try run.forEach { row in
        recount[Row(ad: recovery.minutes.ads.key(row.code), minute: Minute(index: row.bucket))] = row.value
      }
    }
    base = recount
    let marks = Set(marked)
    for (place, click) in clicks.enumerated() where !marks.contains(retired + UInt64(place)) {
      recount[Row(ad: click.ad, minute: click.minute), default: 0] += 1
    }
    for row in try recovery.version.repeats(in: retired..<UInt64.max) {
      let key = Row(ad: recovery.minutes.ads.key(row.code), minute: Minute(index: row.bucket))
      let left = Int64(recount[key] ?? 0) - Int64(row.count)
      if left < 0 { inconsistent.append("more removed repeats than clicks in \(key)") }
      recount[key] = left > 0 ? UInt64(left) : nil
    }
    for file in recovery.version.corrections { try file.verify() }
    removed = (try recovery.version.recordedRepeats(in: 0..<UInt64.max).map(\.position) + marked).sorted()
    if recount != rows { inconsistent.append("BASE rows and raw clicks are not the table") }
  }

  /// Hours and days of every day that is rolled up are the sums of its minutes.
  private mutating func checkRollUps(_ recovery: borrowing ShardRecovery) throws {
    guard let state = recovery.manifest?.state, state.rolledUp > .min else { return }
    let sealed = SealedMonths(state.seals)
    for key in [RunTableKey.hours, .days] {
      let width = Int64(key.bucketSeconds) / 60
      var due: [AdKey: [Int64: UInt64]] = [:]
      for (row, clicks) in table where row.minute.index < state.rolledUp * 1_440 {
        due[row.ad, default: [:]][row.minute.index / width, default: 0] += clicks
      }
      let live = recovery.minutes
      // Clicks in memory alone are in no hour yet.
      live.forEachRow { ad, minute, clicks in
        guard minute.index < state.rolledUp * 1_440, !sealed.contains(minute: minute.index) else { return }
        due[ad]![minute.index / width]! -= clicks
      }
      for ad in due.keys.sorted(by: { $0.rawValue < $1.rawValue }) {
        guard let code = live.ads.code(of: ad) else { continue }
        let series = try recovery.version.table(key).series(of: code, in: 0..<(state.rolledUp * 1_440 / width))
        let wanted = due[ad]!.filter { $0.value > 0 }
        if Dictionary(uniqueKeysWithValues: series.map { ($0.bucket, $0.count) }) != wanted {
          inconsistent.append("buckets of \(width) minutes of \(ad) are \(series), due are \(wanted)")
        }
      }
    }
  }
}

import Clicks
import Platform
import Simulation
import Store

// One life of a store that is recounted, and what has to come of it. Impressions come again after a dedup horizon of one
// second, so the log has them twice; clicks come late, rows are damaged, and clicks come in the middle of recounts. The
// oracle is a set of identities: each counts once, in the minute of its first click.

class RecountRun {
  let machine: SimulatedMachine
  private(set) var store: Store?
  var violations: [String] = []
  /// Clicks that were answered valid, in the order of the log.
  private(set) var logged: [(identity: ClickIdentity, minute: Minute)] = []
  private(set) var recounts = 0
  private(set) var corrections: UInt64 = 0
  /// Repeats that deep checks saw without an earlier copy.
  private(set) var repeatsOfRetired: UInt64 = 0
  /// No row was ever damaged: then recounts of what has changed are enough.
  var isPristine = true
  /// Whether this life damages rows.
  let plants: Bool
  var chance: SeededGenerator
  private var sent: [(identity: ClickIdentity, time: Int64)] = []
  /// Time that has passed, ms.
  private var now: Int64 { machine.time.monotonic() / 1_000_000 }
  private let options: ShardOptions

  /// Repeats come within this, ms, and raw clicks stay twice as long: every one can be found.
  class var memory: Int64 { 3 * 3_600_000 }

  /// Files of corrections that are merged into one.
  class var correctionFanIn: Int { 16 }

  /// Whether a repeat may be one of a repeat, so that identities outlive their first copies.
  class var hasChains: Bool { false }

  class func options(_ chance: inout SeededGenerator) -> ShardOptions {
    var options = Scenario.options
    options.dedupHorizon = 1_000
    options.recountChunk = chance.pick([1, 2, 5, 1_000])
    options.segmentRows = chance.pick([5, 40, 1_000])
    options.rawRetention = chance.pick([6 * 3_600_000, 30 * 86_400_000])
    options.runTiers = chance.pick([[1_440], [2, 6, 60, 1_440, 2_880]])
    options.recountInterval = chance.pick([0, 600_000])
    options.recountRepeats = chance.pick([1, 3, 1 << 19])
    return options
  }

  /// `threads` of a merge, 0 for one of the idle class; nil: as ever.
  init(seed: UInt64, machine: SimulatedMachine? = nil, threads: Int? = nil) {
    chance = SeededGenerator(seed: seed)
    var options = Self.options(&chance)
    options.correctionFanIn = Self.correctionFanIn
    options.mergeThreads = threads.map { max($0, 1) }
    options.mergesWhenIdle = threads == 0
    self.options = options
    plants = seed % 2 == 0
    self.machine = machine ?? SimulatedMachine(seed: seed)
  }

  var shard: Shard? { store?.shards[0] }

  @discardableResult
  func open() -> Bool {
    do {
      store = try Store.open(machine.environment, Run.path, options: options)
      return true
    } catch {
      note("\(error)", "opening")
      return false
    }
  }

  // MARK: - Steps

  /// A script of its seed.
  func live(steps: Int) {
    guard open() else { return }
    for _ in 0..<steps where store != nil && !machine.disk.isCrashed { step() }
  }

  func step() {
    switch chance.next() % 16 {
    case 0...4: commit(1 + chance.small(in: 0...12))
    case 5: commit(1 + chance.small(in: 0...4), minutesAgo: Int64(chance.small(in: 0...2_900)))
    case 6, 7: commitAgain(1 + chance.small(in: 0...6))
    case 8, 9: wait(Int64(chance.small(in: 1_100...200_000)))
    case 10: wait(Int64(chance.small(in: 0...50_000_000)))
    case 11:
      // The background may have slept, so that everything is due at once.
      if chance.oneIn(2) { machine.time.advance(milliseconds: Int64(chance.small(in: 0...50_000_000))) }
      settle()
    case 12: if plants { plant() } else { commitAgain(1 + chance.small(in: 0...6)) }
    case 13: recount(.changes)
    case 14: recount(.deep(nil))
    default:
      // On a disk that fails a restart reads what the page cache has, durable or not: that is other campaigns' matter.
      guard machine.disk.faultsInjected == 0 else { return }
      restart()
    }
  }

  /// The process ends in good order.
  func close() {
    store?.close()
    store = nil
  }

  /// The process is killed and starts again.
  func restart() {
    store = nil
    open()
  }

  func wait(_ milliseconds: Int64) {
    machine.time.advance(milliseconds: milliseconds)
    guard let shard else { return }
    shard.maintain()
    if shard.slots.needsPreparation { try? shard.slots.prepare() }
    var steps = 0
    while shard.maintenance.turn(), steps < 1_000 { steps += 1 }
    if steps == 1_000 { violations.append("the background finds no end") }
    note(shard.maintenance.counters.lastError, "the background")
  }

  func settle() {
    guard let shard else { return }
    attempt("settle") { try shard.maintenance.settle() }
    shard.maintain()
  }

  func commit(_ count: Int, minutesAgo: Int64 = 0) {
    let identities = (0..<count).map { _ in
      let n = UInt64(sent.count + 1)
      let identity = ClickIdentity(
        ad: AdKey(rawValue: n % 4), impression: ImpressionID(high: n &* 0x9E37_79B9_7F4A_7C15, low: n))
      sent.append((identity, now))
      return identity
    }
    commit(identities, minutesAgo: minutesAgo)
  }

  func commitAgain(_ count: Int) {
    let recent = sent.suffix(while: { now - $0.time < Self.memory })
    guard !recent.isEmpty else { return }
    let identities = (0..<count).map { _ in
      recent[recent.startIndex + chance.small(in: 0...(recent.count - 1))].identity
    }
    commit(identities, minutesAgo: chance.oneIn(3) ? Int64(chance.small(in: 0...1_500)) : 0)
  }

  private func commit(_ identities: [ClickIdentity], minutesAgo: Int64) {
    guard let shard else { return }
    machine.time.advance(milliseconds: 1)
    let time = minutesAgo == 0 ? ClickRequest.onReceipt : machine.time.wall() - minutesAgo * 60_000
    let batch = identities.map { ClickRequest(identity: $0, eventTime: time) }
    shard.commit(batch.span) { index, answer in
      if answer.verdict == .valid {
        logged.append((identities[index], Minute(containing: answer.eventTime)))
        if Self.hasChains { sent.append((identities[index], now)) }
      }
    }
  }

  /// Wrong rows of every kind: too many, too few, none, and some of no click.
  private func plant() {
    guard let shard else { return }
    isPristine = false
    attempt("plant") { try Self.plant(shard.maintenance, ads: 4, using: &chance) }
  }

  /// Damages a few rows of ads `0 ..< ads`, of sealed months or of all others.
  static func plant(
    _ maintenance: Maintenance, ads: UInt64, ofSealed: Bool = false, using chance: inout SeededGenerator
  ) throws {
    let version = maintenance.core.live.version
    for key in chance.oneIn(2) ? [RunTableKey.minutes] : [.minutes, .hours, .days] {
      var changes: [(ad: AdKey, bucket: Int64, change: Int64)] = []
      let windows = version.table(key).bases.map(\.window)
      for _ in 0..<(1 + chance.small(in: 0...4)) {
        guard let window = windows.randomElement(&chance) else { continue }
        let bucket = window.lowerBound + Int64(chance.small(in: 0...(window.count - 1)))
        let isSealed = maintenance.core.live.sealed.contains(minute: bucket * Int64(key.bucketSeconds) / 60)
        guard isSealed == ofSealed else { continue }
        let change = chance.pick([-1_000, -1, 1, 2, 900] as [Int64])
        changes.append((AdKey(rawValue: UInt64(chance.small(in: 0...Int(ads - 1)))), bucket, change))
      }
      try maintenance.plant(changes, in: key)
    }
  }

  /// Recounts; clicks come in between, on the same rows, and time goes on so that checkpoints come as well.
  func recount(_ scope: RecountScope, isQuiet: Bool = false) {
    guard let shard else { return }
    attempt("recount \(scope)") {
      var turns = 0
      let report = try shard.maintenance.recount(scope) { [self] in
        turns += 1
        guard !isQuiet, turns < 60, turns % 3 == 0 else { return true }
        if chance.oneIn(2) { commit(2) } else { commit(1, minutesAgo: Int64(chance.small(in: 0...1_500))) }
        if chance.oneIn(3) { commitAgain(1) }
        machine.time.advance(milliseconds: chance.pick([1, 1_500, 61_000]))
        return true
      }
      recounts += 1
      corrections += report.corrections
      if let fault = SealedRowsDiffer(report) { violations.append("recount \(scope): \(fault)") }
    }
    shard.maintain()
  }

  func attempt(_ what: String, _ body: () throws -> Void) {
    do { try body() } catch { note("\(error)", what) }
  }

  private func note(_ error: String?, _ what: String) {
    if let error, !machine.disk.isCrashed, machine.disk.faultsInjected == 0 { violations.append("\(what): \(error)") }
  }

  // MARK: - Checks

  /// What has to hold at the end: everything closed and recounted. A second recount finds nothing and writes nothing.
  /// `wasPristine`: nor was any row damaged in the lives before.
  func finish(_ logged: [(identity: ClickIdentity, minute: Minute)]? = nil, wasPristine: Bool = true) {
    wait(400_000)
    if isPristine, wasPristine { checkChanges(logged) }
    // A repeat whose minute was open is found by the next recount.
    recount(.deep(nil), isQuiet: true)
    // Rows may have been damaged whose raw clicks have retired since.
    recount(.deep(0..<1 << 40), isQuiet: true)
    guard let shard, !machine.disk.isCrashed else { return }
    check(logged ?? self.logged, shard, "after the last recount")
    isMarked(logged ?? self.logged, shard)
    var books = shard.maintenance.counters.books
    if books.drift != 0 || books.baseDrift != 0 { violations.append("the books do not balance: \(books)") }
    attempt("second recount") {
      let sequence = shard.core.manifest.sequence
      let again = try shard.maintenance.recount(.deep(0..<1 << 40), isDry: true)
      if !again.isClean || again.repeats > 0 { violations.append("a second recount changes \(again)") }
      try shard.maintenance.recount(.changes)
      if shard.core.manifest.sequence != sequence { violations.append("an unchanged store is recounted") }
      for ad in 0..<4 as Range<UInt64> {
        let through = shard.live.summary.closedThrough
        let series = try shard.live.series(of: AdKey(rawValue: ad), from: Minute(index: 0), to: through)
        if series.recountedThrough != through || !series.changed.isEmpty {
          violations.append("ad \(ad) is recounted through \(series.recountedThrough) but for \(series.changed)")
        }
      }
    }
    isFrozen(shard, "at the end", isLast: true)
    let before = try? shard.live.rows().map { "\($0)" }
    attempt("rebuild") { try shard.maintenance.rebuildRuns() }
    let after = try? shard.live.rows().map { "\($0)" }
    if before == nil || before != after { violations.append("a rebuild gives another table") }
    books = shard.maintenance.counters.books
    if books.drift != 0 { violations.append("the books do not balance after a rebuild: \(books)") }
    store = nil
    do {
      let found = try Contents(machine.environment, Run.path)
      violations += found.inconsistent
    } catch { violations.append("\(error)") }
    checkDeeply("at the end", isLast: true)
  }

  /// What `verify --deep` finds in the closed store; `isLast`: every repeat was recognised.
  func checkDeeply(_ when: String, isLast: Bool = false) {
    attempt("deep check \(when)") {
      guard let identity = try Store.identify(machine.environment.files, Run.path) else { return }
      let recovery = try ShardRecovery.read(
        machine.environment, directory: identity.directory(of: 0, in: Run.path), store: identity.id, options: options)
      let found = try recovery.deepCheck(machine.environment.files, store: identity.id) { _, _ in true }
      if !found.missed.isEmpty { violations.append("\(when): repeats count: \(found.missed)") }
      if !found.strange.isEmpty { violations.append("\(when): other clicks than recorded: \(found.strange)") }
      let unproven = found.proof.unproven
      if !unproven.isEmpty { violations.append("\(when): repeats that nothing proves: \(unproven)") }
      if isLast, found.pending > 0 { violations.append("\(when): \(found.pending) repeats are found by no recount") }
      if found.proof.uncounted > 0 { violations.append("\(when): \(found.proof.uncounted) repeats were not counted") }
      repeatsOfRetired += found.proof.ofRetired
    }
  }

  /// Held against the clicks of the log: which ones are repeats.
  func isMarked(_ logged: [(identity: ClickIdentity, minute: Minute)], _ shard: Shard) {}

  /// What was seen by the life before, which a crash ended.
  func lives(on before: RecountRun) {}

  /// Held against what is known of sealed months; `isLast`: whatever was damaged has been put back.
  func isFrozen(_ shard: Shard, _ when: String, isLast: Bool = false) {}

  /// Recounts of what has changed find every repeat by themselves, and leave hours and days the sums of their minutes.
  private func checkChanges(_ logged: [(identity: ClickIdentity, minute: Minute)]?) {
    for _ in 0..<2 { recount(.changes, isQuiet: true) }
    guard let shard, !machine.disk.isCrashed else { return }
    check(logged ?? self.logged, shard, "after the last recount of changes")
    do {
      let found = try Contents(machine.environment, Run.path)
      violations += found.inconsistent.map { "after the last recount of changes: \($0)" }
    } catch { violations.append("\(error)") }
  }

  private func check(_ logged: [(identity: ClickIdentity, minute: Minute)], _ shard: Shard, _ when: String) {
    var seen: Set<ClickIdentity> = []
    var due: [Row: UInt64] = [:]
    for click in logged where seen.insert(click.identity).inserted {
      due[Row(ad: click.identity.ad, minute: click.minute), default: 0] += 1
    }
    do {
      let rows = try shard.live.rows()
      var have = Dictionary(uniqueKeysWithValues: rows.map { (Row(ad: $0.ad, minute: $0.minute), $0.clicks) })
      for row in try shard.live.credits() {
        let key = Row(ad: row.ad, minute: row.minute)
        let sum = Int64(have[key] ?? 0) + row.change
        have[key] = sum == 0 ? nil : UInt64(max(0, sum))
      }
      for row in Set(due.keys).union(have.keys) where due[row] != have[row] {
        violations.append("\(when): \(row) has \(have[row] ?? 0), \(due[row] ?? 0) are due")
      }
    } catch { violations.append("\(when): \(error)") }
  }
}

extension Array {
  /// The longest end of the array whose elements all satisfy `condition`.
  fileprivate func suffix(while condition: (Element) -> Bool) -> ArraySlice<Element> {
    var start = endIndex
    while start > startIndex, condition(self[start - 1]) { start -= 1 }
    return self[start...]
  }

  /// An element that the generator chooses.
  fileprivate func randomElement(_ generator: inout SeededGenerator) -> Element? {
    isEmpty ? nil : self[generator.small(in: 0...(count - 1))]
  }
}

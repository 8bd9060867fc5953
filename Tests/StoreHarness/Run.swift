import Bytes
import ClickLog
import Clicks
import Platform
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

  /// Sees to it that nothing is touched or acknowledged after a failure; for one life of the process.
  private let watch = FailureWatch()
  private let began: (monotonic: Int64, wall: Int64)
  private var next: UInt64
  private var lastState: ManifestState?
  package static let path = "/data"

  package init(_ machine: SimulatedMachine, ledger: ClientLedger = ClientLedger()) {
    self.machine = machine
    self.ledger = ledger
    next = UInt64(ledger.sent.count)
    began = (machine.time.monotonic(), machine.time.wall())
    watch.follow(machine.disk)
  }

  /// All violations so far.
  package var faults: [String] { violations + watch.violations + ledger.violations }

  /// Opens the store if it is not open.
  @discardableResult
  package func open() -> Bool {
    guard store == nil else { return true }
    watch.startAnew()
    do {
      let opened = try Store.open(machine.environment, Self.path, options: Scenario.options)
      let state = opened.shards[0].state
      if let lastState {
        if state.epoch <= lastState.epoch { violations.append("epoch \(state.epoch) after \(lastState.epoch)") }
        if state.lastGeneration <= lastState.lastGeneration, case .recording = opened.shards[0].condition.state {
          violations.append("an opening goes on in generation \(state.lastGeneration)")
        }
      }
      lastState = state
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

  /// Takes over what readers of the run before had seen.
  package func observe(_ sight: Sight) { observed = observed.joined(with: sight) }

  private func note() {
    guard let shard = store?.shards[0] else { return }
    let summary = shard.live.summary
    observe(Sight(position: summary.position, closedThrough: summary.closedThrough))
  }

  package func perform(_ step: Step) {
    guard let shard = store?.shards[0] else { return }
    switch step {
    case .commit(let count): commit((0..<count).map { _ in fresh() }, shard)
    case .repeats(let count): commit((0..<count).map { again($0) }, shard)
    case .twins(let count):
      commit((0..<count).flatMap { _ in [ClickIdentity](repeating: fresh(), count: 2) }, shard)
    case .wait(let milliseconds):
      machine.time.advance(milliseconds: milliseconds)
      shard.maintain()
    case .prepare:
      if shard.slots.needsPreparation { try? shard.slots.prepare() }
      shard.maintain()
    case .restart:
      shard.close()
      store = nil
      open()
    case .kill:
      store = nil
      open()
    case .capacity(let bytes):
      // What is used stays used: the limit says how much more fits.
      machine.disk.capacity = bytes.map { $0 + used() }
    case .clock(let offset):
      let elapsed = (machine.time.monotonic() - began.monotonic) / 1_000_000
      machine.time.setWall(began.wall + elapsed + offset)
    }
  }

  /// Sends every click whose fate is unknown again, and some that are known.
  package func retry() {
    guard let shard = store?.shards[0] else { return }
    let unknown = Array(ledger.open).sorted { $0.impression.low < $1.impression.low }
    let known = ledger.counted.keys.sorted { $0.impression.low < $1.impression.low }.prefix(20)
    for batch in [unknown, Array(known)] where !batch.isEmpty {
      for start in stride(from: 0, to: batch.count, by: 300) {
        commit(Array(batch[start..<min(start + 300, batch.count)]), shard)
      }
    }
    // A read that the crash cut off leaves the shard recording, and its click unsettled.
    if case .recording = shard.condition.state, !ledger.open.isEmpty, !machine.disk.isCrashed {
      violations.append("\(ledger.open.count) clicks are unsettled after a retry")
    }
    note()
  }

  private func commit(_ identities: [ClickIdentity], _ shard: Shard) {
    machine.time.advance(milliseconds: 1)
    let before = ledger.open
    ledger.send(identities)
    let batch = identities.map { ClickRequest(identity: $0) }
    var left = [Bool](repeating: false, count: batch.count)
    var seen: Set<ClickIdentity> = []
    let isFirst = identities.map { seen.insert($0).inserted }
    shard.commit(batch.span) { index, answer in
      let identity = identities[index]
      if watch.hasFailed, answer.verdict == .valid || answer.verdict == .duplicate {
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
    return sent.isEmpty ? fresh() : sent[(index * 7 + sent.count / 2) % sent.count]
  }

  private func used() -> UInt64 { machine.disk.files().reduce(0) { $0 + UInt64($1.size) } }

  /// Compares what the disk holds with the ledger and with what readers saw.
  package func check() -> [String] {
    do {
      let found = try Contents(machine.environment, Self.path)
      var faults = ledger.check(found.clicks, found.rows)
      if UInt64(found.clicks.count) < observed.position {
        faults.append("a reader saw position \(observed.position), the log ends at \(found.clicks.count)")
      }
      if let state = found.state, state.closedThrough < observed.closedThrough.index {
        faults.append("a reader saw minutes before \(observed.closedThrough) closed, they are not any more")
      }
      return faults
    } catch { return ["the store cannot be read: \(error)"] }
  }
}

/// How far a reader has seen log and time go; neither may go back (K5).
package struct Sight: Sendable {
  package var position: UInt64 = 0
  package var closedThrough = Minute(index: .min)

  func joined(with other: Sight) -> Sight {
    Sight(position: max(position, other.position), closedThrough: max(closedThrough, other.closedThrough))
  }
}

/// What a store's directory holds: the clicks of the log, and the table folded from it by the store.
package struct Contents: Equatable {
  package var clicks: [Click] = []
  package var rows: [Row: UInt64] = [:]
  /// The state of the manifest, without what each opening changes.
  package var state: ManifestState?

  /// Reads without changing anything.
  package init(_ environment: Environment, _ path: String) throws {
    guard let identity = try Store.identify(environment.files, path) else { return }
    let directory = "\(path)/\(StoreFiles.shard(0))"
    let recovery = try ShardRecovery.read(
      environment, directory: directory, store: identity.id, options: Scenario.options)
    state = recovery.manifest?.state
    recovery.minutes.forEachRow { ad, minute, clicks in rows[Row(ad: ad, minute: minute)] = clicks }
    for (extent, end, _) in recovery.tails {
      let reader = try LogReader(
        environment.files, "\(directory)/\(StoreFiles.log)/\(SlotHeader.name(extent.slot))", extent: extent,
        store: identity.id)
      _ = unsafe try reader.walk(to: Int(end.offset)) { frame, payload, _ in
        for i in 0..<Int(frame.records) {
          clicks.append(
            unsafe RecordFormat.read(payload.baseAddress! + i * RecordFormat.size, base: frame.logicalTime)!)
        }
      }
    }
  }
}

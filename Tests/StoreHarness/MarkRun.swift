import Clicks
import Platform
import Simulation
import Store

// One life of a store whose raw clicks retire after forty minutes, and whose repeats repeat repeats: an identity lives as long as
// somebody clicks it again before its last copy retires. So most marks lose the copy that proves them. What has to hold beside
// all that holds for `RecountRun`:
//
//   a click that was marked, or listed as a repeat, is one as long as its raw click is kept, through merges, retention and crashes
//   once everything is recounted, the repeats are exactly the clicks whose identity stands before them in the log
//   a deep check finds as many repeats without an earlier copy as the manifest tells of

final class MarkRun: RecountRun {
  /// Repeats that were recognised so far, those that have retired among them.
  private var recognised: Set<UInt64> = []

  override class var hasChains: Bool { true }
  override class var memory: Int64 { 1_200_000 }

  override class func options(_ chance: inout SeededGenerator) -> ShardOptions {
    var options = super.options(&chance)
    options.rawRetention = 2 * memory
    options.segmentRows = chance.pick([5, 15, 40])
    options.segmentFanIn = chance.pick([2, 3, 8])
    options.sealAfter = chance.pick([60_000, 400_000])
    return options
  }

  override func step() {
    switch chance.next() % 16 {
    case 0, 1: commit(1 + chance.small(in: 0...8))
    case 2: commit(1 + chance.small(in: 0...4), minutesAgo: Int64(chance.small(in: 0...50_000)))
    case 3...6: commitAgain(1 + chance.small(in: 0...8))
    case 7: wait(Int64(chance.small(in: 1_100...200_000)))
    case 8, 9: wait(300_000 + Int64(chance.next() % 1_200_000))
    case 10: settle()
    case 11: flush()
    case 12: seal()
    case 13: recount(chance.oneIn(3) ? .deep(nil) : .changes)
    case 14: retain()
    default:
      guard machine.disk.faultsInjected == 0 else { return }
      close()
      checkDeeply("on the way")
      restart()
    }
    look()
  }

  /// A recount that merges what is new, the retirement of first copies, a merge of what repeats them, and a recount again: with
  /// clicks between and in the middle.
  func mergeAndRetire() {
    let steps: [() -> Void] = [
      { self.commit(6) }, { self.wait(150_000) }, { self.commitAgain(6) }, { self.wait(150_000) },
      { self.recount(.changes) }, { self.wait(900_000) }, { self.commitAgain(8) },
      { self.commit(2, minutesAgo: 1_500) }, { self.wait(400_000) }, { self.recount(.changes) },
      { self.wait(700_000) }, { self.commitAgain(4) }, { self.wait(600_000) }, { self.retain() },
      { self.settle() }, { self.recount(.deep(nil)) },
    ]
    for step in steps where store != nil && !machine.disk.isCrashed {
      step()
      look()
    }
  }

  private func flush() {
    guard let shard else { return }
    attempt("seal of the log") { try shard.maintenance.perform(.sealLog) }
    shard.maintain()
  }

  private func retain() {
    guard let shard else { return }
    attempt("retention") { try shard.maintenance.retain() }
    shard.maintain()
  }

  /// Seals the month before this one, where it can be.
  private func seal() {
    guard let shard else { return }
    recount(.changes, isQuiet: true)
    let now = Month(containing: Minute(containing: machine.time.wall()))
    attempt("seal of a month") {
      do { try shard.maintenance.seal(Month(index: now.index - 1)!) } catch is NotSealable {}
    }
    shard.maintain()
  }

  // MARK: - Checks

  /// The repeats that are recognised now.
  private func repeats(_ shard: Shard) throws -> Set<UInt64> {
    let version = shard.live.version
    var found = Set(try version.recordedRepeats(in: shard.state.retired..<UInt64.max).map(\.position))
    for segment in version.segments {
      let cursor = segment.cursor()
      while let row = try cursor.next() { if row.isRepeat { found.insert(row.position) } }
    }
    return found
  }

  /// No mark was taken back.
  private func look() {
    guard let shard, !machine.disk.isCrashed, machine.disk.faultsInjected == 0 else { return }
    attempt("a look at the marks") {
      let found = try repeats(shard)
      let lost = recognised.filter { $0 >= shard.state.retired && !found.contains($0) }
      if !lost.isEmpty { violations.append("the marks at \(lost.sorted()) were taken back") }
      recognised.formUnion(found)
      // Merges carry along what is recorded, so that it does not grow with what was there once.
      let (ends, state) = (Set(shard.live.version.segments.map(\.summary.positions.upperBound)), shard.state)
      let lists = state.earlierCopies.lists
      let kept = lists.map(\.end) + lists.flatMap(\.parts).map(\.end).filter { $0 > state.retired }
      if !ends.isSuperset(of: kept) {
        violations.append("earlier copies are recorded of segments that are gone: \(lists)")
      }
    }
  }

  override func lives(on before: RecountRun) {
    guard let before = before as? MarkRun else { return }
    recognised = before.recognised
    look()
  }

  override func isMarked(_ logged: [(identity: ClickIdentity, minute: Minute)], _ shard: Shard) {
    look()
    attempt("a look at the repeats") {
      let found = try repeats(shard)
      var seen: Set<ClickIdentity> = []
      var due: Set<UInt64> = []
      for (position, click) in logged.enumerated() where !seen.insert(click.identity).inserted {
        if position >= shard.state.retired { due.insert(UInt64(position)) }
      }
      if found != due {
        violations.append(
          "\(found.subtracting(due).sorted()) are no repeats, \(due.subtracting(found).sorted()) are and are not marked"
        )
      }
    }
  }
}

/// Marks that outlive what proves them, under random lives, crashes and failing calls.
package enum MarkCampaign {
  /// The life of one seed, to its end.
  package static func run(seed: UInt64, steps: Int = 60) -> Findings {
    let run = MarkRun(seed: seed)
    var findings = RecountCampaign.whole(run, seed: seed, steps: steps, recoveries: \.recounts)
    findings.faultsInjected = Int(run.repeatsOfRetired)
    return findings
  }

  /// The same with a crash at every `stride`th call of the recounts, merges and the retirement at its end.
  package static func crash(seed: UInt64, steps: Int = 12, stride: Int, limit: Int = 3) -> Findings {
    let whole = MarkRun(seed: seed)
    whole.live(steps: steps)
    let start = whole.machine.disk.operationCount
    whole.mergeAndRetire()
    let calls = whole.machine.disk.operationCount
    return RecountCampaign.crash(seed: seed, from: start, calls: calls, stride: stride, limit: limit) { faults in
      let run = MarkRun(seed: seed)
      run.machine.disk.faults = faults
      run.live(steps: steps)
      run.mergeAndRetire()
      return (run, { MarkRun(seed: seed &+ 1, machine: $0) })
    }
  }
}

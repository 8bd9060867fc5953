#if Sabotage
  import Bytes
  import ClickLog
  import Clicks
  import Dedup
  import Glibc
  import Platform
  import Simulation
  import Store
  import StoreHarness
  import Synchronization
  import Testing

  /// The suite under test is the suite itself: each planted fault must be noticed by a campaign of the size that every
  /// push runs, and the same campaign must find nothing where none is planted. Run alone (`--filter Sabotage`): what is
  /// planted is planted for the whole process.
  @Suite(.serialized) struct SabotageTests {
    /// A campaign that stops at its first violations.
    struct Campaign: Sendable {
      var name: String
      var run: @Sendable () throws -> [String]
    }

    /// All of them, or the one that the environment names.
    private static let chosen = Sabotage.allCases.filter { fault in
      guard let name = unsafe getenv("TALLY_SABOTAGE") else { return true }
      return unsafe String(cString: name).contains(fault.rawValue)
    }

    @Test(arguments: chosen)
    func isNoticed(fault: Sabotage) throws {
      let campaign = Self.campaign(against: fault)
      if try Self.honest.withLock({ try $0.insert(campaign.name).inserted && campaign.run() != [] }) {
        Issue.record("\(campaign.name) finds faults where none is planted")
      }
      let found = try withSabotage(fault) { try campaign.run() }
      #expect(found != [], "\(fault.rawValue) is not noticed by \(campaign.name)")
      print("\(fault.rawValue): \(campaign.name): \(found.first ?? "NOT NOTICED")")
    }

    /// Campaigns that were run without a fault.
    private static let honest = Mutex<Set<String>>([])

    /// What must notice which fault.
    private static func campaign(against fault: Sabotage) -> Campaign {
      switch fault {
      case .answerBeforeSync, .duplicateBeforeBarrier, .foldBeforeSync: crash("commits with repeats")
      case .noDirectorySync, .noFileSyncBeforeRename, .noHeaderSync, .promiseTooHigh: crash("slot switch")
      case .trustTornFrame: crash("frames of several pages")
      case .appendBehindCrash, .noNewEpoch, .recycleEarly: crash("kills, clicks copied forward")
      case .removeManifestEarly: crash("manifest rotation")
      case .trustShards: Campaign(name: "exchange") { ExchangeCampaign.run(seed: 1, limit: 1).violations }
      case .numberStoreFirst:
        Campaign(name: "restarts of several shards") {
          let scenario = Scenario.sharded.first { $0.name == "good restarts" }!
          return CrashCampaign.run(scenario, seed: 1, stride: scenario.stride, limit: 1).violations
        }
      case .trustUnsyncedTail: kill("kill behind a full half")
      case .trustUnsyncedNames, .trustUnsyncedDirectory: kill("first opening")
      case .trustUnsyncedStore:
        Campaign(name: "switch, openings") { SwitchCampaign.cutOpenings(seed: 1, limit: 1).violations }
      case .ignoreSyncError, .retrySync, .ignoreShortWrite, .answerRepeatsAfterFailure: error("commits with repeats")
      case .ignorePromise:
        Campaign(name: "T3") { try RotCampaign.run(seed: 6, sample: 1000, stride: 7, limit: 1).violations }
      case .acceptOlderManifest, .fallBackToOlderManifest:
        Campaign(name: "T4") { try DamageCampaign.run(seed: 6, sparse: 64, random: 10, limit: 1).violations }
      case .skipHorizonLookups:
        Campaign(name: "horizon, many seeds") {
          (1...60).lazy.map { HorizonCampaign.run(seed: $0).violations }.first { $0 != [] } ?? []
        }
      case .watermarkEarly, .wallClockHorizon:
        Campaign(name: "horizon") { (1...5).flatMap { HorizonCampaign.run(seed: $0, steps: 200).violations } }
      case .watermarkNotCapped, .heartbeatEarly, .skipLookups, .leaveOutOfFilter, .earlyOutOfFilter,
        .expireBeforeSeal:
        Campaign(name: "event time") {
          (1...40).lazy.map { EventTimeCampaign.run(seed: $0).violations }.first { $0 != [] } ?? []
        }
      case .progressBeforeSync, .progressOfUnrecorded, .forgetProgress:
        Campaign(name: "progress") {
          (1...400).lazy.map { ProgressCampaign.run(seed: $0).violations }.first { $0 != [] } ?? []
        }
      case .stringsOfOthers: script("captured strings come and go")
      case .believePageCache: lostSync("slots become free at the end")
      case .olderRunWins, .lateRowsAsChanges: script("checkpoints and late clicks")
      case .forgetRollUps: script("a day is rolled up, then patched")
      case .retireInsideHorizon:
        Campaign(name: "T2") { (1...600).lazy.map { RandomCampaign.run(seed: $0).violations }.first { $0 != [] } ?? [] }
      case .retireWithoutBase: script("raw clicks retire")
      case .markWithoutRows:
        Campaign(name: "T16 crashes") {
          (1...3).lazy.map { RecountCampaign.crash(seed: $0, stride: 7, limit: 1).violations }.first { $0 != [] } ?? []
        }
      case .retireBeforeRecount, .repeatsIntoBase, .repeatsReturn, .dropMergedRepeats, .recountAbsolute,
        .removeRepeatsTwice,
        .recountForgetsRollUps, .noLookBack, .forgetOpenRepeats, .swapWithoutDifferences:
        Campaign(name: "T16") {
          (1...200).lazy.map { RecountCampaign.run(seed: $0).violations }.first { $0 != [] } ?? []
        }
      case .forgetOrphanMark, .forgetEarlierCopies, .leaveEarlierCopies:
        Campaign(name: "marks") {
          (1...40).lazy.map { MarkCampaign.run(seed: $0).violations }.first { $0 != [] } ?? []
        }
      case .patchSealedRows, .creditAgain, .forgetCredits, .mergeCreditsAsChanges, .creditDamage:
        Campaign(name: "seals") {
          (1...200).lazy.map { SealCampaign.run(seed: $0).violations }.first { $0 != [] } ?? []
        }
      case .recycleBeforeSeal: script("kills around checkpoints")
      case .replayClosed: script("kills around checkpoints")
      case .floorTooHigh: script("seals, slots used again")
      case .decideWhileWriting:
        Campaign(name: "routes, held") { (1...20).flatMap { RoutesCampaign.held(seed: $0).violations } }
      case .earlyNotAsked:
        Campaign(name: "routes, early ids") { (1...10).flatMap { RoutesCampaign.early(seed: $0).violations } }
      case .trustRoutes, .intervalAtOnce:
        Campaign(name: "routes") {
          (1...40).lazy.map { RoutesCampaign.run(seed: $0).violations }.first { $0 != [] } ?? []
        }
      case .routesNotSynced: Campaign(name: "routes, crashes") { RoutesCampaign.crash(seed: 1, limit: 1).violations }
      case .noGenerationSeed: Campaign(name: "frame checksum", run: frameChecksum)
      case .trustTag: Campaign(name: "dedup window") { try dedupWindow(from: 0, tags: 2) }
      case .forgetOverflow: Campaign(name: "dedup window") { try dedupWindow(from: 0, tags: .max) }
      case .signedWrap:
        Campaign(name: "dedup window at the wrap") { try dedupWindow(from: 1 << 32 - 700, tags: .max) }
      case .noBlockSeed, .trustBlocks, .ignoreDigest: Campaign(name: "sealed file", run: SealedFileCampaign.run)
      case .keepRepeatsOfOthers, .markFirstCopy, .unmark, .markOpenMinutes, .trustSums, .forgetSpilledCounts:
        Campaign(name: "recount engine", run: RecountEngineCampaign.run)
      }
    }

    private static func scenario(_ name: String) -> Scenario { Scenario.all.first { $0.name == name }! }

    private static func crash(_ name: String) -> Campaign {
      Campaign(name: "T1 \(name)") { CrashCampaign.run(scenario(name), seed: 1, limit: 1).violations }
    }

    /// The script without any crash but its own kills.
    private static func script(_ name: String) -> Campaign {
      Campaign(name: "script \(name)") {
        CrashCampaign.run(scenario(name), seed: 1, stride: .max / 2, limit: 1).violations
      }
    }

    private static func kill(_ name: String) -> Campaign {
      Campaign(name: "kill \(name)") { KillCampaign.run(scenario(name), seed: 2, limit: 1).violations }
    }

    private static func lostSync(_ name: String) -> Campaign {
      Campaign(name: "lost syncs \(name)") {
        (1...3).lazy.map { LostSyncCampaign.run(scenario(name), seed: $0, limit: 1).violations }.first { $0 != [] }
          ?? []
      }
    }

    private static func error(_ name: String) -> Campaign {
      Campaign(name: "T5 \(name)") { ErrorCampaign.run(scenario(name), seed: 5, limit: 1).violations }
    }

    /// A frame's checksum against the rule of the format, in other words.
    private static func frameChecksum() -> [String] {
      let header = FrameHeader(
        kind: .mark, generation: 9, firstPosition: 1, promise: LogAddress(generation: 9, offset: 4096),
        previousChecksum: 0, index: 0, manifestSequence: 1, epoch: 1, logicalTime: 2, runningTime: 3)
      var frame = [UInt8](repeating: 0, count: header.frameBytes)
      let checksum = unsafe frame.withUnsafeMutableBytes { unsafe header.seal($0) }
      let due = CRC32C.checksum([9, 0, 0, 0, 0, 0, 0, 0] + Array(frame[4...]))
      return checksum == due ? [] : ["checksum \(checksum), due \(due)"]
    }

    /// Clicks through a window of 1,000 positions, one in four a repeat, against a dictionary. `tags` are the different
    /// tags in use.
    private static func dedupWindow(from start: UInt64, tags: UInt64) throws -> [String] {
      // An index counts from a multiple of 2³² where it begins 2²⁸ above one; once it has had a key it counts on.
      let first = min(start, 1 << 28)
      var index = try DedupIndex.create(expectedKeys: 1_000, maxBytes: 1 << 20, watermark: first)
      if first < start { _ = index.put(0, position: first) { _ in false } }
      index.expire(below: start)
      var generator = SeededGenerator(seed: 12)
      var positions: [UInt64: UInt64] = [:]
      var identities: [UInt64: UInt64] = [:]
      var next = start
      for step in 0..<20_000 as Range<UInt64> {
        if next > start + 1_000 { index.expire(below: next - 1_000) }
        let isRepeat = next > start && generator.oneIn(4)
        let distance = isRepeat ? UInt64(generator.small(in: 0...Int(min(next - start - 1, 1_200)))) : 0
        let identity = isRepeat ? identities[next - 1 - distance]! : step
        // The high bits choose the line, the low 16 are the tag.
        var state = SeededGenerator(seed: identity)
        let hash = state.next() & ~0xFFFF | state.next() % tags & 0xFFFF
        let outcome = index.put(hash, position: next) { identities[$0] == identity }
        let known = positions[identity].flatMap { $0 >= index.watermark ? $0 : nil }
        guard outcome == known.map({ .duplicate(of: $0) }) ?? .new else {
          return ["click \(step) at \(next): \(outcome), known at \(known.map { "\($0)" } ?? "-")"]
        }
        if outcome == .new {
          positions[identity] = next
          identities[next] = identity
          next += 1
        }
      }
      return []
    }
  }
#endif

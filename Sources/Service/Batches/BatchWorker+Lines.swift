import Catalog
import Clicks
import Platform
import Store
import Synchronization

// What becomes of one line. Ads that the cache does not know are asked for together, once a piece: the lines that need
// them are parked meanwhile, without the texts that have been verified before.

/// A good line whose ad has to be looked up.
struct ParkedLine {
  var line: Int
  var place: Int
  var identity: ClickIdentity
  /// The minting time that its id claims.
  var minted: Int64?
  /// What its signature proves, or the token that needs none.
  var signed: Signed
  var time: Int64
  /// What is captured of it.
  var strings: ClickStrings?
}

extension BatchWorker {
  /// Reads one line and passes it on, or rejects it.
  func take(_ text: UnsafeRawBufferPointer, _ number: Int, of batch: Batch, at place: Int) {
    if batch.failure != nil { return }
    if unsafe ClickLineReader.isBlank(text) { return }
    let line: ClickLine
    let ignored = reader.ignored
    defer { batch.report.ignoredMembers += reader.ignored - ignored }
    do throws(ClickLineFault) { line = try unsafe reader.read(text) } catch {
      return reject(batch, number, .malformed, error.detail, field: error.field)
    }
    var signed = Signed.forAll
    if let signature = line.signature {
      signed = unsafe keys.verify(ad: line.ad, impression: line.impression, signature: signature, kid: line.kid)
      guard signed.isMade else { return badSignature(batch, number) }
    } else if !batch.isTrusted {
      return reject(
        batch, number, .badSignature, "is missing, and the token does not have scope trusted", field: .signature)
    }
    let strings = context.settings.capture.isEmpty ? nil : line.strings(context.settings.capture)
    let minted = unsafe line.impressionID.claimedMinting(characters: line.impression.count)
    let recent = unsafe recentAds.place(of: line.ad)
    if let (key, ad) = unsafe recentAds.ad(at: recent, id: line.ad) {
      let identity = ClickIdentity(ad: key, impression: line.impressionID)
      return decide(batch, place, number, identity, minted, signed, line.time, strings, ad)
    }
    let identity = ClickIdentity(
      ad: unsafe AdKey(rawValue: hasher.first64(line.ad)), impression: line.impressionID)
    switch cache.lookUp(identity.ad) {
    case .ad(let ad):
      unsafe recentAds.put(ad, identity.ad, id: line.ad, at: recent)
      decide(batch, place, number, identity, minted, signed, line.time, strings, ad)
    case .unknown: unknownAd(batch, number)
    case .miss:
      parked.append(
        ParkedLine(
          line: number, place: place, identity: identity, minted: minted, signed: signed, time: line.time,
          strings: strings))
      wanted.insert(identity.ad)
    }
  }

  private func reject(
    _ batch: Batch, _ line: Int, _ code: RejectionCode, _ detail: StaticString, field: ClickLineFault.Field? = nil
  ) {
    batch.report.reject(Rejection(line: line, code: code, field: field?.name, detail: detail))
  }

  private func badSignature(_ batch: Batch, _ line: Int) {
    reject(batch, line, .badSignature, "is not one that an active key made", field: .signature)
  }

  private func unknownAd(_ batch: Batch, _ line: Int) {
    let detail: StaticString =
      batch.advertiser == nil ? "is not in the catalog" : "is not an ad of the token's advertiser"
    reject(batch, line, .unknownAd, detail, field: .adID)
  }

  /// A verified click on a known ad.
  private func decide(
    _ batch: Batch, _ place: Int, _ number: Int, _ identity: ClickIdentity, _ minted: Int64?,
    _ signed: Signed, _ time: Int64, _ strings: ClickStrings?, _ ad: CachedAd
  ) {
    guard signed.covers(ad.advertiserID) else { return badSignature(batch, number) }
    if let advertiser = batch.advertiser, ad.advertiserID != advertiser { return unknownAd(batch, number) }
    // Of an ad that is paused now, what happened before is taken as history.
    if ad.status == .paused, !batch.terms.admitsHistory {
      tally.note(.paused, identity.ad, minute: Minute(containing: now).index)
      return reject(batch, number, .paused, "names an ad that is paused", field: .adID)
    }
    var limits = context.settings.eventTimes
    limits.admitsHistory = batch.terms.admitsHistory
    switch limits.judge(eventTime: time, minted: minted, now: now) {
    case .accept:
      if !sealedMonths.isEmpty, !batch.terms.takesSealed, isSealed(time) {
        return reject(
          batch, number, .sealed, "is of a month that is sealed; with sealed=credit it becomes a credit", field: .time)
      }
      let request = ClickRequest(identity: identity, eventTime: time, source: Click.Source.batch.rawValue)
      batch.outstanding += 1
      pass(
        LineClick(request: request, strings: strings),
        WaitingLine(place: UInt32(truncatingIfNeeded: place), line: number), context.routes.route(identity, by: &routes)
      )
    case .expired:
      tally.note(.expired, identity.ad, minute: Minute(containing: now).index)
      let detail: StaticString = "was minted longer before the click than impressions live, or after it"
      reject(batch, number, .expired, detail, field: .impressionID)
    case .tooOld:
      reject(batch, number, .tooOld, "is older than the maximum lateness; with history=true it is taken", field: .time)
    case .inFuture: reject(batch, number, .inFuture, "lies in the future", field: .time)
    }
  }

  private func isSealed(_ time: Int64) -> Bool {
    let minute = Minute(containing: time).index
    return sealedMonths.contains { $0.contains(minute: minute) }
  }

  // MARK: - Committers

  /// Hands a click to a committer, and waits where its ring is full.
  private func pass(_ click: LineClick, _ line: WaitingLine, _ shard: Int) {
    if lanes[shard].push(click, line) {
      if lanes[shard].isWorthPublishing { lanes[shard].publish() }
      return
    }
    publish()
    let deadline = context.environment.time.monotonic() + patience
    while true {
      _ = collect()
      if lanes[shard].push(click, line) { return }
      if context.environment.time.monotonic() >= deadline {
        return giveUp(batches[Int(line.place)]!, line, "the log does not answer")
      }
      _ = bell.wait(nanoseconds: 50_000_000) { lanes[shard].hasAnswers }
    }
  }

  /// Takes the committers' answers; false where there are none.
  func collect() -> Bool {
    var found = false
    var isProgress = false
    for shard in lanes.indices where lanes[shard].hasAnswers {
      found = true
      seen[shard] = nil
      var lane = lanes[shard]
      lane.collect { if settle($0, $1, $2, shard) { isProgress = true } }
      lanes[shard] = lane
    }
    if isProgress {
      lastProgress = context.environment.time.monotonic()
      stalledSince = 0
    }
    return found
  }

  /// Takes one answer; false where the line was not written and is to be written again, or cannot be.
  private func settle(
    _ line: WaitingLine, _ click: LineClick, _ answer: ClickAnswer, _ shard: Int
  ) -> Bool {
    let batch = batches[Int(line.place)]!
    if answer.isMisrouted {
      // The routes have changed since; by the next turn they are known here too.
      retries.append((line, click))
      return true
    }
    switch answer.verdict {
    case .valid:
      batch.report.accepted += 1
      batch.outstanding -= 1
    case .duplicate:
      tally.note(.duplicate, click.request.identity.ad, minute: Minute(containing: now).index)
      batch.report.duplicate += 1
      batch.outstanding -= 1
    case .unrecorded:
      unrecorded(batch, line, click, shard)
      return false
    default:
      // Its frame failed in write or sync: it counts 0 or 1 times, and this process writes no other.
      batch.outstanding -= 1
      batch.unknown += 1
      fail(batch, "the log has failed")
    }
    return true
  }

  /// A line that was not written. A log without room may have some in a moment; one that has stopped stays so.
  private func unrecorded(_ batch: Batch, _ line: WaitingLine, _ click: LineClick, _ shard: Int) {
    if batch.isOrphaned || batch.failure != nil { return giveUp(batch, line, "") }
    var line = line
    // Asked once for all lines that come back together.
    let state = seen[shard] ?? context.conditions[shard].state
    seen[shard] = state
    switch state {
    case .failed: return giveUp(batch, line, "the log has stopped until the server is started again")
    case .waiting: break
    case .recording:
      line.attempts += 1
      // The log has room, so it is this line: what it would be compared with cannot be read.
      if line.attempts > 3 {
        batch.outstanding -= 1
        batch.report.reject(
          Rejection(line: line.line, code: .unrecorded, field: nil, detail: "could not be written; send it again"))
        return
      }
    }
    if stalledSince == 0 { stalledSince = context.environment.time.monotonic() }
    retries.append((line, click))
  }

  // MARK: - Ads

  /// Ads that are asked for at once.
  private static var lookupsAtOnce: Int { 256 }

  /// Asks the catalog for the ads of the parked lines and goes on with these.
  func resolve(_ batch: Batch) {
    guard !parked.isEmpty else { return }
    var ads: [AdKey: CachedAd] = [:]
    var damaged: Set<AdKey> = []
    let keys = Array(wanted)
    for start in stride(from: 0, to: keys.count, by: Self.lookupsAtOnce) {
      guard batch.failure == nil else { break }
      let part = Array(keys[start..<min(start + Self.lookupsAtOnce, keys.count)])
      let tickets = part.compactMap { cache.beginLoad($0) }
      guard let found = load(part) else {
        for ticket in tickets { cache.cancelLoad(ticket) }
        fail(batch, "the catalog does not answer")
        break
      }
      for (ticket, ad) in zip(tickets, found) {
        guard case .read(let ad) = ad else {
          cache.cancelLoad(ticket)
          damaged.insert(ticket.key)
          continue
        }
        let cached = ad.map { CachedAd($0) }
        cache.finishLoad(ticket, cached)
        ads[ticket.key] = cached
      }
    }
    let lines = parked
    parked.removeAll(keepingCapacity: true)
    wanted.removeAll(keepingCapacity: true)
    for line in lines where batch.failure == nil {
      if let ad = ads[line.identity.ad] {
        decide(batch, line.place, line.line, line.identity, line.minted, line.signed, line.time, line.strings, ad)
      } else if damaged.contains(line.identity.ad) {
        let detail: StaticString =
          "names an ad whose entry in the catalog is damaged; send the line again when that is repaired"
        reject(batch, line.line, .unrecorded, detail, field: .adID)
      } else {
        unknownAd(batch, line.line)
      }
    }
  }

  /// What the catalog says of a key.
  private enum LoadedAd: Sendable {
    case read(Ad?)
    /// Nothing in its row is believed.
    case damaged
  }

  /// What the catalog's thread says of `keys`; nil where it says nothing.
  private func load(_ keys: [AdKey]) -> [LoadedAd]? {
    final class Answer: Sendable {
      let value = Mutex<Result<[LoadedAd], any Error>?>(nil)
      let bell = Doorbell()
    }
    let answer = Answer()
    let deadline = context.environment.time.monotonic() + patience
    while true {
      let asked = context.catalog.submit { state in
        let found = Result {
          try keys.map { key throws(CatalogError) -> LoadedAd in
            do throws(CatalogError) { return .read(try state.catalog.ad(key)) } catch {
              guard case .damagedRow = error else { throw error }
              return .damaged
            }
          }
        }
        answer.value.withLock { $0 = found }
        answer.bell.ring()
      }
      if asked { break }
      if context.environment.time.monotonic() >= deadline { return nil }
      Thread.sleep(nanoseconds: 5_000_000)
    }
    _ = answer.bell.wait(nanoseconds: -1) { answer.value.withLock { $0 != nil } }
    do { return try answer.value.withLock { $0! }.get() } catch {
      context.report("catalog: \(error)")
      return nil
    }
  }
}

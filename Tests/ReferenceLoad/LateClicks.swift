import Clicks
import HTTP
import JSON
import Platform
import Synchronization
import Traffic

// Another click processor beside the browsers, which hands in clicks minutes after they happened. Some come too late and some are
// forged: they are refused, each by its code. A batch without an answer is sent again until it has one; of the others every second is
// sent again at once, and every fourth, whose clicks are young, once more behind the dedup horizon. None counts anything twice.

/// What became of the batches.
package struct LateResult: Sendable {
  package var batches = 0
  /// Clicks that count, and lines that were refused.
  package var clicks = 0
  package var refused = 0
  /// Posts without an answer, and batches sent again although they had one, behind the horizon among them.
  package var retries = 0
  package var repeated = 0
  package var repeatedBehindHorizon = 0
  /// Answers that no honest server gives.
  package var faults: [String] = []
}

/// One batch, and what is right of it.
package struct LateBatch: Sendable {
  package var lines: [UInt8] = []
  /// The clicks that count, with their times, ms.
  package var clicks: [(ad: UInt32, time: Int64)] = []

  /// Lines of clicks that happened up to a third of the lateness ago, where it is young, or nearly all of it.
  package init(
    _ options: ReferenceOptions, _ zipf: Zipf, _ minter: LinkMinter, now: Int64, isYoung: Bool,
    _ generator: inout SplitMix64
  ) {
    func line(_ ad: UInt32, ago: Int64, fault: LinkFault = .none) {
      let time = now - ago
      let impression = minter.impression(at: time - Int64(generator.below(5_000)))
      minter.appendLine(
        ad: ReferenceOptions.name(ad), impression: impression, time: time, fault: fault, to: &lines)
    }
    let least = options.lateness / 15
    // A batch that has no answer at once is still in time when it is sent again.
    let most = isYoung ? options.lateness / 3 : max(least + 1, options.lateness - 40_000)
    for _ in 0..<options.batchLines {
      let ago = least + Int64(generator.below(Int(most - least)))
      let ad = UInt32(zipf.sample(&generator))
      clicks.append((ad, now - ago))
      line(ad, ago: ago)
    }
    for _ in 0..<options.batchTooOld { line(0, ago: options.lateness + 60_000 + Int64(generator.below(60_000))) }
    for _ in 0..<options.batchForged { line(0, ago: least, fault: .forgedSignature) }
  }
}

/// What a server says of a batch.
package struct LateAnswer: Equatable, Sendable {
  package var accepted: Int
  package var duplicate: Int
  package var refused: [String: Int]

  package init(accepted: Int, duplicate: Int, refused: [String: Int]) {
    self.accepted = accepted
    self.duplicate = duplicate
    self.refused = refused
  }

  /// Nil where a member is missing.
  init?(_ answer: JSONValue) {
    guard let accepted = answer["accepted"]?.integer, let duplicate = answer["duplicate"]?.integer else { return nil }
    self.init(accepted: accepted, duplicate: duplicate, refused: [:])
    for member in answer["rejectedCount"]?.members ?? [] { refused[member.name] = member.value.integer }
  }

  /// What is wrong with it; nil where nothing is. `isFirst`: it may be the batch's first post that arrived.
  package func fault(_ options: ReferenceOptions, isFirst: Bool, isCertain: Bool) -> String? {
    let isRight =
      isFirst
      ? (isCertain ? accepted == options.batchLines : accepted + duplicate == options.batchLines)
      : accepted == 0 && duplicate == options.batchLines
    let wanted = ["too-old": options.batchTooOld, "bad-signature": options.batchForged]
    return isRight && refused == wanted ? nil : "a batch\(isFirst ? "" : " sent again"): \(self)"
  }
}

/// The batches, on a thread of their own.
package final class LateClicks: Sendable {
  private let options: ReferenceOptions
  private let control: ClientControl
  private let state = Mutex(LateResult())
  private let isStopped = Atomic<Bool>(false)
  private let thread = Mutex<Thread?>(nil)

  /// Batches go where `control` says; nothing is sent yet.
  package init(_ options: ReferenceOptions, _ control: ClientControl) {
    self.options = options
    self.control = control
  }

  /// Hands in batches until `finish`, and tells `mix` of each click that counts.
  package func start(
    _ mix: ReferenceMix, secret: [UInt8], token: String, time: any TimeSource, seed: UInt64
  ) throws(SystemError) {
    let started = try Thread("late clicks") { [self] in
      let minter = LinkMinter(secret: secret, time: time, seed: seed)
      let zipf = Zipf(count: options.ads, exponent: options.exponent)
      var generator = SplitMix64(seed: ~seed)
      var later: [(batch: LateBatch, at: Int64)] = []
      var number = 0
      while !isStopped.load(ordering: .relaxed) {
        number += 1
        let batch = LateBatch(options, zipf, minter, now: time.wall(), isYoung: number % 4 == 0, &generator)
        if send(batch, token, isFirst: true) {
          for click in batch.clicks { mix.count(click.ad, at: click.time) }
          if number % 2 == 1 { _ = send(batch, token, isFirst: false) }
          if number % 4 == 0 { later.append((batch, time.wall() + options.horizon + options.horizon / 5)) }
        }
        if let first = later.first, first.at <= time.wall() {
          later.removeFirst()
          if send(first.batch, token, isFirst: false) { state.withLock { $0.repeatedBehindHorizon += 1 } }
        }
        Thread.sleep(nanoseconds: options.batchPause * 1_000_000)
      }
    }
    thread.withLock { $0 = started }
  }

  /// What became of them so far.
  package var result: LateResult { state.withLock { $0 } }

  /// Waits for the end of the batch that is under way.
  package func finish() {
    isStopped.store(true, ordering: .relaxed)
    thread.withLock { $0?.join() }
  }

  /// Sends a batch until there is an answer, and notes it. False where there was none.
  private func send(_ batch: LateBatch, _ token: String, isFirst: Bool) -> Bool {
    let deadline = KernelTime().monotonic() + 35_000_000_000
    var retries = 0
    var last = ""
    while KernelTime().monotonic() < deadline {
      do {
        let response = try HTTPClient("\(control.address)").request(
          "POST", "/api/v1/clicks",
          headers: [("Authorization", "Bearer \(token)"), ("Content-Type", "application/x-ndjson")], body: batch.lines)
        if response.status == 200, let answer = LateAnswer(try JSONReader.read(response.body)) {
          note(answer, isFirst: isFirst, retries)
          return true
        }
        last = "\(response.status) \(response.text)"
      } catch { last = "\(error)" }
      retries += 1
      Thread.sleep(nanoseconds: 100_000_000)
    }
    state.withLock { $0.faults.append("a batch had no answer: \(last)") }
    return false
  }

  private func note(_ answer: LateAnswer, isFirst: Bool, _ retries: Int) {
    let fault = answer.fault(options, isFirst: isFirst, isCertain: retries == 0)
    state.withLock { state in
      if isFirst {
        state.batches += 1
        state.clicks += options.batchLines
      } else {
        state.repeated += 1
      }
      state.refused += answer.refused.values.reduce(0, +)
      state.retries += retries
      if let fault, state.faults.count < 20 { state.faults.append(fault) }
    }
  }
}

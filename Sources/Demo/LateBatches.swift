import Clicks
import HTTP
import JSON
import Platform
import Synchronization
import Traffic

// Another click processor beside the browsers: it hands in batches of clicks that happened up to a day ago, and some lines
// are wrong on purpose. A batch without an answer is sent again until it has one, and every second batch is sent again
// although it has one. Neither may count anything twice.

/// The batches of one demo, on a thread of their own.
final class LateBatches: Sendable {
  /// What came of them.
  struct Result: Sendable {
    var batches = 0
    /// Clicks that are counted, and lines that were refused.
    var clicks = 0
    var refused = 0
    /// Posts without an answer, and batches sent again although they had one.
    var retries = 0
    var repeated = 0
    /// Answers that no honest server gives.
    var differences: [String] = []
  }

  /// Lines of a batch that are right.
  private static let clicks = 400
  /// Lines that are wrong, by the code of their refusal.
  private static let wrong = ["bad-signature": 4, "unknown-ad": 3, "too-old": 2, "in-future": 2, "malformed": 1]

  private let state = Mutex((result: Result(), isDone: false))
  private let thread = Mutex<Thread?>(nil)
  private let isStopped: @Sendable () -> Bool

  /// Nothing is sent yet. The batches end early once `isStopped`.
  init(isStopped: @escaping @Sendable () -> Bool) { self.isStopped = isStopped }

  /// Hands in `count` batches of clicks on `ads`, `pause` ns apart, and notes them in `ledger`.
  func start(
    count: Int, pause: Int64, ads: [AdID], ledger: Ledger, secret: [UInt8], to address: String, token: String,
    seed: UInt64
  ) throws(SystemError) {
    let started = try Thread("batches") { [self] in
      let minter = LinkMinter(secret: secret, time: KernelTime(), seed: seed)
      var generator = SplitMix64(seed: ~seed)
      for number in 0..<count where !isStopped() {
        let batch = Batch(ads, minter, ledger, &generator)
        send(batch, again: number % 2 == 1, to: address, token)
        Thread.sleep(nanoseconds: pause)
      }
      state.withLock { $0.isDone = true }
    }
    thread.withLock { $0 = started }
  }

  /// Whether all batches are settled.
  var isDone: Bool { state.withLock { $0.isDone } }

  /// Waits for the end.
  func finish() -> Result {
    thread.withLock { $0?.join() }
    return state.withLock { $0.result }
  }

  // MARK: - One batch

  /// Lines, and the clicks in them.
  private struct Batch {
    var lines: [UInt8] = []
    var clicks: [(impression: ImpressionID, ad: Ledger.Ad, time: Int64)] = []

    init(_ ads: [AdID], _ minter: LinkMinter, _ ledger: Ledger, _ generator: inout SplitMix64) {
      let now = KernelTime().wall()
      /// A click that happened `ago` ms ago, up to ten seconds after its impression was minted.
      func line(_ ad: AdID, ago: Int64, fault: LinkFault = .none) -> ImpressionID {
        let time = now - ago
        let impression = minter.impression(at: time - Int64(generator.below(10_000)))
        minter.appendLine(ad: Array(ad.text.utf8), impression: impression, time: time, fault: fault, to: &lines)
        return impression
      }
      for _ in 0..<LateBatches.clicks {
        let ad = ads[generator.below(ads.count)]
        // Most are minutes late, some hours: up to twenty.
        let limit: Int64 = generator.below(10) == 0 ? 72_000_000 : 1_800_000
        let ago = 180_000 + Int64(generator.below(Int(limit)))
        clicks.append((line(ad, ago: ago), ledger.ad(ad), now - ago))
      }
      let nobody = AdID("nobody")!
      for _ in 0..<4 { _ = line(ads[0], ago: 200_000, fault: .forgedSignature) }
      for _ in 0..<3 { _ = line(nobody, ago: 200_000) }
      for _ in 0..<2 { _ = line(ads[0], ago: 3 * 86_400_000) }
      for _ in 0..<2 { _ = line(ads[0], ago: -600_000) }
      lines += "{\"adId\":\"\(ads[0])\"}\n".utf8
      for click in clicks { ledger.settled(click.impression, ad: click.ad, at: click.time) }
    }
  }

  private struct Answer {
    var accepted: Int
    var duplicate: Int
    var rejectedCount: [String: Int]

    /// Nil where a member is missing.
    init?(_ answer: JSONValue) {
      guard let accepted = answer["accepted"]?.integer, let duplicate = answer["duplicate"]?.integer else { return nil }
      self.accepted = accepted
      self.duplicate = duplicate
      rejectedCount = [:]
      for member in answer["rejectedCount"]?.members ?? [] { rejectedCount[member.name] = member.value.integer }
    }
  }

  private func send(_ batch: Batch, again: Bool, to address: String, _ token: String) {
    guard let (first, retries) = post(batch, to: address, token) else { return }
    state.withLock { state in
      state.result.batches += 1
      state.result.clicks += first.accepted + first.duplicate
      state.result.refused += first.rejectedCount.values.reduce(0, +)
      state.result.retries += retries
      // Without a lost answer nothing can have been counted before.
      let isRight = retries > 0 ? first.accepted + first.duplicate == Self.clicks : first.accepted == Self.clicks
      if !isRight || first.rejectedCount != Self.wrong { state.result.differences.append("a batch's answer: \(first)") }
    }
    guard again, let (second, _) = post(batch, to: address, token) else { return }
    state.withLock { state in
      state.result.repeated += 1
      if second.accepted != 0 || second.duplicate != Self.clicks {
        state.result.differences.append("a batch sent again: \(second)")
      }
    }
  }

  /// Sends until there is an answer. Nil where nobody waits for one any more.
  private func post(_ batch: Batch, to address: String, _ token: String) -> (Answer, retries: Int)? {
    let deadline = KernelTime().monotonic() + 30_000_000_000
    var retries = 0
    var last = ""
    while !isStopped(), KernelTime().monotonic() < deadline {
      do {
        let response = try HTTPClient(address).request(
          "POST", "/api/v1/clicks",
          headers: [("Authorization", "Bearer \(token)"), ("Content-Type", "application/x-ndjson")],
          body: batch.lines)
        if response.status == 200, let answer = Answer(try JSONReader.read(response.body)) { return (answer, retries) }
        last = "\(response.status) \(response.text)"
      } catch { last = "\(error)" }
      retries += 1
      Thread.sleep(nanoseconds: 50_000_000)
    }
    if !isStopped() { state.withLock { $0.result.differences.append("a batch had no answer: \(last)") } }
    return nil
  }
}

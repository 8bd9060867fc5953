import Clicks
import Platform
import Synchronization
import Traffic

/// Clicks for a load run, each written into the ledger before it is sent: either given links, in a circle, or freshly
/// minted ones on ads in turn. Used by the client's thread; the report may be read from others.
final class LoadSource: RequestSource, Observer, Sendable {
  /// Where the targets come from.
  enum Supply: Sendable {
    /// Each with the impression and the ad that its query names.
    case links([(target: [UInt8], impression: ImpressionID, ad: AdID)])
    case minted([AdID], keys: [AdID: LinkKey])
  }

  /// What signs links.
  struct LinkKey: Sendable {
    var kid: String
    var secret: [UInt8]
  }

  private struct State {
    var report = LoadReport()
    var sent: Int64 = 0
    var next = 0
    /// The ledger's numbers of the links that were sent once.
    var references: [Ledger.Reference?]
  }

  let ledger: Ledger
  private let supply: Supply
  private let limit: Int64
  private let ads: [(text: [UInt8], number: Ledger.Ad, minter: Minter)]
  private let state: Mutex<State>

  /// The minter belongs to the thread that asks for requests.
  private final class Minter: @unchecked Sendable {
    let minter: LinkMinter
    init(_ minter: LinkMinter) { self.minter = minter }
  }

  /// At most `limit` requests.
  init(_ supply: Supply, limit: Int64, ledger: Ledger, environment: Environment) {
    self.supply = supply
    self.limit = limit
    self.ledger = ledger
    switch supply {
    case .links(let links):
      ads = []
      state = Mutex(State(references: Array(repeating: nil, count: links.count)))
    case .minted(let ids, let keys):
      var minters: [String: Minter] = [:]
      ads = ids.map { id in
        guard let key = keys[id] else { preconditionFailure("no key for \(id)") }
        let minter =
          minters[key.kid]
          ?? Minter(
            LinkMinter(kid: key.kid, secret: key.secret, time: environment.time, seed: environment.chance.next()))
        minters[key.kid] = minter
        return (Array(id.text.utf8), ledger.ad(id), minter)
      }
      state = Mutex(State(references: []))
    }
  }

  func next(into plan: inout RequestPlan) -> Traffic.Supply {
    state.withLock { state in
      guard state.sent < limit else { return .done }
      state.sent += 1
      let place = state.next
      let reference: Ledger.Reference
      switch supply {
      case .links(let links):
        state.next = place + 1 == links.count ? 0 : place + 1
        plan.target += links[place].target
        reference = state.references[place] ?? ledger.add(links[place].impression, ad: ledger.ad(links[place].ad))
        state.references[place] = reference
      case .minted:
        state.next = place + 1 == ads.count ? 0 : place + 1
        let minter = ads[place].minter.minter
        let impression = minter.impression()
        minter.append(ad: ads[place].text, impression: impression, to: &plan.target)
        reference = ledger.add(impression, ad: ads[place].number)
      }
      plan.tag = ledger.sent(reference, .click)
      return .ready
    }
  }

  func finished(tag: UInt64, outcome: Outcome, latency: Int64) {
    state.withLock { $0.report.record(outcome, latency: latency) }
    let reference = ledger.finished(tag, outcome).of
    // Freshly minted, so it is sent this once.
    if case .minted = supply { ledger.forget(reference) }
  }

  /// What was answered so far.
  var report: LoadReport { state.withLock { $0.report } }
}

/// A click URL taken apart.
struct ClickLink {
  /// `host:port` or `host`, as written.
  var authority: String
  var target: [UInt8]
  var impression: ImpressionID
  var ad: AdID

  /// Throws what keeps `url` from being a signed click on plain HTTP.
  init(_ url: String) throws(ValueFault) {
    guard url.hasPrefix("http://") else { throw ValueFault("does not begin with http://") }
    let rest = url.dropFirst(7)
    guard let slash = rest.firstIndex(of: "/"), slash != rest.startIndex, let mark = rest.firstIndex(of: "?"),
      rest[slash...].utf8.allSatisfy({ 0x21...0x7E ~= $0 })
    else { throw ValueFault("is no URL of a click: http://HOST:PORT/click?adId=…") }
    var values: [String: String] = [:]
    for pair in rest[rest.index(after: mark)...].split(separator: "&") {
      let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      if parts.count == 2 { values[String(parts[0])] = String(parts[1]) }
    }
    guard let ad = values["adId"].flatMap({ AdID($0) }) else { throw ValueFault("names no adId") }
    guard let impression = values["impressionId"].flatMap({ ImpressionID($0) }) else {
      throw ValueFault("names no impressionId")
    }
    authority = String(rest[..<slash])
    target = Array(rest[slash...].utf8)
    self.ad = ad
    self.impression = impression
  }
}

import Clicks
import Platform
import Shards
import Store

// `--deep`: every raw click that is kept is compared with all others. What the other checks found to be right, sums for
// rows and rows for sums, rests on clicks that count once; this looks whether they do.

extension Verifier {
  /// Rows that are spelled out.
  private static let findingLimit = 100

  /// Recounts shard `number`, whose files all hold.
  mutating func recount(shard number: Int, of identity: StoreIdentity) throws {
    let directory = identity.directory(of: number, in: path)
    do {
      let recovery = try Store.read(environment, path, identity, shard: number)
      let ads = recovery.minutes.ads
      let routes = try RoutesFile.read(
        environment.files, identity.root(in: path), store: identity.id, shards: identity.shards)
      let table = routes?.table ?? RouteTable(shards: identity.shards)
      let check = try recovery.deepCheck(environment.files, store: identity.id) { click, received in
        // What came before the time in its bits was decided was counted at home.
        table.route(click) == number
          || table.home(of: click.ad) == number && EarlyClick.isEarly(click.impression, received: received)
      }
      report.recounted += check.rawClicks
      for row in check.missed.prefix(Self.findingLimit) {
        report.damaged(
          directory, nil,
          "ad key \(ads.key(row.code)), minute \(TimeRange.minute(row.bucket)): \(row.count) repeats of earlier clicks count"
        )
      }
      if check.missed.count > Self.findingLimit {
        report.damaged(directory, nil, "and repeats count in \(check.missed.count - Self.findingLimit) more rows")
      }
      for position in check.misplaced.prefix(Self.findingLimit) {
        report.damaged(
          directory, nil, "the click at position \(position) is routed to another shard, which may count it too")
      }
      if check.misplaced.count > Self.findingLimit {
        report.damaged(
          directory, nil, "and \(check.misplaced.count - Self.findingLimit) more clicks are routed to other shards")
      }
      for repeats in check.strange.prefix(Self.findingLimit) {
        func row(_ key: RowCount) -> String {
          let ad = Int(key.code) < ads.count ? "ad key \(ads.key(key.code))" : "code \(key.code)"
          return "\(ad), minute \(TimeRange.minute(key.bucket))"
        }
        report.damaged(
          directory, nil,
          "position \(repeats.position) is recorded as a repeat of \(row(repeats.recorded)), but its click is one of "
            + row(repeats.found))
      }
      if check.strange.count > Self.findingLimit {
        report.damaged(
          directory, nil, "and \(check.strange.count - Self.findingLimit) more clicks are not those of their records")
      }
      for repeats in check.proof.unproven { report.damaged(directory, nil, repeats.description) }
      tell(check, directory)
    } catch { try report.damaged(by: error) }
  }

  private mutating func tell(_ check: DeepCheck, _ directory: String) {
    guard let received = check.receiveTimes, let happened = check.eventTimes else {
      return report.note("\(directory): no raw clicks are kept, so none were recounted")
    }
    let minutes = [happened.lowerBound, happened.upperBound].map { TimeRange.minute(Minute(containing: $0).index) }
    report.note(
      "\(directory): \(check.rawClicks) raw clicks recounted, received \(TimeRange.text(received.lowerBound)) to "
        + "\(TimeRange.text(received.upperBound)), of the minutes \(minutes[0]) to \(minutes[1])")
    if check.proof.ofRetired > 0 {
      report.note("\(directory): \(check.proof.ofRetired) repeats of retired clicks, which stay marked")
    }
    if check.proof.uncounted > 0 {
      report.note(
        "\(directory): \(check.proof.uncounted) of them were marked before the manifest recorded how many there are; nothing that "
          + "is kept proves them")
    }
    if check.pending > 0 {
      report.note("\(directory): \(check.pending) repeats came since the last recount; the next one takes them away")
    }
  }
}

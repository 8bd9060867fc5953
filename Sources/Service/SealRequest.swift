import Bytes
import Catalog
import Clicks
import JSON
import Reconciliation
import Store

// Sealing a month of a store, for a server and for a directory alike. Every shard is looked at before the first is sealed, so
// that one that is not ready keeps the others as they are; what a crash left half done, the next request completes.

/// What is asked: a month to be sealed.
package struct SealRequest: Sendable {
  package var month: Month
  /// It only says what would be sealed.
  package var isDry: Bool
  /// A month without a click is sealed too. What comes of it later can be nothing but credits, so that it is asked for.
  package var allowsEmpty: Bool
  /// Clicks are taken until this long after they happened, ms.
  package var maxLateness: Int64

  package init(month: Month, isDry: Bool = false, allowsEmpty: Bool = false, maxLateness: Int64) {
    self.month = month
    self.isDry = isDry
    self.allowsEmpty = allowsEmpty
    self.maxLateness = maxLateness
  }

  /// Why a month is not sealed: each reason in words, and when it can be at the earliest.
  package struct Refused: Error, CustomStringConvertible, JobRefusal {
    package var month: Month
    package var reasons: [String]
    /// ms since 1970; nil where that is a matter of a recount.
    package var possibleAt: Int64?

    package var description: String {
      "\(month) is not sealed: " + reasons.joined(separator: "; ")
        + (possibleAt.map { "; possible from \(Timestamp.format($0, fraction: false)) on" } ?? "")
    }

    package var json: JSONValue {
      .object([
        "month": .string("\(month)"), "sealed": .bool(false), "refused": .bool(true),
        "reasons": .array(reasons.map { .string($0) }),
        "possibleAt": .optional(possibleAt.map { Timestamp.format($0) }),
      ])
    }
  }

  /// Seals the month in every shard, one after the other, each when it has done what is under way. `progress` is told how
  /// many minute rows of about how many were read, and ends the work by returning false. With a `catalog` a dry run counts ads
  /// and advertisers. Throws `Refused`.
  package func perform(
    _ shards: [Maintenance], catalog: () throws -> Catalog? = { nil },
    progress: (_ done: UInt64, _ total: UInt64) -> Bool = { _, _ in true }
  ) throws -> JSONValue {
    try checkTime(shards)
    let pending = shards.filter { $0.core.manifest.state.seal(of: month) == nil }
    try checkShards(shards, pending)
    if !allowsEmpty, pending.count == shards.count, try shards.allSatisfy({ try $0.core.isEmpty(month) }) {
      throw Refused(
        month: month,
        reasons: [
          "it has no clicks, and clicks of it that are imported later could be nothing but credits; to seal it all the same "
            + "say --empty (\"empty\": true)"
        ])
    }
    let total = pending.reduce(0) { $0 + $1.core.rows(of: month) }
    var before: UInt64 = 0
    var seals: [MonthSeal] = []
    for (shard, maintenance) in shards.enumerated() {
      seals.append(
        try withoutActuallyEscaping(progress) { progress in
          let told = Told(progress, done: before, total: total)
          do {
            return try maintenance.seal(month, isDry: isDry, goesOn: { told.goesOn() }) { told.rows = $0 }
          } catch let error as NotSealable {
            throw Refused(month: month, reasons: [Self.words(error.obstacle, shard)])
          } catch is RecountStopped {
            throw Refused(month: month, reasons: ["it was stopped before the end; shards before \(shard) are sealed"])
          }
        })
      before += seals.last!.rows
    }
    var counts: (ads: Int, advertisers: Int)?
    if isDry, let catalog = try catalog() {
      counts = try MonthTable.counts(month, shards.map(\.core.live), catalog)
    }
    return json(seals, isNew: !pending.isEmpty, counts)
  }

  private final class Told {
    private let progress: (UInt64, UInt64) -> Bool
    private let done: UInt64
    private let total: UInt64
    var rows: UInt64 = 0

    init(_ progress: @escaping (UInt64, UInt64) -> Bool, done: UInt64, total: UInt64) {
      self.progress = progress
      self.done = done
      self.total = total
    }

    func goesOn() -> Bool { progress(min(done + rows, total), total) }
  }

  // MARK: - What is in the way

  /// The month has to be over, and so has the time in which clicks of it are taken.
  private func checkTime(_ shards: [Maintenance]) throws {
    guard let now = shards.first?.core.clock.now() else { return }
    let end = Timestamp.format(month.end, fraction: false)
    let (possible, overflow) = month.end.addingReportingOverflow(maxLateness)
    if now < month.end {
      throw Refused(month: month, reasons: ["it is over at \(end)"], possibleAt: overflow ? nil : possible)
    }
    if overflow || now < possible {
      throw Refused(
        month: month,
        reasons: ["clicks of it are taken for \(maxLateness / 60_000) minutes after its end (--max-lateness)"],
        possibleAt: overflow ? nil : possible)
    }
  }

  private func checkShards(_ shards: [Maintenance], _ pending: [Maintenance]) throws {
    for maintenance in pending { try maintenance.checkpoint() }
    let reasons = shards.enumerated().compactMap { shard, maintenance in
      maintenance.core.obstacle(to: month).map { Self.words($0, shard) }
    }
    if !reasons.isEmpty { throw Refused(month: month, reasons: reasons) }
  }

  /// Days that are spelled out.
  private static let dayLimit = 5

  private static func words(_ obstacle: SealObstacle, _ shard: Int) -> String {
    switch obstacle {
    case .open(let minute): return "shard \(shard): minutes from \(Minute(index: minute)) on are not closed yet"
    case .notRecounted(let minute):
      let day = date(Minute(index: minute).start / 86_400_000)
      return "shard \(shard): days from \(day) on are not reconciled (tally reconcile)"
    case .changed(let days?):
      let more = days.count - dayLimit
      return "shard \(shard): clicks came since the last recount, of "
        + days.prefix(dayLimit).map(date).joined(separator: ", ")
        + (more > 0 ? " and \(more) more days" : "") + " (tally reconcile)"
    case .uneven(let reason): return "shard \(shard): \(reason) (tally reconcile)"
    case .changed(nil): return "shard \(shard): many clicks came since the last recount (tally reconcile)"
    }
  }

  private static func date(_ day: Int64) -> String { Statement.date(day) }

  // MARK: - What came of it

  private func json(_ seals: [MonthSeal], isNew: Bool, _ counts: (ads: Int, advertisers: Int)?) -> JSONValue {
    func sum(_ value: (MonthSeal) -> UInt64) -> UInt64 { seals.reduce(0) { $0 + value($1) } }
    return .object([
      "month": .string("\(month)"), "sealed": .bool(!isDry || !isNew), "already": .bool(!isNew), "dryRun": .bool(isDry),
      "sealedAt": isDry && isNew ? .null : .string(Timestamp.format(seals.map(\.time).max() ?? 0)),
      "clicks": .integer(sum(\.clicks)), "rows": .integer(sum(\.rows)),
      "ads": counts.map { .integer($0.ads) } ?? .null, "advertisers": counts.map { .integer($0.advertisers) } ?? .null,
      "digest": .string(Hex.encode(MonthSeal.digest(of: seals))),
      "shards": .array(
        seals.enumerated().map { shard, seal in
          .object([
            "shard": .integer(shard), "ads": .integer(seal.ads), "rows": .integer(seal.rows),
            "clicks": .integer(seal.clicks), "minutesDigest": .string(Hex.encode(seal.minutes)),
            "daysDigest": .string(Hex.encode(seal.days)),
          ])
        }),
    ])
  }
}

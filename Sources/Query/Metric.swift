import Clicks
import Shards
import Store

// What is told of a point beside its clicks, gross to net:
//
//     gross  =  clicks − corrected  +  every verdict but `unknown`, which may be among the clicks already
//
// `corrected` is what recounts took away from the clicks (below zero) or added to them; credits are in neither. Clicks and
// corrections are billing-grade. Verdicts are not (R17): they are counted in memory, and what was open when a process ended is
// gone, as what found no room is told of no ad (R23); the answer says where that was so.

/// One number of a point.
package enum Metric: Hashable, Sendable {
  case clicks
  case verdict(Verdict)
  case corrected
  case gross

  /// The verdicts that known ads meet and that count no click.
  package static let verdicts: [Verdict] = Verdict.allCases.filter {
    switch $0 {
    case .valid, .unknownAd, .malformed, .preflight: false
    default: true
    }
  }.sorted { order($0) < order($1) }

  /// What can be asked for, in the order of the interface.
  package static let all = [Metric.clicks] + verdicts.map { .verdict($0) } + [.corrected, .gross]

  /// The name in requests and answers.
  package var name: String {
    switch self {
    case .clicks: "clicks"
    case .verdict(let verdict): verdict.name
    case .corrected: "corrected"
    case .gross: "gross"
    }
  }

  /// Whether an invoice may rest on it.
  package var isBillingGrade: Bool { self == .clicks || self == .corrected }

  private static func order(_ verdict: Verdict) -> Int {
    let first: [Verdict] = [.duplicate, .expired, .bot, .prefetch, .head, .badSignature, .paused, .unrecorded]
    // What may be among the clicks comes last.
    return verdict == .unknown ? .max : first.firstIndex(of: verdict) ?? first.count
  }

  /// Reads names between commas.
  static func read(_ text: String?, _ faults: inout Faults) -> [Metric] {
    guard let text else { return [] }
    var metrics: [Metric] = []
    for name in text.split(separator: ",", omittingEmptySubsequences: false) {
      guard let metric = all.first(where: { $0.name == name }) else {
        faults.add("metrics", "must be names between commas, each one of \(all.map(\.name).joined(separator: ", "))")
        return []
      }
      // Clicks are told always.
      if metric != .clicks, !metrics.contains(metric) { metrics.append(metric) }
    }
    return metrics
  }
}

/// What a query wants to know of ads beside their clicks.
struct MetricPlan: Hashable, Sendable {
  /// Those that are told, without `clicks`.
  let metrics: [Metric]
  /// Those that have to be read.
  let verdicts: [Verdict]
  let isCorrected: Bool

  init(_ metrics: [Metric]) {
    self.metrics = metrics
    let isGross = metrics.contains(.gross)
    verdicts = Metric.verdicts.filter { metrics.contains(.verdict($0)) || isGross && $0 != .unknown }
    isCorrected = isGross || metrics.contains(.corrected)
  }

  var isEmpty: Bool { metrics.isEmpty }

  /// Whether the answer has to say how good its numbers are.
  var hasVerdicts: Bool { !verdicts.isEmpty }
}

extension ShardReading {
  /// Whether some verdicts of a plan are not told in the buckets of `grid`.
  func isIncomplete(_ plan: MetricPlan, _ grid: BucketGrid) throws -> Bool {
    try isIncomplete(plan.verdicts, hours: grid.unit != .minute)
  }
}

/// What some ads met in one bucket.
struct MetricSum: Hashable, Sendable {
  private var counts: [Verdict: UInt64] = [:]
  private var corrected: Int64 = 0

  mutating func add(_ detail: TableReading.Detail) {
    switch detail {
    case .verdict(let verdict, let count): counts[verdict, default: 0] += count
    case .correction(let change): corrected += change
    }
  }

  mutating func add(_ other: MetricSum) {
    counts.merge(other.counts, uniquingKeysWith: +)
    corrected += other.corrected
  }

  /// The numbers of a plan, beside so many clicks.
  func values(_ plan: MetricPlan, clicks: UInt64) -> [Int64] {
    plan.metrics.map { metric in
      switch metric {
      case .clicks: Int64(clamping: clicks)
      case .verdict(let verdict): Int64(clamping: counts[verdict] ?? 0)
      case .corrected: corrected
      case .gross:
        counts.reduce(Int64(clamping: clicks) &- corrected) { sum, count in
          count.key == .unknown ? sum : sum &+ Int64(clamping: count.value)
        }
      }
    }
  }
}

import ClickLog

/// How far each source of clicks is durable in a shard: what lets an interrupted import go on where it was. Progress comes
/// with the frame that makes the clicks durable; a manifest record takes it over before the slot of that frame is used
/// again. So that no number of imports makes the manifest grow, the 64 sources that moved last are kept: who imports a
/// file again that is older than that starts from its first line, and finds its clicks by their ids.
package struct SourceTable: Equatable, Sendable {
  /// The one that moved last stands last.
  package private(set) var sources: [SourceProgress] = []

  /// Most sources that are kept.
  package static let limit = 64

  package init() {}

  /// What was said last counts; a source of which no line is done is not kept.
  package mutating func note(_ progress: SourceProgress) {
    sources.removeAll { $0.isOfSame(progress) }
    guard progress.lines > 0 else { return }
    if sources.count == Self.limit { sources.removeFirst() }
    sources.append(progress)
  }

  /// How far this source is; nil where nothing of it is known.
  package func progress(ofSource high: UInt64, _ low: UInt64) -> SourceProgress? {
    sources.first { $0.high == high && $0.low == low }
  }

  /// What has to be noted in `other`, in this order, so that it knows all that is known here.
  func changes(since other: SourceTable) -> [ManifestChange] {
    let gone = other.sources.filter { one in !sources.contains { $0.isOfSame(one) } }
    return gone.map { .progress(SourceProgress(high: $0.high, low: $0.low, lines: 0, bytes: 0)) }
      + sources.filter { !other.sources.contains($0) }.map { .progress($0) }
  }
}

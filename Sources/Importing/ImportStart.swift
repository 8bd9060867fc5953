import ClickLog
import Clicks
import Store

// Where an import begins, decided before its first click is counted. Two memories are asked:
//
//   progress    how far an interrupted import of this name is durable, with the digest of what was read
//   finished    imports that were read to their end, by their bytes and by their names
//
// The rule behind all cases: a line that was counted is never counted again. There are two ways to be sure of that. Either what
// was read is proven to be still there, and is passed over; or all of it comes again under the ids that it had, while every
// raw click of the first reading is retained, so that repeats are found one by one. Where neither holds, nothing is counted.

/// What an import does with its source.
package enum ImportStart {
  /// Every line is read.
  case anew(ImportNote?)
  /// What lies before was read, and is still there.
  case behind(ReadBefore, SourceText.Beginning)
  /// The source cannot be read twice: its first lines are passed over, and must be what was read, or what one of these
  /// imports, which ended after as many lines, has read.
  case proving(ReadBefore, ends: [FinishedImport])
  /// All of it was read.
  case done(FinishedImport)
  /// Lines might count twice.
  case refused(String)
}

/// What an import tells of its beginning.
package enum ImportNote: Equatable, Sendable {
  /// What was read before is no longer what the source begins with.
  case changed
  /// It was read to its end, but not every line was counted.
  case rejectedBefore(FinishedImport)
  /// It was read to its end, but a shard that was accepted with `--accept-shard` since has lost clicks.
  case lostSince(FinishedImport)
}

/// How far a source was read.
package struct ReadBefore: Equatable, Sendable {
  package var lines: UInt64
  package var bytes: UInt64
  package var digest: SourceKey
  package var rejected: UInt64
  /// By shard: every click of it is at this position or behind.
  package var since: [UInt64]
  /// The least hashes of its lines, where all were sampled.
  package var sample: [UInt64]
}

/// What is asked of the memories.
package struct ImportQuestion {
  /// The source's name.
  package var name: String
  /// The name was given, and is not merely the file's.
  package var isNamed: Bool
  /// Ids come from the number and the text of each line.
  package var derivesFromLines: Bool
  /// The whole source is to be read, though it was read before.
  package var again: Bool

  package init(name: String, isNamed: Bool, derivesFromLines: Bool, again: Bool) {
    self.name = name
    self.isNamed = isNamed
    self.derivesFromLines = derivesFromLines
    self.again = again
  }
}

/// What a store remembers of sources that are read in one way.
package struct ImportMemory {
  /// How far each shard is with the source; nil where one knows nothing.
  package var progress: [SourceProgress]?
  /// Finished imports, the oldest first.
  package var finished: [FinishedImport]
  /// By shard: raw clicks below this position are gone.
  package var retired: [UInt64]
  package var layout: UInt32
  /// When a shard was last accepted with clicks missing, ms of the logical clock: what ended before may be lost in part.
  package var lost: Int64

  package init(
    progress: [SourceProgress]?, finished: [FinishedImport], retired: [UInt64], layout: UInt32, lost: Int64 = .min
  ) {
    self.lost = lost
    self.progress = progress
    self.finished = finished
    self.retired = retired
    self.layout = layout
  }

  /// What all shards have of the source.
  package var readBefore: ReadBefore? {
    guard let progress, let least = progress.min(by: { $0.lines < $1.lines }), least.lines > 0 else { return nil }
    return ReadBefore(
      lines: least.lines, bytes: least.bytes,
      digest: SourceKey(high: least.proof?.digestHigh ?? 0, low: least.proof?.digestLow ?? 0),
      rejected: least.proof?.rejected ?? 0, since: progress.map { $0.proof?.since ?? 0 }, sample: [])
  }

  /// An older version wrote the progress, without a digest.
  private var isUnproven: Bool { progress?.contains { $0.proof == nil } ?? false }

  /// Whether raw clicks that were received since are gone.
  private func hasRetired(since: [UInt64]) -> Bool {
    for shard in retired.indices where retired[shard] > (shard < since.count ? since[shard] : 0) { return true }
    return false
  }

  /// Whether the raw clicks of an import have begun to go.
  package func hasRetired(_ one: FinishedImport) -> Bool {
    hasRetired(since: one.layout == layout && one.since.count == retired.count ? one.since : [])
  }

  private func readBefore(_ one: FinishedImport) -> ReadBefore {
    let isHere = one.layout == layout && one.since.count == retired.count
    return ReadBefore(
      lines: one.lines, bytes: one.bytes, digest: one.digest, rejected: one.rejected,
      since: isHere ? one.since : retired.map { _ in 0 }, sample: one.sample)
  }

  // MARK: - The decision

  /// Where to begin. `text` is nil where the source can be read but once. Throws what reading it throws.
  package func start(_ question: ImportQuestion, _ text: SourceText?) throws -> ImportStart {
    if question.again { return try again(question, text) }
    if let before = readBefore { return try goOn(question, before, text) }
    guard let text else { return stream(question) }
    return try whole(question, text)
  }

  /// An import was interrupted.
  private func goOn(_ question: ImportQuestion, _ before: ReadBefore, _ text: SourceText?) throws -> ImportStart {
    let isGone = hasRetired(since: before.since)
    if !isUnproven {
      if let text {
        if let found = try text.beginning(before.bytes), found.digest.value == before.digest, try isProven(text) {
          return .behind(before, found)
        }
      } else if question.derivesFromLines || isGone {
        return .proving(before, ends: [])
      }
    }
    if isGone { return .refused(Self.text(question, before: nil, isGone: true)) }
    // Lines have the ids that they had, also where an older version read them.
    if question.derivesFromLines, !isUnproven { return .refused(Self.text(question, before: nil, isGone: false)) }
    return .anew(.changed)
  }

  /// Whether the text is what the shards that are ahead of the others have read, too: a line that was changed there has
  /// been counted as it was.
  private func isProven(_ text: SourceText) throws -> Bool {
    guard let progress, Set(progress.map(\.bytes)).count > 1 else { return true }
    let digests = try text.digests(at: Set(progress.map(\.bytes)))
    return progress.allSatisfy { one in
      one.proof.map { digests[one.bytes] == SourceKey(high: $0.digestHigh, low: $0.digestLow) } ?? false
    }
  }

  /// A file of which no import is under way.
  private func whole(_ question: ImportQuestion, _ text: SourceText) throws -> ImportStart {
    let ofName = finished.filter { $0.name == question.name }
    // Another name can only be all of the same bytes, but for a line without an end.
    let near = finished.filter { one in
      one.name != question.name && text.size.map { one.bytes <= $0 && $0 - one.bytes <= Self.longestTail } ?? true
    }
    let candidates = (ofName + near).filter { one in text.size.map { one.bytes <= $0 } ?? true }
    let digests = try text.digests(at: Set(candidates.map(\.bytes)))
    let same = candidates.filter { digests[$0.bytes] == $0.digest && $0.lines > 0 }
    var full = try same.filter { try text.ends(at: $0.bytes) }
    if question.isNamed { full.removeAll { $0.name != question.name } }
    if let one = full.last(where: { $0.name == question.name }) ?? full.last { return repeated(question, one) }
    if let one = same.filter({ $0.name == question.name }).max(by: { $0.bytes < $1.bytes }) {
      if hasLost(one) { return repeated(question, one) }
      if one.rejected > 0, !hasRetired(one) { return .anew(.rejectedBefore(one)) }
      guard let beginning = try text.beginning(one.bytes) else { return .anew(nil) }
      return .behind(readBefore(one), beginning)
    }
    guard !ofName.isEmpty else { return .anew(nil) }
    let isGone = ofName.contains { hasRetired($0) }
    if !question.derivesFromLines, !isGone { return .anew(nil) }
    let hashes = Set(ofName.flatMap(\.sample))
    if ofName.allSatisfy({ !$0.sample.isEmpty || $0.lines == 0 }), try !text.hasLine(of: hashes) { return .anew(nil) }
    return .refused(Self.text(question, before: ofName.last, isGone: isGone))
  }

  /// A file that was read to its end, and is as it was.
  private func repeated(_ question: ImportQuestion, _ one: FinishedImport) -> ImportStart {
    guard one.rejected > 0 || hasLost(one) else { return .done(one) }
    // What was not counted may count now, as long as what was counted is recognised.
    let isSafe = !hasRetired(one) && (!question.derivesFromLines || one.name == question.name)
    if hasLost(one) { return isSafe ? .anew(.lostSince(one)) : .refused(Self.lostText(question, one)) }
    return isSafe ? .anew(.rejectedBefore(one)) : .done(one)
  }

  /// Whether clicks of it may be gone with a shard that was accepted since.
  private func hasLost(_ one: FinishedImport) -> Bool { one.ended <= lost }

  private static func lostText(_ question: ImportQuestion, _ one: FinishedImport) -> String {
    "it was read on \(Timestamp.format(one.ended, fraction: false)), and a shard has lost clicks since (tally verify tells which); "
      + "what is left of it cannot be told from what is missing, so nothing was counted. Lines that are known to be missing can "
      + "be read from a file of their own, with --source NAME"
  }

  /// What comes once: nothing is known of it but its name.
  private func stream(_ question: ImportQuestion) -> ImportStart {
    let ofName = finished.filter { $0.name == question.name }
    guard let last = ofName.last, question.isNamed || question.derivesFromLines else { return .anew(nil) }
    guard question.derivesFromLines || ofName.contains(where: { hasRetired($0) }) else { return .anew(nil) }
    let ends = ofName.filter { $0.lines == last.lines }
    var before = readBefore(last)
    for shard in before.since.indices {
      before.since[shard] = ends.map { readBefore($0).since[shard] }.min() ?? 0
    }
    return .proving(before, ends: ends)
  }

  /// All of it, though it was read before.
  private func again(_ question: ImportQuestion, _ text: SourceText?) throws -> ImportStart {
    var read = finished.filter { $0.name == question.name }
    if let text {
      let near = finished.filter { one in
        one.name != question.name && text.size.map { one.bytes <= $0 && $0 - one.bytes <= Self.longestTail } ?? true
      }
      let digests = try text.digests(at: Set(near.map(\.bytes)))
      read += near.filter { digests[$0.bytes] == $0.digest && $0.lines > 0 }
    }
    let isGone = read.contains { hasRetired($0) } || readBefore.map { hasRetired(since: $0.since) } ?? false
    if isGone {
      return .refused(
        "the raw clicks of its earlier reading have begun to retire, so that repeats could not be told from new clicks. "
          + "If it is another file, say so with --source NAME")
    }
    if question.derivesFromLines, let other = read.last, !read.contains(where: { $0.name == question.name }),
      !question.isNamed
    {
      return .refused(
        "it was read as \(other.name), and ids derived from lines depend on that name; read it again with "
          + "--source \(other.name) --again")
    }
    return .anew(nil)
  }

  /// Bytes of a line without an end, at most.
  private static let longestTail = UInt64(ClickLineReader.maximumLine)

  /// What is said where a source that comes but once does not begin with what was read of it.
  package static func changedText(_ question: ImportQuestion) -> String {
    text(question, before: nil, isGone: !question.derivesFromLines)
  }

  /// Why nothing is counted.
  private static func text(_ question: ImportQuestion, before: FinishedImport?, isGone: Bool) -> String {
    let time = before.map { " on \(Timestamp.format($0.ended, fraction: false))" } ?? ""
    let why =
      isGone
      ? "and its raw clicks have begun to retire, so that repeats could not be told from new clicks"
      : "and ids derived from lines would count what was changed a second time"
    return "what was read of \(question.name)\(time) is no longer what it begins with, \(why); nothing was counted. "
      + "If it is another file, say so with --source NAME"
  }
}

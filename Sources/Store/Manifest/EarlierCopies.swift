import Bytes

// What rows cannot prove (R20). A repeat stays marked when its earlier copies have retired, and then looks like a click that was
// marked for no reason. So the manifest keeps how many such clicks there have to be:
//
//     segments       ─── A ───│─── B ───│─── C ───│      each is known by the position where it ends
//     of C           3 repeats have their latest earlier copy in A, 5 in B
//     A retires      3 clicks of C are marked and have no earlier copy: neither more nor fewer
//
// Why the latest copy and not the first: raw clicks retire from the lowest position on, so the latest one goes last, and with it
// the proof. Why segments and not days: clicks retire by segments, and a day may lie in several. A merge takes ends away and
// makes none, so the position up to which clicks have retired is an end at all times, and never lies inside of what is counted
// together. A repeat whose latest earlier copy is in its own segment retires with it, and is not counted.

/// How many repeats of each segment have their latest earlier copy in which segment before.
package struct EarlierCopies: Equatable, Sendable {
  /// The copies in one segment, by where it ends.
  package struct Part: Equatable, Sendable {
    package var end: UInt64
    package var count: UInt64

    package init(end: UInt64, count: UInt64) {
      self.end = end
      self.count = count
    }
  }

  /// Those of one segment's repeats.
  package struct List: Equatable, Sendable {
    /// Where the segment of the repeats ends.
    package var end: UInt64
    /// The first part stands for all segments up to its end: there were too many.
    package var isJoined = false
    /// Ascending, each end once.
    package var parts: [Part]

    package init(end: UInt64, isJoined: Bool = false, parts: [Part]) {
      self.end = end
      self.isJoined = isJoined
      self.parts = parts
    }
  }

  /// By their ends, none of them empty.
  package private(set) var lists: [List] = []

  /// Parts of one list, at most: the manifest stays small, however many segments there are.
  package static let limit = 32

  package init() {}

  /// Takes what is said of one segment in the place of what was said before.
  mutating func set(_ list: List) {
    lists.removeAll { $0.end == list.end }
    guard !list.parts.isEmpty else { return }
    lists.insert(list, at: lists.firstIndex { $0.end > list.end } ?? lists.count)
  }

  /// `count` repeats of the segment that ends at `end` have their latest earlier copy in the one that ends at `copy`.
  package mutating func add(_ count: UInt64, of end: UInt64, in copy: UInt64) {
    precondition(copy <= end, "a copy behind its repeat")
    guard copy < end else { return }
    let index = lists.firstIndex { $0.end >= end } ?? lists.count
    if index == lists.count || lists[index].end != end { lists.insert(List(end: end, parts: []), at: index) }
    lists[index].add(Part(end: copy, count: count))
    lists[index].shorten()
  }

  /// Adds what is said in `others`.
  package mutating func add(_ others: EarlierCopies) {
    for list in others.lists {
      let index = lists.firstIndex { $0.end >= list.end } ?? lists.count
      if index == lists.count || lists[index].end != list.end {
        lists.insert(list, at: index)
      } else {
        lists[index].add(list)
      }
    }
  }

  /// The segments of these positions are one now.
  package mutating func join(_ positions: Range<UInt64>) {
    let end = positions.upperBound
    func after(_ old: UInt64) -> UInt64 { old > positions.lowerBound && old < end ? end : old }
    var joined = EarlierCopies()
    for list in lists {
      var moved = List(end: after(list.end), parts: [])
      for part in list.parts {
        moved.add(Part(end: after(part.end), count: part.count))
        moved.isJoined = list.isJoined
      }
      // Of a part that stands for several segments nobody knows how much lies in this one.
      if !moved.isJoined || moved.parts.count > 1, moved.parts.last?.end == moved.end { moved.parts.removeLast() }
      guard !moved.parts.isEmpty else { continue }
      if joined.lists.last?.end == moved.end {
        joined.lists[joined.lists.count - 1].add(moved)
      } else {
        joined.lists.append(moved)
      }
    }
    self = joined
  }

  /// Raw clicks below the position are gone: of repeats there is nothing to be said any more, and of copies not which they were.
  mutating func retire(below position: UInt64) {
    lists.removeAll { $0.end <= position }
    for i in lists.indices { lists[i].retire(below: position) }
  }

  /// How many repeats in the segment of these positions have no earlier copy, where clicks below `retired` are gone.
  package func withoutCopy(in positions: Range<UInt64>, retired: UInt64) -> ClosedRange<UInt64> {
    var (least, most): (UInt64, UInt64) = (0, 0)
    for list in lists where positions.lowerBound < list.end && list.end <= positions.upperBound {
      for (index, part) in list.parts.enumerated() {
        if part.end <= retired { least += part.count }
        if part.end <= retired || index == 0 && list.isJoined && retired > 0 { most += part.count }
      }
    }
    return least...most
  }

  /// What has to be said, where `other` is known, so that this is.
  func changes(since other: EarlierCopies) -> [ManifestChange] {
    guard self != other else { return [] }
    let gone = other.lists.filter { old in !lists.contains { $0.end == old.end } }
    return (gone.map { List(end: $0.end, parts: []) } + lists.filter { !other.lists.contains($0) })
      .map { .earlierCopies($0) }
  }
}

extension EarlierCopies.List {
  /// Whether it is one that can be.
  var isSound: Bool {
    zip(parts, parts.dropFirst()).allSatisfy { $0.end < $1.end } && parts.allSatisfy { $0.count > 0 }
      && parts.last?.end ?? 0 <= end && parts.count <= EarlierCopies.limit && (!isJoined || !parts.isEmpty)
  }

  fileprivate mutating func add(_ part: EarlierCopies.Part) {
    // Behind the first part, where that stands for all up to its end.
    let index = parts.firstIndex { $0.end >= part.end } ?? parts.count
    if index < parts.count, parts[index].end == part.end || isJoined && index == 0 {
      parts[index].count += part.count
    } else {
      parts.insert(part, at: index)
    }
  }

  /// Adds the parts of another list, of the same segment or one that it has taken in.
  fileprivate mutating func add(_ other: Self) {
    if other.isJoined { joinParts(through: other.parts[0].end) }
    for part in other.parts { add(part) }
    if other.isJoined { isJoined = true }
    shorten()
  }

  /// The parts up to `end` become one.
  private mutating func joinParts(through end: UInt64) {
    let first = parts.prefix { $0.end <= end }
    guard !first.isEmpty else { return }
    parts.replaceSubrange(0..<first.count, with: [.init(end: end, count: first.reduce(0) { $0 + $1.count })])
  }

  /// The first parts become one where there are too many: they are the next that are all gone, and known for certain again.
  fileprivate mutating func shorten() {
    guard parts.count > EarlierCopies.limit else { return }
    joinParts(through: parts[parts.count - EarlierCopies.limit].end)
    isJoined = true
  }

  fileprivate mutating func retire(below position: UInt64) {
    guard let last = parts.last(where: { $0.end <= position }) else { return }
    joinParts(through: last.end)
    isJoined = false
  }

  /// Appends the bytes of a change.
  func write(to writer: inout ByteWriter) {
    writer.append(end)
    writer.append(UInt64(isJoined ? 1 : 0))
    for part in parts {
      writer.append(part.end)
      writer.append(part.count)
    }
  }

  /// Reads what is left of a change; nil where it is none.
  init?(_ reader: inout ByteReader) {
    guard let end = reader.next(UInt64.self), let flags = reader.next(UInt64.self), flags <= 1 else { return nil }
    self.init(end: end, isJoined: flags == 1, parts: [])
    while reader.remaining > 0 {
      guard let end = reader.next(UInt64.self), let count = reader.next(UInt64.self) else { return nil }
      parts.append(.init(end: end, count: count))
    }
  }
}

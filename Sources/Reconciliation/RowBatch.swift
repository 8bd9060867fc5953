import Bytes
import Clicks
import Segments

/// Clicks on their way from the merge to those who count and write them, in the order of (impression, ad code, position). The
/// memory is fixed but for captured strings: filled, emptied and filled again.
@safe final class RowBatch: @unchecked Sendable {
  /// Rows that fit: a group of the segment.
  let capacity: Int
  /// The rows. Positions count from the first input's first.
  let rows: RowPool
  /// How many there are: all that fit, but in the last batch; or whole pages, where strings are captured.
  var count = 0
  /// The rows that are marked.
  var marks: [RepeatMark] = []
  /// Captured strings: for each column of the output one a row.
  var strings: [[[UInt8]]] = []
  /// Bytes of them, about.
  var stringBytes = 0
  /// The rows as the merged segment has them, where they are encoded in groups.
  let group: EncodedGroup?
  /// Where it stands; the pipeline's lock guards it.
  var stage = Stage.free
  /// Whose rows these are: it names the damage.
  let source: Segment?

  enum Stage { case free, filled, encoding, ready }

  init(_ source: Segment?, pages: Int = GroupEncoder.pages, captured: Int, forGroups: Bool) {
    self.source = source
    group = forGroups ? EncodedGroup() : nil
    capacity = pages * RowVector.capacity
    rows = RowPool(pages: pages)
    strings = Array(repeating: [], count: captured)
  }

  func removeAll() {
    count = 0
    marks.removeAll(keepingCapacity: true)
    stringBytes = 0
    for column in strings.indices { strings[column].removeAll(keepingCapacity: true) }
  }

  /// Whether two rows have one identity; not where one of them is none.
  func isSameIdentity(_ a: Int, _ b: Int) -> Bool {
    guard b < count else { return false }
    return unsafe rows.high[a] == rows.high[b] && rows.low[a] == rows.low[b] && rows.code[a] == rows.code[b]
  }

  /// Pages that have rows.
  var pages: Int { (count + RowVector.capacity - 1) / RowVector.capacity }

  /// A page of the rows, ready to be written.
  func page(_ page: Int) -> RowVector {
    let window = rows.windows[page]
    let start = page * RowVector.capacity
    window.count = min(RowVector.capacity, count - start)
    window.strings = strings.map { Array($0[start..<(start + window.count)]) }
    return window
  }

  /// Encodes the rows as a group.
  func encode(_ encoder: GroupEncoder) {
    guard let group else { return }
    encoder.encode((0..<pages).map { page($0) }, to: group)
  }

  /// Rows of an input, or inputs, are not in order, whatever the checksums say.
  var disorder: FormatError {
    FormatError(
      file: source?.file.path ?? "", offset: 0, reason: "this segment, or one merged with it, is out of order")
  }
}

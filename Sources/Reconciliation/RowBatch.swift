import Clicks
import Segments

/// Clicks on their way from the merge to those who count and write them: first copies in the order of (impression, ad code),
/// and the repeats that were met between them. The memory is fixed: filled, emptied and filled again.
@safe final class RowBatch: @unchecked Sendable {
  /// First copies that fit.
  let capacity: Int
  /// The first copies. Positions count from the first segment's first.
  let rows: RowPool
  /// How many there are; whole pages, but in the last batch.
  var count = 0
  /// Where each came from in the merge's pool.
  let origins: UnsafeMutablePointer<UInt32>
  /// The repeats, and how many there are.
  let repeats: UnsafeMutablePointer<RemovedRepeat>
  let repeatCapacity: Int
  var repeatCount = 0
  /// Rows of the inputs that went into this batch.
  var read: UInt64 = 0
  /// Captured strings of the first copies, where there are any: for each column one a row.
  var strings: [[[UInt8]]] = []
  /// The first copies as the merged segment has them, where there is to be one.
  let group: EncodedGroup?
  /// Where it stands; the pipeline's lock guards it.
  var stage = Stage.free

  enum Stage { case free, filled, encoding, ready }

  /// A batch of first copies in whole pages; or, for a merged segment, of one group.
  convenience init(forGroups: Bool) {
    let pages = forGroups ? GroupEncoder.pages : 32
    self.init(pages: pages, repeats: 64 * RowVector.capacity, group: forGroups ? EncodedGroup() : nil)
  }

  init(pages: Int, repeats: Int, group: EncodedGroup? = nil) {
    self.group = group
    capacity = pages * RowVector.capacity
    rows = RowPool(pages: pages)
    unsafe origins = .allocate(capacity: capacity)
    repeatCapacity = repeats
    unsafe self.repeats = .allocate(capacity: max(repeats, 1))
  }

  deinit {
    unsafe origins.deallocate()
    unsafe repeats.deallocate()
  }

  func removeAll() {
    truncate(to: 0)
    repeatCount = 0
    read = 0
  }

  /// Forgets the first copies from `count` on.
  func truncate(to count: Int) {
    self.count = count
    for column in strings.indices where strings[column].count > count {
      strings[column].removeLast(strings[column].count - count)
    }
  }

  /// Makes row `to` equal to row `from`, which stands behind it or is it.
  func move(_ from: Int, to: Int) {
    guard from != to else { return }
    unsafe rows.high[to] = unsafe rows.high[from]
    unsafe rows.low[to] = unsafe rows.low[from]
    unsafe rows.code[to] = unsafe rows.code[from]
    unsafe rows.eventTime[to] = unsafe rows.eventTime[from]
    unsafe rows.position[to] = unsafe rows.position[from]
    unsafe rows.source[to] = unsafe rows.source[from]
    unsafe origins[to] = unsafe origins[from]
    for column in strings.indices { strings[column][to] = strings[column][from] }
  }

  /// Appends the rows of another batch from `start` on.
  func take(_ other: RowBatch, from start: Int) {
    let more = other.count - start
    precondition(count + more <= capacity)
    unsafe (rows.high + count).update(from: other.rows.high + start, count: more)
    unsafe (rows.low + count).update(from: other.rows.low + start, count: more)
    unsafe (rows.code + count).update(from: other.rows.code + start, count: more)
    unsafe (rows.eventTime + count).update(from: other.rows.eventTime + start, count: more)
    unsafe (rows.position + count).update(from: other.rows.position + start, count: more)
    unsafe (rows.source + count).update(from: other.rows.source + start, count: more)
    unsafe (origins + count).update(from: other.origins + start, count: more)
    for column in strings.indices { strings[column] += other.strings[column][start...] }
    count += more
  }

  /// Notes row `row` among the repeats; there is room.
  func addRepeat(of row: Int, first: UInt64) {
    precondition(repeatCount < repeatCapacity)
    unsafe repeats[repeatCount] = RemovedRepeat(
      code: rows.code[row], minute: Minute(containing: rows.eventTime[row]), position: first &+ rows.position[row])
    repeatCount += 1
  }

  /// Pages that have rows.
  private var pages: Int { (count + RowVector.capacity - 1) / RowVector.capacity }

  /// Encodes the first copies.
  func encode(_ encoder: GroupEncoder) {
    guard let group else { return }
    encoder.encode((0..<pages).map { window($0) }, to: group)
  }

  /// A page of first copies, ready to be encoded.
  private func window(_ page: Int) -> RowVector {
    let window = rows.windows[page]
    let start = page * RowVector.capacity
    window.count = min(RowVector.capacity, count - start)
    window.strings = strings.map { Array($0[start..<(start + window.count)]) }
    return window
  }
}

import Bytes
import Clicks

// Many identities are asked of a segment, and most of them are in none. Which of them its rows have to be searched for (R21):
//
//   a time in the bits of the id at which rows were minted that the filters leave out     searched for
//   any other                                                                             where its group's filter lets it through
//
// The keys come in the order of the rows, so each group's filter is read once, and lies in the cache while it is asked.

extension SegmentProbe {
  /// Adds those of `keys` to `left` that may be among the rows, marked or not. The keys come in the order of
  /// `SegmentKey.precedes`, and stay in it. Throws `FormatError` where a filter is damaged, `SystemError` where the disk does not
  /// answer.
  package func narrow(_ keys: [SegmentKey], into left: inout [SegmentKey]) throws {
    guard let filter = segment.filter else { return left.append(contentsOf: keys) }
    var next = 0
    var group = 0
    while next < keys.count {
      group = filter.group(of: keys[next].impression.high, from: group)
      // Rows with the high half of the next group's first may stand on both sides.
      let border = group + 1 < filter.fences.count ? filter.fences[group + 1] : nil
      var end = next + 1
      while end < keys.count, border.map({ keys[end].impression.high <= $0 }) ?? true { end += 1 }
      let own = filter.groups[group]
      let bytes = own.attempt == IDFilter.none ? 0 : own.shape.cells
      try unsafe segment.file.withBytes(of: filter.section, own.offset..<(own.offset + bytes)) { cells in
        for key in keys[next..<end] where unsafe mayHold(key, own, border, cells) { left.append(key) }
      }
      next = end
    }
  }

  private func mayHold(
    _ key: SegmentKey, _ group: IDFilter.Group, _ border: UInt64?, _ cells: UnsafeRawBufferPointer
  ) -> Bool {
    if key.impression.high == border { return true }
    if let time = key.impression.timeInBits {
      if segment.summary.mintingTimes?.contains(time) ?? false { return true }
      if segment.isFirstVersion { return false }
    }
    if group.shape.starts == 0 { return false }
    if group.attempt == IDFilter.none { return true }
    let number = IDFilter.number(key.number, attempt: group.attempt)
    let (a, b, c) = group.shape.places(number)
    return unsafe cells[a] ^ cells[b] ^ cells[c] == FuseShape.mark(number)
  }
}

extension IDFilter {
  /// The last group that begins with a smaller high half, or the first; not before `start`.
  fileprivate func group(of high: UInt64, from start: Int) -> Int {
    guard start + 1 < fences.count, fences[start + 1] < high else { return start }
    var (low, end) = (start + 1, fences.count)
    while low < end {
      let middle = (low + end) / 2
      if fences[middle] < high { low = middle + 1 } else { end = middle }
    }
    return low - 1
  }
}

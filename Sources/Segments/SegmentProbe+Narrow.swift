import Bytes
import Clicks

// Many identities are asked of a segment, and most of them are in none. Which of them its rows have to be searched for (R21):
//
//   a time in the bits of the id at which rows were minted that the filters leave out     searched for
//   any other                                                                             where its group's filter lets it through
//
// The keys come in the order of the rows, so each group's filter is read once, and lies in the cache while it is asked.

extension SegmentProbe {
  /// Makes `left` those of `keys` that may be among the rows, marked or not, in the same order. It has room for all. Throws
  /// `FormatError` where a filter is damaged, `SystemError` where the disk does not answer.
  package func narrow(_ keys: SegmentKeys, to left: SegmentKeys) throws {
    left.removeAll()
    guard let filter = segment.filter else {
      for i in 0..<keys.count { left.append(keys, i) }
      return
    }
    var next = 0
    var group = 0
    while next < keys.count {
      group = filter.group(of: unsafe keys.high[next], from: group)
      // Rows with the high half of the next group's first may stand on both sides.
      let border = group + 1 < filter.fences.count ? filter.fences[group + 1] : nil
      let end = border.map { keys.end(from: next, through: $0) } ?? keys.count
      let own = filter.groups[group]
      let bytes = own.attempt == IDFilter.none ? 0 : own.shape.cells
      try unsafe segment.file.withBytes(of: filter.section, own.offset..<(own.offset + bytes)) { cells in
        unsafe pass(keys, next..<end, own, border, cells, to: left)
      }
      next = end
    }
  }

  /// Adds those of the keys `range` that may be in a group.
  private func pass(
    _ keys: SegmentKeys, _ range: Range<Int>, _ group: IDFilter.Group, _ border: UInt64?,
    _ cells: UnsafeRawBufferPointer, to left: SegmentKeys
  ) {
    let (shape, attempt) = (group.shape, group.attempt)
    let isEmpty = shape.starts == 0
    let minting = segment.summary.mintingTimes
    for i in range {
      let id = unsafe ImpressionID(high: keys.high[i], low: keys.low[i])
      if id.high == border {
        left.append(keys, i)
        continue
      }
      if let time = id.timeInBits {
        if minting?.contains(time) ?? false {
          left.append(keys, i)
          continue
        }
        if segment.isFirstVersion { continue }
      }
      if isEmpty { continue }
      if attempt == IDFilter.none {
        left.append(keys, i)
        continue
      }
      let number = IDFilter.number(unsafe keys.number[i], attempt: attempt)
      let (a, b, c) = shape.places(number)
      if unsafe cells[a] ^ cells[b] ^ cells[c] == FuseShape.mark(number) { left.append(keys, i) }
    }
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

import Segments

extension FileInspector {
  /// The filters that say which ids are not in a segment, one for each 64 pages.
  mutating func inspectFilters(_ segment: Segment) {
    let filters = segment.filters
    for filter in filters.prefix(Self.shownEntries) {
      let none = filter.ids == 0 ? "nothing to filter" : "none could be made"
      let what = filter.bytes > 0 ? "\(filter.bytes) bytes" : none
      writer.part(
        InspectedPart(
          filter.offset, "filter of the pages from \(filter.firstPage) on",
          [("ids without a minting time", "\(filter.ids)"), ("attempt", "\(filter.attempt)"), ("filter", what)]))
    }
    if let last = filters.last { more(last.offset, filters.count, "filters") }
  }
}

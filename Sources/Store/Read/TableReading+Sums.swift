import Clicks
import Corrections
import Runs

// Many ads at once. What few ads of many have is looked up ad by ad; what many have is found by going through all rows once, which
// costs a look-up about as much as a thousand rows:
//
//     look-ups    ads · runs                 each ad's own rows of each run
//     sweep       rows of the runs           code ─▶ group, bucket ─▶ cell, whoever's row it is: those of others are passed over

extension TableReading {
  /// How rows are found.
  package enum Way: Sendable, CaseIterable { case lookups, sweep }

  /// Rows that a sweep passes in the time of a look-up.
  private static let rowsALookup = 1_000
  /// Ads whose corrections are looked up one by one: files of these are short, and an ad's rows stand together.
  private static let fewAds = 16

  /// What rows an ad of the reading needs have retired begin with; nil where its points are exact.
  package typealias ExactFrom = Minute

  /// Adds the clicks of the ads from `first` on to the groups that `groups` says one after the other. The cells are of the reading's
  /// range. Returns where minute rows begin, if some that an ad needs have retired. `way`: nil for the better one.
  package func addClicks(
    of groups: [Int32], from first: Int, to cells: inout SumCells, way: Way? = nil
  ) throws -> ExactFrom? {
    for (i, group) in groups.enumerated() {
      for point in entries[first + i].live.points {
        cells.add(point.clicks, of: Int(group), at: cells.bucket(of: point.minute))
      }
    }
    let plan = plan(cells.grid)
    switch way ?? self.way(plan, ads: groups.count) {
    case .lookups: return try lookUp(groups, first, plan, &cells)
    case .sweep:
      // Which ads lack retired minutes is for look-ups to say.
      let needsRetired = plan.pieces.contains { $0.width == 1 && $0.rows.lowerBound < version.minutesFrom }
      if needsRetired { return try lookUp(groups, first, plan, &cells) }
      try sweep(groups, first, plan, &cells)
      return nil
    }
  }

  /// The better way for so many ads.
  private func way(_ plan: WidePlan, ads: Int) -> Way {
    var (rows, lookups) = (0, 0)
    for piece in plan.pieces {
      let runs = version.table(piece.table).runs.filter { $0.window.overlaps(piece.rows) }
      rows += runs.reduce(0) { $0 + Int($1.descriptor.rows) }
      lookups += runs.count * ads
    }
    return rows / Self.rowsALookup < lookups ? .sweep : .lookups
  }

  private func lookUp(
    _ groups: [Int32], _ first: Int, _ plan: WidePlan, _ cells: inout SumCells
  ) throws -> ExactFrom? {
    var isExact = true
    // In the order of their rows, so that each block is unpacked once.
    for (code, group) in codes(groups, first).sorted(by: { $0.code < $1.code }) {
      var rows = WideRows(tables, code)
      try rows.read(plan)
      isExact = isExact && rows.isExact
      for point in rows.points { cells.add(point.clicks, of: Int(group), at: cells.bucket(of: point.minute)) }
    }
    return isExact ? nil : Minute(index: version.minutesFrom)
  }

  /// The ads that have a code, with their groups.
  private func codes(_ groups: [Int32], _ first: Int) -> [(code: UInt32, group: Int32)] {
    var codes: [(code: UInt32, group: Int32)] = []
    codes.reserveCapacity(groups.count)
    for (i, group) in groups.enumerated() { if let code = entries[first + i].code { codes.append((code, group)) } }
    return codes
  }

  private func sweep(_ groups: [Int32], _ first: Int, _ plan: WidePlan, _ cells: inout SumCells) throws {
    let owners = CodeOwners(codes(groups, first))
    let width = cells.buckets.count
    for piece in plan.pieces {
      let first = piece.rows.lowerBound
      let places = piece.rows.map { UInt32(cells.bucket(of: Minute(index: max($0 * piece.width, from.index)))) }
      try cells.withCells { clicks in
        try version.table(piece.table).sweep(in: piece.rows) { code, bucket, value in
          let group = owners[code]
          if group >= 0 { clicks[group * width + Int(places[Int(bucket - first)])] &+= value }
        }
      }
    }
  }

  // MARK: - Beside the clicks

  /// What ads met beside their clicks.
  package enum Detail: Sendable {
    case verdict(Verdict, UInt64)
    /// What recounts took away from minute rows or added to them; credits are left out.
    case correction(Int64)
  }

  /// Hands the details of the ads from `first` on to `add`, with the groups that `groups` says one after the other. The reading was
  /// made with details. With `hours` also verdicts whose minutes have gone, under the first minute of their hours, of those hours that
  /// lie in the range as a whole. `way`: nil for the better one.
  package func addDetails(
    of groups: [Int32], from first: Int, _ wanted: [Verdict], corrected: Bool, hours: Bool, way: Way? = nil,
    _ add: (_ group: Int, Minute, Detail) -> Void
  ) throws {
    for (i, group) in groups.enumerated() {
      for found in verdicts.found[ads[first + i]] ?? [] where wanted.contains(found.verdict) {
        add(Int(group), Minute(index: found.minute), .verdict(found.verdict, found.count))
      }
    }
    guard from < to else { return }
    let range = from.index..<to.index
    let codes = codes(groups, first)
    let owners = CodeOwners(codes)
    for verdict in wanted {
      for width: Int64 in hours ? [1, 60] : [1] {
        let rows = width == 1 ? range : wholeHours
        guard !rows.isEmpty else { continue }
        let table = version.external(named: verdict.table, bucketSeconds: UInt32(width) * 60)
        try forEachRow(of: table, in: rows, codes, owners, way) {
          add($0, Minute(index: $1 * width), .verdict(verdict, $2))
        }
      }
    }
    guard corrected else { return }
    for file in version.corrections {
      func take(_ row: Correction, _ group: Int) {
        guard row.bucketSeconds == 60, !row.isCredit, range.contains(row.bucket), group >= 0 else { return }
        add(group, Minute(index: row.bucket), .correction(row.change))
      }
      if codes.count <= Self.fewAds {
        for (code, group) in codes { try file.forEachRow(of: code) { take($0, Int(group)) } }
      } else {
        try file.forEachRow { take($0, owners[$0.code]) }
      }
    }
  }

  /// Goes through the rows in `buckets` that ads with a group have, the better `way`.
  private func forEachRow(
    of table: RunTable, in buckets: Range<Int64>, _ codes: [(code: UInt32, group: Int32)], _ owners: CodeOwners,
    _ way: Way?, _ visit: (_ group: Int, _ bucket: Int64, _ value: UInt64) -> Void
  ) throws {
    let runs = table.runs.filter { $0.window.overlaps(buckets) }
    let rows = runs.reduce(0) { $0 + Int($1.descriptor.rows) }
    switch way ?? (rows / Self.rowsALookup < runs.count * codes.count ? .sweep : .lookups) {
    case .sweep:
      try table.sweep(in: buckets) { code, bucket, value in
        let group = owners[code]
        if group >= 0 { visit(group, bucket, value) }
      }
    case .lookups:
      for (code, group) in codes {
        for row in try table.externalRows(of: code, in: buckets) { visit(Int(group), row.bucket, row.value) }
      }
    }
  }
}

/// The groups of ads by their codes: a table, since codes are numbers from 0 on.
private struct CodeOwners {
  private var groups: [Int32] = []

  init(_ codes: [(code: UInt32, group: Int32)]) {
    groups = Array(repeating: -1, count: codes.map { Int($0.code) + 1 }.max() ?? 0)
    for (code, group) in codes { groups[Int(code)] = group }
  }

  /// The group of an ad; -1 for one that is in none.
  @inline(__always)
  subscript(_ code: UInt32) -> Int { Int(code) < groups.count ? Int(groups[Int(code)]) : -1 }
}

extension RunTable {
  /// Goes through every row in `buckets`, in no order; of several with one key the one that holds. Rows of zero go by too.
  fileprivate func sweep(
    in buckets: Range<Int64>, _ visit: (_ code: UInt32, _ bucket: Int64, _ value: UInt64) -> Void
  ) throws {
    let patches = patches(in: buckets)
    var touched: [Run] = patches
    for base in bases(in: buckets) {
      // No row of such a run has another of its key.
      if patches.contains(where: { $0.window.overlaps(base.window) }) {
        touched.append(base)
      } else {
        try Self.sweep([base], buckets, visit)
      }
    }
    if !touched.isEmpty { try Self.sweep(touched, buckets, visit) }
  }

  private static func sweep(
    _ runs: [Run], _ buckets: Range<Int64>, _ visit: (_ code: UInt32, _ bucket: Int64, _ value: UInt64) -> Void
  ) throws {
    var cursor = try MergeCursor(runs)
    let isWhole = runs.allSatisfy {
      buckets.lowerBound <= $0.window.lowerBound && $0.window.upperBound <= buckets.upperBound
    }
    while true {
      let goesOn =
        isWhole
        ? try cursor.pass(atMost: .max, visit)
        : try cursor.pass(atMost: .max) { if buckets.contains($1) { visit($0, $1, $2) } }
      if !goesOn { return }
    }
  }
}

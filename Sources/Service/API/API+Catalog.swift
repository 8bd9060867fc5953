import Catalog
import Clicks
import JSON

// Damaged rows of the catalog, on the admin listener alone, scope `admin`: what they are, and what an operator decides.

extension API {
  /// Damaged rows that are listed at once.
  private static let shownRows = 1_000

  func listDamagedRows(_ request: APIRequest) throws(Problem) -> APIResponse {
    let values = try request.values(["kind", "id"])
    guard let table = SignedTable(kind: values["kind"] ?? "ad") else {
      throw .invalid([("kind", Self.kindFault.detail)])
    }
    let views = try inCatalog { () throws(CatalogError) -> [RowView] in
      let known = try damagedRows()
      guard let id = values["id"] else {
        var views: [RowView] = []
        for row in known.prefix(Self.shownRows) { if let view = try catalog.view(row) { views.append(view) } }
        return views
      }
      return try catalog.views(table, id, candidates: known)
    }
    return .json(
      200, .object(["store": .optional(catalog.store), "rows": .array(views.map { Self.document($0) })]))
  }

  /// Those that are known; where no service looks for them, all are looked for.
  private func damagedRows() throws(CatalogError) -> [DamagedRow] {
    if let health { return health.damaged }
    return try catalog.damagedRows()
  }

  func decideRow(_ request: APIRequest) throws(Problem) -> APIResponse {
    _ = try request.values()
    var fields = Fields(try request.document(), known: ["kind", "row", "token", "decision"])
    let table = fields.string("kind").flatMap { SignedTable(kind: $0) }
    let number = fields.string("row").flatMap { Int64($0) }
    let token = fields.string("token")
    let decision = fields.string("decision").flatMap { RowDecision(rawValue: $0) }
    if table == nil { fields.fault(Self.kindFault.field, Self.kindFault.detail) }
    if number == nil { fields.fault("row", "must be the number that the list of damaged rows has, as a string") }
    if token == nil { fields.fault("token", "must be the one that the list of damaged rows has") }
    if decision == nil {
      fields.fault("decision", "must be one of \(RowDecision.allCases.map(\.rawValue).joined(separator: ", "))")
    }
    try fields.check()
    guard let table, let number, let token, let decision else { return .noContent }
    try inCatalog { () throws(CatalogError) in
      try catalog.decide(DamagedRow(table: table, rowID: number, name: ""), token, decision)
    }
    health?.repaired(table, number)
    switch table {
    case .ad: changed(.ads([AdKey(rawValue: UInt64(bitPattern: number))]))
    case .signingKey: changed(.keys)
    case .token, .share: changed(.tokens)
    case .job, .schedule: break
    }
    return .noContent
  }

  /// Ads were put: whatever was wrong with their rows is so no more.
  func repaired(_ ads: [AdKey]) {
    guard let health else { return }
    for ad in ads { health.repaired(.ad, Int64(bitPattern: ad.rawValue)) }
  }

  private static let kindFault = FieldFault(
    "kind", "must be one of \(SignedTable.allCases.map(\.kind).joined(separator: ", "))")

  private static func document(_ view: RowView) -> JSONValue {
    .object([
      "kind": .string(view.row.table.kind), "id": .string(view.row.name), "row": .string(String(view.row.rowID)),
      "damaged": .bool(view.isDamaged),
      "columns": .object(view.columns.map { JSONValue.Member($0.name, .optional($0.value)) }),
      "original": view.original.map {
        .object(["column": .string($0.name), "value": .optional($0.value)])
      } ?? .null,
      "token": .string(view.token),
    ])
  }
}

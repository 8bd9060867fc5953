import JSON

extension JSONValue {
  /// The member called `name` for a table: lists between commas, what is absent empty.
  package func shown(_ name: String) -> String {
    switch self[name] {
    case .string(let text), .number(let text): text
    case .bool(let value): value ? "true" : "false"
    case .array(let values): values.compactMap(\.text).joined(separator: ",")
    case .null, .object, nil: ""
    }
  }
}

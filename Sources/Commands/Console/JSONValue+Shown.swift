import Service

extension JSONValue {
  /// The values of an array; none for anything else.
  package var elements: [JSONValue] { if case .array(let values) = self { values } else { [] } }

  /// The members of an object; none for anything else.
  package var members: [Member] { if case .object(let members) = self { members } else { [] } }

  /// The text of a string or a number; nil for anything else.
  package var text: String? {
    switch self {
    case .string(let text), .number(let text): text
    default: nil
    }
  }

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

import JSON
import Service

extension Console {
  /// One JSON value on a line of its own.
  package func print(_ value: JSONValue) { print(value.encoded() + [UInt8(ascii: "\n")]) }
}

/// Bytes that are no block of values: what is wrong with them. The reader of the file adds which file and where.
package struct ColumnFault: Error, Equatable, CustomStringConvertible, Sendable {
  /// What was expected, and what stands there instead.
  package var reason: String

  package init(_ reason: String) { self.reason = reason }

  package var description: String { reason }
}

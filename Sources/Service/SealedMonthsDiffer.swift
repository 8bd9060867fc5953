import Clicks
import JSON
import Store

// What a recount says of sealed months that it left alone: a job that met some has failed, although the rest of it is done, so
// that nobody overlooks them.

/// A recount left sealed months alone, as their rows are not those that were sealed; the rest of it went through.
package struct SealedMonthsDiffer: Error, CustomStringConvertible, JobRefusal {
  struct Entry {
    var shard: Int
    var month: Month
    /// That differ, as far as the recount came.
    var rows: UInt64

    var words: String { "shard \(shard): \(SealedRowsDiffer.words(month, rows))" }

    var json: JSONValue {
      .object([
        "shard": .integer(shard), "month": .string("\(month)"), "rows": .integer(rows), "detail": .string(words),
      ])
    }
  }

  /// Where a recount's result lists them.
  package static let member = "sealedMonthsLeft"

  /// What the recount came to.
  package let json: JSONValue
  /// One for each shard and month.
  package let details: [String]

  /// Nil where `result`, a recount's, has left no month alone.
  package init?(_ result: JSONValue) {
    json = result
    guard case .array(let entries) = result[Self.member] else { return nil }
    details = entries.compactMap { if case .string(let text) = $0["detail"] { text } else { nil } }
    if details.isEmpty { return nil }
  }

  package var description: String { details.joined(separator: "; ") }
}

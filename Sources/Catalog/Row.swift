import CSQLite

/// A value on its way into a statement.
package enum Value: Hashable, Sendable {
  case null
  case integer(Int64)
  case text(String)
  case blob([UInt8])

  /// `text`, or null.
  package static func optional(_ text: String?) -> Value { text.map { .text($0) } ?? .null }

  /// The number; nil where it is none.
  package var integer: Int64? { if case .integer(let value) = self { value } else { nil } }

  /// The text; nil where it is none.
  package var text: String? { if case .text(let value) = self { value } else { nil } }

  /// The bytes; empty where it has none.
  package var blob: [UInt8] { if case .blob(let value) = self { value } else { [] } }

  /// `number`, or null.
  package static func optional(_ number: Int64?) -> Value { number.map { .integer($0) } ?? .null }

  /// Binds a copy of the value to parameter `index` (1 is the first); returns SQLite's result code.
  func bind(to statement: OpaquePointer, at index: Int32) -> Int32 {
    // SQLITE_TRANSIENT: SQLite copies before the call returns.
    let copied = unsafe unsafeBitCast(-1, to: sqlite3_destructor_type.self)
    switch self {
    case .null:
      return unsafe sqlite3_bind_null(statement, index)
    case .integer(let value):
      return unsafe sqlite3_bind_int64(statement, index, value)
    case .text(var text):
      return text.withUTF8 { bytes in
        let start = unsafe UnsafeRawPointer(bytes.baseAddress)?.assumingMemoryBound(to: CChar.self)
        // A null pointer would bind NULL, and an empty string is not NULL.
        guard let start = unsafe start else { return unsafe sqlite3_bind_text(statement, index, "", 0, copied) }
        return unsafe sqlite3_bind_text64(statement, index, start, UInt64(bytes.count), copied, UInt8(SQLITE_UTF8))
      }
    case .blob(let bytes):
      return unsafe bytes.withUnsafeBytes { bytes in
        guard let start = bytes.baseAddress else { return unsafe sqlite3_bind_zeroblob(statement, index, 0) }
        return unsafe sqlite3_bind_blob64(statement, index, start, UInt64(bytes.count), copied)
      }
    }
  }
}

/// The row that a statement stands on; columns are numbered from 0. Valid only inside the closure it was handed to.
@safe package struct Row {
  private let statement: OpaquePointer

  init(_ statement: OpaquePointer) { unsafe self.statement = statement }

  /// An integer column; 0 where it is null.
  package func integer(_ column: Int32) -> Int64 { unsafe sqlite3_column_int64(statement, column) }

  /// An integer column that may be null.
  package func optionalInteger(_ column: Int32) -> Int64? { isNull(column) ? nil : integer(column) }

  /// A text column; empty where it is null.
  package func text(_ column: Int32) -> String { optionalText(column) ?? "" }

  /// A text column that may be null.
  package func optionalText(_ column: Int32) -> String? {
    guard let start = unsafe sqlite3_column_text(statement, column) else { return nil }
    let count = unsafe Int(sqlite3_column_bytes(statement, column))
    return unsafe String(decoding: UnsafeBufferPointer(start: start, count: count), as: UTF8.self)
  }

  /// The bytes of a blob column; empty where it is null.
  package func blob(_ column: Int32) -> [UInt8] {
    guard let start = unsafe sqlite3_column_blob(statement, column) else { return [] }
    return unsafe Array(UnsafeRawBufferPointer(start: start, count: Int(sqlite3_column_bytes(statement, column))))
  }

  /// A column as it is stored. A fraction, which no table of ours holds, comes as the blob of its bits.
  package func value(_ column: Int32) -> Value {
    switch unsafe sqlite3_column_type(statement, column) {
    case SQLITE_INTEGER: .integer(integer(column))
    case SQLITE_TEXT: .text(text(column))
    case SQLITE_BLOB: .blob(blob(column))
    case SQLITE_FLOAT: .blob(unsafe withUnsafeBytes(of: sqlite3_column_double(statement, column)) { unsafe Array($0) })
    default: .null
    }
  }

  /// Appends a column as the checksum of its row has it (`SignedTable`), and makes no value of it.
  func appendSigned(_ column: Int32, to bytes: inout [UInt8]) {
    func append(_ start: UnsafeRawPointer?, kind: UInt8) {
      let count = unsafe Int(sqlite3_column_bytes(statement, column))
      bytes.append(kind)
      unsafe withUnsafeBytes(of: UInt32(truncatingIfNeeded: count).littleEndian) { unsafe bytes.append(contentsOf: $0) }
      if let start = unsafe start {
        unsafe bytes.append(contentsOf: UnsafeRawBufferPointer(start: start, count: count))
      }
    }
    switch unsafe sqlite3_column_type(statement, column) {
    case SQLITE_INTEGER:
      bytes.append(1)
      unsafe withUnsafeBytes(of: integer(column).littleEndian) { unsafe bytes.append(contentsOf: $0) }
    case SQLITE_TEXT: unsafe append(sqlite3_column_text(statement, column), kind: 2)
    case SQLITE_BLOB: unsafe append(sqlite3_column_blob(statement, column), kind: 3)
    case SQLITE_NULL: bytes.append(0)
    // A fraction, which no signed row has.
    default: bytes.append(0xFF)
    }
  }

  private func isNull(_ column: Int32) -> Bool { unsafe sqlite3_column_type(statement, column) == SQLITE_NULL }
}

import CSQLite
import Platform

// One SQLite connection and what it owns: the handle and its prepared statements, both closed with it.
//
// How the file is kept: write-ahead log, so that other processes read while one writes; synchronous=FULL, so that a
// commit that returned is on disk; mode 0600, since it holds secrets (SQLite gives -wal and -shm the mode of the main
// file); checked at open, so that damage is named at once and not answered with wrong rows.

/// One connection to one SQLite file. To be used by one thread at a time.
@safe package final class Database {
  /// The file, as it was named at open.
  package let path: String
  private let handle: OpaquePointer
  private var statements: [String: Statement] = [:]
  private var inTransaction = false

  /// What a connection may do.
  package enum Access: Sendable {
    /// Everything; a file that is not there is created.
    case readWrite
    /// Read, also while another process writes; a file that is not there is an error.
    case readOnly
  }

  /// How long a call waits for another process's transaction, milliseconds.
  package static let busyTimeout: Int32 = 5000

  private init(path: String, handle: OpaquePointer) {
    self.path = path
    unsafe self.handle = handle
  }

  // The handle outlives its statements: `close_v2` waits for the last of them.
  deinit { unsafe sqlite3_close_v2(handle) }

  /// What is looked at before anything is read (`PRAGMA quick_check`, which reads all of a file).
  package enum Check: Sendable {
    /// Nothing: somebody else has looked.
    case none
    /// A file of up to 64 MiB. Of a larger one each row is looked at when it is read, and all of it by the server's background:
    /// nobody waits for gigabytes before he gets one row.
    case small
    /// All of it.
    case whole

    fileprivate func covers(bytes: Int) -> Bool {
      switch self {
      case .none: false
      case .small: bytes <= 64 << 20
      case .whole: true
      }
    }
  }

  /// Opens the file at `path`, checks it as `check` says, and sets the connection up.
  package static func open(
    _ path: String, _ access: Access, check: Check = .small, files: any FileSystem
  ) throws(CatalogError) -> Database {
    if access == .readWrite { try createOwnerOnly(path, files) }
    var handle: OpaquePointer?
    let mode = access == .readWrite ? SQLITE_OPEN_READWRITE : SQLITE_OPEN_READONLY
    let code = unsafe sqlite3_open_v2(path, &handle, mode | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, nil)
    guard code == SQLITE_OK, let handle = unsafe handle else {
      let error = unsafe failure(file: path, doing: "opening", code: code, handle: handle)
      unsafe sqlite3_close_v2(handle)
      throw error
    }
    let database = unsafe Database(path: path, handle: handle)
    try database.setUp(access, check)
    return database
  }

  private static func createOwnerOnly(_ path: String, _ files: any FileSystem) throws(CatalogError) {
    do throws(SystemError) {
      if !files.exists(path) {
        _ = try files.open(path, .create)
        let directory = path.lastIndex(of: "/").map { String(path[...$0]) } ?? "."
        try files.synchronizeDirectory(directory)
      }
      for suffix in ["", "-wal", "-shm"] { try KernelFileSystem.restrictToOwner(path + suffix) }
    } catch { throw .system(error) }
  }

  private func setUp(_ access: Access, _ check: Check) throws(CatalogError) {
    unsafe sqlite3_busy_timeout(handle, Self.busyTimeout)
    let doing = "opening"
    try execute("PRAGMA trusted_schema=OFF; PRAGMA cell_size_check=ON; PRAGMA foreign_keys=ON", doing: doing)
    if check.covers(bytes: try pages("page_count") * pages("page_size")) {
      let verdict = try pragma("quick_check(1)")
      guard verdict == "ok" else { throw .damaged(file: path, doing: "checking it", text: verdict) }
    }
    switch access {
    case .readOnly:
      try execute("PRAGMA query_only=ON", doing: doing)
    case .readWrite:
      let mode = try pragma("journal_mode=WAL")
      guard mode == "wal" else {
        throw .sqlite(file: path, doing: doing, code: SQLITE_CANTOPEN, text: "no write-ahead log here, only \(mode)")
      }
      try execute("PRAGMA synchronous=FULL; PRAGMA journal_size_limit=67108864", doing: doing)
      try setCache(.usual)
    }
  }

  /// How much memory may hold pages of the file, KiB, so that those that are scattered are each written once.
  package enum Cache: Int, Sendable {
    /// Enough for what a server's import of many ads changes at a time.
    case usual = 32_768
    /// Enough for the indexes of ten million ads.
    case large = 786_432
  }

  /// Pages beyond it are given back as they are used no more.
  package func setCache(_ cache: Cache) throws(CatalogError) {
    try execute("PRAGMA cache_size=-\(cache.rawValue)", doing: "setting its cache")
  }

  /// The first value that a pragma answers with, as text; empty where it answers nothing.
  package func pragma(_ pragma: String) throws(CatalogError) -> String {
    try query("PRAGMA \(pragma)", doing: "reading \(pragma)") { $0.optionalText(0) ?? "" }.first ?? ""
  }

  private func pages(_ name: String) throws(CatalogError) -> Int {
    try query("PRAGMA \(name)", doing: "opening") { Int($0.integer(0)) }.first ?? 0
  }

  /// Runs statements without values, separated by semicolons.
  package func execute(_ sql: String, doing: @autoclosure () -> String) throws(CatalogError) {
    let code = unsafe sqlite3_exec(handle, sql, nil, nil, nil)
    if code != SQLITE_OK { throw failure(doing(), code) }
  }

  /// Runs one statement that answers no rows; returns how many rows it changed.
  @discardableResult
  package func run(
    _ sql: String, _ values: [Value] = [], doing: @autoclosure () -> String
  ) throws(CatalogError) -> Int {
    _ = try query(sql, values, doing: doing()) { _ in () }
    return unsafe Int(sqlite3_changes64(handle))
  }

  /// Runs one statement and makes a value of each row. `row` must keep nothing of the row itself, nor use the connection.
  package func query<R>(
    _ sql: String, _ values: [Value] = [], doing: @autoclosure () -> String,
    row make: (Row) throws(CatalogError) -> R
  ) throws(CatalogError) -> [R] {
    let statement = unsafe try prepared(sql, doing())
    defer {
      unsafe sqlite3_reset(statement)
      unsafe sqlite3_clear_bindings(statement)
    }
    for (index, value) in values.enumerated() {
      let code = unsafe value.bind(to: statement, at: Int32(index + 1))
      if code != SQLITE_OK { throw failure(doing(), code) }
    }
    var made: [R] = []
    while true {
      let code = unsafe sqlite3_step(statement)
      switch code {
      case SQLITE_ROW: unsafe made.append(try make(Row(statement)))
      case SQLITE_DONE: return made
      default: throw failure(doing(), code)
      }
    }
  }

  /// Performs `body` as one transaction: all of it is on disk when this returns, or nothing of it when this throws.
  /// Not to be nested.
  package func transaction<R>(
    doing: @autoclosure () -> String, _ body: () throws(CatalogError) -> R
  ) throws(CatalogError) -> R {
    precondition(!inTransaction, "transactions are not nested")
    try run("BEGIN IMMEDIATE", doing: doing())
    inTransaction = true
    defer { inTransaction = false }
    do throws(CatalogError) {
      let result = try body()
      try run("COMMIT", doing: doing())
      return result
    } catch {
      // SQLite has rolled back by itself after some errors (a full disk); then there is nothing left to do.
      if unsafe sqlite3_get_autocommit(handle) == 0 { unsafe sqlite3_exec(handle, "ROLLBACK", nil, nil, nil) }
      throw error
    }
  }

  private func prepared(_ sql: String, _ doing: @autoclosure () -> String) throws(CatalogError) -> OpaquePointer {
    if let known = statements[sql] { return unsafe known.pointer }
    var statement: OpaquePointer?
    let code = unsafe sqlite3_prepare_v3(handle, sql, -1, UInt32(SQLITE_PREPARE_PERSISTENT), &statement, nil)
    // Every statement is this program's own: where a table has no such column, its description in the file is damaged.
    if code & 0xFF == SQLITE_ERROR {
      throw .damaged(file: path, doing: doing(), text: unsafe String(cString: sqlite3_errmsg(handle)))
    }
    guard code == SQLITE_OK else { throw failure(doing(), code) }
    guard let statement = unsafe statement else { preconditionFailure("no statement in \(sql)") }
    statements[sql] = unsafe Statement(statement)
    return unsafe statement
  }

  private func failure(_ doing: String, _ code: Int32) -> CatalogError {
    unsafe Self.failure(file: path, doing: doing, code: code, handle: handle)
  }

  private static func failure(file: String, doing: String, code: Int32, handle: OpaquePointer?) -> CatalogError {
    let text =
      if let handle = unsafe handle { unsafe String(cString: sqlite3_errmsg(handle)) } else {
        unsafe String(cString: sqlite3_errstr(code))
      }
    return switch code & 0xFF {
    case SQLITE_CORRUPT, SQLITE_NOTADB: .damaged(file: file, doing: doing, text: text)
    default: .sqlite(file: file, doing: doing, code: code, text: text)
    }
  }
}

/// One prepared statement, finalised with its owner.
@safe private final class Statement {
  let pointer: OpaquePointer

  init(_ pointer: OpaquePointer) { unsafe self.pointer = pointer }

  deinit { unsafe sqlite3_finalize(pointer) }
}

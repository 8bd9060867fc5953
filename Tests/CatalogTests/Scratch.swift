import Catalog
import Clicks
import Glibc
import Platform
import Simulation
import Synchronization

typealias Scratch = ScratchDirectory

extension ScratchDirectory {
  var catalog: String { path + "/catalog.sqlite" }

  /// The rights on a file of the directory.
  func mode(_ name: String) -> UInt32? {
    var status = stat()
    return unsafe stat(path + "/" + name, &status) == 0 ? status.st_mode & 0o777 : nil
  }

  func open(_ access: Database.Access = .readWrite, time: any TimeSource = KernelTime()) throws -> Catalog {
    try Catalog.open(catalog, access, in: Environment(files: files, time: time, chance: KernelChance()))
  }
}

/// A clock that the test moves.
final class TestTime: TimeSource {
  private let milliseconds = Mutex<Int64>(1_000)
  func monotonic() -> Int64 { wall() * 1_000_000 }
  func wall() -> Int64 { milliseconds.withLock { $0 } }
  func advance(_ by: Int64) { milliseconds.withLock { $0 += by } }
}

/// A draft of an ad with the given parts.
func draft(
  _ id: String, url: String = "https://shop.example/", advertiser: String = "acme", campaign: String? = nil,
  status: String? = nil, fallback: String? = nil
) throws -> AdDraft {
  try AdDraft(
    AdFields(
      adID: id, redirectURL: url, advertiserID: advertiser, campaignID: campaign, status: status,
      fallbackURL: fallback))
}

/// The error that `body` throws, nil where it throws none.
func failure(_ body: () throws -> Void) -> CatalogError? {
  do {
    try body()
    return nil
  } catch { return error as? CatalogError }
}

/// Signs every row of a table as `SignedTable` says, from the description of the checksum alone; `known` are the columns of an
/// earlier version.
func sign(_ table: SignedTable, in database: Database, columns known: [String]? = nil) throws(CatalogError) {
  let key = try database.query("SELECT catalog FROM identity WHERE copy = 1", doing: "signing") { $0.blob(0) }[0]
  let known = known ?? table.columns
  let columns = known.joined(separator: ", ")
  let rows = try database.query("SELECT rowid, \(columns) FROM \(table.rawValue)", doing: "signing") { row in
    (number: row.integer(0), values: (1...known.count).map { row.value(Int32($0)) })
  }
  for row in rows {
    var bytes = key + Array(table.rawValue.utf8) + [0]
    func length(_ count: Int) -> [UInt8] { (0..<4).map { UInt8(count >> (8 * $0) & 255) } }
    for value in row.values {
      switch value {
      case .null: bytes.append(0)
      case .integer(let number): bytes += [1] + (0..<8).map { UInt8(truncatingIfNeeded: number >> (8 * $0)) }
      case .text(let text): bytes += [2] + length(text.utf8.count) + Array(text.utf8)
      case .blob(let blob): bytes += [3] + length(blob.count) + blob
      }
    }
    let digest = SHA256().digest(bytes).prefix(8).reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
    try database.run(
      "UPDATE \(table.rawValue) SET checksum = ? WHERE rowid = ?",
      [.integer(Int64(bitPattern: digest)), .integer(row.number)], doing: "signing")
  }
}

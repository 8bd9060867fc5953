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

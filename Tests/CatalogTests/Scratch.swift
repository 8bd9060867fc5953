import Catalog
import Clicks
import Glibc
import Platform
import Synchronization

/// A directory for one test, removed with everything in it.
final class Scratch: Sendable {
  let path: String
  let files = KernelFileSystem()

  init() throws {
    path = "/tmp/tally-catalog-\(getpid())-\(KernelChance().next())"
    try files.createDirectory(path)
  }

  deinit {
    for name in (try? files.list(path)) ?? [] { try? files.remove(path + "/" + name) }
    unsafe rmdir(path)
  }

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

/// Numbers from a seed (SplitMix64).
struct Seeded: RandomNumberGenerator {
  var state: UInt64
  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}

/// A fresh seed for one run; tests print it where they fail.
enum KernelSeed {
  static func next() -> UInt64 { KernelChance().next() }
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

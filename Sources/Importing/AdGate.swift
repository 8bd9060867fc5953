import Catalog
import Clicks

/// Which ads clicks may be counted for, as the catalog says; each is asked for once. Belongs to the catalog's thread.
package final class AdGate {
  private enum Standing {
    case active
    case paused
    case unknown
  }

  private let catalog: Catalog
  private let admitsPaused: Bool
  private var known: [AdKey: Standing] = [:]

  /// Most ads that are remembered.
  private static let limit = 4_000_000

  /// With `admitsPaused` clicks of paused ads count: history is older than the pause.
  package init(_ catalog: Catalog, admitsPaused: Bool) {
    self.catalog = catalog
    self.admitsPaused = admitsPaused
  }

  /// Why a click of this ad is not counted; nil where it is.
  package func rejection(_ ad: AdKey) throws(CatalogError) -> ImportRejection? {
    let standing: Standing
    if let found = known[ad] {
      standing = found
    } else {
      standing = try catalog.ad(ad).map { $0.status == .paused ? .paused : .active } ?? .unknown
      if known.count >= Self.limit { known.removeAll(keepingCapacity: true) }
      known[ad] = standing
    }
    switch standing {
    case .active: return nil
    case .paused: return admitsPaused ? nil : .paused
    case .unknown: return .unknownAd
    }
  }
}

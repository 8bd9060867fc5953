import Platform
import Synchronization

/// The zones that were asked for, so that a query need not read a file. At most `limit` are kept; a change of the system's files
/// shows with the next start. Any thread may use it.
package final class ZoneBook: Sendable {
  private let files: any FileSystem
  private let zones = Mutex<[String: WallZone]>([:])

  private static let limit = 128

  /// Zones of the files in `ZoneFile.directory`.
  package init(_ files: any FileSystem) { self.files = files }

  /// The zone of an IANA name (`Europe/Berlin`); nil where the system has none of that name.
  package func zone(_ name: String) -> WallZone? {
    if let known = zones.withLock({ $0[name] }) { return known }
    guard let file = ZoneFile.find(name, files) else { return nil }
    let zone = WallZone.file(file, name: name)
    zones.withLock { zones in
      // Whoever asks for that many gets them, a little later.
      if zones.count >= Self.limit { zones = [:] }
      zones[name] = zone
    }
    return zone
  }
}

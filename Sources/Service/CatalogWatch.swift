import Catalog
import Platform

/// The thread that looks for damage in the catalog: all rows, a few at a time with a pause between, again and again. It reads by
/// a connection of its own, so nobody waits for it.
final class CatalogWatch: Sendable {
  private let open: @Sendable () throws -> Catalog
  private let health: CatalogHealth
  private let settings: CatalogCheckPace
  private let thread = BackgroundThread()

  init(_ health: CatalogHealth, _ settings: CatalogCheckPace, open: @escaping @Sendable () throws -> Catalog) {
    self.open = open
    self.health = health
    self.settings = settings
  }

  func start() throws(SystemError) {
    try thread.start("catalog-check") { [self] in
      Thread.giveWay()
      run()
    }
  }

  func stop() { thread.stop() }

  private func run() {
    while !thread.isStopping {
      do { try check() } catch {
        if case .damaged? = error as? CatalogError { health.failed("\(error)") }
      }
      thread.sleep(nanoseconds: settings.interval)
    }
  }

  /// One walk over all rows.
  private func check() throws {
    let catalog = try open()
    health.beginCheck()
    var check = CatalogCheck()
    var known = (rows: UInt64(0), damaged: 0)
    var goesOn = true
    while goesOn {
      goesOn = try check.next(catalog, limit: settings.rows)
      for row in check.damaged[known.damaged...] { health.found(row) }
      health.checked(rows: check.rows - known.rows)
      known = (check.rows, check.damaged.count)
      thread.sleep(nanoseconds: settings.pause)
      if thread.isStopping { return }
    }
    health.endCheck()
  }
}

/// How fast the background checks the rows of the catalog.
package struct CatalogCheckPace: Sendable {
  /// Rows that are looked at in one piece.
  package var rows = 200
  /// Rest between two pieces, ns: 10,000 rows a second at most.
  package var pause: Int64 = 20_000_000
  /// From the end of one check to the beginning of the next, ns.
  package var interval: Int64 = 3_600_000_000_000

  package init() {}
}

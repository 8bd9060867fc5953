import Catalog
import Platform

/// The thread that has the uses of tokens written to the catalog: at most once a minute, by the catalog's thread, behind whatever
/// clients wait for.
final class TokenKeeper: Sendable {
  private let context: ServiceContext
  private let interval: Int64
  private let thread = BackgroundThread()

  /// `interval` is nanoseconds.
  init(_ context: ServiceContext, interval: Int64) {
    self.context = context
    self.interval = interval
  }

  func start() throws(SystemError) {
    try thread.start("tokens") { [self] in
      while !thread.isStopping {
        thread.sleep(nanoseconds: interval)
        write()
        context.tokens.sweepSessions()
      }
    }
  }

  /// Has the rest written, which the catalog's thread does before it ends.
  func stop() { thread.stop() }

  private func write() {
    let uses = context.tokens.unwrittenUses
    guard !uses.isEmpty else { return }
    _ = context.catalog.submit(as: .part) { [context] state in
      do throws(CatalogError) {
        try state.catalog.note(uses: uses)
        context.tokens.forget(uses)
      } catch {
        // They are written with the next ones, or told by the next request that the catalog refuses.
        context.report("catalog: \(error)")
      }
    }
  }
}

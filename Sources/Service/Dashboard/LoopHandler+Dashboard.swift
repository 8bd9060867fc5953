import HTTP
import Platform

extension LoopHandler {
  /// Answers a request for a page or a file of the dashboard; false where it is for something else.
  func dashboard(_ request: borrowing Request, _ exchange: Exchange, _ loop: EventLoop) -> Bool {
    guard let source = context.dashboard, source.isServed(isAdmin: request.listenerTag == Self.adminTag),
      unsafe request.path.count <= 256
    else { return false }
    let path = unsafe String(decoding: request.path, as: UTF8.self)
    guard DashboardSite.isPage(path) || path.hasPrefix("/assets/"), let site = source.site() else { return false }
    let answer = site.answer(
      path, ifNoneMatch: request.headerText("If-None-Match"), acceptEncoding: request.headerText("Accept-Encoding"))
    guard let answer else { return false }
    respond(answer, exchange, loop)
    return true
  }
}

/// Where the dashboard is served, and from what.
package final class DashboardSource: Sendable {
  private let made: DashboardSite
  private let place: ServeSettings.DashboardPlace
  /// A directory that is read anew at each request, for work on the page; nil for what was made at the start.
  private let directory: String?
  private let dygraphsDirectory: String
  private let files: any FileSystem

  /// Nil where the settings say that it is not served. Throws where its directory cannot be read.
  init?(_ settings: ServeSettings, _ files: any FileSystem) throws(SystemError) {
    guard settings.dashboard != .off else { return nil }
    place = settings.dashboard
    directory = settings.dashboardDirectory
    dygraphsDirectory = settings.dygraphsDirectory
    self.files = files
    made =
      if let directory = settings.dashboardDirectory {
        try DashboardSite(directory: directory, dygraphsDirectory: settings.dygraphsDirectory, files)
      } else {
        DashboardSite(dygraphsDirectory: settings.dygraphsDirectory, files)
      }
  }

  /// What an operator should know of it; nil where all is there.
  var note: String? {
    if made.hasDygraphs { return nil }
    return
      "\(dygraphsDirectory) has no \(DashboardSite.dygraphsName) (Debian: libjs-dygraphs): the dashboard draws plainer charts"
  }

  /// Whether the listener has it.
  func isServed(isAdmin: Bool) -> Bool { (place == .admin) == isAdmin }

  /// What is served now; nil where the directory cannot be read.
  func site() -> DashboardSite? {
    guard let directory else { return made }
    return try? DashboardSite(directory: directory, dygraphsDirectory: dygraphsDirectory, files)
  }
}

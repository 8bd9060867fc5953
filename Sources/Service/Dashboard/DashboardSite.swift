import Bytes
import Clicks
import Dashboard
import HTTP
import Platform
import Records

// The dashboard as it is served, made once at a start:
//
//   /  /ads/{adId}  /campaigns  /campaigns/{id}  /method  /s/{share}  /ops    one page, which looks at its own address
//   /assets/<hash>/NAME                                                        the files it is made of
//   /assets/lib/<hash>/dygraph.min.js                                          the chart library, where the system has it
//
// The hash is over all files of the page: a new version has new addresses, so that browsers may keep what they have for ever, and
// never mix two versions. The address of an old version is 404.

/// What browsers get of the dashboard. Immutable; any thread may use it.
package final class DashboardSite: Sendable {
  /// One body with its gzip.
  private struct Item: Sendable {
    var mediaType: String
    var plain: [UInt8]
    var packed: [UInt8]

    init(_ mediaType: String, _ bytes: [UInt8]) {
      self.mediaType = mediaType
      plain = bytes
      packed = Deflater.gzip(bytes, .best)
    }
  }

  /// One file of the page, wherever it comes from.
  package struct File: Sendable {
    package var name: String
    package var mediaType: String
    package var bytes: [UInt8]

    package init(name: String, mediaType: String, bytes: [UInt8]) {
      self.name = name
      self.mediaType = mediaType
      self.bytes = bytes
    }
  }

  /// The file that every page is.
  private static let index = "index.html"
  /// The one file of the chart library that is used.
  package static let dygraphsName = "dygraph.min.js"
  private static let largestFile: UInt64 = 4 << 20

  private let page: Item
  /// Strong ones: the packed page is another one than the plain.
  private let pageTag: EntityTag
  private let packedPageTag: EntityTag
  /// By path.
  private let assets: [String: Item]

  /// A site of these files, `index.html` among them, and of the chart library's text.
  package init(_ files: [File], dygraphs: [UInt8]?) {
    let hasher = SHA256()
    var whole: [UInt8] = []
    for file in files { whole += Array(file.name.utf8) + [0] + hasher.digest(file.bytes) }
    let base = "/assets/" + Self.shown(hasher.digest(whole))
    var assets: [String: Item] = [:]
    for file in files where file.name != Self.index {
      assets["\(base)/\(file.name)"] = Item(file.mediaType, file.bytes)
    }
    var dygraphsPath = ""
    if let dygraphs {
      dygraphsPath = "/assets/lib/\(Self.shown(hasher.digest(dygraphs)))/\(Self.dygraphsName)"
      assets[dygraphsPath] = Item("text/javascript; charset=utf-8", dygraphs)
    }
    self.assets = assets
    let text = files.first { $0.name == Self.index }.map { String(decoding: $0.bytes, as: UTF8.self) } ?? ""
    page = Item(
      "text/html; charset=utf-8",
      Array(text.replacing("{{assets}}", with: base).replacing("{{dygraphs}}", with: dygraphsPath).utf8))
    let hash = Self.shown(hasher.digest(page.plain))
    pageTag = EntityTag(text: hash, isWeak: false)
    packedPageTag = EntityTag(text: hash + "gz", isWeak: false)
  }

  /// The page that is inside the program; the library is looked for in `dygraphsDirectory`.
  package convenience init(dygraphsDirectory: String, _ files: any FileSystem) {
    self.init(
      DashboardFiles.all.map { file in
        let text = file.text
        return File(
          name: file.name, mediaType: file.mediaType,
          bytes: unsafe Array(UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount)))
      }, dygraphs: Self.dygraphs(in: dygraphsDirectory, files))
  }

  /// The page as it stands in `directory`, for work on it.
  package convenience init(directory: String, dygraphsDirectory: String, _ files: any FileSystem) throws(SystemError) {
    var found: [File] = []
    for name in try files.list(directory).sorted() {
      guard let type = Self.mediaType(of: name) else { continue }
      found.append(File(name: name, mediaType: type, bytes: try Self.read("\(directory)/\(name)", files)))
    }
    self.init(found, dygraphs: Self.dygraphs(in: dygraphsDirectory, files))
  }

  /// Whether the chart library is there.
  package var hasDygraphs: Bool { assets.keys.contains { $0.hasSuffix("/\(Self.dygraphsName)") } }

  private static func dygraphs(in directory: String, _ files: any FileSystem) -> [UInt8]? {
    let path = "\(directory)/\(dygraphsName)"
    guard files.exists(path) else { return nil }
    return try? read(path, files)
  }

  private static func read(_ path: String, _ files: any FileSystem) throws(SystemError) -> [UInt8] {
    let file = try files.open(path, .read)
    return try file.bytes(at: 0, count: Int(min(try file.size(), largestFile)))
  }

  private static func mediaType(of name: String) -> String? {
    switch name.split(separator: ".").last {
    case "html": "text/html; charset=utf-8"
    case "css": "text/css; charset=utf-8"
    case "js": "text/javascript; charset=utf-8"
    case "svg": "image/svg+xml"
    default: nil
    }
  }

  private static func shown(_ hash: [UInt8]) -> String { Hex.encode(hash.prefix(8)) }

  // MARK: - Answers

  /// The answer to a GET of `path`, as it stands in the request; nil where the dashboard has nothing there.
  package func answer(_ path: String, ifNoneMatch: String?, acceptEncoding: String?) -> APIResponse? {
    let isPacked = APIResponse.takesGzip(acceptEncoding)
    let item: Item
    var fields: [(name: StaticString, value: String)]
    if Self.isPage(path) {
      item = page
      // The address says which page it is, and the browser asks anew each time.
      let tag = isPacked ? packedPageTag : pageTag
      fields = [("Cache-Control", "no-cache"), ("ETag", tag.field)]
      if tag.matches(ifNoneMatch) { return APIResponse(status: 304, headers: fields + Self.guards) }
    } else if let asset = assets[path] {
      item = asset
      fields = [("Cache-Control", "public, max-age=31536000, immutable")]
    } else {
      return nil
    }
    fields += [("Content-Type", item.mediaType), ("Vary", "Accept-Encoding")]
    if isPacked { fields.append(("Content-Encoding", "gzip")) }
    return APIResponse(status: 200, headers: fields + Self.guards, body: isPacked ? item.packed : item.plain)
  }

  /// What keeps others' scripts, frames and windows away from the page. Text becomes markup only where the page's one policy lets
  /// it through: the labels of the chart library's axes (canvas.js). `nosniff` the writer of answers adds.
  private static let guards: [(name: StaticString, value: String)] = [
    (
      "Content-Security-Policy",
      "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; "
        + "base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types default"
    ),
    ("Referrer-Policy", "no-referrer"), ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
  ]

  /// Whether the path is one of the page's own.
  static func isPage(_ path: String) -> Bool {
    switch path {
    case "/", "/campaigns", "/method", "/ops": true
    default:
      ["/ads/", "/campaigns/", "/s/"].contains { prefix in
        path.hasPrefix(prefix) && path.utf8.count > prefix.utf8.count
          && !path.utf8.dropFirst(prefix.utf8.count).contains(0x2F)
      }
    }
  }
}

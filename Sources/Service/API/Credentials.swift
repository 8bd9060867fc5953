import Catalog
import HTTP

// By what a request says who sends it:
//
//   Authorization: Bearer TOKEN      programs; it comes first
//   Cookie: tally_session=…          a browser that has signed in with a token
//   Cookie: tally_share=…            a browser that has opened a share link; X-Tally-Share names the link, so that a page of it
//                                    is not answered as whoever is signed in beside
//
// A browser sends cookies by itself, so a cookie alone says nothing about who wants the request. It is SameSite=Strict; where the
// browser says whence a request comes (Sec-Fetch-Site), another site's is refused; and what changes something repeats the
// session's X-Tally-CSRF, which only a page of this origin can have read.

/// The fields of a request that say who sends it.
package struct Credentials: Sendable {
  package var authorization: String?
  /// The values of the two cookies.
  package var session: String?
  package var share: String?
  /// The share link that the page is of.
  package var shareID: String?
  package var csrf: String?
  package var fetchSite: String?

  package init(authorization: String? = nil) { self.authorization = authorization }

  init(_ request: borrowing Request) {
    authorization = request.headerText("Authorization")
    shareID = request.headerText("X-Tally-Share")
    csrf = request.headerText("X-Tally-CSRF")
    fetchSite = request.headerText("Sec-Fetch-Site")
    guard let cookies = request.headerText("Cookie") else { return }
    session = Self.cookie(Self.sessionCookie, in: cookies)
    share = Self.cookie(Self.shareCookie, in: cookies)
  }

  /// The names of the cookies.
  static let sessionCookie = "tally_session"
  static let shareCookie = "tally_share"

  /// The value of the first cookie of this name (RFC 6265, 5.4; several fields come joined by commas).
  package static func cookie(_ name: String, in field: String) -> String? {
    for part in field.split(whereSeparator: { $0 == ";" || $0 == "," }) {
      let pair = part.drop { $0 == " " }
      if pair.hasPrefix(name + "=") { return String(pair.dropFirst(name.utf8.count + 1)) }
    }
    return nil
  }

  /// Whether the request comes from a page of this origin, as far as the browser says; `isNavigation`: or from its reader, who
  /// has typed the address.
  func isOwn(allowingNavigation isNavigation: Bool) -> Bool {
    fetchSite == nil || fetchSite == "same-origin" || isNavigation && fetchSite == "none"
  }

  /// The cookie that speaks for the request.
  var cookie: String? { shareID == nil ? session ?? share : share }
}

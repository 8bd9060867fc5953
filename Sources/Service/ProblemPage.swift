import HTTP

// A problem as a person reads it: a short page without scripts, images or fonts, light or dark as the reader has it. What is
// wrong with a link is said in words for whoever has opened it; the request's id is for whoever they ask.

extension Problem {
  /// The problem as an answer that a person reads.
  func page(requestID: String) -> APIResponse {
    let (heading, text) = words
    let page = """
      <!doctype html>
      <html lang="en">
      <head>
      <meta charset="utf-8">
      <meta name="viewport" content="width=device-width, initial-scale=1">
      <meta name="color-scheme" content="light dark">
      <title>\(Self.escaped(heading))</title>
      <style>
      body { font: 1.1rem/1.5 system-ui, sans-serif; max-width: 34rem; margin: 15vh auto 0; padding: 0 1.5rem }
      h1 { font-size: 1.5rem; line-height: 1.25 }
      small { opacity: .7 }
      </style>
      </head>
      <body>
      <h1>\(Self.escaped(heading))</h1>
      <p>\(Self.escaped(text))</p>
      <p><small>\(status) \(Self.escaped(code)) · request \(Self.escaped(requestID))</small></p>
      </body>
      </html>

      """
    let fields: [(name: StaticString, value: String)] = [
      ("Content-Type", "text/html; charset=utf-8"), ("Cache-Control", "no-store"), ("X-Request-Id", requestID),
      ("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"),
      ("X-Content-Type-Options", "nosniff"), ("X-Robots-Tag", "noindex, nofollow"),
    ]
    return APIResponse(status: status, headers: fields + headers, body: Array(page.utf8))
  }

  /// The heading and the text of the page.
  private var words: (heading: String, text: String) {
    switch code {
    case "bad-signature":
      (
        "This link is not valid",
        "It was changed on its way, or it is not in use any more. Please open it again where you found it."
      )
    case "unknown-ad": ("There is nothing behind this link", "What it led to is not offered here, or not any more.")
    case "paused": ("This offer is not available now", "It has ended, or it is paused.")
    case _ where status == 503: ("Please try again in a moment", "The server has too much to do right now.")
    case "malformed", "malformed-request", "target-too-long":
      (
        "This link is incomplete",
        "A part of it is missing, or was changed on its way. Please open it again where you found it, without copying it."
      )
    default: ("This request cannot be answered", "Please open the link again where you found it.")
    }
  }

  private static func escaped(_ text: String) -> String {
    var result = ""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "&": result += "&amp;"
      case "<": result += "&lt;"
      case ">": result += "&gt;"
      case "\"": result += "&quot;"
      case "'": result += "&#39;"
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result
  }
}

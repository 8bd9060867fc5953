// Written by Sources/Dashboard/embed from the files of web/. Change those, and run it again.

/// The files of the page, in the order of their names.
package enum DashboardFiles {
  /// Every file of `web/`.
  package static let all: [DashboardFile] = [
    DashboardFile(name: "app.css", mediaType: "text/css; charset=utf-8", text: appCSS),
    DashboardFile(name: "app.js", mediaType: "text/javascript; charset=utf-8", text: appJS),
    DashboardFile(name: "icon.svg", mediaType: "image/svg+xml", text: iconSVG),
    DashboardFile(name: "index.html", mediaType: "text/html; charset=utf-8", text: indexHTML),
  ]
}

private let appCSS: StaticString = #"""
  :root { color-scheme: light dark; }

  """#

private let appJS: StaticString = #"""
  document.querySelector("main").textContent = "Tally";

  """#

private let iconSVG: StaticString = #"""
  <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 20 20" fill="none" stroke="#0b5fc0" stroke-width="1.8" stroke-linecap="round">
    <path d="M4 4v12M7.5 4v12M11 4v12M14.5 4v12M2 13.5 17.5 6.5"/>
  </svg>

  """#

private let indexHTML: StaticString = #"""
  <!doctype html>
  <html lang="en" data-assets="{{assets}}" data-library="{{library}}">
  <head>
  <meta charset="utf-8">
  <meta name="viewport" content="width=device-width, initial-scale=1">
  <title>Tally</title>
  <link rel="icon" href="{{assets}}/icon.svg">
  <link rel="stylesheet" href="{{assets}}/app.css">
  <script type="module" src="{{assets}}/app.js"></script>
  </head>
  <body>
  <main id="main"></main>
  </body>
  </html>

  """#

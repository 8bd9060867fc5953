// The page that shows counts to people, as files inside the program: no folder beside the binary, and nothing to read at a
// start. `web/` is what people edit; `embed` writes it into `DashboardFiles.swift`, and a test holds the two equal. Text
// literals compile in a second, stay in the read-only part of the program, and need no copy.

/// One file of the page.
package struct DashboardFile: Sendable {
  /// Its name in `web/`, `app.js` for one.
  package let name: String
  /// What `Content-Type` says of it.
  package let mediaType: String
  /// Its bytes, UTF-8. `index.html` has places to be filled in: `{{assets}}`, the path of the other files, and
  /// `{{dygraphs}}`, the path of the chart library, empty where there is none.
  package let text: StaticString
}

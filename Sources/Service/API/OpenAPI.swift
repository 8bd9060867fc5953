/// The specification in `/openapi.json`.
package enum OpenAPI {
  /// OpenAPI 3.1, JSON.
  package static let document = Array("{}".utf8)
}

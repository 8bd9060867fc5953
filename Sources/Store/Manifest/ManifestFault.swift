/// Why a manifest record makes no sense.
package struct ManifestFault: Error, Equatable, CustomStringConvertible {
  package var description: String
  init(_ description: String) { self.description = description }
}

/// Bytes that are not what their format says: which file, where in it, and what is wrong there. A value for the caller,
/// never a trap, since bytes come from outside.
package struct FormatError: Error, Equatable, CustomStringConvertible {
  /// The file, as the user can find it.
  package var file: String
  /// Byte offset inside the file at which the damage begins.
  package var offset: UInt64
  /// What was expected there, and what stands there instead.
  package var reason: String

  package init(file: String, offset: UInt64, reason: String) {
    self.file = file
    self.offset = offset
    self.reason = reason
  }

  package var description: String { "\(file): at byte \(offset): \(reason)" }
}

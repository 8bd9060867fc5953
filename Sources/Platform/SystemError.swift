import Glibc

/// The environment said no: which call, on what, where, and the kernel's reason. Thrown, named and counted, never
/// retried blindly.
package struct SystemError: Error, Equatable, CustomStringConvertible, Sendable {
  /// The call that failed, as the kernel's manual names it.
  package var call: String
  /// The file, address or thing it was about.
  package var subject: String
  /// The `errno` value.
  package var code: Int32

  package init(_ call: String, _ subject: String, code: Int32) {
    self.call = call
    self.subject = subject
    self.code = code
  }

  /// Whether space ran out (device or quota): refused work that may be tried again when space returns.
  package var isOutOfSpace: Bool { code == ENOSPC || code == EDQUOT }

  package var description: String {
    "\(call) \(subject): \(unsafe String(cString: strerror(code))) (errno \(code))"
  }
}

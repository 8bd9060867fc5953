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

  /// Whether space ran out (device, quota, or the greatest size of a file that the process may write): refused work that
  /// may be tried again when space returns.
  package var isOutOfSpace: Bool { code == ENOSPC || code == EDQUOT || code == EFBIG }

  /// Whether descriptors ran out, of the process or of the machine: nothing was opened, and it may be tried again.
  package var isOutOfDescriptors: Bool { code == EMFILE || code == ENFILE }

  /// Whether something ran out that others may give back: refused work that may be tried again.
  package var isShortage: Bool { isOutOfSpace || isOutOfDescriptors }

  package var description: String {
    "\(call) \(subject): \(unsafe String(cString: strerror(code))) (errno \(code))"
  }
}

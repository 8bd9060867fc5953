/// Bytes that must not reach a log: neither printing nor dumping it, nor anything that holds it, shows them.
package struct Secret: Sendable {
  /// The bytes themselves, for computing with.
  package let bytes: [UInt8]

  package init(_ bytes: [UInt8]) { self.bytes = bytes }

  /// The bytes of a text.
  package init(_ text: String) { bytes = Array(text.utf8) }

  /// What a file holds, without a final newline (LF or CR LF).
  package init(fileContents: [UInt8]) {
    var bytes = fileContents[...]
    if bytes.last == 0x0A {
      bytes = bytes.dropLast()
      if bytes.last == 0x0D { bytes = bytes.dropLast() }
    }
    self.bytes = Array(bytes)
  }

  /// The text in the clear, for the one moment in which it is shown to its owner.
  package func reveal() -> String { String(decoding: bytes, as: UTF8.self) }
}

extension Secret: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
  package var description: String { "<secret>" }
  package var debugDescription: String { "<secret>" }
  package var customMirror: Mirror { Mirror(self, children: [] as [Mirror.Child]) }
}

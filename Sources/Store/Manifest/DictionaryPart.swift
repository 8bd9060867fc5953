import Files

/// One dictionary file.
package struct DictionaryPart: Sendable {
  package var firstCode: UInt32
  package var count: Int
  package var reference: SealedReference
}

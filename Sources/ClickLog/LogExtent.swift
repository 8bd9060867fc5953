/// One generation of the log that holds live records: which slot, from which position, and where it ends. The manifest
/// keeps the list; the slots are only believed where the manifest names them.
package struct LogExtent: Equatable, Sendable {
  package var generation: UInt64
  package var slot: UInt32
  /// Position of its first record.
  package var firstPosition: UInt64
  /// Generation before it in the chain, 0 for the first.
  package var previousGeneration: UInt64
  /// Bytes from the slot's start that were durable when the extent was listed.
  package var durable: UInt64
  /// Where it ends, once it takes no more frames.
  package var end: End?

  /// The end of a closed extent.
  package struct End: Equatable, Sendable {
    /// Bytes from the slot's start; frames behind it do not count.
    package var offset: UInt64
    /// Position after its last record.
    package var position: UInt64

    package init(offset: UInt64, position: UInt64) {
      self.offset = offset
      self.position = position
    }
  }

  package init(
    generation: UInt64, slot: UInt32, firstPosition: UInt64, previousGeneration: UInt64, durable: UInt64,
    end: End? = nil
  ) {
    self.generation = generation
    self.slot = slot
    self.firstPosition = firstPosition
    self.previousGeneration = previousGeneration
    self.durable = durable
    self.end = end
  }
}

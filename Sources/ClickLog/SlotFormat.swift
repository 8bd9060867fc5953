import Bytes
import Files

// A slot: a file of fixed size, written with zeros once and used again and again. Page 0 says which generation uses it
// now; frames follow from byte 4096 on, each on a 4 KiB boundary. See Formats/click-log.md.
//
//   56 u64 generation     64 u64 first position    72 u32 epoch
//   76 u32 checksum of the last frame of the generation before      80 u64 generation before (0: none)
//   88 u64 slot bytes

/// What page 0 of a slot says.
package struct SlotHeader: Equatable, Sendable {
  package var store: StoreID
  /// The number in the slot's name.
  package var slot: UInt32
  /// Which use of the slot this is: counts up over all slots of the shard, from 1.
  package var generation: UInt64
  /// Position of the first record.
  package var firstPosition: UInt64
  package var epoch: UInt32
  /// Where the chain of checksums goes on from.
  package var previousChecksum: UInt32
  package var previousGeneration: UInt64
  package var slotBytes: UInt64
  package var created: Int64

  /// Frames start here.
  package static let framesStart = FileHeader.size

  package init(
    store: StoreID, slot: UInt32, generation: UInt64, firstPosition: UInt64, epoch: UInt32, previousChecksum: UInt32,
    previousGeneration: UInt64, slotBytes: UInt64, created: Int64
  ) {
    self.store = store
    self.slot = slot
    self.generation = generation
    self.firstPosition = firstPosition
    self.epoch = epoch
    self.previousChecksum = previousChecksum
    self.previousGeneration = previousGeneration
    self.slotBytes = slotBytes
    self.created = created
  }

  /// The page as it stands in the file.
  package var page: [UInt8] {
    unsafe FileHeader(magic: .logSlot, store: store, number: UInt64(slot), created: created).page { base in
      unsafe base.unsafeStoreLE(generation, 56)
      unsafe base.unsafeStoreLE(firstPosition, 64)
      unsafe base.unsafeStoreLE(epoch, 72)
      unsafe base.unsafeStoreLE(previousChecksum, 76)
      unsafe base.unsafeStoreLE(previousGeneration, 80)
      unsafe base.unsafeStoreLE(slotBytes, 88)
    }
  }

  /// Reads page 0.
  package init(page: [UInt8], path: String) throws(FormatError) {
    let header = try FileHeader.read(page, as: .logSlot, path: path)
    self = unsafe page.withUnsafeBytes { raw in
      let base = raw.baseAddress!
      return SlotHeader(
        store: header.store, slot: UInt32(truncatingIfNeeded: header.number), generation: unsafe base.unsafeLoadLE(56),
        firstPosition: unsafe base.unsafeLoadLE(64), epoch: unsafe base.unsafeLoadLE(72),
        previousChecksum: unsafe base.unsafeLoadLE(76), previousGeneration: unsafe base.unsafeLoadLE(80),
        slotBytes: unsafe base.unsafeLoadLE(88), created: header.created)
    }
  }

  /// The file's name inside `log/`.
  package static func name(_ slot: UInt32) -> String {
    let digits = String(slot)
    return "slot-" + String(repeating: "0", count: max(0, 3 - digits.count)) + digits
  }

  /// The number in a slot's file name.
  package static func number(of name: String) -> UInt32? {
    guard name.hasPrefix("slot-"), let slot = UInt32(name.dropFirst(5)), Self.name(slot) == name else { return nil }
    return slot
  }
}

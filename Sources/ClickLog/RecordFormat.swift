import Bytes
import Clicks

// One click in a frame, schema 1, 40 bytes. Position = first position of the frame + index: the place is arithmetic.
//
//   0  16 bytes impression id, in the order of its text
//   16 u64 ad key            24 i64 event time, ms since 1970
//   32 u32 receive time, ms after the frame's logical time
//   36 u16 source            38 u16 flags, zero

/// The bytes of a click record.
package enum RecordFormat {
  package static let schema: UInt8 = 1
  package static let size = 40

  /// Writes `click` at `memory`, which has room for 40 bytes. `base` is the frame's logical time, not after the click's
  /// receive time and less than 49 days before it.
  package static func write(_ click: Click, base: Int64, to memory: UnsafeMutableRawPointer) {
    unsafe memory.unsafeStoreLE(click.impression.high.byteSwapped, 0)
    unsafe memory.unsafeStoreLE(click.impression.low.byteSwapped, 8)
    unsafe memory.unsafeStoreLE(click.ad.rawValue, 16)
    unsafe memory.unsafeStoreLE(click.eventTime, 24)
    unsafe memory.unsafeStoreLE(UInt32(click.receiveTime - base), 32)
    unsafe memory.unsafeStoreLE(click.source.rawValue, 36)
    unsafe memory.unsafeStoreLE(UInt16(0), 38)
  }

  /// Reads the 40 bytes at `memory`; nil where they name an unknown source or flag.
  package static func read(_ memory: UnsafeRawPointer, base: Int64) -> Click? {
    guard let source = Click.Source(rawValue: unsafe memory.unsafeLoadLE(36)),
      unsafe memory.unsafeLoadLE(38, as: UInt16.self) == 0
    else { return nil }
    return Click(
      impression: ImpressionID(
        high: unsafe memory.unsafeLoadLE(0, as: UInt64.self).byteSwapped,
        low: unsafe memory.unsafeLoadLE(8, as: UInt64.self).byteSwapped),
      ad: AdKey(rawValue: unsafe memory.unsafeLoadLE(16)), eventTime: unsafe memory.unsafeLoadLE(24),
      receiveTime: base + Int64(unsafe memory.unsafeLoadLE(32, as: UInt32.self)), source: source)
  }
}

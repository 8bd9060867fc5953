import CPlatform
import Clicks

// What `AdGate` and SHA-256 have said of ads, by the ids themselves. A table of one place for each id, and the newest id has it:
// a row costs one access of memory, which can be asked for beforehand, in place of a hash and two accesses.

/// The keys and standings of ads that were met lately, in 8 MB. One thread's.
@safe final class AdRecall {
  /// What was said of an ad.
  struct Place {
    var id = ShortAdID(first: 0, second: 0)
    var key: UInt64 = 0
    var standing = Standing.unasked
  }

  enum Standing {
    case unasked
    case told(ImportRejection?)
  }

  private static let bits: UInt64 = 18
  private let places: UnsafeMutablePointer<Place>
  private let hasher = SHA256()

  init() {
    let count = 1 << Int(Self.bits)
    let memory = UnsafeMutableRawPointer.allocate(byteCount: count * MemoryLayout<Place>.stride, alignment: 64)
    unsafe places = memory.bindMemory(to: Place.self, capacity: count)
    unsafe places.initialize(repeating: Place(), count: count)
  }

  deinit { unsafe places.deallocate() }

  @inline(__always)
  private static func index(_ id: ShortAdID) -> Int {
    let mixed = (id.first ^ id.second &* 0xC4CE_B9FE_1A85_EC53) &* 0x9E37_79B9_7F4A_7C15
    return Int(truncatingIfNeeded: mixed &>> (64 - bits))
  }

  /// Asks for the memory of an id that will be looked up soon.
  @inline(__always)
  func prefetch(_ id: ShortAdID) { unsafe tally_prefetch(places + Self.index(id)) }

  /// The place of an id, which has its key.
  @inline(__always)
  func place(_ id: ShortAdID) -> UnsafeMutablePointer<Place> {
    let place = unsafe places + Self.index(id)
    if unsafe place.pointee.id != id { unsafe place.pointee = Place(id: id, key: id.key(by: hasher).rawValue) }
    return unsafe place
  }
}

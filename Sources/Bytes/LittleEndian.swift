// Integers in raw memory, little-endian, at any alignment. The callers have checked the extent once; these loads and
// stores do not check again, so the dangerous word stands in their names.

extension UnsafeRawPointer {
  /// The little-endian integer at `offset`, which the caller has checked to lie inside the memory.
  @inlinable @inline(__always)
  package func unsafeLoadLE<T: FixedWidthInteger>(_ offset: Int, as type: T.Type = T.self) -> T {
    T(littleEndian: unsafe loadUnaligned(fromByteOffset: offset, as: T.self))
  }
}

extension UnsafeMutableRawPointer {
  /// Stores `value` little-endian at `offset`, which the caller has checked to lie inside the memory.
  @inlinable @inline(__always)
  package func unsafeStoreLE<T: FixedWidthInteger>(_ value: T, _ offset: Int) {
    unsafe storeBytes(of: value.littleEndian, toByteOffset: offset, as: T.self)
  }
}

// Memory at fixed addresses for what a loop holds. All are handles: copies share the memory, which belongs to one
// thread, and the owner calls `destroy`. Accesses check their index; nothing counts references or exclusivity.

/// One value.
@safe struct Cell<Value> {
  private let base: UnsafeMutablePointer<Value>

  init(_ value: Value) {
    unsafe base = .allocate(capacity: 1)
    unsafe base.initialize(to: value)
  }

  func destroy() {
    unsafe base.deinitialize(count: 1)
    unsafe base.deallocate()
  }

  var value: Value {
    @inline(__always) _read { yield unsafe base.pointee }
    @inline(__always) nonmutating _modify { yield unsafe &base.pointee }
  }
}

/// A fixed number of values that need no clean-up.
@safe struct FixedArray<Element: BitwiseCopyable> {
  let pointer: UnsafeMutablePointer<Element>
  let capacity: Int

  init(repeating value: Element, count: Int) {
    unsafe pointer = .allocate(capacity: count)
    unsafe pointer.initialize(repeating: value, count: count)
    capacity = count
  }

  func destroy() { unsafe pointer.deallocate() }

  subscript(index: Int) -> Element {
    @inline(__always) get {
      precondition(index >= 0 && index < capacity)
      return unsafe pointer[index]
    }
    @inline(__always) nonmutating set {
      precondition(index >= 0 && index < capacity)
      unsafe pointer[index] = newValue
    }
  }
}

/// The places of connections. The memory of a place is touched first when it is first used.
@safe struct Slab {
  private let base: UnsafeMutablePointer<Connection>
  let capacity: Int

  init(capacity: Int) {
    unsafe base = .allocate(capacity: capacity)
    self.capacity = capacity
  }

  func destroy() { unsafe base.deallocate() }

  /// Makes place `index` usable. To be called once for each, before any other use.
  func initialize(_ index: Int) {
    precondition(index >= 0 && index < capacity)
    unsafe (base + index).initialize(to: Connection())
  }

  subscript(index: Int) -> Connection {
    @inline(__always) _read {
      precondition(index >= 0 && index < capacity)
      yield unsafe base[index]
    }
    @inline(__always) nonmutating _modify {
      precondition(index >= 0 && index < capacity)
      yield unsafe &base[index]
    }
  }
}

/// A list of at most `capacity` places.
@safe struct PlaceList {
  private let places: FixedArray<UInt32>
  private let fill: Cell<Int>

  init(capacity: Int) {
    places = FixedArray(repeating: 0, count: capacity)
    fill = Cell(0)
  }

  func destroy() {
    places.destroy()
    fill.destroy()
  }

  var count: Int { fill.value }

  func append(_ index: Int) {
    places[fill.value] = UInt32(truncatingIfNeeded: index)
    fill.value += 1
  }

  func removeLast() -> Int? {
    guard fill.value > 0 else { return nil }
    fill.value -= 1
    return Int(places[fill.value])
  }

  func removeAll() { fill.value = 0 }

  subscript(position: Int) -> Int {
    precondition(position < fill.value)
    return Int(places[position])
  }
}

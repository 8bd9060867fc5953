// The decision apart from the deed: a plan is the encoding chosen for some values, with what was found out while its cost
// was computed, and that cost, exactly. Writing it appends so many bytes.

/// What one pass over the values says about them.
struct ColumnStatistics {
  let count: Int
  let minimum: UInt64
  let maximum: UInt64
  /// No value is below the one before it.
  let isAscending: Bool
  /// How many values differ from the one before them.
  let changes: Int

  /// Bits of the largest distance from the minimum.
  var width: Int { bitWidth(maximum &- minimum) }

  init(_ values: UnsafeBufferPointer<UInt64>) {
    let pointer = values.baseAddress!
    var low = unsafe pointer[0]
    var high = low
    for i in 1..<max(values.count, 1) {
      let value = unsafe pointer[i]
      low = min(low, value)
      high = max(high, value)
    }
    // By arithmetic, several at a time: whether a value is below the one before it is as good as random, and a branch on that is
    // guessed wrong every second time.
    var descents: UInt64 = 0
    var changes: UInt64 = 0
    for i in 1..<max(values.count, 1) {
      let (before, value) = unsafe (pointer[i &- 1], pointer[i])
      let different = value ^ before
      changes &+= (different | (0 &- different)) &>> 63
      // The borrow of value − before.
      descents |= (~value & before) | (~different & (value &- before))
    }
    count = values.count
    minimum = low
    maximum = high
    isAscending = descents &>> 63 == 0
    self.changes = Int(truncatingIfNeeded: changes)
  }
}

/// The encoding chosen for some values.
struct ColumnPlan {
  indirect enum Choice {
    case constant
    case bitmap
    case sparse(SparseColumn)
    case packed
    case classes(ClassColumn)
    case patched(PatchedColumn)
    case delta(DeltaColumn)
    case plain
  }

  let statistics: ColumnStatistics
  private(set) var choice: Choice
  /// Bytes of the whole block, tag included.
  private(set) var bytes: Int

  /// Goes down the ladder. The values are 1 ... maximumCount.
  init(_ values: UnsafeBufferPointer<UInt64>, _ level: ColumnLevel) {
    precondition((1...IntegerColumn.maximumCount).contains(values.count), "a column of \(values.count) values")
    let found = unsafe ColumnStatistics(values)
    statistics = found
    choice = .constant
    bytes = 1 + ConstantColumn.cost(found)
    if found.minimum == found.maximum {
      // A single large value is longer as a varint.
      offer(.plain, PlainColumn.cost(found))
      return
    }
    bytes = .max
    if unsafe BitmapColumn.applies(values, found) { offer(.bitmap, BitmapColumn.cost(found)) }
    if level.allows(.sparse), let sparse = unsafe SparseColumn(values, found) { offer(.sparse(sparse), sparse.cost) }
    offer(.packed, PackedColumn.cost(found))
    if 1 + ClassColumn.leastCost(found) < bytes {
      let classes = unsafe ClassColumn(values, found)
      offer(.classes(classes), classes.cost)
    }
    if level.allows(.patched) {
      let patched = unsafe PatchedColumn(values)
      offer(.patched(patched), patched.cost)
    }
    if level.allows(.delta), found.isAscending {
      let delta = unsafe DeltaColumn(values)
      offer(.delta(delta), delta.cost)
    }
    offer(.plain, PlainColumn.cost(found))
  }

  private mutating func offer(_ other: Choice, _ cost: Int) {
    if 1 + cost >= bytes { return }
    choice = other
    bytes = 1 + cost
  }

  /// Appends the block of `values`, those that the plan was made for.
  func write(_ values: UnsafeBufferPointer<UInt64>, to bytes: inout [UInt8]) {
    bytes.append(encoding.rawValue)
    switch choice {
    case .constant: ConstantColumn.write(statistics, to: &bytes)
    case .bitmap: unsafe BitmapColumn.write(values, statistics, to: &bytes)
    case .sparse(let sparse): sparse.write(to: &bytes)
    case .packed: unsafe PackedColumn.write(values, statistics, to: &bytes)
    case .classes(let classes): unsafe classes.write(values, to: &bytes)
    case .patched(let patched): unsafe patched.write(values, to: &bytes)
    case .delta(let delta): delta.write(to: &bytes)
    case .plain: unsafe PlainColumn.write(values, to: &bytes)
    }
  }

  var encoding: ColumnEncoding {
    switch choice {
    case .constant: .constant
    case .bitmap: .bitmap
    case .sparse: .sparse
    case .packed: .packed
    case .classes: .classes
    case .patched: .patched
    case .delta: .delta
    case .plain: .plain
    }
  }
}

/// Values that an encoding keeps in a column of their own, and the plan for it.
struct InnerColumn {
  let values: [UInt64]
  let plan: ColumnPlan

  init(_ values: [UInt64], _ level: ColumnLevel) {
    self.values = values
    plan = unsafe values.withUnsafeBufferPointer { unsafe ColumnPlan($0, level) }
  }

  var cost: Int { plan.bytes }

  func write(to bytes: inout [UInt8]) {
    unsafe values.withUnsafeBufferPointer { unsafe plan.write($0, to: &bytes) }
  }
}

/// Memory for the values of an inner column while a block is decoded; the maker frees it.
@safe struct ColumnScratch {
  let values: UnsafeMutablePointer<UInt64>

  init(_ count: Int) { unsafe values = .allocate(capacity: count) }

  func free() { unsafe values.deallocate() }

  subscript(_ index: Int) -> UInt64 {
    @inline(__always) get { unsafe values[index] }
  }
}

/// How many values there are of each width, in bits. Counted in four places in turn: neighbours have mostly the same width,
/// and an addition would wait for the one before.
@safe struct WidthCounts: ~Copyable {
  private let counts: UnsafeMutablePointer<Int32>
  private static let widths = 65

  init() { unsafe counts = .allocate(capacity: 4 * Self.widths) }

  deinit { unsafe counts.deallocate() }

  /// Counts the widths of the distances from `base`, forgetting what was counted; returns the largest width.
  func count(_ values: UnsafePointer<UInt64>, _ count: Int, from base: UInt64) -> Int {
    unsafe counts.initialize(repeating: 0, count: 4 * Self.widths)
    var all: UInt64 = 0
    for i in 0..<count {
      let distance = unsafe values[i] &- base
      all |= distance
      unsafe counts[(i & 3) &* Self.widths &+ bitWidth(distance)] &+= 1
    }
    return bitWidth(all)
  }

  subscript(_ width: Int) -> Int {
    @inline(__always) get {
      unsafe Int(
        counts[width] &+ counts[width &+ Self.widths] &+ counts[width &+ 2 &* Self.widths]
          &+ counts[width &+ 3 &* Self.widths])
    }
  }
}

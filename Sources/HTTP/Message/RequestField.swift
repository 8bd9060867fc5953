/// One field of a request, where it stands: valid as long as the request is.
@safe package struct RequestField {
  private let base: UnsafePointer<UInt8>
  private let extent: FieldExtent

  init(base: UnsafePointer<UInt8>, extent: FieldExtent) {
    unsafe self.base = base
    self.extent = extent
  }

  /// Bytes of its name.
  package var nameLength: Int { Int(extent.name.count) }

  /// Whether it is called `name`, without regard to case.
  package func isCalled(_ name: StaticString) -> Bool {
    unsafe matches(base + Int(extent.name.start), nameLength, name)
  }

  /// Its value, white space around it left out.
  package var value: UnsafeRawBufferPointer {
    unsafe UnsafeRawBufferPointer(start: base + Int(extent.value.start), count: Int(extent.value.count))
  }

  /// Whether its value lists `member`, without regard to case. A member's parameters, behind `;`, are left out of account:
  /// `Sec-Purpose: prefetch;prerender` lists `prefetch`.
  package func lists(_ member: StaticString) -> Bool {
    var found = false
    unsafe forEachListMember(base + Int(extent.value.start), Int(extent.value.count)) { start, count in
      var length = 0
      while length < count, unsafe start[length] != ASCII.semicolon { length += 1 }
      while length > 0, unsafe isBlank(start[length - 1]) { length -= 1 }
      if unsafe matches(start, length, member) { found = true }
    }
    return found
  }
}

extension Request {
  /// Calls `body` with the fields whose names have a length that is a bit of `lengths` (bit 4: four bytes), in the order
  /// they came: one look over the fields for all that a route asks of them.
  package func forEachField(named lengths: UInt64, _ body: (RequestField) -> Void) {
    for index in 0..<headerCount {
      let field = unsafe fields[index]
      guard field.name.count < 64, lengths &>> UInt64(field.name.count) & 1 != 0 else { continue }
      body(unsafe RequestField(base: base, extent: field))
    }
  }
}

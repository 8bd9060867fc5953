import Synchronization

/// Carries an object from the thread that made it to the one that owns it from then on: the giver keeps no reference, the
/// taker takes once.
package final class Once<Value>: @unchecked Sendable {
  private let lock = Mutex(())
  private var value: Value?

  package init(_ value: Value) { self.value = value }

  /// The object; a second call traps.
  package func take() -> Value {
    lock.withLock { _ in
      defer { value = nil }
      return value!
    }
  }
}

import Files
import Platform
import Segments
import Synchronization

/// Clicks that are being sealed on a thread of their own.
final class SegmentSealing: @unchecked Sendable {
  let target: SegmentTarget
  /// The thread's from `start` on.
  private var builder: SegmentBuilder?
  private let result = Mutex<Result<SealedReference, SystemError>?>(nil)
  private var thread: Thread?

  init(_ builder: consuming SegmentBuilder, to target: SegmentTarget) {
    self.builder = consume builder
    self.target = target
  }

  func start() throws(SystemError) {
    thread = try Thread("seal") { [self] in
      let sealed: Result<SealedReference, SystemError>
      do throws(SystemError) { sealed = .success(try builder.take()!.seal(to: target).0) } catch {
        sealed = .failure(error)
      }
      result.withLock { $0 = sealed }
    }
  }

  /// Waits for the segment, which is in its place then.
  func wait() throws(SystemError) -> SealedReference {
    thread?.join()
    thread = nil
    return try result.withLock { $0! }.get()
  }
}

import CPlatform
import Glibc

/// Whether somebody has asked this process to end: SIGINT or SIGTERM, which end it no longer by themselves in the thread that
/// made this and in those that it starts. Belongs to that thread.
final class Interrupt {
  private let signals: Int32
  private var isSeen = false

  init() { signals = tally_signal_fd(1 << UInt64(SIGINT) | 1 << UInt64(SIGTERM)) }

  deinit { if signals >= 0 { close(signals) } }

  /// It stays so once it was.
  var isRequested: Bool {
    if !isSeen, signals >= 0 {
      var entry = pollfd(fd: signals, events: Int16(POLLIN), revents: 0)
      isSeen = unsafe poll(&entry, 1, 0) > 0
    }
    return isSeen
  }

  /// Waits until `descriptor` has something to read, or its end, or somebody asks this process to end.
  func wait(for descriptor: Int32) {
    guard signals >= 0, !isRequested else { return }
    var entries = [
      pollfd(fd: signals, events: Int16(POLLIN), revents: 0), pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0),
    ]
    while unsafe poll(&entries, 2, -1) < 0, errno == EINTR {}
  }
}

/// The kernel's words for readiness (`linux/eventpoll.h`), which the C library's module map leaves out.
enum Epoll {
  static let add: Int32 = 1
  static let modify: Int32 = 3
  /// Bytes, an end or a connection can be taken.
  static let input: UInt32 = 0x001
  /// The socket takes bytes again.
  static let output: UInt32 = 0x004
  static let error: UInt32 = 0x008
  /// The client has closed its sending side.
  static let readHangUp: UInt32 = 0x2000
  /// Both directions are closed.
  static let hangUp: UInt32 = 0x010
}

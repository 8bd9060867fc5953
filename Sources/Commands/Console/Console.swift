import Bytes
import Glibc
import Platform

// Data to standard output, talk to standard error; what is asked of the outside comes in through here, so that tests can
// run commands inside themselves.

/// Where a command prints, and what it may ask. Belongs to one thread.
package final class Console {
  /// The two ways out.
  package enum Stream: Sendable { case output, talk }

  /// The machine.
  package let environment: Environment
  /// Environment variables of the process.
  package let variables: [String: String]
  /// Whether talk goes to a terminal, so that progress may be drawn.
  package let talksToTerminal: Bool
  /// The descriptor that input comes from; nil where it does not come from one.
  package let inputDescriptor: Int32?
  /// Why standard output could not be written; 0 while all is well.
  package private(set) var failure: Int32 = 0

  private let sink: (Stream, [UInt8]) -> Int32
  private let source: (Int) -> [UInt8]
  private var pending: [UInt8] = []
  private var progressShown = false

  /// - Parameters:
  ///   - sink: writes all of the bytes; answers 0 or an `errno`.
  ///   - source: the next bytes of standard input, at most as many as asked for; none at its end.
  package init(
    environment: Environment, variables: [String: String], talksToTerminal: Bool = false,
    inputDescriptor: Int32? = nil, source: @escaping (Int) -> [UInt8] = { _ in [] },
    sink: @escaping (Stream, [UInt8]) -> Int32
  ) {
    self.environment = environment
    self.variables = variables
    self.talksToTerminal = talksToTerminal
    self.inputDescriptor = inputDescriptor
    self.source = source
    self.sink = sink
  }

  /// The console of this process.
  package static func process() -> Console {
    Console(
      environment: .kernel, variables: ProcessVariables.all, talksToTerminal: isatty(2) == 1, inputDescriptor: 0,
      source: { count in Self.read(0, count) }, sink: { stream, bytes in Self.write(stream == .output ? 1 : 2, bytes) })
  }

  // MARK: - Data

  /// One line of data; its control characters are written out.
  package func print(_ line: String) {
    pending += ControlText.escaped(line).utf8
    pending.append(UInt8(ascii: "\n"))
    if pending.count >= 1 << 16 { flush() }
  }

  /// Data as it is.
  package func print(_ bytes: [UInt8]) {
    pending += bytes
    if pending.count >= 1 << 16 { flush() }
  }

  /// Hands over what is held back.
  package func flush() {
    guard !pending.isEmpty else { return }
    if failure == 0 { failure = sink(.output, pending) }
    pending.removeAll(keepingCapacity: true)
  }

  // MARK: - Talk

  /// One line for the person at the terminal; its control characters are written out.
  package func note(_ line: String) {
    flush()
    clearProgress()
    _ = sink(.talk, Array((ControlText.escaped(line) + "\n").utf8))
  }

  /// Shows how far a long work is, on a terminal only; replaces what was shown before.
  package func progress(_ line: String) {
    guard talksToTerminal else { return }
    flush()
    progressShown = true
    _ = sink(.talk, Array("\r\u{1B}[K\(ControlText.escaped(line))".utf8))
  }

  /// Takes the progress line away.
  package func clearProgress() {
    guard progressShown else { return }
    progressShown = false
    _ = sink(.talk, Array("\r\u{1B}[K".utf8))
  }

  // MARK: - Input

  /// The next bytes of standard input; none at its end.
  package func input(_ count: Int) -> [UInt8] { source(count) }

  private static func write(_ descriptor: Int32, _ bytes: [UInt8]) -> Int32 {
    var done = 0
    while done < bytes.count {
      let n = unsafe bytes.withUnsafeBytes { unsafe Glibc.write(descriptor, $0.baseAddress! + done, $0.count - done) }
      if n >= 0 { done += n } else if errno != EINTR { return errno }
    }
    return 0
  }

  private static func read(_ descriptor: Int32, _ count: Int) -> [UInt8] {
    unsafe [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
      while true {
        let n = unsafe Glibc.read(descriptor, buffer.baseAddress, count)
        if n < 0, errno == EINTR { continue }
        initialized = max(0, n)
        return
      }
    }
  }
}

/// The environment variables of this process, as it was started.
enum ProcessVariables {
  /// By name. Of two with one name the first counts.
  static var all: [String: String] {
    do throws(SystemError) {
      let bytes = try KernelFileSystem().open("/proc/self/environ", .read).bytes(at: 0, count: 4 << 20)
      var found: [String: String] = [:]
      for entry in bytes.split(separator: 0) {
        guard let sign = entry.firstIndex(of: UInt8(ascii: "=")) else { continue }
        let name = String(decoding: entry[..<sign], as: UTF8.self)
        if found[name] == nil { found[name] = String(decoding: entry[(sign + 1)...], as: UTF8.self) }
      }
      return found
    } catch { return [:] }
  }
}

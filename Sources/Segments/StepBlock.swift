import Bytes
import Columns

// When clicks were received. All clicks of a log frame were received at one time, so a time is kept for each frame and not
// for each click: a step says from which position on which times hold. Blocks of 1,024 steps, the last one shorter:
//
//   fence of a block   u64 position   i64 receive time   u64 running time   u64 where the block starts in its section
//   block              for the steps behind the first three columns of integers (Columns/IntegerColumn):
//                      position − position of the step before
//                      receive time − that of the step before, zigzag
//                      (running time − that before) − (receive time − that before), zigzag: mostly 0
//
// A block of one step has no bytes. Differences wrap around at 64 bits.

/// Blocks of steps as bytes.
enum StepBlock {
  static let capacity = 1024
  static let fenceBytes = 32

  /// Signed differences, small ones small.
  @inline(__always) static func zigzag(_ difference: UInt64) -> UInt64 {
    difference << 1 ^ UInt64(bitPattern: Int64(bitPattern: difference) >> 63)
  }
  @inline(__always) static func unzigzag(_ number: UInt64) -> UInt64 { number >> 1 ^ (0 &- (number & 1)) }

  /// Appends the block of 1...1,024 steps.
  static func encode(_ steps: [SegmentStep], to bytes: inout [UInt8]) {
    guard steps.count > 1 else { return }
    var (positions, receive, lag): ([UInt64], [UInt64], [UInt64]) = ([], [], [])
    for i in 1..<steps.count {
      let (step, before) = (steps[i], steps[i - 1])
      let received = UInt64(bitPattern: step.receiveTime &- before.receiveTime)
      positions.append(step.position - before.position)
      receive.append(zigzag(received))
      lag.append(zigzag(step.runningTime &- before.runningTime &- received))
    }
    IntegerColumn.encode(positions, to: &bytes)
    IntegerColumn.encode(receive, to: &bytes)
    IntegerColumn.encode(lag, to: &bytes)
  }

  /// Reads a block of `count` steps, 1...1,024, of which the first is the fence's.
  static func decode(
    _ bytes: UnsafeRawBufferPointer, count: Int, first: SegmentStep, to steps: inout [SegmentStep]
  ) throws(Fault) {
    steps.removeAll(keepingCapacity: true)
    steps.append(first)
    guard count > 1 else {
      guard unsafe bytes.isEmpty else { throw Fault("a block of one step has bytes") }
      return
    }
    var columns: [[UInt64]] = []
    var at = 0
    for _ in 0..<3 {
      let column = try unsafe integers(bytes, &at, count - 1)
      columns.append(column)
    }
    guard at == bytes.count else { throw Fault("something stands behind a block of steps", at: at) }
    var step = first
    for i in 0..<(count - 1) {
      let received = unzigzag(columns[1][i])
      let (position, overflow) = step.position.addingReportingOverflow(columns[0][i])
      guard !overflow, columns[0][i] > 0 else { throw Fault("the positions of steps do not ascend") }
      step.position = position
      step.receiveTime &+= Int64(bitPattern: received)
      step.runningTime &+= unzigzag(columns[2][i]) &+ received
      steps.append(step)
    }
  }

  private static func integers(
    _ bytes: UnsafeRawBufferPointer, _ at: inout Int, _ count: Int
  ) throws(Fault) -> [UInt64] {
    let rest = unsafe UnsafeRawBufferPointer(rebasing: bytes[at...])
    var used: Int?
    var reason = ""
    let numbers = unsafe [UInt64](unsafeUninitializedCapacity: count) { buffer, initialized in
      do throws(ColumnFault) {
        used = unsafe try IntegerColumn.decode(rest, count: count, into: buffer.baseAddress!)
        initialized = count
      } catch { reason = error.reason }
    }
    guard let used else { throw Fault("a column of steps cannot be read: \(reason)", at: at) }
    at += used
    return numbers
  }

  /// The fence of a block that starts at `offset`.
  static func writeFence(_ step: SegmentStep, offset: Int, to writer: inout ByteWriter) {
    writer.append(step.position)
    writer.append(step.receiveTime)
    writer.append(step.runningTime)
    writer.append(UInt64(offset))
  }
}

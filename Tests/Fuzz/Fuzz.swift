import Bytes
import ClickLog
import Clicks
import Columns
import Files
import Importing
import Platform
import Records
import Runs
import Segments
import Service
import Simulation
import Store

// T14: every decoder that takes bytes from outside, under libFuzzer and the address sanitizer. The first byte of an input
// chooses the decoder, the rest is its food. A decoder may say that the bytes are wrong; it may not trap, hang, read
// beyond them, or give back something that its own encoder does not take.

/// Called by libFuzzer for each input.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ data: UnsafePointer<UInt8>, _ count: Int) -> CInt {
  guard count > 1 else { return 0 }
  // An allocation of exactly the input's size: one byte beyond it is a report.
  let bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: count - 1, alignment: 8)
  defer { unsafe bytes.deallocate() }
  unsafe bytes.copyMemory(from: UnsafeRawBufferPointer(start: data + 1, count: count - 1))
  let input = UnsafeRawBufferPointer(bytes)
  switch unsafe data[0] % 12 {
  case 0: unsafe integers(input)
  case 1: unsafe rows(input)
  case 2: unsafe strings(input)
  case 3: unsafe frame(input)
  case 4: unsafe manifest(input)
  case 5: unsafe container(input, .run)
  case 6: unsafe clickLines(input)
  case 7: unsafe text(input)
  case 8: unsafe times(input)
  case 9: unsafe records(input)
  case 10: unsafe link(input)
  default: unsafe container(input, .segment)
  }
  return 0
}

private func integers(_ input: UnsafeRawBufferPointer) {
  guard input.count > 2 else { return }
  let count = unsafe 1 + Int(input[0]) | Int(input[1]) << 8
  let values = UnsafeMutablePointer<UInt64>.allocate(capacity: count)
  defer { unsafe values.deallocate() }
  let block = unsafe UnsafeRawBufferPointer(rebasing: input[2...])
  guard let used = try? unsafe IntegerColumn.decode(block, count: count, into: values) else { return }
  precondition(used <= block.count)
  // What was decoded is encoded to something that decodes to the same.
  var again: [UInt8] = []
  unsafe IntegerColumn.encode(UnsafeBufferPointer(start: values, count: count), to: &again)
  let second = UnsafeMutablePointer<UInt64>.allocate(capacity: count)
  defer { unsafe second.deallocate() }
  let taken = unsafe again.withUnsafeBytes { try? unsafe IntegerColumn.decode($0, count: count, into: second) }
  precondition(taken == again.count)
  for i in 0..<count { unsafe precondition(values[i] == second[i]) }
}

private func rows(_ input: UnsafeRawBufferPointer) {
  let codes = UnsafeMutablePointer<UInt32>.allocate(capacity: RowBlock.maximumRows)
  let buckets = UnsafeMutablePointer<UInt32>.allocate(capacity: RowBlock.maximumRows)
  let values = UnsafeMutablePointer<UInt64>.allocate(capacity: RowBlock.maximumRows)
  defer {
    unsafe codes.deallocate()
    unsafe buckets.deallocate()
    unsafe values.deallocate()
  }
  guard let count = try? unsafe RowBlock.decode(input, codes: codes, buckets: buckets, values: values), count > 0 else {
    return
  }
  let code = unsafe codes[count / 2]
  var due = 0
  for i in 0..<count where unsafe codes[i] == code { due += 1 }
  let own = try? unsafe RowBlock.decode(input, only: code, buckets: buckets, values: values)
  precondition(own == due)
}

private func strings(_ input: UnsafeRawBufferPointer) {
  guard input.count > 1 else { return }
  let count = unsafe 1 + Int(input[0])
  let block = unsafe UnsafeRawBufferPointer(rebasing: input[1...])
  guard let (found, used) = try? unsafe StringColumn.decode(block, count: count) else { return }
  precondition(found.count == count && used <= block.count)
}

/// Lines of a batch of clicks. The first byte says in which pieces they come: the lines, and what is read, are the same.
private func clickLines(_ input: UnsafeRawBufferPointer) {
  guard input.count > 1 else { return }
  let size = unsafe 1 + Int(input[0])
  let text = unsafe UnsafeRawBufferPointer(rebasing: input[1...])
  let readers = [
    ClickLineReader(), ClickLineReader(names: [.adID: "adId"], idFrom: ["a.b", "impressionId"], conditions: []),
  ]
  var whole: [Int64?] = []
  var inPieces: [Int64?] = []
  func read(_ line: UnsafeRawBufferPointer, into times: inout [Int64?]) {
    let found = readers.map { reader in try? unsafe reader.read(line).time }
    // What the plain one takes, the one that looks for members takes alike.
    precondition(found[0] == nil || found[0] == found[1])
    if let strict = found[0] { precondition(unsafe !ClickLineReader.isBlank(line) && strict > .min) }
    times += found
  }
  var splitter = LineSplitter(limit: 300)
  unsafe splitter.feed(text) { line, _ in unsafe read(line, into: &whole) }
  unsafe splitter.finish { line, _ in unsafe read(line, into: &whole) }
  var pieces = LineSplitter(limit: 300)
  for start in stride(from: 0, to: text.count, by: size) {
    let piece = unsafe UnsafeRawBufferPointer(rebasing: text[start..<min(start + size, text.count)])
    unsafe pieces.feed(piece) { line, _ in unsafe read(line, into: &inPieces) }
  }
  unsafe pieces.finish { line, _ in unsafe read(line, into: &inPieces) }
  precondition(whole == inPieces && splitter.lines == pieces.lines)
}

/// The front of files and bodies. The first byte says in which pieces they come: what is read, and what is wrong, is the same.
private func text(_ input: UnsafeRawBufferPointer) {
  guard input.count > 1 else { return }
  let bytes = unsafe Array(input[1...])
  func read(_ size: Int) -> (text: [UInt8], fault: String?) {
    let front = TextFront(limit: 1 << 22)
    var text: [UInt8] = []
    do {
      for start in stride(from: 0, to: bytes.count, by: size) {
        let piece = Array(bytes[start..<min(start + size, bytes.count)])
        try unsafe piece.withUnsafeBytes { unsafe try front.feed($0) { unsafe text.append(contentsOf: $0) } }
      }
      unsafe try front.finish { unsafe text.append(contentsOf: $0) }
    } catch { return (text, "\(error)") }
    return (text, nil)
  }
  let (whole, inPieces) = (read(bytes.count), read(unsafe 1 + Int(input[0])))
  precondition(whole.fault == inPieces.fault)
  if whole.fault == nil { precondition(whole.text == inPieces.text) }
}

/// Times: what is read is in the years that are read, and is read again as it is written.
private func times(_ input: UnsafeRawBufferPointer) {
  let reader = TimeReader()
  if let time = try? unsafe reader.read(input) {
    precondition(time >= 946_684_800_000)
    var text = Timestamp.format(time)
    let again = text.withUTF8 { bytes in try? unsafe reader.read(UnsafeRawBufferPointer(bytes)) }
    precondition(again == time)
  }
  // A format and a text of it.
  guard let cut = input.firstIndex(of: 0) else { return }
  let name = unsafe String(decoding: input[..<cut], as: UTF8.self)
  guard let format = try? TimeFormat(name) else { return }
  let told = TimeReader(format: format, zone: .fixed(3_600))
  _ = try? unsafe told.read(UnsafeRawBufferPointer(rebasing: input[(cut + 1)...]))
}

/// Records of a table: however its bytes come, they take all of them, and each is cut into fields or named.
private func records(_ input: UnsafeRawBufferPointer) {
  guard input.count > 1 else { return }
  let bytes = unsafe Array(input[1...])
  func read(_ size: Int) -> [[Int]] {
    var at = 0
    var source = unsafe LineSource { buffer in
      let count = min(buffer.count, bytes.count - at, size)
      for i in 0..<count { unsafe buffer[i] = bytes[at + i] }
      at += count
      return count
    }
    source.quotes = UInt8(ascii: ",")
    var plan = ImportPlan()
    plan.format = .csv
    plan.hasHeader = false
    plan.names = [.adID: "1", .time: "2"]
    plan.identity = .columns(["3"])
    let parser = try! ClickParser(plan)
    var found: [[Int]] = []
    while unsafe try! source.next({ line, bytes, lines in
      _ = try? unsafe parser.read(line, number: 1)
      found.append([line.count, bytes, lines])
    }) {}
    precondition(found.reduce(0) { $0 + $1[1] } == bytes.count)
    return found
  }
  precondition(read(bytes.count) == read(unsafe 1 + Int(input[0])))
}

/// A link: what is read has the form that its users rely on, and is read alike when it is written plainly.
private func link(_ input: UnsafeRawBufferPointer) {
  let found: LinkReader
  do throws(ClickFault) { found = try unsafe LinkReader.read(input) } catch {
    precondition(!error.faults.isEmpty)
    return
  }
  precondition(unsafe found.ad.withUnsafeBytes { unsafe AdID.isValid($0) })
  precondition(unsafe found.impression.withUnsafeBytes { unsafe ImpressionID($0) } != nil)
  precondition(found.signature.count <= 64 && 1...64 ~= found.kid?.count ?? 1)
  if let kid = found.kid {
    let bare = unsafe kid.withUnsafeBytes { unsafe LinkReader.bareKid($0) }
    precondition(bare.count <= kid.count)
  }
  // A text that is no signature may be told otherwise next time, and verifies nothing.
  guard found.signature.count == 64, found.signature.allSatisfy({ Hex.value(of: $0) != nil }) else { return }
  let pairs = [
    ("adId", found.ad), ("impressionId", found.impression), ("signature", found.signature), ("kid", found.kid ?? []),
  ]
  let plain = pairs.map { "\($0)=" + $1.map { "%" + Hex.encode(UInt64($0)).suffix(2) }.joined() }.joined(separator: "&")
  let again = unsafe Array(plain.utf8).withUnsafeBytes { try? unsafe LinkReader.read($0) }
  precondition(again != nil && again?.ad == found.ad && again?.impression == found.impression)
  precondition(again?.signature == found.signature && again?.kid == found.kid)
}

private func frame(_ input: UnsafeRawBufferPointer) {
  _ = unsafe FrameHeader.scan(input, generation: nil, limit: 1 << 20)
  for records in 0...2 where input.count >= records * RecordFormat.size {
    do throws(AnnexFault) {
      let annex = try unsafe FrameAnnex(input, records: UInt32(records))
      let rest = unsafe Array(input[(records * RecordFormat.size)...])
      precondition(annex.bytes == rest)
    } catch {}
  }
}

private func manifest(_ input: UnsafeRawBufferPointer) {
  var state = ManifestState()
  do throws(ManifestFault) {
    for change in try ManifestChange.read(unsafe [UInt8](input)) { try state.apply(change) }
  } catch { return }
  var again = ManifestState()
  for change in state.snapshot { try! again.apply(change) }
}

/// The body of a file whose container is in order: what its own reader makes of it.
private func container(_ input: UnsafeRawBufferPointer, _ magic: FileMagic) {
  let disk = SimulatedDisk()
  let header = FileHeader(magic: magic, store: StoreID(high: 1, low: 2), number: 1, created: 3, blockBytes: 16_384)
  var fields = [UInt8](repeating: 0, count: FileHeader.size - FileHeader.typeFields)
  var reader = unsafe ByteReader([UInt8](input))
  guard let fieldCount = reader.next(UInt8.self), let head = reader.next(bytes: min(Int(fieldCount), reader.remaining))
  else { return }
  fields.replaceSubrange(0..<head.count, with: head)
  do {
    var writer = try SealedFileWriter(disk, path: "/file", temporary: "/born", header: header)
    var kind: UInt32 = 1
    while let length = reader.next(UInt16.self), let body = reader.next(bytes: min(Int(length), reader.remaining)),
      kind < 9
    {
      try writer.begin(section: kind)
      try writer.append(Array(body))
      writer.end()
      kind += 1
    }
    _ = try unsafe writer.finish { page in
      unsafe (page + FileHeader.typeFields).copyMemory(from: fields, byteCount: fields.count)
    }
    switch magic {
    case .run: try Run.open(disk, "/file", access: .read).verify()
    default: try Segment.open(disk, "/file", access: .read).verify()
    }
  } catch is FormatError {} catch is SystemError {} catch { preconditionFailure("\(error)") }
}

@_silgen_name("LLVMFuzzerRunDriver")
private func runDriver(
  _ count: UnsafeMutablePointer<Int32>,
  _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>>,
  _ input: @convention(c) (UnsafePointer<UInt8>, Int) -> Int32
) -> Int32

/// The package's build calls an executable's entry by this name, where libFuzzer would bring its own.
@_cdecl("fuzz_main")
func fuzzMain(_ count: Int32, _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>) -> Int32 {
  var (count, arguments) = unsafe (count, arguments)
  return unsafe runDriver(&count, &arguments) { bytes, size in unsafe fuzz(bytes, size) }
}

import Bytes
import Clicks
import HTTP
import Importing
import JSON
import Platform
import Service

/// An import through the batch door of a running server: lines are read and given ids here, and judged there. Nothing is
/// skipped when it is called again: what is counted already is a duplicate. For the same reason a request that got no answer,
/// or one that told to come again, is sent again.
enum RemoteImport {
  /// Clicks of one request.
  private static let batch = 20_000
  /// How often a request is sent, and the ns between two that the server could not take. It has waited for seconds then.
  private static let attempts = 5
  private static let pause: Int64 = 1_000_000_000

  static func run(_ reading: ImportReading, _ door: any Door, _ console: Console) throws -> ImportResult {
    let parser: ClickParser
    do throws(ImportFault) { parser = try ClickParser(reading.plan, keepsAdID: true) } catch {
      throw Failure("\(reading.path): \(error)")
    }
    var report = ImportResult()
    var body: [UInt8] = []
    var numbers: [UInt64] = []
    var number: UInt64 = 0
    var bytes: UInt64 = 0
    var progress = ImportProgress(console, size: reading.size, from: 0)
    var lines = try reading.lines(from: 0)
    while unsafe try lines.next({ line, lineBytes, lineCount in
      let first = number + 1
      number += UInt64(lineCount)
      bytes += UInt64(lineBytes)
      if !parser.isReady {
        do { unsafe try parser.readHead(line) } catch { throw Failure("\(reading.path): \(error)") }
        return
      }
      if unsafe ClickLineReader.isBlank(line) { return }
      report.lines += 1
      do throws(ClickLineFault) {
        guard let click = unsafe try parser.read(line, number: first) else {
          report.leftOut += 1
          return
        }
        body += "{\"adId\":\"".utf8
        body += parser.adID
        body += "\",\"impressionId\":\"\(click.spelling)\",\"time\":\(milliseconds(click.time))".utf8
        if let strings = click.strings { add(strings, reading.plan.captures, to: &body) }
        body += "}\n".utf8
        numbers.append(first)
      } catch { report.reject(first, ImportRejection.malformed.code, error.description) }
    }) {
      guard numbers.count == batch else { continue }
      try send(&body, &numbers, reading.plan, door, &report)
      progress.tell(lines: report.lines, bytes: bytes)
    }
    if let bytes = lines.heldBack { report.heldBack = ImportResult.HeldBack(line: number + 1, bytes: bytes) }
    if !numbers.isEmpty { try send(&body, &numbers, reading.plan, door, &report) }
    return report
  }

  /// The answer to a request, which is sent again where there is hope.
  private static func settled(_ ask: Ask, _ door: any Door) throws -> JSONValue {
    var attempt = 1
    while true {
      do { return try door.ask(ask).json() } catch let error as ClientError {
        // A connection that was kept open for too long; a server that is gone is not found again.
        guard case .closed = error, attempt == 1 else { throw error }
      } catch let failure as Failure {
        guard failure.status == .unavailable, attempt < attempts else { throw failure }
        Thread.sleep(nanoseconds: pause)
      }
      attempt += 1
    }
  }

  /// What ends the import, with how far it came.
  private static func stopped(_ error: any Error, _ report: ImportResult) -> Failure {
    let counted = report.accepted + report.duplicate
    var failure = (error as? Failure) ?? Failure("\(error)", Program.status(of: error))
    failure.message += "; \(counted) clicks are counted, and calling it again goes on"
    return failure
  }

  /// What the door says of its parameters, said of the options that set them.
  private static func words(_ detail: String) -> String {
    detail.replacing("with history=true", with: "with --history")
      .replacing("with sealed=credit", with: "with --into-sealed")
  }

  /// The time as the door reads it: a number below 10^11 would be seconds.
  private static func milliseconds(_ time: Int64) -> String {
    abs(time) >= 100_000_000_000 ? "\(time)" : "\"\(Timestamp.format(time))\""
  }

  /// Adds the members of captured strings.
  private static func add(_ strings: ClickStrings, _ set: CaptureSet, to body: inout [UInt8]) {
    var one = CapturedStrings(set)
    one.append(strings)
    for (column, string) in zip(set.columns, one.strings(at: 0)) where !string.isEmpty {
      body += ",\"\(ClickLineFault.Field(of: column).name)\":".utf8
      body += JSONValue.string(String(decoding: string, as: UTF8.self)).encoded()
    }
  }

  private static func send(
    _ body: inout [UInt8], _ numbers: inout [UInt64], _ plan: ImportPlan, _ door: any Door,
    _ report: inout ImportResult
  ) throws {
    var terms: [(name: String, value: String)] = []
    if plan.limits.admitsHistory { terms.append(("history", "true")) }
    if plan.takesSealed { terms.append(("sealed", "credit")) }
    let ask = Ask(.post, ["api", "v1", "clicks"], terms, contentType: "application/x-ndjson", body: body)
    let answer: JSONValue
    do { answer = try settled(ask, door) } catch {
      throw stopped(error, report)
    }
    func count(_ value: JSONValue?) -> UInt64 { value?.text.flatMap { UInt64($0) } ?? 0 }
    report.accepted += count(answer["accepted"])
    report.duplicate += count(answer["duplicate"])
    for member in answer["rejectedCount"]?.members ?? [] {
      report.rejectedCount[member.name, default: 0] += count(member.value)
    }
    for one in answer["rejected"]?.elements ?? [] {
      let line = Int(count(one["line"]))
      guard numbers.indices.contains(line - 1), report.rejected.count < ImportResult.spelledOut else { continue }
      report.rejected.append(
        .init(line: numbers[line - 1], code: one.shown("code"), detail: words(one.shown("detail"))))
    }
    body.removeAll(keepingCapacity: true)
    numbers.removeAll(keepingCapacity: true)
  }
}

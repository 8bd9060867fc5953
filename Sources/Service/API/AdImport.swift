import Catalog
import Clicks

// An import of many ads, in steps: the catalog's thread does one and then whatever else waits, so that neither clicks whose
// ads are not cached nor other requests wait for the whole file.
//
//   CSV:     checking … ─▶ storing … ─▶ answer        text that is not CSV is found by a first pass that stores nothing
//   NDJSON:                storing … ─▶ answer        each line stands for itself
//
// A step reads `stepBytes`, or stores one chunk of rows in one transaction.

/// An import under way. Used on the catalog thread alone, in whole or step by step.
package final class AdImport: @unchecked Sendable {
  /// Rows of one transaction, at most: few, so that what waits behind it waits for milliseconds.
  static let chunk = 250

  /// The same where nobody waits behind it: a transaction costs a sync, and goes through the table once.
  private static let wholeChunk = 1 << 20

  /// Bytes of text that one step reads.
  private static let stepBytes = 65_536

  private enum Phase { case checking, storing }

  private let api: API
  private let grant: Grant
  private let requestID: String
  private var body: [UInt8]
  private let isCSV: Bool
  private var phase: Phase
  private var reader = AdCSVReader()
  /// The next byte to read, and the number of the line that begins there.
  private var position = 0
  private var line = 1
  /// Rows that were read and are not stored, from `stored` on.
  private var rows: [AdRow] = []
  private var stored = 0
  private var isRead = false
  private var answer = ImportAnswer()
  private var chunk = AdImport.chunk

  init(_ api: API, _ grant: Grant, requestID: String, body: [UInt8], isCSV: Bool) {
    self.api = api
    self.grant = grant
    self.requestID = requestID
    self.body = body
    self.isCSV = isCSV
    phase = isCSV ? .checking : .storing
  }

  /// Does the next step. The answer once all is done or nothing more can be.
  package func step() -> APIResponse? {
    do throws(Problem) { return try next() } catch { return error.response(requestID: requestID) }
  }

  /// Does all steps, with nothing in between.
  package func finish() -> APIResponse {
    chunk = Self.wholeChunk
    while true { if let answer = step() { return answer } }
  }

  private func next() throws(Problem) -> APIResponse? {
    if phase == .checking {
      try read()
      rows.removeAll(keepingCapacity: true)
      guard isRead else { return nil }
      (phase, reader, position, isRead) = (.storing, AdCSVReader(), 0, false)
      return nil
    }
    if rows.count - stored >= chunk || isRead {
      guard stored < rows.count else { return .json(200, answer.json) }
      let end = min(rows.count, stored + chunk)
      try store(Array(rows[stored..<end]))
      stored = end
      return nil
    }
    rows.removeFirst(stored)
    stored = 0
    try read()
    return nil
  }

  /// Reads one piece of the text into rows.
  private func read() throws(Problem) {
    if isCSV {
      do throws(CSVError) {
        let end = min(body.count, position + Self.stepBytes)
        let piece = Array(body[position..<end])
        try reader.feed(piece.span, into: &rows)
        position = end
        isRead = end == body.count
        if isRead { try reader.finish(into: &rows) }
      } catch {
        throw .malformedBody("the CSV cannot be read, nothing was stored: \(error)")
      }
    } else {
      let limit = min(body.count, position + Self.stepBytes)
      while position < limit {
        let end = body[position...].firstIndex(of: 0x0A) ?? body.count
        if let row = API.row(body[position..<end], number: line) { rows.append(row) }
        position = end + 1
        line += 1
      }
      isRead = position >= body.count
    }
    // What is stored from here on is in `rows`.
    if isRead, phase == .storing { body = [] }
  }

  private func store(_ chunk: [AdRow]) throws(Problem) {
    do throws(Problem) {
      let report = try api.store(chunk, grant)
      answer.add(report)
      if !report.changed.isEmpty { api.changed(.ads(report.changed)) }
    } catch {
      // The catalog failed on the way: what it has stored before stays.
      var failure = error
      failure.detail +=
        "; \(answer.stored) rows had been stored before, and the import can be repeated as it is"
      throw failure
    }
  }
}

import Clicks
import Corrections
import JSON
import Query

// Events of a stream over several ads:
//
//   event: points       {"completeThrough","reconciledThrough","asOf","points":[{GROUP,"minute","clicks","status","credits"?}]}
//   event: correction   {"adId", and the members of a row of /corrections}; event: credit the same
//   event: reset        {"reason"}
//
// An id stands with the last event of a moment that was told whole.

enum WatchEvents {
  /// An event `points`; `id` is of the moment that it makes whole.
  static func points(
    _ points: [(prefix: String, point: Point)], _ times: WatchTimes, _ asOf: AsOf, id: WatchMark?
  ) -> [UInt8] {
    var text = Array("event: points\n".utf8)
    text.reserveCapacity(256 + 112 * points.count)
    if let id { text += "id: \(id.text)\n".utf8 }
    text += "data: {\(times.members)\"asOf\":\"\(asOf.text)\",\"points\":[".utf8
    for (index, (prefix, point)) in points.enumerated() {
      if index > 0 { text.append(UInt8(ascii: ",")) }
      point.append(prefix, to: &text)
    }
    text += "]}\n\n".utf8
    return text
  }

  /// The event of a row that a recount or a checkpoint wrote.
  static func correction(_ row: Correction, of id: AdID?) -> [UInt8] {
    var text = Array("event: \(row.isCredit ? "credit" : "correction")\ndata: ".utf8)
    JSONValue.object([.init("adId", .optional(id?.text))] + API.members(row)).append(to: &text)
    text += "\n\n".utf8
    return text
  }

  static func reset(_ loss: WatchLoss, id: WatchMark) -> [UInt8] {
    Array("event: reset\nid: \(id.text)\ndata: {\"reason\":\"\(loss.rawValue)\"}\n\n".utf8)
  }
}

import Bytes
import Clicks
import Segments

extension Shard {
  /// The click at `position` of a segment if it is the one of `identity`, whose ad has `code`.
  static func recall(
    _ identity: ClickIdentity, at position: UInt64, in segment: Segment, code: UInt32?
  ) throws -> Click? {
    guard let code else { return nil }
    var found: Click?
    do {
      try segment.find(identity.impression) { row in
        guard row.code == code, row.position == position else { return true }
        // When it was received plays no part in the answer.
        found = Click(
          impression: row.impression, ad: identity.ad, eventTime: row.eventTime, receiveTime: row.eventTime,
          source: row.source)
        return false
      }
    } catch let damage as FormatError {
      throw ShardError.corrupt(
        damage.file, what: "at byte \(damage.offset): \(damage.reason)",
        remedy: "`tally verify` names all damage; a backup has the file as it was")
    }
    return found
  }
}

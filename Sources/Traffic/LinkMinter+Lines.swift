import Bytes
import Clicks

extension LinkMinter {
  /// Appends a click line (`ClickLine`) with its newline. Without `isSigned` it has no signature, as a trusted sender's.
  package func appendLine(
    ad: [UInt8], impression: ImpressionID, time: Int64, isSigned: Bool = true, fault: LinkFault = .none,
    to lines: inout [UInt8]
  ) {
    lines += "{\"adId\":\"".utf8
    lines += ad
    lines += "\",\"impressionId\":\"".utf8
    let identity = Array("\(impression)".utf8)
    lines += identity
    lines += "\",\"time\":\(time)".utf8
    if isSigned {
      lines += ",\"signature\":\"".utf8
      lines += signature(ad: ad, identity: identity, fault: fault).utf8
      lines += "\"".utf8
    }
    lines += "}\n".utf8
  }
}

import Clicks
import HTTP
import JSON
import Platform
import Service
import Traffic

/// Batches for a `TestService`, whose keys sign them.
extension TestService {
  /// A click line; `signed` names the ad that the signature is for, nil leaves it out.
  static func line(
    _ ad: String = "active", _ id: String = "\(TestService.impression())", time: String? = nil, signed: String? = "",
    kid: String? = nil, signer: String = "second"
  ) -> String {
    let time = time ?? "\(KernelTime().wall())"
    var line = #"{"adId":"\#(ad)","impressionId":"\#(id)","time":\#(time)"#
    if let signed {
      line += #","signature":"\#(signature(signed.isEmpty ? ad : signed, id, kid: signer))""#
    }
    if let kid { line += #","kid":"\#(kid)""# }
    return line + "}\n"
  }

  /// `count` good lines, each once.
  static func lines(_ count: Int, _ ad: String = "active", signed: Bool = false) -> [String] {
    (0..<count).map { _ in line(ad, signed: signed ? "" : nil) }
  }

  var batches: BatchClient { get throws { BatchClient(try ServerAddress(address)) } }

  /// Sends a batch whole on a connection of its own.
  func post(_ lines: [String], token: String? = nil) throws -> BatchAnswer {
    try batches.post(Array(lines.joined().utf8), token: token ?? self.token)
  }

  /// A token of these scopes.
  func token(_ scopes: String, advertiser: String? = nil) throws -> String {
    let names = scopes.split(separator: ",").map { "\"\($0)\"" }.joined(separator: ",")
    let bound = advertiser.map { ",\"advertiserId\":\"\($0)\"" } ?? ""
    let answer = try api("POST", "/admin/v1/tokens", "{\"scopes\":[\(names)]\(bound)}", admin: true)
    guard case .string(let text)? = try JSONReader.read(answer.body)["token"] else {
      throw NoToken(answer: answer.text)
    }
    return text
  }
}

/// The server made no token.
struct NoToken: Error { var answer: String }

extension BatchAnswer {
  var json: JSONValue { (try? JSONReader.read(body)) ?? .null }

  /// `line code` of each rejected line that is spelled out.
  var rejections: [String] {
    guard case .array(let list)? = json["rejected"] else { return [] }
    return list.map { entry in
      guard case .number(let line)? = entry["line"], case .string(let code)? = entry["code"],
        case .string(let detail)? = entry["detail"], !detail.isEmpty
      else { return "?" }
      return "\(line) \(code)"
    }
  }

  /// Rejected lines by their code.
  var rejectedCount: [String: Int] {
    guard case .object(let members)? = json["rejectedCount"] else { return [:] }
    return Dictionary(
      uniqueKeysWithValues: members.map { member in
        if case .number(let count) = member.value { (member.name, Int(count) ?? -1) } else { (member.name, -1) }
      })
  }
}

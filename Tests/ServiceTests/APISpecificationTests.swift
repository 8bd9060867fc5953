import HTTP
import JSON
import Service
import Testing

@Suite struct APISpecificationTests {
  private let document: JSONValue

  init() throws { document = try JSONReader.read(OpenAPI.document) }

  private func members(_ value: JSONValue?) -> [JSONValue.Member] {
    if case .object(let members)? = value { members } else { [] }
  }

  /// What is served outside `Route`.
  private static let servedElsewhere = [
    "get /click", "post /click", "options /click", "get /-/healthy", "get /-/ready", "get /metrics",
  ]

  @Test func itHasEveryRouteAndNoOther() {
    var specified: Set<String> = []
    for path in members(document["paths"]) {
      for operation in members(path.value) where operation.name != "parameters" {
        #expect(specified.insert("\(operation.name) \(path.name)").inserted)
      }
    }
    let served = Route.allCases.map { "\($0.method) \($0.path)" } + Self.servedElsewhere
    #expect(Set(served).count == served.count)
    #expect(specified.symmetricDifference(served).sorted() == [])
  }

  @Test func everyOperationSaysWhoMayUseItAndWhatItAnswers() {
    for route in Route.allCases {
      let operation = document["paths"]?[route.path]?["\(route.method)"]
      var ways: [JSONValue] = []
      if case .array(let listed)? = operation?["security"] ?? document["security"] { ways = listed }
      #expect(ways.isEmpty == (route.scope == nil), "\(route)")
      #expect(ways.contains(.object(["session": .array([])])) == Route.forSessions.contains(route), "\(route)")
      #expect(ways.contains(.object(["share": .array([])])) == Route.forShares.contains(route), "\(route)")
      #expect((operation?["tags"] == .array(["admin"])) == route.isAdminOnly, "\(route)")
      let statuses = Set(members(operation?["responses"]).map(\.name))
      #expect(statuses.contains { $0.hasPrefix("2") } && statuses.contains("400"), "\(route)")
      if route.scope != nil { #expect(statuses.isSuperset(of: ["401", "403"]), "\(route)") }
      if route.path.contains("{") { #expect(statuses.contains("404"), "\(route)") }
      if members(operation?["requestBody"]).isEmpty == false {
        #expect(statuses.isSuperset(of: ["413", "415"]), "\(route)")
      }
    }
    let names = members(document["paths"]).flatMap { path in
      members(path.value).compactMap { $0.value["operationId"] }
    }
    #expect(Set(names).count == names.count)
  }

  /// Every reference leads somewhere, and every shape is used.
  @Test func referencesAreWhole() {
    var used: Set<String> = []
    func walk(_ value: JSONValue) {
      switch value {
      case .object(let members):
        for member in members {
          if member.name == "$ref", case .string(let reference) = member.value {
            used.insert(reference)
            let found = reference.split(separator: "/").dropFirst().reduce(Optional(document)) { $0?[String($1)] }
            #expect(found != nil, "\(reference)")
          }
          walk(member.value)
        }
      case .array(let values): values.forEach(walk)
      case .null, .bool, .number, .string: break
      }
    }
    walk(document)
    for kind in members(document["components"]) where kind.name != "securitySchemes" {
      for component in members(kind.value) {
        #expect(used.contains("#/components/\(kind.name)/\(component.name)"), "\(component.name) is used nowhere")
      }
    }
  }

  /// The parameters in the specification are those that the routes take.
  @Test func parametersAreThose() throws {
    let harness = try APIHarness()
    harness.put("n1")
    for route in Route.allCases where route.method == .get {
      guard case .array(let list)? = document["paths"]?[route.path]?["get"]?["parameters"] ?? .array([]) else {
        continue
      }
      var names: [String] = []
      for parameter in list {
        var parameter = parameter
        if case .string(let reference)? = parameter["$ref"] {
          parameter = reference.split(separator: "/").dropFirst().reduce(document) { $0[String($1)] ?? .null }
        }
        if parameter["in"] == "query", case .string(let name)? = parameter["name"] { names.append(name) }
      }
      // A name that is known is not called unknown, whatever is wrong with its value.
      let target = APIAccessTests.target(route) + "?nothing=1&" + names.map { "\($0)=~" }.joined(separator: "&")
      let answer = harness.get(target, harness.admin, admin: true)
      guard case .array(let errors)? = answer.json["errors"] else {
        return #expect(Bool(false), "\(route): \(answer.text)")
      }
      let unknown = errors.filter { error in
        if case .string(let detail)? = error["detail"] { detail.hasPrefix("is unknown") } else { false }
      }
      #expect(unknown.compactMap { $0["parameter"] } == ["nothing"], "\(route)")
      if case .string(let detail)? = unknown.first?["detail"], !names.isEmpty {
        #expect(detail.hasSuffix("known are \(knownOrder(route, names))"), "\(route)")
      }
    }
  }

  /// The names as the route lists them; only their number and presence matter.
  private func knownOrder(_ route: Route, _ names: [String]) -> String {
    route == .listAds ? "advertiserId, campaignId, cursor, limit" : names.joined(separator: ", ")
  }

  @Test func itIsServedWithoutAToken() throws {
    let harness = try APIHarness()
    for admin in [true, false] {
      let answer = harness.get("/openapi.json", nil, admin: admin)
      #expect(
        answer.status == 200 && answer.body == OpenAPI.document && answer.header("Content-Type") == "application/json")
    }
  }
}

import JSON

// What a request says, checked for form: each parameter and each field is known and stands there once.

extension APIRequest {
  /// The query's values by their names. Throws the 400 that names each one that is not in `known`, or is given more than once.
  func values(_ known: [String] = []) throws(Problem) -> [String: String] {
    var values: [String: String] = [:]
    var faults: [(parameter: String, detail: String)] = []
    for (name, value) in parameters {
      if !known.contains(name) {
        let list = known.isEmpty ? "none are known here" : "known are \(known.joined(separator: ", "))"
        faults.append((Self.shown(name), "is unknown; \(list)"))
      } else if values.updateValue(value, forKey: name) != nil {
        faults.append((name, "is given more than once"))
      }
    }
    if !faults.isEmpty { throw .invalid(faults) }
    return values
  }

  /// The value of a parameter that is a number of `range`, `absent` without it.
  static func number(
    _ name: String, _ text: String?, in range: ClosedRange<Int>, absent: Int
  ) throws(Problem) -> Int {
    guard let text else { return absent }
    guard text.utf8.allSatisfy({ 0x30...0x39 ~= $0 }), let number = Int(text), range ~= number else {
      throw .invalid([(name, "must be a number from \(range.lowerBound) to \(range.upperBound)")])
    }
    return number
  }

  /// The members of a body that is a JSON object. Throws 415 for another type and 400 for a body that is none. An empty
  /// body is an empty object where `mayBeEmpty` says so.
  func document(mayBeEmpty: Bool = false) throws(Problem) -> [JSONValue.Member] {
    if mayBeEmpty, body.isEmpty { return [] }
    guard mediaType == "application/json" else { throw .unsupportedMediaType(["application/json"]) }
    let value: JSONValue
    do throws(JSONError) { value = try JSONReader.read(body) } catch {
      throw .malformedBody("the body is not JSON as it is accepted here: \(error)")
    }
    guard case .object(let members) = value else { throw .malformedBody("the body must be a JSON object") }
    return members
  }

  /// A client's name for something, short enough for a message.
  static func shown(_ name: String) -> String { name.count <= 64 ? name : name.prefix(64) + "…" }
}

/// The members of a JSON object, taken one after the other; at the end everything that is wrong is thrown at once.
struct Fields {
  private var members: [String: JSONValue]
  private var faults: [(parameter: String, detail: String)] = []

  /// Those of `members`; each that is not `known` is a fault. Null stands for an absent one.
  init(_ members: [JSONValue.Member], known: [String]) {
    self.members = [:]
    for member in members {
      if !known.contains(member.name) {
        fault(APIRequest.shown(member.name), "is unknown; known are \(known.joined(separator: ", "))")
      } else if member.value != .null {
        self.members[member.name] = member.value
      }
    }
  }

  /// The text of a member; nil where it is absent.
  mutating func string(_ name: String) -> String? {
    guard let value = members[name] else { return nil }
    if case .string(let text) = value { return text }
    fault(name, "must be a string, not \(value.kind)")
    return nil
  }

  /// An id: a string, or a whole number, whose digits are the id; nil where it is absent.
  mutating func identifier(_ name: String) -> String? {
    if case .number(let digits)? = members[name], digits.utf8.allSatisfy({ 0x30...0x39 ~= $0 }) { return digits }
    return string(name)
  }

  /// Whether a member is true; nil where it is absent.
  mutating func truth(_ name: String) -> Bool? {
    guard let value = members[name] else { return nil }
    if case .bool(let truth) = value { return truth }
    fault(name, "must be true or false, not \(value.kind)")
    return nil
  }

  /// The texts of a member that is an array of them; nil where it is absent.
  mutating func strings(_ name: String) -> [String]? {
    guard let value = members[name] else { return nil }
    guard case .array(let values) = value else {
      fault(name, "must be an array, not \(value.kind)")
      return nil
    }
    return values.compactMap { value in
      if case .string(let text) = value { return text }
      fault(name, "must hold strings, not \(value.kind)")
      return nil
    }
  }

  /// Adds a fault; more than `Problem.maximumFaults` are not kept.
  mutating func fault(_ name: String, _ detail: String) {
    if faults.count < Problem.maximumFaults { faults.append((name, detail)) }
  }

  /// What is wrong so far.
  var found: [(parameter: String, detail: String)] { faults }

  func check() throws(Problem) { if !faults.isEmpty { throw .invalid(faults) } }
}

// Options and operands are declared once, as typed constants. The declaration reads the command line, fills gaps from the
// environment, writes the help text, and is the key under which a command gets its value.

/// A declared option, with the type of its value.
package struct Option<Value: Sendable>: Sendable {
  package let declaration: OptionDeclaration

  /// An option with a value.
  ///
  /// - Parameters:
  ///   - standard: the text of the value where none is given; nil for none.
  ///   - variable: the environment variable that is asked where the option is not given.
  ///   - repeats: it may be given several times; the texts are then read as one, with `joint` between them.
  package init(
    _ name: String, _ reader: ValueReader<Value>, _ help: String, standard: String? = nil, variable: String? = nil,
    repeats: Bool = false, joint: String = ","
  ) {
    declaration = OptionDeclaration(
      name: name, placeholder: reader.placeholder, help: help, standard: standard, variable: variable, repeats: repeats,
      joint: joint
    ) { text throws(ValueFault) in try reader.read(text) }
  }
}

extension Option where Value == Bool {
  /// A switch: given or not, also as `--name=true` and `--name=false`.
  package init(toggle name: String, _ help: String) {
    declaration = OptionDeclaration(name: name, placeholder: nil, help: help, standard: nil, variable: nil) {
      text throws(ValueFault) in try ValueReader.truth.read(text)
    }
  }
}

/// An option as the parser and the help text see it.
package struct OptionDeclaration: Sendable {
  /// Without the leading `--`.
  package let name: String
  /// What stands for the value; nil for a switch.
  package let placeholder: String?
  package let help: String
  package let standard: String?
  package let variable: String?
  /// Whether it may be given several times.
  package let repeats: Bool
  /// What stands between its texts then.
  package let joint: String
  package let read: @Sendable (String) throws(ValueFault) -> any Sendable

  package init(
    name: String, placeholder: String?, help: String, standard: String?, variable: String?, repeats: Bool = false,
    joint: String = ",", read: @escaping @Sendable (String) throws(ValueFault) -> any Sendable
  ) {
    self.name = name
    self.placeholder = placeholder
    self.help = help
    self.standard = standard
    self.variable = variable
    self.repeats = repeats
    self.joint = joint
    self.read = read
  }
}

/// A declared operand: an argument that is known by its place.
package struct Operand<Value: Sendable>: Sendable {
  package let declaration: OperandDeclaration

  package init(
    _ reader: ValueReader<Value>, name: String? = nil, _ help: String, count: OperandDeclaration.Count = .one
  ) {
    declaration = OperandDeclaration(name: name ?? reader.placeholder, help: help, count: count) {
      text throws(ValueFault) in try reader.read(text)
    }
  }
}

/// An operand as the parser and the help text see it.
package struct OperandDeclaration: Sendable {
  /// How many arguments it takes. Only the last operand of a command takes another number than one.
  package enum Count: Sendable { case one, optional, any, several }

  package let name: String
  package let help: String
  package let count: Count
  package let read: @Sendable (String) throws(ValueFault) -> any Sendable

  /// As it stands in a usage line.
  package var usage: String {
    switch count {
    case .one: name
    case .optional: "[\(name)]"
    case .any: "[\(name)…]"
    case .several: "\(name)…"
    }
  }
}

import JSON
import Service

/// `tally config print|check`: the settings that `serve` would run with.
package enum ConfigCommands {
  package static let all = [print, check]

  private static let print = Command(
    "config print", "prints every setting of serve with its source",
    discussion: "Takes the options of serve. As a table the output is a settings file: it can be given to --config.",
    options: [Option<String>.format.declaration] + Settings.options,
    examples: ["tally config print --config tally.conf", "tally config print > tally.conf"]
  ) { arguments, console in
    let settings = try Settings(arguments, variables: console.variables, files: console.environment.files)
    let rows = SettingsTable.all.map { setting in
      (setting.name, setting.show(settings.values), settings.origins[setting.name] ?? "default")
    }
    switch arguments.format {
    case .json:
      let list = rows.map { name, value, origin in
        JSONValue.object(["name": .string(name), "value": .string(value), "source": .string(origin)])
      }
      console.print(JSONValue.object(["settings": .array(list)]))
    case .table:
      for (name, value, origin) in rows {
        console.print("# \(origin)")
        console.print("\(name) = \(value)")
      }
    }
    return .done
  }

  private static let check = Command(
    "config check", "checks the settings of serve and says what is wrong",
    discussion: """
      Takes the options of serve. Ends with status 2 where a setting is unknown or wrong, or two do not go together.
      """,
    options: Settings.options, examples: ["tally config check --config tally.conf"]
  ) { arguments, console in
    try Settings(arguments, variables: console.variables, files: console.environment.files).check()
    console.note("the settings are good")
    return .done
  }
}

/// `tally version`.
package enum VersionCommand {
  package static let command = Command(
    "version", "prints the version of this program", options: [Option<String>.format.declaration],
    examples: ["tally version"]
  ) { arguments, console in
    switch arguments.format {
    case .json: console.print(JSONValue.object(["version": .string(tallyVersion)]))
    case .table: console.print("tally \(tallyVersion)")
    }
    return .done
  }
}

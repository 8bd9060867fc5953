/// Every command there is, in the order in which help lists them.
package enum CommandTable {
  package static let all: [Command] =
    DemoCommand.commands + [ServeCommand.command] + AdsCommands.all + KeysCommands.all + TokensCommands.all
    + CatalogCommands.all + [
      ImportCommand.command,
      SignCommand.command, CheckCommand.command, QueryCommand.command, TopCommand.command, StatCommand.command,
      LoadCommand.command,
      BenchCommand.command,
      InspectCommand.command,
      VerifyCommand.command,
    ] + MaintenanceCommands.all + ReconcileCommands.all + SealCommands.all + [ReshardCommand.command]
    + ConfigCommands.all
    + [
      VersionCommand.command, help,
    ]

  /// Listed like any other; the parser answers it itself.
  private static let help = Command(
    "help", "explains a command", operands: [topic.declaration], examples: ["tally help ads import"]
  ) { _, _ in .done }

  private static let topic = Operand<String>(
    .text("COMMAND"), "what to explain; without it all commands are listed", count: .any)
}

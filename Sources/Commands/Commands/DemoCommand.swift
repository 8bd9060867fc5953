/// The whole system against itself. Empty while the demonstration is not part of the program.
package enum DemoCommand {
  /// `tally demo`, where there is one.
  package static let commands: [Command] = []
}

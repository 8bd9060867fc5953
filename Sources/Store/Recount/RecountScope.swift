/// Which rows a recount holds against raw clicks.
package enum RecountScope: Hashable, Sendable {
  /// Those that clicks have changed since the last recount, by the sums of segments.
  case changes
  /// All of the minutes in the range (nil: that raw clicks are kept of), by the raw clicks themselves, and their hours and days.
  case deep(Range<Int64>?)
}

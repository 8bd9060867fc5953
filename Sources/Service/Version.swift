import Glibc

/// The version of this program, as `tally version` and `/metrics` tell it.
package let tallyVersion = "0.4.0"

/// This process.
func processID() -> Int32 { getpid() }

import HTTP
import Service

/// `tally check`: what /click would say to a link.
package enum CheckCommand {
  private static let url = Operand<String>(.text("URL"), "the link, as a browser would ask for it")

  package static let command = Command(
    "check", "says the verdict of a link without counting it",
    discussion: """
      The steps of /click in their order: parameters, signature, ad, pause, lifetime, and where a server runs whether the impression \
      has counted already. What depends on who clicks is left out. The exit status is 0 for valid and 1 for any other verdict.
      """,
    operands: [url.declaration], options: [Option<String>.format.declaration] + Target.options,
    examples: ["tally check \"https://go.example/click?adId=42&impressionId=ID&signature=SIGNATURE\""]
  ) { arguments, console in
    let answer = try Target.open(arguments, console).ask(
      Ask(.get, ["api", "v1", "check"], [("url", arguments[url])])
    ).json()
    switch arguments.format {
    case .json: console.print(answer)
    case .table:
      console.print(answer.shown("verdict"))
      console.note(answer.shown("detail"))
      let location = answer.shown("location")
      if !location.isEmpty { console.note("leads to \(location)") }
    }
    return answer.shown("verdict") == "valid" ? .done : .failed
  }
}

// Single letters, which act outside fields and without modifiers. They can be switched off, for those who speak their input
// (WCAG 2.1.4).

import { el } from "./dom.js";
import { remember, remembered } from "./state.js";

const LIST = [
  ["/", "find"], ["1 … 5", "range: hour to 400 days"], ["t", "chart or table"], ["c", "compare"],
  ["g, then m h d w", "granularity"], ["?", "this list"], ["In a list: ↑ ↓ PgUp PgDn Home End, Enter", "move, open"],
  ["In a chart: ← →, with Shift ten at a time, PgUp PgDn Home End", "read points"], ["+ −, 0 or Esc", "zoom, whole range"],
  ["n p, Enter", "next, previous mark; open it"],
];
/** How long a second letter is waited for. */
const PATIENCE = 1_500;

export class Letters {
  /** `act(letter)` is true where the page did something; two letters come as `g m`. */
  constructor(act) {
    this.act = act;
    this.isOn = remembered("tally.letters") !== "off";
    this.prefix = "";
    document.addEventListener("keydown", (event) => this.take(event));
  }

  take(event) {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || !this.isOn) return;
    if (event.target.closest("input, select, textarea, dialog, [role=listbox]")) return;
    if (event.key === "?") this.help();
    else if (event.key === "g") {
      this.prefix = "g ";
      setTimeout(() => { this.prefix = ""; }, PATIENCE);
    } else {
      const letter = this.prefix + event.key;
      this.prefix = "";
      if (event.key.length !== 1 || !this.act(letter)) return;
    }
    event.preventDefault();
  }

  /** The list of the keys, as a dialog. */
  help() {
    const isOn = el("input", {
      type: "checkbox", checked: this.isOn, onchange: () => {
        this.isOn = isOn.checked;
        remember("tally.letters", this.isOn ? "on" : "off");
      },
    });
    const dialog = el("dialog", { class: "keys", "aria-labelledby": "keys-title", onclose: () => dialog.remove() },
      el("h2", { id: "keys-title" }, "Keys"),
      el("dl", {}, LIST.map(([keys, does]) => el("div", {}, el("dt", {}, keys), el("dd", {}, does)))),
      el("label", {}, isOn, " Single letters act"),
      el("form", { method: "dialog" }, el("button", { class: "button" }, "Close")));
    document.body.append(dialog);
    dialog.showModal();
  }
}

// Single letters, which act outside fields and without modifiers. They can be switched off, for those who speak their input
// (WCAG 2.1.4).

import { part } from "./load.js";
import { remembered } from "./state.js";

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

  /** The list of the keys. */
  async help() {
    const { showKeys } = await part("keys");
    showKeys(this);
  }
}

// The list of the keys, as a dialog, where single letters can be switched off.

import { el } from "./dom.js";
import { remember } from "./state.js";

const LIST = [
  ["/", "find"], ["1 … 5", "range: hour to 400 days"], ["t", "chart or table"], ["c", "compare"],
  ["g, then m h d w", "granularity"], ["?", "this list"], ["In a list: ↑ ↓ PgUp PgDn Home End, Enter", "move, open"],
  ["In a chart: ← →, with Shift ten at a time, PgUp PgDn Home End", "read points"], ["+ −, 0 or Esc", "zoom, whole range"],
  ["n p, Enter", "next, previous mark; open it"],
];

/** Shows the list; `letters` (keys.js) is what the box in it switches. */
export function showKeys(letters) {
  const isOn = el("input", {
    type: "checkbox", checked: letters.isOn, onchange: () => {
      letters.isOn = isOn.checked;
      remember("tally.letters", letters.isOn ? "on" : "off");
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

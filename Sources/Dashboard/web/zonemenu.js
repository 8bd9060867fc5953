// The menu of time zones: finds the zones of the IANA data base by typing. What is chosen holds for every time on the page and
// stands in its address.

import { announce, el, fill } from "./dom.js";
import { allZones, ownZone, utcText, zone } from "./zone.js";

/** Zones shown at once. */
const SHOWN = 40;

export class ZoneMenu {
  constructor(button, choose) {
    Object.assign(this, { button, choose, now: 0 });
    this.field = el("input", {
      type: "text", role: "combobox", "aria-label": "Time zone", "aria-expanded": "true", "aria-controls": "zones", autocomplete: "off",
      placeholder: "Find a time zone", oninput: () => this.list(), onkeydown: (event) => this.key(event),
    });
    this.options = el("ul", { id: "zones", role: "listbox", "aria-label": "Time zones" });
    this.panel = el("div", { class: "menu zones", hidden: true, role: "dialog", "aria-label": "Time zone" }, this.field, this.options);
    button.after(this.panel);
    document.addEventListener("pointerdown", (event) => {
      if (!this.panel.hidden && !this.panel.contains(event.target) && event.target !== button) this.close(false);
    });
  }

  /** Opens or closes it; offsets are those of `now`. */
  toggle(current, now) {
    Object.assign(this, { current, now });
    if (this.panel.hidden) this.open();
    else this.close();
  }

  open() {
    this.panel.hidden = false;
    this.button.setAttribute("aria-expanded", "true");
    this.field.value = "";
    this.list();
    this.field.focus();
  }

  close(isBack = true) {
    this.panel.hidden = true;
    this.button.setAttribute("aria-expanded", "false");
    if (isBack) this.button.focus();
  }

  list() {
    this.all ??= allZones();
    const text = this.field.value.trim().toLowerCase().replaceAll(" ", "_");
    const first = [...new Set([this.current.id, ownZone(), "UTC"])];
    const others = this.all.filter((id) => !first.includes(id));
    const ids = text ? this.all.filter((id) => id.toLowerCase().includes(text)) : [...first, ...others];
    this.found = ids.slice(0, SHOWN);
    this.active = 0;
    fill(this.options, this.found.map((id, i) => el("li", {
      role: "option", id: `zone-${i}`, "aria-selected": String(id === this.current.id), onclick: () => this.take(id),
    }, el("span", {}, id.replaceAll("_", " ")), el("span", { class: "quiet" }, id === "UTC" ? "" : utcText(zone(id)?.offset(this.now) ?? 0)))),
    this.found.length === 0 ? el("li", { class: "quiet", role: "option", "aria-disabled": "true", "aria-selected": "false" }, "No such zone") : null);
    if (text) announce(`${this.found.length} zones`);
    this.mark(0);
  }

  mark(i) {
    if (this.found.length === 0) return;
    this.active = (i + this.found.length) % this.found.length;
    [...this.options.children].forEach((option, k) => option.classList.toggle("active", k === this.active));
    this.field.setAttribute("aria-activedescendant", `zone-${this.active}`);
    this.options.children[this.active].scrollIntoView({ block: "nearest" });
  }

  key(event) {
    if (event.key === "ArrowDown") this.mark(this.active + 1);
    else if (event.key === "ArrowUp") this.mark(this.active - 1);
    else if (event.key === "Enter" && this.found[this.active]) this.take(this.found[this.active]);
    else if (event.key === "Escape") this.close();
    else return;
    event.preventDefault();
  }

  take(id) {
    this.close();
    this.choose(id);
  }
}

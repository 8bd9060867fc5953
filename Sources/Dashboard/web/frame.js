// The bar at the top: where one is, how fresh the numbers are, whose time is shown, light or dark, who is signed in.

import { announce, fill, setText } from "./dom.js";
import { part } from "./load.js";
import { remember, remembered } from "./state.js";
import { day } from "./fmt.js";
import { zone } from "./zone.js";

const THEMES = { system: "like the system", light: "light", dark: "dark" };
const LIVE_WORDS = { live: "Live", polled: "Every 15 s", lost: "Not live", off: "Not live" };

export class Frame {
  constructor(actions) {
    this.nav = document.querySelector(".pages");
    this.status = document.querySelector(".live");
    this.shared = document.querySelector(".shared");
    this.who = document.querySelector(".who");
    this.zone = document.getElementById("zone");
    this.zone.addEventListener("click", () => this.openZones(actions.zone));
    this.theme = document.getElementById("theme");
    this.theme.addEventListener("click", () => this.nextTheme());
    document.getElementById("sign-out").addEventListener("click", actions.signOut);
    document.getElementById("keys").addEventListener("click", actions.keys);
    this.who.addEventListener("click", (event) => {
      if (event.target.closest(".menu a, .menu button")) this.who.open = false;
    });
    document.addEventListener("click", (event) => {
      if (!this.who.contains(event.target)) this.who.open = false;
    });
    this.who.addEventListener("keydown", (event) => {
      if (event.key === "Escape") this.who.open = false;
    });
    this.setTheme(remembered("tally.theme") ?? "system");
  }

  show(state, who, now) {
    const isShare = state.page === "share";
    this.nav.hidden = isShare || !who;
    const parent = { ad: "ads", campaign: "campaigns" }[state.page] ?? state.page;
    for (const link of this.nav.children) {
      link.toggleAttribute("hidden", link.dataset.page === "ops" && !who?.isAdmin);
      if (link.dataset.page === parent) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    }
    const here = zone(state.tz);
    Object.assign(this, { here, now });
    setText(this.zone, here.label(now));
    this.zone.setAttribute("aria-label", `Time zone: ${here.label(now)}`);
    this.showWho(who, isShare);
    this.showShare(who?.share, here);
  }

  async openZones(choose) {
    const { ZoneMenu } = await part("zones");
    this.zones ??= new ZoneMenu(this.zone, choose);
    this.zones.toggle(this.here, this.now);
  }

  showWho(who, isShare) {
    this.who.hidden = !who || isShare;
    if (!who) return;
    setText(this.who.querySelector("summary"), who.advertiser ?? "all");
    setText(document.getElementById("version"), who.version ? `Version ${who.version}` : "");
  }

  showShare(share, here) {
    this.shared.hidden = !share;
    if (!share) return;
    const until = share.expires ? ` until ${day(here.wall(Date.parse(share.expires)))}` : "";
    fill(this.shared, `Shared by ${share.advertiserId}${until}, read-only`);
  }

  live(condition) {
    this.status.hidden = condition === "none";
    this.status.dataset.state = condition;
    setText(this.status.lastElementChild, LIVE_WORDS[condition] ?? "");
  }

  nextTheme() {
    const names = Object.keys(THEMES);
    const next = names[(names.indexOf(this.current) + 1) % names.length];
    remember("tally.theme", next);
    this.setTheme(next);
    announce(`Colours: ${THEMES[next]}`);
  }

  setTheme(name) {
    this.current = name in THEMES ? name : "system";
    document.documentElement.dataset.theme = this.current;
    this.theme.setAttribute("aria-label", `Colours: ${THEMES[this.current]}`);
    this.theme.title = `Colours: ${THEMES[this.current]}`;
    dispatchEvent(new Event("tally:theme"));
  }
}

// Colours follow the system while nothing else is chosen; what is drawn on a canvas has to be told.
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => dispatchEvent(new Event("tally:theme")));

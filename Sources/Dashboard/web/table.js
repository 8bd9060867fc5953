// The points of a chart as a table, for eyes, for screen readers, and as a file. All three have the same numbers.

import { csvField, el, renew } from "./dom.js";
import { instant } from "./api.js";
import { bucket, clock, count, many, signed } from "./fmt.js";
import { pill } from "./reading.js";
import { STATUSES, STATUS_WORDS } from "./words.js";

const PAGE = 500;

/** The table of a view (chart.js), the newest first, in pages. */
export class PointTable {
  constructor() {
    this.element = el("div", { class: "points" });
    this.page = 0;
  }

  show(view) {
    this.view = view;
    this.page = Math.min(this.page, Math.max(Math.ceil(view.series.length / PAGE) - 1, 0));
    const { series, zone, extras } = view;
    const hasCredits = series.credits.some((credits) => credits !== 0);
    const names = ["Clicks", hasCredits ? "Credits" : null, ...extras.map(({ label }) => label), "Status"];
    const heads = [`Time (${zone.id === "UTC" ? "UTC" : zone.city})`, ...names];
    const last = series.length - 1 - this.page * PAGE;
    const rows = [];
    for (let i = last; i > last - PAGE && i >= 0; i -= 1) rows.push(this.row(i, hasCredits));
    const caption = `${many(series.length, "point")} by ${series.granularity}, ${many(series.total, "click")} in all`;
    renew(this.element,
      el("table", {}, el("caption", {}, caption),
        el("thead", {}, el("tr", {}, heads.filter(Boolean).map((head) => el("th", { scope: "col" }, head)))), el("tbody", {}, rows)),
      this.pager() ?? "");
  }

  row(i, hasCredits) {
    const { series, zone, extras } = this.view;
    // On a phone the time stands below the day, and neither is broken.
    const [day, time] = bucket(series.times[i], series.granularity, zone).split(", ");
    return el("tr", {}, el("th", { scope: "row" }, el("span", {}, time ? `${day},` : day), time ? " " : null, time ? el("span", {}, time) : null),
      el("td", {}, count(series.clicks[i])), hasCredits ? el("td", {}, series.credits[i] === 0 ? "" : signed(series.credits[i])) : null,
      extras.map(({ values }) => el("td", {}, count(values[i]))), el("td", {}, pill(series.status[i])));
  }

  pager() {
    const pages = Math.ceil(this.view.series.length / PAGE);
    if (pages < 2) return null;
    const turn = (step) => {
      this.page += step;
      this.show(this.view);
      this.element.querySelectorAll(".pager button")[step > 0 ? 1 : 0]?.focus();
      this.element.scrollIntoView({ block: "start" });
    };
    return el("div", { class: "pager" },
      el("button", { type: "button", class: "button", disabled: this.page === 0, onclick: () => turn(-1) }, "Newer"),
      el("span", { class: "quiet" }, `Page ${count(this.page + 1)} of ${count(pages)}`),
      el("button", { type: "button", class: "button", disabled: this.page === pages - 1, onclick: () => turn(1) }, "Older"));
  }
}

/** The points as CSV: the instant, the time in the zone with its abbreviation, and the numbers. */
export function pointsAsCSV({ series, zone, extras }) {
  const lines = [["start", `time in ${zone.id}`, "clicks", "credits", ...extras.map(({ name }) => name), "status"]];
  for (let i = 0; i < series.length; i += 1) {
    const time = series.times[i];
    const wall = zone.wall(time);
    const local = `${new Date(wall).toISOString().slice(0, 10)} ${clock(wall)} ${zone.name(time)}`;
    const status = STATUS_WORDS[STATUSES[series.status[i]]];
    const counts = [series.clicks[i], series.credits[i], ...extras.map(({ values }) => values[i])];
    lines.push([instant(time), local, ...counts, status]);
  }
  return lines.map((line) => `${line.map(csvField).join(",")}\r\n`).join("");
}

// The page of one ad; of a campaign and of a shared advertiser as well, which are the sum over their ads.

import { announce, download, el, fill, renew, setText } from "./dom.js";
import { get, serverNow } from "./api.js";
import { Chart } from "./chart.js";
import { Counts, subject } from "./counts.js";
import { day, clock, moment } from "./fmt.js";
import { adsOfPanel } from "./members.js";
import { marksOf } from "./marks.js";
import { correctionsPanel, grossPanel } from "./panels.js";
import { apology, finalLine, problem, rangeButtons, segments, whileLoading } from "./parts.js";
import { chosen, fits, path, span } from "./state.js";
import { PointTable, pointsAsCSV } from "./table.js";
import { GRANULARITIES, RANGES, VERDICTS, VERDICT_COLOURS, comparison, comparisonChoice } from "./words.js";
import { zone } from "./zone.js";

const NAMES = new Map(VERDICTS);

export class CountsPage {
  /** `kind` is `ad`, `campaign` or `advertiser`. */
  constructor(context, kind, id) {
    Object.assign(this, { context, kind, id, marks: [] });
    this.source = subject(kind, id);
    this.counts = new Counts(this.source, {
      changed: () => this.draw(), corrected: () => this.corrected(), live: context.live, over: context.over,
    });
    this.build();
  }

  build() {
    const { go } = this.context;
    this.crumbs = el("nav", { class: "crumbs", "aria-label": "Where this is" });
    this.flag = el("span", { class: "flag" });
    this.final = finalLine();
    this.ranges = rangeButtons((range) => go({ range, from: null, to: null, g: null }));
    this.granularities = segments("Granularity", GRANULARITIES.map((name) => [name, name[0].toUpperCase() + name.slice(1)]), (g) => go({ g }));
    this.compare = el("button", { type: "button", class: "button toggle", onclick: () => this.toggleCompare() }, "Compare");
    this.comparedWith = el("select", { "aria-label": "Compare with", onchange: () => go({ cmp: this.comparedWith.value }) });
    this.out = el("button", { type: "button", class: "button", onclick: () => this.zoomOut() }, "Zoom out");
    this.views = segments("View", [["chart", "Chart"], ["table", "Table"]], (view) => go({ view }));
    const csv = el("button", { type: "button", class: "button", onclick: () => this.save() }, "CSV");
    this.tools = el("div", { class: "tools", role: "toolbar", "aria-label": "What is shown" },
      this.ranges.element, this.out, this.granularities.element, this.compare, this.comparedWith,
      el("span", { class: "ends" }, this.views.element, csv));
    this.chart = new Chart({
      zoom: (from, to) => this.zoom(from, to), back: () => this.zoomOut(), open: (mark) => this.open(mark),
    });
    this.table = new PointTable();
    this.gross = grossPanel((name) => this.toggleVerdict(name));
    this.corrections = correctionsPanel((mark) => this.open(mark));
    this.members = this.kind === "ad" ? null : adsOfPanel(this.context, this.source.whose);
    this.note = el("div", {});
    this.instead = el("div", {});
    this.stage = el("section", { class: "stage", "aria-label": "Counts" }, this.chart.element, this.table.element);
    this.foot = el("p", { class: "foot quiet" });
    this.body = el("div", { class: "body" }, this.tools, this.stage,
      el("div", { class: "panels" }, this.gross.element, this.corrections.element, this.members?.element), this.foot);
    this.title = el("h1", { tabIndex: -1 }, this.kind === "advertiser" ? "All ads" : this.id);
    this.element = el("div", { class: "page counts" }, this.note,
      el("div", { class: "head" }, this.crumbs, el("div", { class: "title" }, this.title, this.flag), this.final.element), this.instead, this.body);
    this.showCrumbs(null);
  }

  showCrumbs(campaign) {
    if (this.context.session.share) return fill(this.crumbs);
    if (this.kind === "campaign") return fill(this.crumbs, el("a", { href: path("campaigns") }, "Campaigns"));
    fill(this.crumbs, el("a", { href: path("ads") }, "Ads"), campaign ? " / " : null,
      campaign ? el("a", { href: path("campaign", campaign) }, campaign) : null);
  }

  /** Shows a state of this page. */
  async show(state) {
    this.state = state;
    this.showTools();
    if (!this.isKnown) this.loadAbout();
    const loading = this.counts.load(state);
    try {
      await (this.counts.series ? busy(this.stage, loading) : whileLoading(this.element, loading));
      if (this.isDestroyed) return;
      fill(this.note);
      fill(this.instead);
      if (!this.body.isConnected) this.element.append(this.body);
      this.draw();
    } catch (error) {
      this.failed(error, () => this.show(this.state));
    }
  }

  failed(error, again) {
    if (this.isDestroyed || error.name === "AbortError") return;
    if (error.status === 401) return this.context.over();
    if (!this.counts.series) {
      this.body.remove();
      fill(this.instead, apology(error, again));
      if (error.status === 503) this.retry = setTimeout(again, Math.max(error.retryAfter, 2) * 1_000);
    } else fill(this.note, problem(error, again));
  }

  /** What does not hang on the range: the ad itself, and its corrections. */
  async loadAbout() {
    this.isKnown = true;
    this.loadCorrections();
    if (!this.source.about) return;
    const ad = await get(this.source.about).catch(() => null);
    if (!ad || this.isDestroyed) return;
    this.showCrumbs(ad.campaignId);
    setText(this.flag, ad.status === "paused" ? "paused" : "");
  }

  async loadCorrections() {
    try {
      const answer = await get(this.source.corrections, { ...this.source.whose, from: "-400d", limit: 1_000 });
      this.marks = marksOf(answer.corrections);
      this.hasCorrections = true;
      if (this.counts.series) this.draw();
    } catch {
      // Those that are shown already stay; the page itself says what is wrong with the connection.
      if (!this.hasCorrections) this.corrections.fail();
    }
  }

  /** A recount may tell of hundreds at once: they are fetched together. */
  corrected() {
    clearTimeout(this.correcting);
    this.correcting = setTimeout(() => this.loadCorrections(), 500);
  }

  // MARK: Drawing

  showTools() {
    const { state } = this;
    const length = span(state);
    const range = RANGES.find(({ key }) => key === state.range);
    this.ranges.show(state.from === null ? state.range : "");
    this.granularities.show(state.g ?? chosen(length), (name) => !fits(name, length));
    this.views.show(state.view);
    this.out.hidden = state.from === null;
    this.compare.setAttribute("aria-pressed", String(state.cmp !== null));
    this.comparedWith.hidden = state.cmp === null;
    const custom = state.from === null ? range : null;
    fill(this.comparedWith, ["prev", "week"].map((kind) => el("option", { value: kind, selected: kind === state.cmp }, comparisonChoice(kind, custom))));
    this.stage.classList.toggle("as-table", state.view === "table");
  }

  /** Shows what is known. */
  draw() {
    const { series } = this.counts;
    if (!series || this.isDestroyed) return;
    const now = serverNow();
    const here = zone(this.state.tz);
    this.final.show(series.completeThrough, series.from, series.to, now, here);
    const view = this.view(series, now, here);
    if (this.state.view === "table") this.table.show(view);
    else this.chart.show(view);
    this.gross.show(this.counts.sums, this.state.m);
    if (this.hasCorrections) this.corrections.show(this.marks, this.state.at, now, here, Boolean(series.reconciledThrough));
    this.members?.show(this.state, series.from, series.to);
    this.showFoot(series, now, here);
  }

  view(series, now, here) {
    const { previous } = this.counts;
    const range = this.state.from === null ? RANGES.find(({ key }) => key === this.state.range) : null;
    return {
      series, previous, zone: here, now, marks: this.marks,
      extras: this.state.m.filter((name) => series.extras[name]).map((name) => ({
        name, label: NAMES.get(name), colour: VERDICT_COLOURS[name], values: series.extras[name],
      })),
      words: {
        title: `Clicks of ${this.kind === "advertiser" ? "all ads" : `${this.kind} ${this.id}`}`,
        range: range?.words ?? between(series.from, series.to, here), previous: previous ? comparison(this.state.cmp, range) : "",
      },
    };
  }

  showFoot(series, now, here) {
    const parts = [];
    if (series.reconciledThrough) parts.push(el("span", {}, `Recounted until ${moment(series.reconciledThrough, now, here)}`));
    if (series.asOf) parts.push(el("span", {}, "State of the answer: ", el("code", {}, series.asOf)));
    parts.push(el("span", { class: "printed" }, `${moment(series.from, 0, here)} to ${moment(series.to, 0, here)}`),
      el("span", { class: "printed" }, `Printed ${moment(now, 0, here)}`), el("a", { href: path("method") }, "How we count"));
    renew(this.foot, parts);
  }

  // MARK: What the reader does

  zoom(from, to) {
    // From the table or a mailed link there is no range to go back to.
    const before = this.state.from === null ? { range: this.state.range, g: this.state.g } : history.state?.before;
    this.context.go({ from, to, g: null }, { before });
  }

  zoomOut() {
    if (this.state.from === null) return;
    const before = history.state?.before ?? {};
    this.context.go({ from: null, to: null, g: before.g ?? null, range: before.range ?? this.state.range });
  }

  toggleCompare() {
    this.context.go({ cmp: this.state.cmp === null ? "prev" : null });
  }

  toggleVerdict(name) {
    const m = this.state.m.includes(name) ? this.state.m.filter((other) => other !== name) : [...this.state.m, name];
    this.context.go({ m, view: "chart" });
  }

  /** Opens a correction: it stands in the address, and its entry has the focus. */
  open(mark) {
    const isOpen = this.state.at === mark.time;
    this.context.go({ at: isOpen ? null : mark.time }, { replace: true });
    if (!isOpen) this.corrections.focus(mark);
  }

  save() {
    if (!this.counts.series) return;
    const { series } = this.counts;
    const stamp = (time) => new Date(time).toISOString().slice(0, 16).replace(/[-:]/g, "");
    download(`${this.id ?? "all"} ${stamp(series.from)}Z ${stamp(series.to)}Z ${series.granularity}.csv`,
      pointsAsCSV(this.view(series, serverNow(), zone(this.state.tz))));
    announce("The file was made.");
  }

  /** Letters that act on this page. */
  key(letter) {
    const range = RANGES[Number(letter) - 1];
    if (range) this.context.go({ range: range.key, from: null, to: null, g: null });
    else if (letter === "t") this.context.go({ view: this.state.view === "table" ? "chart" : "table" });
    else if (letter === "c") this.toggleCompare();
    else if (letter.startsWith("g ")) {
      const g = GRANULARITIES.find((name) => name[0] === letter[2] && name !== "month");
      if (g && fits(g, span(this.state))) this.context.go({ g });
    } else return false;
    return true;
  }

  destroy() {
    this.isDestroyed = true;
    clearTimeout(this.retry);
    clearTimeout(this.correcting);
    this.counts.stop();
    this.chart.destroy();
    this.members?.destroy();
  }
}

/** A range that has no name: `on 30 Nov, 08:10 to 09:40`. */
function between(from, to, here) {
  const [start, end] = [here.wall(from), here.wall(to)];
  if (day(start) === day(end - 1)) return `on ${day(start)}, ${clock(start)} to ${clock(end)}`;
  return `from ${day(start)}, ${clock(start)} to ${day(end)}, ${clock(end)}`;
}

/** Old numbers stay at full strength while others of the same page come. */
function busy(element, promise) {
  element.setAttribute("aria-busy", "true");
  return promise.finally(() => element.removeAttribute("aria-busy"));
}

// The pages of all ads and of all campaigns: four figures, a field to find one, and the list. One stream says which ads have new
// clicks; their sums are asked for again then, so that no sum is ever added up here.

import { announce, csvField, download, el, fill, setText } from "./dom.js";
import { allAds, query, serverNow } from "./api.js";
import { change, count, many, share, signed } from "./fmt.js";
import { Live } from "./live.js";
import { apology, command, empty, finalLine, problem, rangeButtons, whileLoading } from "./parts.js";
import { Rows } from "./rows.js";
import { path } from "./state.js";
import { sparkline } from "./spark.js";
import { Sparks, adRows, arranged, campaignRows, loadTotals } from "./totals.js";
import { RANGES } from "./words.js";
import { zone } from "./zone.js";

/** Milliseconds after which sums are asked for again: without news, and with news at the earliest. An answer over many ads is not
 *  asked for more often than a tenth of the time. */
const REFRESH = 15_000;
const NEWS = 2_000;
const SHARE_OF_TIME = 10;

export class ListPage {
  /** `kind` is `ad` or `campaign`. */
  constructor(context, kind) {
    Object.assign(this, { context, kind, ads: null, totals: null, rows: [] });
    this.request = new AbortController();
    this.sparks = new Sparks(kind, () => this.drawSparks());
    this.build();
    this.timer = setInterval(() => this.tick(), 1_000);
    this.asked = { at: 0, took: 0 };
    this.sparked = this.aged = Date.now();
  }

  build() {
    const { go } = this.context;
    this.final = finalLine();
    this.ranges = rangeButtons((range) => go({ range, from: null, to: null }));
    this.note = el("div", {});
    this.instead = el("div", {});
    this.figures = el("dl", { class: "figures" });
    this.find = el("input", {
      type: "search", class: "find", placeholder: this.kind === "ad" ? "Find an ad or campaign  /" : "Find a campaign  /",
      "aria-label": this.kind === "ad" ? "Find an ad or campaign" : "Find a campaign", maxLength: 128,
      oninput: () => go({ q: this.find.value }, { replace: true }),
    });
    this.chip = el("button", { type: "button", class: "button chip", hidden: true, onclick: () => go({ campaign: "" }) });
    this.found = el("span", { class: "quiet found" });
    this.again = el("button", { type: "button", class: "button order", hidden: true, onclick: () => this.arrange() }, "Order changed. Sort again");
    const csv = el("button", { type: "button", class: "button", onclick: () => this.save() }, "CSV");
    this.list = new Rows({ heads: this.heads(), make: (i) => this.row(i), shown: (from, to) => this.wantSparks(from, to) });
    this.list.element.setAttribute("aria-label", this.kind === "ad" ? "Ads" : "Campaigns");
    this.nothing = el("div", {});
    this.body = el("div", { class: "body" }, this.figures,
      el("div", { class: "tools" }, this.find, this.chip, this.found, this.again, el("span", { class: "space" }), csv),
      this.nothing, this.list.element);
    this.element = el("div", { class: "page lists" }, this.note,
      el("div", { class: "head beside" }, el("div", {}, el("h1", { tabIndex: -1 }, this.kind === "ad" ? "Ads" : "Campaigns"), this.final.element),
        this.ranges.element), this.instead, this.body);
    this.drawFigures();
  }

  heads() {
    const name = this.kind === "ad" ? "Ad" : "Campaign";
    this.sorters = [["adId", name], [null, ""], ["-clicks", "Clicks"], ["-change", "Change"], ["-notCounted", "Not counted"]]
      .map(([sort, label]) => {
        const cell = el("div", { role: "columnheader", class: "cell" }, sort === null ? null
          : el("button", { type: "button", onclick: () => this.context.go({ sort }) }, label));
        cell.dataset.sort = sort ?? "";
        return cell;
      });
    return this.sorters;
  }

  async show(state) {
    const before = this.state;
    this.state = state;
    this.showTools();
    if (before && rangeOf(before) === rangeOf(state)) return this.arrange();
    await this.load();
  }

  showTools() {
    const { state } = this;
    this.ranges.show(state.from === null ? state.range : "");
    if (this.find.value !== state.q) this.find.value = state.q;
    this.chip.hidden = state.campaign === "";
    fill(this.chip, `${state.campaign} ×`);
    this.chip.setAttribute("aria-label", `Show all campaigns, not ${state.campaign} alone`);
    for (const cell of this.sorters) {
      const isSorted = cell.dataset.sort === state.sort;
      cell.setAttribute("aria-sort", isSorted ? (state.sort === "adId" ? "ascending" : "descending") : "none");
    }
    const range = state.from === null ? RANGES.find(({ key }) => key === state.range).words.replace("in the last", "Last") : "In this time";
    fill(this.sorters[1], range);
  }

  async load() {
    const { state } = this;
    try {
      const asked = this.ask();
      const loading = this.ads ? asked : Promise.all([asked, this.loadAds(asked)]).then(([first]) => first);
      const totals = await (this.ads ? loading : whileLoading(this.element, loading));
      // The reader has chosen another range meanwhile.
      if (rangeOf(state) !== rangeOf(this.state)) return;
      this.totals = totals;
      fill(this.note);
      fill(this.instead);
      if (!this.body.isConnected) this.element.append(this.body);
      this.makeRows();
      this.arrange();
      this.listen();
    } catch (error) {
      this.failed(error, () => this.load());
    }
  }

  async ask() {
    const began = performance.now();
    this.asked.at = Date.now();
    const totals = await loadTotals(this.state, this.totals, this.request.signal);
    this.asked.took = performance.now() - began;
    return totals;
  }

  /** The one stream of the page: over the reader's advertiser, or the only one there is. */
  listen() {
    if (this.live || this.isPolled) return;
    const others = new Set(this.ads.map((ad) => ad.advertiserId));
    const advertiserId = this.context.session.advertiser ?? (others.size === 1 ? [...others][0] : null);
    const polled = () => {
      this.isPolled = true;
      this.context.live("polled");
    };
    if (advertiserId === null) return polled();
    this.live = new Live({
      address: () => `/api/v1/stream${query({ advertiserId, groupBy: "ad", since: this.totals.asOf })}`,
      event: (name, data) => this.take(name, data),
      reopened: () => { this.hasNews = true; },
      state: (...given) => {
        this.isLost = given[0] === "lost";
        this.context.live(...given);
      },
      over: this.context.over, refused: polled,
    });
  }

  take(name, data) {
    const points = data.points ?? data.series ?? [];
    for (const { adId } of points) this.sparks.age(this.kind === "ad" ? adId : this.campaigns.get(adId));
    // Minutes that were closed or recounted change no sum, but how sure it is.
    if (data.completeThrough) {
      this.totals.completeThrough = Date.parse(data.completeThrough);
      this.showFinal();
    }
    if (name !== "points" || points.length > 0) this.hasNews = true;
  }

  tick() {
    const rest = Date.now() - this.asked.at;
    const isDue = rest >= REFRESH || (this.hasNews && rest >= Math.max(NEWS, this.asked.took * SHARE_OF_TIME));
    if (isDue && !this.isLost) this.refresh();
  }

  /** The catalog's ads: the first page is shown before the others have come. */
  async loadAds(totals) {
    const ads = await allAds({}, this.request.signal, async (some, isLast) => {
      if (isLast || this.ads || this.isDestroyed) return;
      this.totals = await totals.catch(() => null);
      if (!this.totals || this.ads) return;
      this.rows = this.kind === "ad" ? adRows(some, this.totals) : [];
      this.arrange();
    });
    this.ads = ads;
  }

  failed(error, again) {
    if (this.isDestroyed || error.name === "AbortError") return;
    if (error.status === 401) return this.context.over();
    if (this.ads) return fill(this.note, problem(error, again));
    this.body.remove();
    fill(this.instead, apology(error, again));
    if (error.status === 503) this.retry = setTimeout(again, Math.max(error.retryAfter, 2) * 1_000);
  }

  /** Totals move on while the page is seen; the order waits for the reader, so that no row jumps from under a pointer. */
  async refresh() {
    if (document.hidden || !this.totals || !this.ads || this.isAsking) return;
    this.isAsking = true;
    this.hasNews = false;
    const { state } = this;
    try {
      const totals = await this.ask();
      if (rangeOf(state) !== rangeOf(this.state)) return;
      this.totals = totals;
    } catch (error) {
      if (this.isDestroyed || error.name === "AbortError") return;
      if (error.status === 401) return this.context.over();
      // Where there is a stream, it tells of a loss.
      this.lostSince ??= Date.now();
      return this.isPolled ? this.context.live("lost", this.lostSince) : undefined;
    } finally {
      this.isAsking = false;
    }
    this.lostSince = null;
    if (this.isPolled) this.context.live("polled");
    this.makeRows();
    const order = arranged(this.rows, this.state);
    const [from, to] = this.list.range;
    this.again.hidden = !order.slice(from, to).some((row, i) => row.id !== this.shown[from + i]?.id);
    const byId = new Map(this.rows.map((row) => [row.id, row]));
    this.shown = this.shown.map((row) => byId.get(row.id) ?? row);
    this.list.setCount(this.shown.length);
    this.drawFigures();
    this.showFinal();
    if (Date.now() - this.sparked < REFRESH) return;
    this.sparked = Date.now();
    // Without a stream nobody says whose line is old; and a range that moves has moved on for all.
    if (this.isPolled || Date.now() - this.aged > 4 * REFRESH) {
      this.aged = Date.now();
      this.sparks.ageAll();
    }
    this.wantSparks(...this.list.range);
  }

  makeRows() {
    const rows = adRows(this.ads ?? [], this.totals);
    this.campaigns = new Map(rows.map((row) => [row.id, row.campaign]));
    this.rows = this.kind === "ad" ? rows : campaignRows(rows);
  }

  arrange() {
    if (!this.totals) return;
    this.again.hidden = true;
    this.shown = arranged(this.rows, this.state);
    const word = this.kind === "ad" ? "ad" : "campaign";
    const isFiltered = this.state.q.trim() !== "" || this.state.campaign !== "";
    setText(this.found, isFiltered ? `${count(this.shown.length)} of ${many(this.rows.length, word)}` : many(this.rows.length, word));
    if (isFiltered) announce(`${many(this.shown.length, "match", "matches")}`);
    this.list.element.hidden = this.shown.length === 0;
    fill(this.nothing, this.shown.length > 0 ? null : this.emptyWords());
    this.list.setCount(this.shown.length);
    this.showFinal();
    this.drawFigures();
  }

  showFinal() {
    const { completeThrough, from, to } = this.totals;
    this.final.show(completeThrough, from, to, serverNow(), zone(this.state.tz));
  }

  emptyWords() {
    const word = this.kind === "ad" ? "ad" : "campaign";
    if (this.state.q) {
      const all = el("button", { type: "button", class: "button", onclick: () => this.context.go({ q: "" }) }, "Show all");
      return empty(`No ${word} matches “${this.state.q}”`, "", all);
    }
    const add = "tally ads put AD URL --advertiser ID";
    if (this.kind === "ad") return empty("No ads yet", "This command adds one:", command(add));
    return empty("No campaigns yet", "An ad names its campaign when it is added:", command(`${add} --campaign ID`));
  }

  drawFigures() {
    const sum = this.totals?.sum ?? null;
    const figure = (label, value, words) => el("div", {}, el("dt", {}, label), el("dd", {}, el("b", {}, value), el("span", {}, words)));
    const lost = sum ? sum.gross - sum.clicks : 0;
    const clicked = this.rows.filter((row) => row.clicks > 0).length;
    fill(this.figures,
      figure("Clicks", sum ? count(sum.clicks) : "", sum ? `${change(sum.clicks, sum.before)} to the period before` : ""),
      figure("All requests", sum ? count(sum.gross) : "", "gross"),
      figure("Not counted", sum ? share(lost, sum.gross) : "", sum ? many(lost, "request") : ""),
      sum && sum.credits !== 0 ? figure("Credits", signed(sum.credits), "after sealing")
        : figure(this.kind === "ad" ? "Ads" : "Campaigns", sum ? count(this.rows.length) : "", sum ? `${count(clicked)} with clicks` : ""));
  }

  row(i) {
    const row = this.shown[i];
    const under = this.kind === "ad" ? row.campaign : many(row.ads, "ad");
    const spark = el("div", { class: "cell line", role: "cell", "data-id": row.id });
    this.drawSpark(spark, row.id);
    return el("div", { class: "row", role: "row" },
      el("div", { class: "cell name", role: "cell" },
        el("a", { href: path(this.kind, row.id) }, row.id), row.status === "paused" ? el("span", { class: "flag" }, "paused") : null,
        el("span", { class: "under" }, under ?? "")),
      spark, el("div", { class: "cell clicks", role: "cell" }, count(row.clicks)),
      el("div", { class: "cell", role: "cell" }, change(row.clicks, row.before)),
      el("div", { class: "cell", role: "cell" }, share(row.gross - row.clicks, row.gross)));
  }

  wantSparks(from, to) {
    if (!this.totals || this.isDestroyed) return;
    this.sparks.want(this.shown.slice(from, to).map(({ id }) => id), this.state, this.totals, this.request.signal);
  }

  drawSparks() {
    for (const cell of this.list.space.querySelectorAll(".line")) this.drawSpark(cell, cell.dataset.id);
  }

  drawSpark(cell, id) {
    const line = this.sparks.of(id);
    if (line) fill(cell, sparkline(line.values, { open: line.open }));
  }

  save() {
    if (!this.shown) return;
    const heads = [this.kind, "campaign", "clicks", "clicks before", "all requests"];
    const lines = [heads, ...this.shown.map((row) => [row.id, row.campaign ?? "", row.clicks, row.before, row.gross])];
    download(`${this.kind}s.csv`, lines.map((line) => `${line.map(csvField).join(",")}\r\n`).join(""));
    announce("The file was made.");
  }

  key(letter) {
    const range = RANGES[Number(letter) - 1];
    if (range) this.context.go({ range: range.key, from: null, to: null });
    else if (letter === "/") this.find.focus();
    else return false;
    return true;
  }

  destroy() {
    this.isDestroyed = true;
    this.request.abort();
    this.live?.close();
    clearInterval(this.timer);
    clearTimeout(this.retry);
    this.list.destroy();
  }
}

/** What totals are asked for. */
function rangeOf({ from, to, range, tz }) {
  return `${from ?? range} ${to} ${tz}`;
}

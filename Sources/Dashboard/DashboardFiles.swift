// Written by Sources/Dashboard/embed from the files of web/. Change those, and run it again.

/// The files of the page, in the order of their names.
package enum DashboardFiles {
  /// Every file of `web/`.
  package static let all: [DashboardFile] = [
    DashboardFile(name: "ad.js", mediaType: "text/javascript; charset=utf-8", text: adJS),
    DashboardFile(name: "api.js", mediaType: "text/javascript; charset=utf-8", text: apiJS),
    DashboardFile(name: "app.css", mediaType: "text/css; charset=utf-8", text: appCSS),
    DashboardFile(name: "app.js", mediaType: "text/javascript; charset=utf-8", text: appJS),
    DashboardFile(name: "canvas.js", mediaType: "text/javascript; charset=utf-8", text: canvasJS),
    DashboardFile(name: "chart.css", mediaType: "text/css; charset=utf-8", text: chartCSS),
    DashboardFile(name: "chart.js", mediaType: "text/javascript; charset=utf-8", text: chartJS),
    DashboardFile(name: "counts.js", mediaType: "text/javascript; charset=utf-8", text: countsJS),
    DashboardFile(name: "dom.js", mediaType: "text/javascript; charset=utf-8", text: domJS),
    DashboardFile(name: "fmt.js", mediaType: "text/javascript; charset=utf-8", text: fmtJS),
    DashboardFile(name: "frame.js", mediaType: "text/javascript; charset=utf-8", text: frameJS),
    DashboardFile(name: "help.js", mediaType: "text/javascript; charset=utf-8", text: helpJS),
    DashboardFile(name: "icon.svg", mediaType: "image/svg+xml", text: iconSVG),
    DashboardFile(name: "index.html", mediaType: "text/html; charset=utf-8", text: indexHTML),
    DashboardFile(name: "keys.js", mediaType: "text/javascript; charset=utf-8", text: keysJS),
    DashboardFile(name: "list.css", mediaType: "text/css; charset=utf-8", text: listCSS),
    DashboardFile(name: "list.js", mediaType: "text/javascript; charset=utf-8", text: listJS),
    DashboardFile(name: "live.js", mediaType: "text/javascript; charset=utf-8", text: liveJS),
    DashboardFile(name: "load.js", mediaType: "text/javascript; charset=utf-8", text: loadJS),
    DashboardFile(name: "marks.js", mediaType: "text/javascript; charset=utf-8", text: marksJS),
    DashboardFile(name: "members.js", mediaType: "text/javascript; charset=utf-8", text: membersJS),
    DashboardFile(name: "method.html", mediaType: "text/html; charset=utf-8", text: methodHTML),
    DashboardFile(name: "method.js", mediaType: "text/javascript; charset=utf-8", text: methodJS),
    DashboardFile(name: "ops.css", mediaType: "text/css; charset=utf-8", text: opsCSS),
    DashboardFile(name: "ops.js", mediaType: "text/javascript; charset=utf-8", text: opsJS),
    DashboardFile(name: "panels.js", mediaType: "text/javascript; charset=utf-8", text: panelsJS),
    DashboardFile(name: "parts.js", mediaType: "text/javascript; charset=utf-8", text: partsJS),
    DashboardFile(name: "reading.js", mediaType: "text/javascript; charset=utf-8", text: readingJS),
    DashboardFile(name: "rows.js", mediaType: "text/javascript; charset=utf-8", text: rowsJS),
    DashboardFile(name: "series.js", mediaType: "text/javascript; charset=utf-8", text: seriesJS),
    DashboardFile(name: "shapes.js", mediaType: "text/javascript; charset=utf-8", text: shapesJS),
    DashboardFile(name: "signin.js", mediaType: "text/javascript; charset=utf-8", text: signinJS),
    DashboardFile(name: "spark.js", mediaType: "text/javascript; charset=utf-8", text: sparkJS),
    DashboardFile(name: "state.js", mediaType: "text/javascript; charset=utf-8", text: stateJS),
    DashboardFile(name: "svg.js", mediaType: "text/javascript; charset=utf-8", text: svgJS),
    DashboardFile(name: "table.js", mediaType: "text/javascript; charset=utf-8", text: tableJS),
    DashboardFile(name: "ticks.js", mediaType: "text/javascript; charset=utf-8", text: ticksJS),
    DashboardFile(name: "totals.js", mediaType: "text/javascript; charset=utf-8", text: totalsJS),
    DashboardFile(name: "words.css", mediaType: "text/css; charset=utf-8", text: wordsCSS),
    DashboardFile(name: "words.js", mediaType: "text/javascript; charset=utf-8", text: wordsJS),
    DashboardFile(name: "zone.js", mediaType: "text/javascript; charset=utf-8", text: zoneJS),
    DashboardFile(name: "zonemenu.js", mediaType: "text/javascript; charset=utf-8", text: zonemenuJS),
  ]
}

private let adJS: StaticString = #"""
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

  """#

private let apiJS: StaticString = #"""
  // The server's answers. One function asks, and every failure is an `ApiError` that says what a person can do about it:
  //
  //     401              not signed in, or no longer: the sign-in takes the page's place
  //     404              not there, or not this reader's: the same words for both
  //     503              not ready: asked again after `Retry-After`
  //     no answer at all the connection is lost: what is shown stays
  //
  // The server's clock is the page's clock: ranges that end now are sent as instants of the server.

  /** What went wrong, from the problem document (RFC 9457) where the server has sent one. */
  class ApiError extends Error {
    constructor(status, problem = {}, retryAfter = 0) {
      super(problem.title ?? (status === 0 ? "The server cannot be reached" : `The server answered ${status}`));
      this.status = status;
      this.detail = problem.detail ?? "";
      this.requestId = problem.requestId ?? "";
      /** Seconds. */
      this.retryAfter = retryAfter;
    }
  }

  /** What is shown where there was no answer at all. */
  export function unreachable() {
    return new ApiError(0);
  }

  let clockAhead = 0;
  let csrfToken = "";
  /** The share that this page shows; its cookie speaks then, not that of the reader's own session. */
  let share = null;

  /** Milliseconds since 1970 by the server's clock. */
  export function serverNow() {
    return Date.now() + clockAhead;
  }

  /** Takes the server's time from an answer's `Date`, which has whole seconds: on average half of one has passed. */
  function takeTime(answer) {
    const sent = Date.parse(answer.headers.get("Date") ?? "");
    const ahead = sent + 500 - Date.now();
    // A small difference is the rounding's; to follow it would make the clock tremble.
    if (Number.isFinite(ahead) && Math.abs(ahead - clockAhead) > 1_500) clockAhead = ahead;
  }

  /** The headers of every request. */
  export function requestHeaders(more = {}) {
    return share === null ? more : { ...more, "X-Tally-Share": share };
  }

  /** Sends a request; the answer is one of success. */
  async function send(path, options = {}) {
    let answer;
    try {
      answer = await fetch(path, { ...options, headers: requestHeaders(options.headers), cache: "no-cache" });
    } catch (error) {
      if (error.name === "AbortError") throw error;
      throw unreachable();
    }
    takeTime(answer);
    if (!answer.ok) throw await failure(answer);
    return answer;
  }

  /** The error of an answer that is none of success. */
  export async function failure(answer) {
    const problem = await answer.json().catch(() => ({}));
    return new ApiError(answer.status, problem, Number(answer.headers.get("Retry-After") ?? 0));
  }

  /** Asks for a document. Parameters without a value are left out. */
  export async function get(path, parameters = {}, signal = undefined) {
    const answer = await send(path + query(parameters), { signal });
    return answer.json();
  }

  /** `?a=1&b=2`, empty without parameters. */
  export function query(parameters) {
    const given = Object.entries(parameters).filter(([, value]) => value !== undefined && value !== null && value !== "");
    return given.length === 0 ? "" : `?${new URLSearchParams(given)}`;
  }

  /** An instant as the query has it. */
  export function instant(time) {
    return new Date(time).toISOString().replace(".000Z", "Z");
  }

  // MARK: Sessions

  /** Who is signed in; an `ApiError` of 401 where nobody is. On the page of a share, its id. */
  export async function session(shareId = null) {
    share = shareId;
    return took(await get("/session"));
  }

  /** Signs in with a token, or with the secret of a share's link. Neither ever stands in an address. */
  export async function signIn(credentials) {
    const answer = await send("/session", {
      method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(credentials),
    });
    return answer.status === 204 ? session(share) : took(await answer.json());
  }

  export async function signOut() {
    await send("/session", { method: "DELETE", headers: { "X-Tally-CSRF": csrfToken } });
  }

  /** What the page needs of a session. */
  function took(answer) {
    csrfToken = answer.csrfToken ?? "";
    const time = Date.parse(answer.serverTime ?? "");
    if (Number.isFinite(time)) clockAhead = time - Date.now();
    return {
      advertiser: answer.advertiserId ?? null,
      isAdmin: (answer.scopes ?? []).includes("admin"),
      version: answer.version ?? "",
      share: answer.share ?? null,
    };
  }

  // MARK: Lists

  /** Every ad that the reader may see, page by page: `more` is called with the ads so far after each. */
  export async function allAds(parameters, signal, more) {
    const ads = [];
    let cursor;
    // The first rows are on the screen before the rest has come.
    let limit = 200;
    do {
      const page = await get("/api/v1/ads", { ...parameters, cursor, limit }, signal);
      for (const ad of page.ads) ads.push(ad);
      cursor = page.next;
      limit = 1_000;
      more(ads, cursor === null || cursor === undefined);
    } while (cursor);
    return ads;
  }

  """#

private let appCSS: StaticString = #"""
  /* Tokens, the frame and what all pages share; each page adds its own sheet. Dark tokens hold on screens alone, so that paper is
     always light. */

  :root {
    --bg: #f6f7f9; --surface: #ffffff; --sunken: #eff1f4; --line: #e2e5ea; --line-2: #868e9a;
    --text: #151a21; --text-2: #4b5462; --text-3: #626c7a;
    --accent: #0b5fc0; --accent-2: #084a98; --accent-soft: #e7f0fb; --on-accent: #ffffff;
    --warn: #8a5200; --warn-soft: #fdf1dc; --bad: #b3261e; --bad-soft: #fdeceb; --good: #0d7453; --good-soft: #e3f4ee;
    --seal: #4d4aa5; --seal-soft: #ecebf9; --closed: #56687d;
    --c-clicks: #0b5fc0; --c-fill: rgb(11 95 192 / 9%); --c-band: rgb(11 95 192 / 20%); --c-prev: #7b8594;
    --c-duplicate: #b85c00; --c-bot: #00796b; --c-expired: #7a4fa3; --c-prefetch: #4c78a0; --c-head: #6b7480; --c-bad: #b3261e;
    --c-limited: #8a6d00; --c-open: rgb(138 82 0 / 7%); --c-grid: #eceef2;
    --shadow: 0 1px 2px rgb(21 26 33 / 5%);
    color-scheme: light;
  }

  @media screen {
    :root[data-theme="dark"] {
      --bg: #0e1116; --surface: #161a21; --sunken: #1e232c; --line: #2a303a; --line-2: #69727f;
      --text: #e9ecf1; --text-2: #b0b8c4; --text-3: #929cab;
      --accent: #6cabff; --accent-2: #9cc7ff; --accent-soft: #17283f; --on-accent: #08182c;
      --warn: #e7b15a; --warn-soft: #2e2413; --bad: #ff8a80; --bad-soft: #371a1a; --good: #4cc79a; --good-soft: #12291f;
      --seal: #a9a6f5; --seal-soft: #22213d; --closed: #8fa1b6;
      --c-clicks: #6cabff; --c-fill: rgb(108 171 255 / 13%); --c-band: rgb(108 171 255 / 26%); --c-prev: #818b99;
      --c-duplicate: #f0a050; --c-bot: #4fc3b3; --c-expired: #c4a1e8; --c-prefetch: #8db8dd; --c-head: #98a2b0; --c-bad: #ff8a80;
      --c-limited: #d9bd55; --c-open: rgb(231 177 90 / 9%); --c-grid: #222832;
      --shadow: none;
      color-scheme: dark;
    }
  }

  @media screen and (prefers-color-scheme: dark) {
    /* The same once more: a style sheet cannot say "or". */
    :root:not([data-theme="light"]) {
      --bg: #0e1116; --surface: #161a21; --sunken: #1e232c; --line: #2a303a; --line-2: #69727f;
      --text: #e9ecf1; --text-2: #b0b8c4; --text-3: #929cab;
      --accent: #6cabff; --accent-2: #9cc7ff; --accent-soft: #17283f; --on-accent: #08182c;
      --warn: #e7b15a; --warn-soft: #2e2413; --bad: #ff8a80; --bad-soft: #371a1a; --good: #4cc79a; --good-soft: #12291f;
      --seal: #a9a6f5; --seal-soft: #22213d; --closed: #8fa1b6;
      --c-clicks: #6cabff; --c-fill: rgb(108 171 255 / 13%); --c-band: rgb(108 171 255 / 26%); --c-prev: #818b99;
      --c-duplicate: #f0a050; --c-bot: #4fc3b3; --c-expired: #c4a1e8; --c-prefetch: #8db8dd; --c-head: #98a2b0; --c-bad: #ff8a80;
      --c-limited: #d9bd55; --c-open: rgb(231 177 90 / 9%); --c-grid: #222832;
      --shadow: none;
      color-scheme: dark;
    }
  }

  * { box-sizing: border-box; }
  html { -webkit-text-size-adjust: 100%; scroll-padding-top: 16px; overflow-y: scroll; }
  body {
    margin: 0; background: var(--bg); color: var(--text);
    font: 14px/21px Inter, system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif;
  }
  h1, h2, h3, p, dl, dd, ol, ul, figure { margin: 0; padding: 0; }
  h1 { font-size: 24px; line-height: 32px; font-weight: 620; letter-spacing: -0.017em; overflow-wrap: anywhere; }
  h2 { font-size: 15px; line-height: 22px; font-weight: 600; }
  a { color: var(--accent); text-underline-offset: 2px; }
  code, kbd, pre { font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; font-size: 12px; }
  [hidden] { display: none !important; }
  .hidden { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
  .quiet { color: var(--text-3); font-size: 13px; }
  .bad { color: var(--bad); }
  :focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
  h1:focus, main:focus { outline: none; }
  .skip { position: absolute; left: 8px; top: -60px; padding: 8px 12px; background: var(--surface); border-radius: 8px; z-index: 5; }
  .skip:focus { top: 8px; }

  /* The frame */
  .frame {
    display: flex; align-items: center; gap: 4px; height: 52px; padding: 0 max(24px, calc(50% - 596px));
    background: var(--surface); border-bottom: 1px solid var(--line);
  }
  .brand { display: flex; align-items: center; gap: 8px; margin-right: 16px; color: var(--text); font-size: 16px; font-weight: 620; text-decoration: none; }
  .brand svg { width: 20px; height: 20px; fill: none; stroke: var(--accent); stroke-width: 1.8; stroke-linecap: round; }
  .pages { display: flex; gap: 4px; }
  .pages a, .plain {
    padding: 6px 10px; border: 0; border-radius: 8px; background: none; color: var(--text-2); font: inherit; font-weight: 500;
    text-decoration: none; white-space: nowrap; cursor: pointer;
  }
  .plain { font-weight: 400; }
  .pages a:hover, .plain:hover, summary:hover { background: var(--sunken); }
  .pages a[aria-current] { background: var(--sunken); color: var(--text); }
  .shared { color: var(--text-2); font-size: 13px; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
  .live, .zone { margin-left: auto; }
  .live:not([hidden]) ~ .zone { margin-left: 8px; }
  .live { display: flex; align-items: center; gap: 8px; color: var(--text-2); font-size: 13px; white-space: nowrap; }
  .live i { width: 8px; height: 8px; border-radius: 50%; border: 2px solid var(--line-2); background: var(--line-2); }
  .live[data-state="live"] i { background: var(--good); border-color: var(--good); animation: breathe 2s ease-in-out infinite; }
  .live[data-state="polled"] i { background: var(--good); border-color: var(--good); }
  .live[data-state="lost"] i { background: none; border-color: var(--warn); }
  @keyframes breathe { 50% { opacity: 0.4; } }
  @media (prefers-reduced-motion: reduce) { .live i { animation: none !important; } }
  .zone { position: relative; }
  #zone::after, .who summary::after {
    content: ""; display: inline-block; width: 6px; height: 6px; margin: 0 2px 3px 8px; border: solid currentcolor; border-width: 0 1.5px 1.5px 0; transform: rotate(45deg);
  }
  .icon { padding: 6px 8px; }
  .icon svg { display: block; width: 16px; height: 20px; fill: none; stroke: currentcolor; stroke-width: 1.5; }
  .icon path { fill: currentcolor; stroke: none; }
  .who { position: relative; padding-left: 8px; border-left: 1px solid var(--line); }
  .who summary { padding: 6px 10px; border-radius: 8px; color: var(--text-2); list-style: none; cursor: pointer; white-space: nowrap; max-width: 180px; overflow: hidden; text-overflow: ellipsis; }
  .who summary::-webkit-details-marker { display: none; }
  .menu {
    position: absolute; right: 0; top: 40px; z-index: 4; display: grid; min-width: 180px; padding: 8px; background: var(--surface);
    border: 1px solid var(--line-2); border-radius: 12px; box-shadow: 0 8px 24px rgb(0 0 0 / 14%);
  }
  .menu .plain { text-align: left; color: var(--text); }
  .menu > .quiet { padding: 6px 10px 2px; }
  .zones { width: 300px; max-width: calc(100vw - 24px); }
  .zones ul { list-style: none; max-height: 300px; overflow-y: auto; margin-top: 8px; }
  .zones li { display: flex; justify-content: space-between; gap: 12px; padding: 6px 8px; border-radius: 8px; cursor: pointer; }
  .zones li:hover, .zones li.active { background: var(--sunken); }
  .zones li[aria-selected="true"] { color: var(--accent); font-weight: 600; }

  /* Controls */
  input[type="text"], input[type="search"], input[type="password"], select {
    height: 34px; padding: 0 10px; border: 1px solid var(--line-2); border-radius: 8px; background: var(--surface); color: var(--text); font: inherit;
  }
  ::placeholder { color: var(--text-3); opacity: 1; }
  input[type="checkbox"] { width: 14px; height: 14px; margin: 0; accent-color: var(--accent); }
  .button, .segments {
    height: 34px; border: 1px solid var(--line-2); border-radius: 8px; background: var(--surface); color: var(--text); font: inherit; font-weight: 500; white-space: nowrap;
  }
  .button { padding: 0 11px; cursor: pointer; }
  .button:hover:not(:disabled), .segments button:hover:not(:disabled) { background: var(--sunken); }
  .button:disabled { color: var(--text-3); border-color: var(--line); cursor: default; }
  .button.primary { background: var(--accent); border-color: var(--accent); color: var(--on-accent); }
  .button.primary:hover:not(:disabled) { background: var(--accent-2); }
  .button.small { height: 26px; padding: 0 8px; font-size: 12px; }
  .toggle[aria-pressed="true"] { border-color: var(--accent); background: var(--accent-soft); color: var(--accent-2); }
  .segments { display: flex; flex: none; overflow: hidden; }
  .segments button { padding: 0 11px; border: 0; background: none; color: var(--text-2); font: inherit; font-weight: 500; cursor: pointer; }
  .segments button + button { border-left: 1px solid var(--line); }
  .segments button:focus-visible { outline-offset: -3px; border-radius: 8px; }
  .segments button:disabled { color: var(--line-2); cursor: default; }
  .segments button[aria-pressed="true"] { background: var(--accent-soft); color: var(--accent-2); box-shadow: inset 0 -2px var(--accent); }
  select { max-width: 176px; text-overflow: ellipsis; }
  .tools { display: flex; align-items: center; gap: 8px; margin: 16px 0 12px; }
  .space { flex: 1; }
  .pill, .flag { display: inline-flex; align-items: center; gap: 5px; padding: 0 8px; border-radius: 10px; font-size: 12px; line-height: 20px; font-weight: 500; white-space: nowrap; }
  .flag { background: var(--sunken); color: var(--text-2); }
  .flag:empty { display: none; }
  .pill.provisional { background: var(--warn-soft); color: var(--warn); }
  .pill.closed { background: var(--sunken); color: var(--text-2); }
  .pill.reconciled { background: var(--good-soft); color: var(--good); }
  .pill.sealed { background: var(--seal-soft); color: var(--seal); }
  .pill.sealed span { font-size: 9px; }
  .pill.failing { background: var(--bad-soft); color: var(--bad); }

  /* Notes */
  .note, .problem, .empty { overflow-wrap: anywhere; }
  .note, .problem { padding: 10px 16px; border-radius: 8px; background: var(--warn-soft); color: var(--warn); }
  .problem { display: flex; flex-wrap: wrap; align-items: center; gap: 4px 12px; margin-bottom: 16px; background: var(--bad-soft); color: var(--bad); }
  .problem .quiet { color: inherit; }
  #connection .note { max-width: 1192px; margin: 16px auto -8px; }
  .empty { padding: 48px 24px; text-align: center; color: var(--text-2); }
  .empty b { display: block; color: var(--text); font-size: 15px; }
  .empty p { max-width: 60ch; margin: 4px auto 12px; }
  .command { display: flex; align-items: center; gap: 8px; justify-content: space-between; max-width: 640px; margin: 4px auto; padding: 6px 6px 6px 12px; border-radius: 8px; background: var(--sunken); text-align: left; }
  .command code { flex: 1; min-width: 0; overflow-x: auto; white-space: nowrap; }

  /* What every page has */
  .page { max-width: 1240px; margin: 0 auto; padding: 24px 24px 48px; }
  .head { min-height: 52px; }
  .head.beside { display: flex; align-items: flex-end; justify-content: space-between; gap: 16px; flex-wrap: wrap; margin-bottom: 16px; }
  .title { display: flex; align-items: center; gap: 12px; }
  .crumbs:empty { display: none; }
  .crumbs { min-height: 21px; font-size: 13px; color: var(--text-2); overflow-wrap: anywhere; }
  .final { min-height: 26px; line-height: 26px; color: var(--text-2); }
  .final b { color: var(--text); font-weight: 600; }
  .panel, .stage, .figures, .list, .gauge { background: var(--surface); border: 1px solid var(--line); border-radius: 12px; box-shadow: var(--shadow); }
  .spark { display: block; width: 100%; height: 30px; }

  @media (max-width: 760px) {
    .frame { padding: 0 12px; }
    .brand { margin-right: 4px; }
  }

  @media (max-width: 680px) {
    .frame { flex-wrap: wrap; height: auto; padding: 0 10px; }
    .brand { margin-right: auto; padding: 10px 0; }
    .pages, .shared { order: 1; flex: 1 0 auto; width: calc(100% - 110px); margin-bottom: 6px; }
    .shared { white-space: normal; padding: 0 0 6px; }
    .live, .live:not([hidden]) ~ .zone, .zone { margin-left: 0; }
    .who { order: 2; border-left: 0; padding: 0 0 6px; margin-left: auto; }
    .pages a, .plain, .who summary { padding: 9px 8px; }
    .button:not(.small), .segments, input[type="search"], input[type="password"], select { height: 40px; }
    #zone { max-width: 44vw; overflow: hidden; text-overflow: ellipsis; }
    .zones { right: -44px; }
    #connection .note { margin: 10px 10px -4px; }
    .page { padding: 12px 10px 32px; }
    .head.beside { margin-bottom: 12px; }
    .segments { max-width: 100%; overflow-x: auto; }
    .segments button { padding: 0 9px; }
  }

  @media (max-width: 360px) {
    .brand span { display: none; }
    .pages { gap: 0; }
    .pages a { padding: 9px 6px; }
    .who summary { max-width: 76px; }
  }

  @media print {
    @page { size: A4; margin: 14mm; }
    body { background: #fff; font-size: 10px; line-height: 14px; }
    .frame { height: auto; padding: 0 0 6px; border-bottom: 2px solid var(--text); }
    .pages, .live, #theme, .who, .skip, .tools, #connection { display: none !important; }
    .frame .zone { margin-left: auto !important; }
    .quiet, .crumbs, caption { font-size: 9px; line-height: 13px; }
    h2 { font-size: 11px; line-height: 15px; }
    #zone::after { display: none; }
    .page { max-width: none; padding: 10px 0 0; }
    h1 { font-size: 16px; line-height: 22px; }
    .stage, .panel, .figures, .list, .gauge { box-shadow: none; break-inside: avoid; }
    * { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
  }

  @media (forced-colors: active) {
    .bar i, .ribbon, .swatch, .spark, .drawing, .over, progress { forced-color-adjust: none; }
    .segments button[aria-pressed="true"], .toggle[aria-pressed="true"], .pages a[aria-current] { outline: 2px solid Highlight; outline-offset: -2px; }
  }

  """#

private let appJS: StaticString = #"""
  // The frame around the pages: who is signed in, which page an address names, and what the keys do. A page is an object with
  // `element`, `show(state)`, `key(letter)` and `destroy()`; it stays while the address names the same thing, and is told the
  // new state. The code of a page comes with its first visit (load.js).

  import { session, signOut, serverNow, unreachable } from "./api.js";
  import { announce, el, fill } from "./dom.js";
  import { Frame } from "./frame.js";
  import { Letters } from "./keys.js";
  import { part, reloadIfOld } from "./load.js";
  import { apology, empty } from "./parts.js";
  import { address, parse, path, remember } from "./state.js";
  import { NOT_ADMIN, SESSION_OVER, SHARE_OVER, lostSince } from "./words.js";
  import { zone } from "./zone.js";

  const main = document.getElementById("main");
  const frame = new Frame({ zone: (id) => choose(id), signOut: leave, keys: () => letters.help() });
  const letters = new Letters((letter) => page?.key?.(letter) ?? false);

  let who = null;
  let page = null;
  let shown = "";
  let state = parse(location);

  // MARK: Navigation

  /** Changes the state of this page. Choices can be taken back, typing and opening replace. */
  function go(changes, { replace = false, before = undefined } = {}) {
    state = { ...state, ...changes };
    const kept = before === undefined ? history.state : { ...history.state, before };
    history[replace ? "replaceState" : "pushState"](kept, "", address(state));
    render();
  }

  /** Goes to another page; the zone comes along. */
  function visit(link) {
    const url = new URL(link);
    if (!url.searchParams.has("tz")) url.searchParams.set("tz", state.tz);
    if (!url.searchParams.has("range") && state.range !== "24h" && state.from === null) url.searchParams.set("range", state.range);
    history.pushState(null, "", url.pathname + url.search + url.hash);
    arrive(true);
  }

  async function arrive(isVisit) {
    const before = shown;
    state = parse(location);
    const corrected = address(state);
    if (corrected !== location.pathname + location.search) history.replaceState(history.state, "", corrected + location.hash);
    await render();
    if (isVisit) scrollTo(0, 0);
    // Those who cannot see that the page has changed are told by its title.
    if (shown !== before) main.querySelector("h1")?.focus({ preventScroll: true });
  }

  addEventListener("popstate", () => arrive(false));

  document.addEventListener("click", (event) => {
    const link = event.target.closest?.("a[href]");
    if (!link || event.defaultPrevented || event.button !== 0 || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    const { page: target } = link.origin === location.origin ? parse(link) : {};
    // Into a share and out of it another session speaks: the page starts anew.
    const isOurs = target && target !== "missing" && target !== "share" && state.page !== "share" && !link.download;
    if (!isOurs || link.getAttribute("href").startsWith("#")) return;
    event.preventDefault();
    visit(link.href);
  });

  function choose(id) {
    remember("tally.zone", id);
    go({ tz: id });
  }

  // MARK: Pages

  /** What pages use of the frame. */
  function context() {
    return { session: who, go, over, live: showLive };
  }

  /** The part of the program that a page is in. */
  function partOf({ page: name }) {
    return { ads: "list", campaigns: "list", ad: "counts", campaign: "counts", share: "counts", ops: "ops", method: "method" }[name] ?? null;
  }

  async function make({ page: name, id }) {
    if (name === "ops" && !who.isAdmin) return words("Operations", NOT_ADMIN);
    if (!partOf({ page: name })) return words("There is no such page", "The address may be mistyped.");
    const { ListPage, CountsPage, MethodPage, OpsPage } = await part(partOf({ page: name }));
    switch (name) {
      case "ads": return () => new ListPage(context(), "ad");
      case "campaigns": return () => new ListPage(context(), "campaign");
      case "campaign":
      case "ad": return () => new CountsPage(context(), name, id);
      case "method": return () => new MethodPage();
      case "ops": return () => new OpsPage(context());
      default: return who.share.campaignId
        ? () => new CountsPage(context(), "campaign", who.share.campaignId) : () => new CountsPage(context(), "advertiser", who.share.advertiserId);
    }
  }

  /** A page of words alone. */
  function words(title, text) {
    return () => ({
      element: el("div", { class: "page" }, el("h1", { tabIndex: -1 }, title), empty(text, "", el("p", {}, el("a", { href: "/" }, "All ads")))),
      show() {}, destroy() {},
    });
  }

  function nameOf(place) {
    return `${place.page} ${place.id}`;
  }

  async function render() {
    frame.show(state, who, serverNow());
    document.title = title();
    if (!who && state.page !== "method") return start();
    const name = nameOf(state);
    if (name !== shown || !page) {
      let open;
      main.setAttribute("aria-busy", "true");
      try {
        open = await make(state);
      } catch {
        return missing();
      } finally {
        main.removeAttribute("aria-busy");
      }
      // Meanwhile the reader may have gone on, or signed out.
      if (name !== nameOf(state) || (!who && state.page !== "method")) return;
      if (name !== shown || !page) {
        clear();
        page = open();
        shown = name;
        fill(main, page.element);
      }
    }
    page.show(state);
  }

  /** A part of the program did not come: the server is gone, or has another version. */
  async function missing() {
    clear();
    apologize(unreachable(), render);
    await reloadIfOld();
  }

  function apologize(error, again) {
    fill(main, el("div", { class: "page" }, el("h1", { tabIndex: -1 }, "Tally"), apology(error, again)));
  }

  function title() {
    const names = { ads: "Ads", campaigns: "Campaigns", ops: "Operations", method: "How we count", share: who?.share?.campaignId ?? "Shared" };
    return `${state.id !== null && state.page !== "share" ? state.id : names[state.page] ?? "Not here"} · Tally`;
  }

  function clear() {
    page?.destroy();
    page = null;
    shown = "";
    showLive("none");
  }

  // MARK: Sessions

  /** Finds out who is signed in; without anybody the sign-in stands in place of the page, so the address survives. */
  async function start() {
    arriveAtShare();
    // Both come at once: who it is, and what will be shown to them.
    part(partOf(state) ?? "list").catch(() => {});
    try {
      if (state.page === "share") who = await (await part("signIn")).openShare(state.id, secret);
      else if (state.page !== "method") who = await session();
      else who = await session().catch(() => null);
      // Whoever was lent a page is nobody on the others.
      if (who?.share && state.page !== "share") who = null;
      if (!who && state.page !== "method") return askToSignIn("");
    } catch (error) {
      return refused(error);
    }
    render();
  }

  let secret = "";

  /** The secret of a share's link stands behind `#`: it is taken out of the address before anything else. */
  function arriveAtShare() {
    if (state.page === "share" && location.hash) secret = location.hash.slice(1);
    history.replaceState(history.state, "", address(state) + (state.page === "share" ? "" : location.hash));
  }

  function refused(error) {
    who = null;
    frame.show(state, null, serverNow());
    document.title = title();
    if (state.page === "share" && [401, 403, 404].includes(error.status)) {
      return fill(main, el("div", { class: "page" }, el("h1", { tabIndex: -1 }, "Shared counts"), empty(SHARE_OVER)));
    }
    if (error.status === 401) return askToSignIn("");
    apologize(error, start);
    if (error.status === 503) setTimeout(start, Math.max(error.retryAfter, 2) * 1_000);
  }

  async function askToSignIn(note) {
    const { signInForm } = await part("signIn").catch(() => ({}));
    if (!signInForm) return missing();
    fill(main, signInForm(note, async (session) => {
      who = session;
      announce("Signed in.");
      await render();
      main.querySelector("h1")?.focus();
    }));
    main.querySelector("input")?.focus();
  }

  /** The session has ended: nothing of the page stays. */
  function over() {
    clear();
    who = null;
    // A server that was started anew has forgotten its sessions; a link that still holds opens another one.
    if (state.page === "share") return secret ? start() : refused({ status: 401 });
    frame.show(state, null, serverNow());
    // Nothing of the page stays, whether the form comes or not.
    fill(main);
    askToSignIn(SESSION_OVER);
  }

  async function leave() {
    await signOut().catch(() => {});
    clear();
    who = null;
    history.replaceState(null, "", path("ads"));
    state = parse(location);
    frame.show(state, null, serverNow());
    fill(main);
    askToSignIn("");
  }

  // MARK: The connection

  let wasLost = false;

  /** How fresh the page is; a loss stands above the page until it is over. */
  function showLive(condition, since = 0) {
    frame.live(condition);
    const isLost = condition === "lost";
    if (isLost) fill(document.getElementById("connection"), el("p", { class: "note" }, lostSince(since, Date.now(), zone(state.tz))));
    else {
      fill(document.getElementById("connection"));
      if (wasLost && ["live", "polled"].includes(condition)) announce("Live again.");
    }
    wasLost = isLost;
  }

  start();

  """#

private let canvasJS: StaticString = #"""
  // The chart by dygraphs, which draws on a canvas. We use its axes, its grid and its canvases; the lines are our own, because
  // it cannot dash a part of one and smears many points (shapes.js).
  //
  // The content security policy lets no `style` attribute and no `data:` image through. Of the library's plug-ins only Axes
  // and Grid keep to that, so the others are taken out before the first chart. Axes makes markup of its labels, which the policy
  // refuses too but where the page's own says otherwise: it lets through what our tickers make, and nothing else.

  import { LEFT, BELOW } from "./svg.js";

  /** A label of an axis: a count, a time or a date, in bold or not; or nothing. */
  const LABEL = /^(<b>)?[\w :.,−]{0,24}(<\/b>)?$/;

  function allowLabels(source) {
    window.trustedTypes?.createPolicy("default", {
      createHTML: (text) => (LABEL.test(text) ? text : null),
      createScriptURL: (address) => (address === source ? address : null),
    });
  }

  let loading = null;

  /** Loads the library once; false where the server has none or it does not come. */
  export function loadLibrary() {
    loading ??= new Promise((resolve) => {
      const source = document.documentElement.dataset.dygraphs;
      if (!source) return resolve(false);
      allowLabels(source);
      const script = document.createElement("script");
      script.src = source;
      const missing = () => {
        console.info("The chart library could not be loaded: charts are drawn as SVG.");
        resolve(false);
      };
      script.onerror = missing;
      script.onload = () => {
        const library = window.Dygraph;
        if (!library) return missing();
        library.PLUGINS = library.PLUGINS.filter((plugin) => plugin === library.Plugins.Axes || plugin === library.Plugins.Grid);
        resolve(true);
      };
      document.head.append(script);
    });
    return loading;
  }

  /** The tokens of the theme by name. */
  function colours() {
    const style = getComputedStyle(document.documentElement);
    return (name) => style.getPropertyValue(name).trim();
  }

  export class Canvas {
    constructor(host) {
      this.host = host;
      this.graph = null;
      this.scene = null;
    }

    /** Draws a scene `{low, high, top, times, values, open, clockChanges, shapes}` and tells where it has drawn. */
    draw(scene) {
      this.scene = scene;
      const colour = colours();
      // The lines are ours, the library's own data only its frame.
      const frame = [[scene.low, 0], [scene.high, 0]];
      const options = {
        file: frame, dateWindow: [scene.low, scene.high], valueRange: [0, scene.top],
        gridLineColor: colour("--c-grid"), axisLineColor: "transparent",
      };
      if (this.graph) this.graph.updateOptions(options);
      else this.graph = new window.Dygraph(this.host, frame, { ...options, file: undefined, ...this.fixedOptions() });
      const area = this.graph.getArea();
      return { area, x: (time) => this.graph.toDomXCoord(time), y: (value) => this.graph.toDomYCoord(value) };
    }

    fixedOptions() {
      return {
        labels: ["time", "clicks"], interactionModel: {}, highlightCircleSize: 0, gridLineWidth: 1, axisLineWidth: 1, rightGap: 0,
        // Called inside the constructor too, where `this.graph` is not set yet.
        plotter: (event) => this.plot(event),
        underlayCallback: (context, area, graph) => this.underlay(context, area, graph),
        axes: {
          x: {
            drawGrid: false, axisLabelHeight: BELOW - 8, axisLabelWidth: 70, axisTickSize: 3,
            ticker: () => this.scene.times.map(({ at, label, isStrong }) => ({ v: at, label: isStrong ? `<b>${label}</b>` : label })),
          },
          y: {
            axisLabelWidth: LEFT - 6, axisTickSize: 3,
            ticker: () => this.scene.values.map(({ at, label }) => ({ v: at, label })),
          },
        },
      };
    }

    plot({ drawingContext: context, dygraph: graph }) {
      const colour = colours();
      const x = (time) => graph.toDomXCoord(time);
      const y = (value) => graph.toDomYCoord(value);
      context.lineJoin = "round";
      for (const shape of this.scene.shapes) paint(context, shape, x, y, colour);
    }

    underlay(context, area, graph) {
      const colour = colours();
      context.save();
      context.font = "12px Inter, system-ui, sans-serif";
      context.setLineDash([2, 3]);
      if (this.scene.open !== null) {
        const from = Math.max(graph.toDomXCoord(this.scene.open), area.x);
        const width = area.x + area.w - from;
        context.fillStyle = colour("--c-open");
        context.fillRect(from, area.y, width, area.h);
        upright(context, from, area, colour("--warn"));
        context.fillStyle = colour("--warn");
        if (width >= 92) context.fillText("still counting", from + 8, area.y + 46);
      }
      context.setLineDash([1.5, 3]);
      for (const { at, words } of this.scene.clockChanges) {
        const place = graph.toDomXCoord(at);
        upright(context, place, area, colour("--text-2"));
        context.fillStyle = colour("--text-3");
        if (words) context.fillText(words, place + 6, area.y + area.h - 8);
      }
      context.restore();
    }

    /** The size or the theme has changed. */
    resize() {
      this.graph?.resize();
    }

    destroy() {
      this.graph?.destroy();
      this.graph = null;
      this.host.replaceChildren();
    }
  }

  function upright(context, x, area, colour) {
    context.strokeStyle = colour;
    context.lineWidth = 1;
    context.beginPath();
    context.moveTo(Math.round(x) + 0.5, area.y);
    context.lineTo(Math.round(x) + 0.5, area.y + area.h);
    context.stroke();
  }

  function paint(context, shape, x, y, colour) {
    const trace = (xs, ys, begins) => xs.forEach((at, i) => {
      context[begins && i === 0 ? "moveTo" : "lineTo"](x(at), y(ys[i]));
    });
    context.beginPath();
    context.setLineDash(shape.dash ?? []);
    context.lineWidth = shape.width ?? 1.75;
    if (shape.kind === "line") {
      context.strokeStyle = colour(shape.colour);
      trace(shape.xs, shape.ys, true);
      context.stroke();
    } else if (shape.kind === "dot") {
      context.arc(x(shape.xs[0]), y(shape.ys[0]), 3.5, 0, 2 * Math.PI);
      context.fillStyle = colour("--surface");
      context.strokeStyle = colour(shape.colour);
      context.fill();
      context.stroke();
    } else {
      const highs = shape.highs ?? shape.ys;
      trace(shape.xs, highs, true);
      trace([...shape.xs].reverse(), shape.lows ? [...shape.lows].reverse() : shape.xs.map(() => 0), false);
      context.closePath();
      context.fillStyle = colour(shape.colour);
      context.fill();
    }
  }

  """#

private let chartCSS: StaticString = #"""
  /* Charts, tables, and the panels beside them: the page of one ad, and what others have of it. */

  .counts .tools { flex-wrap: wrap; }
  .ends { display: flex; gap: 8px; margin-left: auto; }

  /* Charts */
  .stage { padding: 12px 16px; }
  .stage.as-table > .chart, .stage:not(.as-table) > .points { display: none; }
  .reading { display: flex; flex-wrap: wrap; align-items: center; gap: 2px 16px; min-height: 24px; font-size: 13px; line-height: 22px; color: var(--text-2); font-variant-numeric: tabular-nums; }
  .reading b { font-size: 15px; font-weight: 600; color: var(--text); }
  .key { width: 14px; height: 10px; margin-right: 6px; vertical-align: -1px; }
  kbd { padding: 0 4px; border: 1px solid var(--line-2); border-radius: 4px; font-size: 11px; }
  .plot { position: relative; height: 320px; margin-top: 4px; }
  .host, .over, .slider, .drawing { position: absolute; inset: 0; width: 100%; height: 100%; }
  .slider { cursor: crosshair; touch-action: pan-y; border-radius: 4px; }
  .over { pointer-events: none; overflow: visible; }
  .host > div { position: absolute; }
  .dygraph-axis-label { font-size: 12px; line-height: 14px; color: var(--text-3); overflow: hidden; z-index: 1; }
  .dygraph-axis-label-y { text-align: right; padding-right: 2px; font-variant-numeric: tabular-nums; }
  .dygraph-axis-label-x { text-align: center; }
  .dygraph-axis-label b { color: var(--text-2); font-weight: 600; }
  .axis { font-size: 12px; fill: var(--text-3); font-variant-numeric: tabular-nums; }
  .axis.strong { fill: var(--text-2); font-weight: 600; }
  .drawing .note { font-size: 12px; fill: var(--warn); }
  .cursor { stroke: var(--text-2); stroke-dasharray: 2 2; }
  .selected { fill: var(--c-band); stroke: var(--accent); }
  .line-label { font-size: 12px; font-weight: 600; paint-order: stroke; stroke: var(--surface); stroke-width: 3px; }
  .mark {
    position: absolute; top: 0; min-width: 24px; height: 24px; padding: 0 4px; transform: translateX(-50%); border: 1px solid var(--warn);
    border-radius: 12px; background: var(--warn-soft); color: var(--warn); font: 500 12px/20px inherit; font-family: inherit; cursor: pointer;
  }
  .mark.credit { border-color: var(--seal); background: var(--seal-soft); color: var(--seal); }
  .ribbon { display: block; width: 100%; height: 10px; margin: 6px 0 8px; }
  .ribbons { min-height: 24px; }
  .legend { display: flex; flex-wrap: wrap; gap: 4px 16px; min-height: 20px; font-size: 12px; line-height: 20px; color: var(--text-2); }
  .legend span { display: inline-flex; align-items: center; gap: 6px; }
  .swatch { width: 14px; height: 8px; }
  .sample { padding: 0 8px; border-radius: 10px; background: var(--warn-soft); color: var(--warn); font-weight: 500; }
  .sample.credit { background: var(--seal-soft); color: var(--seal); }
  .paper { display: none; }

  /* Tables */
  table { width: 100%; border-collapse: collapse; font-variant-numeric: tabular-nums; }
  caption { padding: 0 0 8px; text-align: left; font-size: 13px; color: var(--text-2); }
  th, td { padding: 7px 0 7px 16px; border-bottom: 1px solid var(--line); text-align: right; font-weight: 400; vertical-align: top; }
  th:first-child, td:first-child { padding-left: 0; text-align: left; }
  thead th { font-size: 13px; font-weight: 500; color: var(--text-2); white-space: nowrap; }
  tbody tr:last-child > * { border-bottom: 0; }
  .points thead th { position: sticky; top: 0; background: var(--surface); box-shadow: 0 1px var(--line); }
  .points td, .points th { padding-top: 5px; padding-bottom: 5px; }
  .points th span { white-space: nowrap; }
  .pager { display: flex; align-items: center; justify-content: space-between; padding-top: 12px; }
  .wide { overflow-x: auto; }

  /* Panels */
  .panels { display: grid; grid-template-columns: minmax(0, 1.1fr) minmax(0, 1fr); gap: 16px; margin-top: 16px; align-items: stretch; }
  /* With corrections beside the way to the clicks, the ads of a campaign stand below. */
  .panels > .panel:nth-child(3) { grid-column: 1 / -1; }
  .panel { padding: 16px; }
  .panel > header { display: flex; align-items: baseline; justify-content: space-between; flex-wrap: wrap; gap: 0 8px; margin-bottom: 10px; }
  .waterfall { display: grid; grid-template-columns: 164px minmax(0, 1fr) minmax(72px, max-content) 56px; }
  /* One scale: every row has the columns of the whole. */
  .fall { display: grid; grid-column: 1 / -1; grid-template-columns: subgrid; align-items: center; min-height: 26px; font-variant-numeric: tabular-nums; font-size: 13px; color: var(--text-2); }
  .fall .name label { display: flex; align-items: center; min-height: 24px; cursor: pointer; }
  .fall .name label:hover { color: var(--text); }
  .fall .name input { position: absolute; opacity: 0; }
  .fall .name label::before { content: ""; flex: none; width: 0; height: 12px; border-radius: 3px; transition: none; }
  .fall .name label:hover::before, .fall .name label:has(:focus-visible)::before, .fall .name label:has(:checked)::before { width: 12px; margin-right: 6px; border: 1px solid var(--line-2); }
  .fall .name label:has(:checked)::before { background: var(--own); border-color: var(--own); }
  .fall .name label:has(:checked) { color: var(--text); font-weight: 500; }
  .fall .name label:has(:focus-visible) { outline: 2px solid var(--accent); outline-offset: 1px; border-radius: 4px; }
  .fall .name label:has(:disabled) { cursor: default; }
  .bar { position: relative; height: 14px; margin-left: 8px; }
  .bar i { position: absolute; left: 0; top: 0; bottom: 0; border-radius: 2px; }
  .fall .number { padding-left: 12px; text-align: right; color: var(--text); }
  .fall .share { text-align: right; color: var(--text-3); }
  .fall.sum { min-height: 30px; font-size: 14px; font-weight: 600; color: var(--text); }
  .fall.sum .share { font-weight: 400; font-size: 13px; }
  .fall.sum:not(:first-child) { border-top: 1px solid var(--line); margin-top: 4px; padding-top: 4px; }
  .note.quiet { margin-top: 8px; padding: 0; background: none; color: var(--text-3); }
  .corrections { list-style: none; max-height: 420px; overflow-y: auto; }
  .corrections li:first-child button { padding-top: 2px; }
  .corrections li + li { border-top: 1px solid var(--line); }
  .corrections button {
    display: grid; grid-template-columns: 101px minmax(0, 1fr) auto; gap: 0; width: 100%; padding: 10px 0; border: 0; background: none; color: var(--text);
    font: inherit; font-size: 13px; text-align: left; cursor: pointer; font-variant-numeric: tabular-nums;
  }
  .corrections button:hover { background: color-mix(in srgb, var(--sunken) 45%, var(--surface)); }
  .corrections button:focus-visible { outline-offset: -2px; border-radius: 4px; }
  .corrections [aria-current] { background: var(--warn-soft); }
  .corrections time, .why, .more { color: var(--text-2); }
  .whose { font-weight: 500; }
  .corrections b { padding-left: 12px; font-weight: 600; }
  /* Words of the server that run from right to left stay in their place. */
  .what > span { display: block; overflow-wrap: anywhere; unicode-bidi: isolate; }
  .foot { display: flex; flex-wrap: wrap; gap: 4px 24px; margin-top: 16px; }
  .foot code { padding: 1px 6px; border-radius: 4px; background: var(--sunken); overflow-wrap: anywhere; }
  .printed { display: none; }

  /* Loading */
  .loading .plot, .loading .waterfall:empty, .loading .panel-body:empty { background: var(--sunken); border-radius: 8px; }
  .loading .panel-body:empty { min-height: 180px; }

  @media (max-width: 900px) {
    .panels { grid-template-columns: minmax(0, 1fr); }
    .counts .tools { flex-wrap: nowrap; overflow-x: auto; margin-right: -24px; padding: 2px 24px 2px 2px; }
    .counts .tools > * { flex: none; }
  }

  @media (max-width: 680px) {
    .counts .tools { margin-right: -10px; }
    .counts .segments { max-width: none; }
    .points { font-size: 13px; }
    .stage, .panel { padding: 10px; }
    .plot { height: 240px; }
    .reading { min-height: 66px; align-content: flex-start; }
    .hint { display: none; }
    .waterfall { grid-template-columns: 158px minmax(0, 1fr) minmax(60px, max-content) 48px; }
    .fall .name label { min-height: 32px; }
    .corrections button { grid-template-columns: 92px minmax(0, 1fr) auto; }
    #shards table { min-width: 480px; }
  }

  @media (max-width: 360px) {
    .waterfall { grid-template-columns: 122px minmax(0, 1fr) max-content 46px; }
    .points { font-size: 12px; }
    .points :is(th, td):not(:first-child) { padding-left: 8px; }
  }

  @media print {
    .hint, .marks, .pager, .foot a { display: none !important; }
    .reading, .legend, .legend span { font-size: 9px; line-height: 13px; }
    .reading b { font-size: 11px; }
    .foot code { padding: 0; font-size: 9px; }
    .chart .plot, .chart .ribbons { display: none; }
    .chart .paper { display: block; }
    .paper svg { position: static; display: block; width: 100%; height: auto; }
    .paper .ribbon { height: 10px; }
    .waterfall { grid-template-columns: 120px minmax(0, 1fr) minmax(56px, max-content) 44px; }
    .fall { min-height: 15px; font-size: 9px; }
    .fall.sum, .fall.sum .share { min-height: 18px; font-size: 10px; }
    .fall .name label { min-height: 0; }
    .corrections { max-height: none; overflow: visible; }
    .corrections button { padding: 4px 0; font-size: 9px; grid-template-columns: 70px minmax(0, 1fr) auto; }
    .printed { display: inline; }
    .panels { grid-template-columns: 1fr 1fr; gap: 8px; margin-top: 8px; }
  }

  """#

private let chartJS: StaticString = #"""
  // A chart of counts over time: canvas or drawing, and over it what both have in common: the cursor, the marks of
  // corrections, the ribbon of certainty, and the line that reads the point under the cursor. The cursor is a slider, so
  // that arrow keys read the points aloud. Dragging zooms; a finger reads, since it scrolls the page.

  import { el, fill, svg, onceAFrame, setText } from "./dom.js";
  import { bucket, count, many, signed } from "./fmt.js";
  import { Canvas, loadLibrary } from "./canvas.js";
  import { Drawing, ribbon, swatch, LEFT } from "./svg.js";
  import { groupMarks, LANE } from "./marks.js";
  import { readPoint, readRange } from "./reading.js";
  import { joined, shapesOf } from "./shapes.js";
  import { timeTicks, valueTicks } from "./ticks.js";
  import { STATUSES, STATUS_WORDS, STATUS_HELP, summary } from "./words.js";

  const DAY = 86_400_000;
  /** On paper. */
  const PAPER = { width: 700, height: 220 };

  export class Chart {
    /** `zoom(from, to)` and `back()` change the page's range, `open(mark)` shows a correction. */
    constructor({ zoom, back, open }) {
      this.actions = { zoom, back, open };
      this.view = null;
      this.cursor = null;
      this.painter = null;
      this.redraw = onceAFrame(() => this.draw());
      this.build();
      this.resizing = new ResizeObserver(this.redraw);
      this.resizing.observe(this.plot);
      this.onPrint = () => this.print();
      addEventListener("beforeprint", this.onPrint);
      addEventListener("tally:theme", this.redraw);
    }

    build() {
      this.caption = el("figcaption", { class: "hidden" });
      this.reading = el("div", { class: "reading" });
      this.host = el("div", { class: "host" });
      this.over = svg("svg", { class: "over", "aria-hidden": "true" });
      this.slider = el("div", {
        class: "slider", role: "slider", tabIndex: 0, "aria-label": "Points of the chart", "aria-orientation": "horizontal",
        onkeydown: (event) => this.key(event), onpointerdown: (event) => this.press(event), onpointermove: (event) => this.move(event),
        onpointerup: (event) => this.release(event), onpointercancel: () => this.cancel(), onpointerleave: () => this.leave(),
        onblur: () => this.read(null), ondblclick: () => this.actions.back(),
      });
      this.marks = el("div", { class: "marks" });
      this.plot = el("div", { class: "plot" }, this.host, this.over, this.slider, this.marks);
      this.ribbon = el("div", { class: "ribbons" });
      this.paper = el("div", { class: "paper" });
      this.legend = el("div", { class: "legend" });
      this.element = el("figure", { class: "chart" }, this.caption, this.reading, this.plot, this.paper, this.ribbon, this.legend);
    }

    /** Shows a view: `{series, previous, extras, marks, zone, now, words, previousWords, change}`. */
    async show(view) {
      this.view = view;
      if (this.cursor !== null && this.cursor >= view.series.length) this.cursor = null;
      if (this.painter === null) {
        const hasLibrary = await loadLibrary();
        if (this.isDestroyed) return;
        this.painter ??= hasLibrary ? new Canvas(this.host) : new Drawing(this.host);
      }
      this.redraw();
    }

    /** What is drawn on so many pixels. */
    scene(width, height) {
      const { series, zone, now } = this.view;
      const { shapes, highest, merged } = shapesOf(this.view, series.from, series.to, width);
      const top = Math.max(highest, 1) * (height / Math.max(height - LANE - 4, 1));
      const first = series.firstOpen;
      const pad = ((series.to - series.from) / width) * 5;
      // The right edge is the end of the last bucket but where that is long: then the last point is the edge.
      const end = Math.max(series.times.at(-1) ?? series.to, Math.min(series.to, now));
      return {
        low: series.from - pad, high: end + pad, top, merged, shapes,
        // A label at the very edge would be cut.
        times: timeTicks(series.from, end, width, zone).filter(({ at }) => end - at > pad * 3),
        values: valueTicks(top * (1 - 8 / height), height),
        open: first < series.length ? Math.max(series.times[first], series.from) : null,
        clockChanges: zone.changesIn(series.from, series.to).map(({ at, minutes }) => ({ at, words: changeWords(minutes, series) })),
      };
    }

    draw() {
      if (!this.view || !this.painter || this.isDestroyed || this.plot.clientWidth === 0) return;
      // What is being dragged over stands still.
      if (this.drag?.isWide) return;
      const { series } = this.view;
      const current = this.scene(this.plot.clientWidth - LEFT, this.plot.clientHeight - 22);
      this.merged = current.merged;
      if (this.drawnWidth && this.drawnWidth !== this.plot.clientWidth) this.painter.resize?.();
      this.drawnWidth = this.plot.clientWidth;
      this.geometry = this.painter.draw(current);
      Object.assign(this.geometry, { low: current.low, high: current.high });
      fill(this.ribbon, ribbon(series, current.low, current.high, this.geometry));
      this.drawMarks();
      this.drawLegend();
      this.read(this.cursor);
      setText(this.caption, this.summary());
      this.element.dataset.painted = "true";
    }

    summary() {
      const { series, zone, words } = this.view;
      const highest = series.clicks.reduce((best, clicks, i) => (clicks > series.clicks[best] ? i : best), 0);
      const name = (time) => bucket(time, series.granularity === "hour" ? "hour" : "minute", zone);
      return `${words.title}. ${summary({
        points: series.length, granularity: series.granularity, from: name(series.from), to: name(series.to), total: series.total,
        highest: series.clicks[highest] ?? 0, highestAt: series.length > 0 ? bucket(series.times[highest], series.granularity, zone) : "",
      })}`;
    }

    // MARK: Marks and legend

    drawMarks() {
      const { area, x } = this.geometry;
      const groups = groupMarks(this.view.marks, (time) => x(time), area.x, area.x + area.w);
      // The same marks keep their buttons: one may have the focus, or just be clicked.
      const key = groups.map((group) => `${group.marks[0].time} ${group.label}`).join();
      if (key !== this.marksKey) {
        fill(this.marks, groups.map((group) => el("button", {
          type: "button", class: `mark ${group.isCredit ? "credit" : ""}`, "aria-label": group.words(this.view.zone),
          onclick: () => this.actions.open(group.marks[0]),
        }, group.label)));
      }
      this.marksKey = key;
      [...this.marks.children].forEach((button, i) => { button.style.left = `${groups[i].x}px`; });
    }

    drawLegend() {
      const key = `${this.view.marks.some((mark) => !mark.isCredit)} ${this.view.marks.some((mark) => mark.isCredit)}`;
      if (this.legendKey === key) return;
      this.legendKey = key;
      const words = ["still counting", "closed", "recounted from the log", "sealed, never changes"];
      const entries = [3, 2, 1, 0].map((status) => el("span", { title: STATUS_HELP[STATUSES[status]] }, swatch(status), words[status]));
      if (key.startsWith("true")) entries.push(el("span", {}, el("b", { class: "sample" }, "−7"), "correction"));
      if (key.endsWith("true")) entries.push(el("span", {}, el("b", { class: "sample credit" }, "C"), "credit"));
      fill(this.legend, entries);
    }

    // MARK: The cursor

    /** Reads a point, or the whole range with null. */
    read(index) {
      const { series } = this.view;
      this.cursor = series.length > 0 ? index : null;
      const slider = this.slider;
      slider.setAttribute("aria-valuemin", 0);
      slider.setAttribute("aria-valuemax", Math.max(series.length - 1, 0));
      slider.setAttribute("aria-valuenow", this.cursor ?? Math.max(series.length - 1, 0));
      slider.setAttribute("aria-valuetext", this.spoken());
      fill(this.reading, ...(this.cursor === null ? readRange(this.view, this.merged) : readPoint(this.view, this.cursor)));
      this.drawCursor();
    }

    spoken() {
      const { series, zone, previous } = this.view;
      if (this.cursor === null) return "Whole range. Arrow keys read the points.";
      const i = this.cursor;
      const parts = [bucket(series.times[i], series.granularity, zone), many(series.clicks[i], "click")];
      if (series.credits[i]) parts.push(`${signed(series.credits[i])} as credit`);
      if (previous) parts.push(`${count(previous.at(series.times[i]) ?? 0)} before`);
      return [...parts, STATUS_WORDS[STATUSES[series.status[i]]]].join(", ");
    }

    drawCursor() {
      if (!this.geometry) return;
      const { area, x, y } = this.geometry;
      const { series, extras } = this.view;
      const parts = [];
      if (this.drag?.isWide) {
        const [from, to] = [this.drag.from, this.drag.to].sort((a, b) => a - b);
        parts.push(svg("rect", { x: from, y: area.y, width: to - from, height: area.h, class: "selected" }));
      } else if (this.cursor !== null) {
        const at = x(Math.max(series.times[this.cursor], series.from));
        parts.push(svg("line", { x1: at, x2: at, y1: area.y + 26, y2: area.y + area.h, class: "cursor" }));
        const dot = (value, colour) =>
          svg("circle", { cx: at, cy: y(value), r: 4, fill: "var(--surface)", stroke: `var(${colour})`, "stroke-width": 2 });
        parts.push(...extras.map((extra) => dot(extra.values[this.cursor], extra.colour)), dot(series.clicks[this.cursor], "--c-clicks"));
      }
      parts.push(...this.lineLabels());
      fill(this.over, ...parts);
    }

    /** The name of each extra line at its end, kept apart from one another. */
    lineLabels() {
      const { area, y } = this.geometry;
      const { series, extras } = this.view;
      let above = Infinity;
      const last = joined(this.view, 0, series.length)[1] - 1;
      return extras.map((extra) => ({ extra, place: y(extra.values[last] ?? 0) - 6 })).sort((a, b) => b.place - a.place)
        .map(({ extra, place }) => {
          above = Math.max(Math.min(place, above - 15), area.y + 40);
          return series.length === 0 ? null
            : svg("text", { x: area.x + area.w - 6, y: above, "text-anchor": "end", class: "line-label", fill: `var(${extra.colour})` }, extra.label);
        });
    }

    key(event) {
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      const last = this.view.series.length - 1;
      const at = this.cursor ?? last;
      const far = Math.max(Math.round(last / 10), 1);
      const step = event.shiftKey ? 10 : 1;
      const targets = {
        ArrowLeft: at - step, ArrowRight: at + step, ArrowDown: at - step, ArrowUp: at + step, PageUp: at + far, PageDown: at - far,
        Home: 0, End: last,
      };
      if (event.key in targets && last >= 0) {
        const isFirst = this.cursor === null && event.key.startsWith("Arrow");
        this.read(isFirst ? last : Math.min(Math.max(targets[event.key], 0), last));
      } else if (event.key === "+" || event.key === "-") this.zoomBy(event.key === "+" ? 0.5 : 2);
      else if (event.key === "0" || event.key === "Escape") this.actions.back();
      else if (event.key === "n" || event.key === "p") this.nextMark(event.key === "n" ? 1 : -1);
      else if (event.key === "Enter") this.openHere();
      else return;
      event.preventDefault();
      event.stopPropagation();
    }

    zoomBy(factor) {
      const { series } = this.view;
      const middle = this.cursor === null ? (series.from + series.to) / 2 : series.times[this.cursor];
      const half = Math.max(((series.to - series.from) * factor) / 2, 5 * 60_000);
      this.zoomTo(middle - half, middle + half);
    }

    zoomTo(from, to) {
      const { series, zone, now } = this.view;
      const end = Math.min(to, zone.next(now, "minute"));
      this.actions.zoom(zone.floor(from, series.granularity === "minute" ? "minute" : "hour"),
        Math.ceil(end / 60_000) * 60_000, this);
    }

    nextMark(direction) {
      const { series, marks } = this.view;
      const here = this.cursor === null ? (direction > 0 ? -Infinity : Infinity) : series.times[this.cursor];
      const inside = marks.filter((mark) => mark.time >= series.from && mark.time < series.to).sort((a, b) => direction * (a.time - b.time));
      // The point of a mark begins at or before it.
      const next = inside.find((mark) => direction * (series.times[this.indexOf(mark.time)] - here) > 0);
      if (next) this.read(this.indexOf(next.time));
    }

    /** The point in which a time lies. */
    indexOf(time) {
      const { series } = this.view;
      const i = series.place(time);
      return series.times[i] === time ? i : Math.max(i - 1, 0);
    }

    openHere() {
      if (this.cursor === null) return;
      const mark = this.view.marks.find(({ time }) => time < this.view.series.to && this.indexOf(time) === this.cursor);
      if (mark) this.actions.open(mark);
    }

    // MARK: The pointer

    place(event) {
      const { area } = this.geometry;
      return Math.min(Math.max(event.clientX - this.plot.getBoundingClientRect().left, area.x), area.x + area.w);
    }

    time(place) {
      const { area, low, high } = this.geometry;
      return low + ((place - area.x) / area.w) * (high - low);
    }

    press(event) {
      if (!this.geometry || event.button !== 0 || event.pointerType === "touch") return;
      this.drag = { from: this.place(event), to: this.place(event), isWide: false };
      this.slider.setPointerCapture(event.pointerId);
    }

    move(event) {
      if (!this.geometry || this.view.series.length === 0) return;
      const place = this.place(event);
      if (this.drag) {
        this.drag.to = place;
        this.drag.isWide ||= Math.abs(place - this.drag.from) > 5;
      }
      this.read(this.view.series.nearest(this.time(place)));
    }

    release(event) {
      const drag = this.drag;
      this.drag = null;
      this.redraw();
      if (drag?.isWide) {
        const [from, to] = [drag.from, drag.to].sort((a, b) => a - b);
        this.zoomTo(this.time(from), this.time(to));
      } else if (event.pointerType === "touch") this.move(event);
    }

    cancel() {
      this.drag = null;
      this.leave();
    }

    leave() {
      if (!this.drag && this.view && document.activeElement !== this.slider) this.read(null);
    }

    // MARK: Paper

    /** A canvas prints badly, so paper gets a drawing of its own, of a size that does not hang on the window. */
    print() {
      if (!this.view) return;
      this.paper.replaceChildren();
      const current = this.scene(PAPER.width - LEFT, PAPER.height - 22);
      const geometry = new Drawing(this.paper).draw(current, PAPER);
      const strip = ribbon(this.view.series, current.low, current.high, geometry);
      strip.setAttribute("viewBox", `0 0 ${PAPER.width} 10`);
      strip.setAttribute("preserveAspectRatio", "none");
      this.paper.append(strip);
      this.read(null);
      addEventListener("afterprint", () => this.paper.replaceChildren(), { once: true });
    }

    destroy() {
      this.isDestroyed = true;
      this.resizing.disconnect();
      removeEventListener("beforeprint", this.onPrint);
      removeEventListener("tally:theme", this.redraw);
      this.painter?.destroy();
      this.view = null;
    }
  }

  /** What happens to the clocks, where there is room to say it. */
  function changeWords(minutes, series) {
    if (series.to - series.from > 21 * DAY) return "";
    return `clocks go ${minutes < 0 ? "back" : "forward"} ${Math.abs(minutes)} min`;
  }

  """#

private let countsJS: StaticString = #"""
  // The numbers of one subject (an ad, a campaign, all of an advertiser) over a range, kept current: asked for once, then moved on
  // by the stream. `changed()` is called when there is something new to show, at most once a second.
  //
  //     ask: aggregates ─▶ asOf ─▶ stream since asOf ─▶ points (whole, not differences)
  //     after each reopening, and whenever coarse points have changed: aggregates from the last closed point on, merged in

  import { get, instant, query, serverNow } from "./api.js";
  import { Live } from "./live.js";
  import { Series, grossToNet } from "./series.js";
  import { bounds, chosen, span } from "./state.js";
  import { VERDICTS } from "./words.js";

  /** More points are not kept current: to draw them would take too long each second. */
  const MOST_LIVE = 45_000;
  /** Seconds between two questions for what no stream tells. */
  const POLL = 15;
  const ALL_METRICS = ["clicks", ...VERDICTS.map(([name]) => name), "unknown", "corrected"].join(",");

  /** Where the query answers for a subject. */
  export function subject(kind, id) {
    if (kind === "ad") {
      const base = `/api/v1/ads/${encodeURIComponent(id)}`;
      return { aggregates: `${base}/aggregates`, stream: `${base}/stream`, corrections: `${base}/corrections`, about: base, parameters: {}, whose: {} };
    }
    const whose = { [kind === "campaign" ? "campaignId" : "advertiserId"]: id };
    const parameters = { ...whose, groupBy: "none" };
    return { aggregates: "/api/v1/aggregates", stream: "/api/v1/stream", corrections: "/api/v1/corrections", about: null, parameters, whose };
  }

  /** Clicks come by themselves; what else is wanted is named. */
  function metricsOf(extras) {
    return extras.length === 0 ? null : ["clicks", ...extras].join(",");
  }

  /** Whether a state of the counts, `0:8812345,1:8790021`, lies before another one in any shard that both name. */
  function isBefore(one, other) {
    const positions = new Map((other ?? "").split(",").map((part) => part.split(":")));
    return (one ?? "").split(",").map((part) => part.split(":"))
      .some(([shard, position]) => positions.has(shard) && Number(position) < Number(positions.get(shard)));
  }

  /** The clicks are shown even where the rest cannot be told. */
  function unlessOver(error) {
    if (error.status === 401 || error.name === "AbortError") throw error;
    return null;
  }

  export class Counts {
    /** `events`: `changed()`, `corrected()`, `live(state, since)`, `over()`. */
    constructor(source, events) {
      this.source = source;
      this.events = events;
      this.key = null;
      this.series = this.previous = this.totals = null;
    }

    /** Loads what a state needs and does not have yet. */
    async load(state) {
      const g = state.g ?? chosen(span(state));
      const key = [state.from ?? state.range, state.to, g, state.tz, state.cmp, state.m].join(" ");
      if (key === this.key) return;
      this.key = key;
      await this.reload(state, g);
    }

    async reload(state, g) {
      this.stop();
      const request = new AbortController();
      this.request = request;
      const { from, to, isLive } = bounds(state, serverNow());
      this.shape = { granularity: g, tz: state.tz, metrics: metricsOf(state.m), fill: "zero", extras: state.m };
      try {
        const [series, totals, previous] = await Promise.all([
          this.fetchSeries(from, to, request.signal), this.fetchTotals(from, to, request.signal).catch(unlessOver),
          state.cmp ? this.fetchPrevious(state.cmp, from, to, request.signal) : null,
        ]);
        if (request.signal.aborted) return;
        [this.series, this.totals, this.previous] = [series, totals, previous];
      } catch (error) {
        if (request.signal.aborted) return;
        this.key = null;
        throw error;
      }
      this.compared = state.cmp;
      this.isLive = isLive && this.series.length <= MOST_LIVE;
      if (this.isLive) this.start();
      else this.events.live("off");
    }

    async fetchSeries(from, to, signal) {
      const { granularity, tz, metrics, fill, extras } = this.shape;
      const parameters = { ...this.source.parameters, from: instant(from), to: instant(to), granularity, tz, metrics, fill, limit: 100_000 };
      let answer = await get(this.source.aggregates, parameters, signal);
      const series = new Series(answer, extras);
      while (answer.next) {
        answer = await get(this.source.aggregates, { ...parameters, cursor: answer.next }, signal);
        series.merge(answer);
      }
      return series;
    }

    /** Every metric over the range: few points, so a month's steps. */
    fetchTotals(from, to, signal) {
      const range = { from: instant(from), to: instant(to), granularity: "month", tz: this.shape.tz };
      return get(this.source.aggregates, { ...this.source.parameters, ...range, metrics: ALL_METRICS }, signal);
    }

    /** As long before, or the same time a week before. */
    async fetchPrevious(kind, from, to, signal) {
      const shift = kind === "week" ? 7 * 86_400_000 : to - from;
      const { granularity } = this.shape;
      const kept = this.shape;
      this.shape = { ...kept, metrics: null, extras: [] };
      const asked = this.fetchSeries(from - shift, to - shift, signal);
      this.shape = kept;
      const series = await asked;
      return {
        series, shift,
        /** The clicks of the bucket that stands at a time; null where there is none. */
        at(time) {
          const i = series.nearest(time - shift);
          if (!(i >= 0)) return null;
          // Days begin an hour earlier or later on the other side of a change of the clocks.
          const apart = Math.abs(series.times[i] + shift - time);
          return apart <= (granularity === "minute" || granularity === "hour" ? 0 : 2 * 3_600_000) ? series.clicks[i] : null;
        },
      };
    }

    /** What became of all requests; null where the server does not say. */
    get sums() {
      return this.totals && grossToNet(this.totals, this.series.total, this.series.totalCredits);
    }

    // MARK: Keeping current

    start() {
      const { granularity } = this.shape;
      this.live = new Live({
        address: () => this.source.stream + query({ ...this.source.parameters, since: this.series.asOf }),
        event: (name, data, id) => this.take(name, data, id),
        reopened: () => this.fetchTail(),
        state: this.events.live, over: this.events.over,
        refused: () => {
          this.isPolled = true;
          this.events.live("polled");
        },
      });
      this.isPolled = false;
      this.minute = Math.floor(serverNow() / 60_000);
      this.clock = setInterval(() => this.tick(granularity), 1_000);
    }

    take(name, data, id) {
      // An event's id ends with the positions that it reflects.
      const positions = id.split(";").at(-1);
      if (/^\d+:\d+(,\d+:\d+)*$/.test(positions)) this.series.asOf = positions;
      if (name === "points" || name === "point") {
        const news = name === "point" ? { points: [data] } : data;
        const reconciled = this.series.reconciledThrough;
        // Points of single ads say nothing whole about their sum.
        const points = news.points ?? news.series ?? [];
        const isWhole = this.source.about !== null || !points.some((point) => "adId" in point);
        if (points.some((point) => this.series.isNewlyRecounted(point))) {
          this.isWholeOld = true;
          this.events.corrected();
        }
        if (this.shape.granularity === "minute" && isWhole) this.series.merge({ ...news, series: points });
        else this.isTailOld = true;
        // A recount changes points that no event names one by one.
        if (news.reconciledThrough && Date.parse(news.reconciledThrough) !== reconciled) {
          this.isWholeOld = true;
          this.events.corrected();
        }
        this.isNew = true;
      } else if (name === "correction" || name === "credit") {
        this.isWholeOld = true;
        this.events.corrected();
      } else if (name === "reset") {
        // The positions are of another log: they say nothing of what comes.
        this.series.asOf = undefined;
        this.isWholeOld = true;
      }
    }

    /** Once a second: a new minute begins, what has come is shown, what is old is asked for again. */
    tick(granularity) {
      if (document.hidden) return;
      const minute = Math.floor(serverNow() / 60_000);
      this.seconds = (this.seconds ?? 0) + 1;
      if (minute !== this.minute) {
        this.minute = minute;
        const to = (minute + 1) * 60_000;
        const from = to - (this.series.to - this.series.from);
        if (granularity === "minute") this.series.move(from, to);
        else this.series.shift(from, to);
        this.isNew = this.isTailOld = true;
        if (granularity !== "minute") this.fetchHead();
        if (this.previous) this.fetchBefore();
      }
      if (this.isPolled && this.seconds % POLL === 0) this.isTailOld = true;
      if (this.isWholeOld) this.fetchAgain();
      else if (this.isTailOld && this.seconds % 2 === 0) this.fetchTail();
      if (this.seconds % POLL === 0) this.fetchVerdicts();
      if (!this.isNew) return;
      this.isNew = false;
      this.events.changed();
    }

    /** The points that may have changed, from the last closed one on. */
    async fetchTail() {
      this.isTailOld = false;
      await this.quietly(async (signal) => {
        const tail = await this.fetchSeries(Math.max(this.series.tail, this.series.from), this.series.to, signal);
        // The stream may have been quicker: an older answer must not put back what it has said since.
        if (isBefore(tail.asOf, this.series.asOf)) {
          this.isTailOld = true;
          return;
        }
        this.series.absorb(tail);
        this.series.reflect(tail);
      });
    }

    /** The first point, which the moving range cuts at another minute now. */
    fetchHead() {
      return this.quietly(async (signal) => {
        const { from, to, times } = this.series;
        this.series.absorb(await this.fetchSeries(from, Math.min(times[1] ?? to, to), signal));
      });
    }

    fetchBefore() {
      return this.quietly(async (signal) => {
        this.previous = await this.fetchPrevious(this.compared, this.series.from, this.series.to, signal);
      });
    }

    async fetchAgain() {
      this.isWholeOld = this.isTailOld = false;
      await this.quietly(async (signal) => {
        const whole = await this.fetchSeries(this.series.from, this.series.to, signal);
        if (isBefore(whole.asOf, this.series.asOf)) this.isWholeOld = true;
        else {
          if (whole.totalCredits !== this.series.totalCredits) this.events.corrected();
          this.series = whole;
        }
      });
      await this.fetchVerdicts();
    }

    async fetchVerdicts() {
      await this.quietly(async (signal) => {
        this.totals = await this.fetchTotals(this.series.from, this.series.to, signal);
      });
    }

    /** A question in the background. Where it fails, the stream fails too, and says so. */
    async quietly(action) {
      const { signal } = this.request;
      try {
        await action(signal);
        if (signal.aborted) return;
        this.isNew = true;
      } catch (error) {
        if (signal.aborted) return;
        if (error.status === 401) this.events.over();
      }
    }

    stop() {
      this.request?.abort();
      this.live?.close();
      this.live = null;
      clearInterval(this.clock);
    }
  }

  """#

private let domJS: StaticString = #"""
  // Building the page. Text enters the document by `textContent` alone, so nothing that a server says is ever markup.

  const SVG = "http://www.w3.org/2000/svg";

  /** An element with properties and children. A property named `class`, `role`, `aria-…`, `data-…` or one that the
   *  element does not have is an attribute; `on…` is a listener. Children that are null are left out. */
  export function el(tag, properties = {}, ...children) {
    return filled(document.createElement(tag), properties, children);
  }

  /** An SVG element; every property is an attribute. Colours are written as `fill="var(--…)"`: that follows the theme, and
   *  is not a style in the sense of the content security policy. */
  export function svg(tag, attributes = {}, ...children) {
    return filled(document.createElementNS(SVG, tag), attributes, children);
  }

  function filled(node, properties, children) {
    for (const [name, value] of Object.entries(properties)) {
      if (value === undefined || value === null || value === false) continue;
      if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
      else if (name in node && !(node instanceof SVGElement) && !name.includes("-")) node[name] = value;
      else node.setAttribute(name === "className" ? "class" : name, value === true ? "" : value);
    }
    node.append(...present(children));
    return node;
  }

  function present(children) {
    return children.flat().filter((child) => child !== null && child !== undefined && child !== false);
  }

  /** Puts other children into a node. */
  export function fill(node, ...children) {
    node.replaceChildren(...present(children));
  }

  /** Puts other children into a node and changes only what differs: what has the focus, is selected or just being clicked stays.
   *  Listeners of the old nodes stay too, so the new ones must do the same. */
  export function renew(node, ...children) {
    const next = present(children).map((child) => (typeof child === "string" ? document.createTextNode(child) : child));
    const old = [...node.childNodes];
    if (old.length !== next.length) node.replaceChildren(...next);
    else next.forEach((child, i) => adapt(old[i], child));
  }

  /** Makes a node say what another one says. */
  export function adapt(old, next) {
    if (old === next) return;
    if (old.nodeType === Node.TEXT_NODE && next.nodeType === Node.TEXT_NODE) {
      if (old.data !== next.data) old.data = next.data;
      return;
    }
    if (old.nodeName !== next.nodeName || old.childNodes.length !== next.childNodes.length) return old.replaceWith(next);
    for (const { name } of [...old.attributes]) if (!next.hasAttribute(name)) old.removeAttribute(name);
    for (const { name, value } of next.attributes) {
      // The policy refuses the attribute `style`, not the property.
      if (name === "style") old.style.cssText = next.style.cssText;
      else if (old.getAttribute(name) !== value) old.setAttribute(name, value);
    }
    if ("checked" in old) old.checked = next.checked;
    const children = [...next.childNodes];
    [...old.childNodes].forEach((child, i) => adapt(child, children[i]));
  }

  /** Sets a text where it has changed, so that a screen reader and a selection are let be. */
  export function setText(node, text) {
    if (node.textContent !== text) node.textContent = text;
  }

  /** Calls a function once, at the next frame, however often it is asked for. */
  export function onceAFrame(action) {
    let isAsked = false;
    return () => {
      if (isAsked) return;
      isAsked = true;
      requestAnimationFrame(() => {
        isAsked = false;
        action();
      });
    };
  }

  /** Says something to screen readers. */
  export function announce(text) {
    document.getElementById("said").textContent = text;
  }

  /** Offers a text as a file. */
  export function download(name, text) {
    const address = URL.createObjectURL(new Blob([text], { type: "text/csv;charset=utf-8" }));
    el("a", { href: address, download: name }).click();
    setTimeout(() => URL.revokeObjectURL(address), 10_000);
  }

  /** One field of a CSV line (RFC 4180). A text that a spreadsheet would take for a formula gets a quote in front. */
  export function csvField(value) {
    const text = typeof value === "string" && /^[=+\-@\t]/.test(value) ? `'${value}` : String(value);
    return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  }

  """#

private let fmtJS: StaticString = #"""
  // Numbers and times as people read them. What is billed has all its digits; a real minus; a dash where a share has no ground.

  const whole = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });

  /** A count with all its digits: `11,548,138`, `−7`. */
  export function count(value) {
    // Without `|| 0` a difference of nothing would be −0.
    return whole.format(value || 0).replace("-", "−");
  }

  /** A change with its sign: `+5`, `−7`, `0`. */
  export function signed(value) {
    return value > 0 ? `+${count(value)}` : count(value);
  }

  /** A figure that nobody pays by, short: `12.4k`. */
  export function short(value) {
    for (const [size, unit] of [[1e9, "G"], [1e6, "M"], [1e4, "k"]]) {
      if (Math.abs(value) >= size) {
        const scaled = value / (unit === "k" ? 1e3 : size);
        return `${Number(scaled.toFixed(scaled < 100 ? 1 : 0))}${unit}`;
      }
    }
    return Number.isInteger(value) ? count(value) : String(Number(value.toFixed(2)));
  }

  /** A part of a whole: `5.5 %`, under one percent with two decimals, a dash of nothing. */
  export function share(part, all) {
    if (!(all > 0)) return "–";
    const percent = (100 * part) / all;
    return `${decimal(percent, Math.abs(percent) < 1 && percent !== 0 ? 2 : 1)} %`;
  }

  /** How much more there is than before: `+6.1 %`; a dash where there was nothing. */
  export function change(now, before) {
    if (!(before > 0)) return "–";
    const percent = (100 * (now - before)) / before;
    return `${percent > 0 ? "+" : ""}${decimal(percent, 1)} %`;
  }

  function decimal(value, digits) {
    return value.toFixed(digits).replace("-", "−");
  }

  /** `1 click`, `2 clicks`. */
  export function many(value, one, more = `${one}s`) {
    return `${count(value)} ${value === 1 ? one : more}`;
  }

  /** Bytes in binary units: `18.4 GiB`. */
  export function bytes(value) {
    const units = ["B", "KiB", "MiB", "GiB", "TiB"];
    let step = 0;
    while (value >= 1024 && step < units.length - 1) {
      value /= 1024;
      step += 1;
    }
    return `${value < 10 && step > 0 ? value.toFixed(1) : Number(value.toFixed(value < 100 ? 1 : 0))} ${units[step]}`;
  }

  /** A duration of seconds in its two largest units: `2 min 10 s`. */
  export function duration(seconds) {
    if (seconds < 10) return `${Number(seconds.toFixed(1))} s`;
    const parts = [];
    let rest = Math.round(seconds);
    for (const [size, unit] of [[86_400, "d"], [3_600, "h"], [60, "min"], [1, "s"]]) {
      const units = Math.floor(rest / size);
      if (units > 0 && parts.length < 2) parts.push(`${units} ${unit}`);
      else if (parts.length > 0) break;
      rest -= units * size;
    }
    return parts.join(" ");
  }

  // MARK: Times, in a zone (zone.js)

  const DAYS = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
  export const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

  function two(value) {
    return String(value).padStart(2, "0");
  }

  /** Hour and minute of a wall time: `17:41`. */
  export function clock(wall) {
    const date = new Date(wall);
    return `${two(date.getUTCHours())}:${two(date.getUTCMinutes())}`;
  }

  /** Day and month of a wall time: `30 Nov`. */
  export function day(wall) {
    const date = new Date(wall);
    return `${date.getUTCDate()} ${MONTHS[date.getUTCMonth()]}`;
  }

  /** `Mon 30 Nov 2026` of a wall time. */
  function longDay(wall) {
    const date = new Date(wall);
    return `${DAYS[date.getUTCDay()]} ${day(wall)} ${date.getUTCFullYear()}`;
  }

  /** The name of a bucket by its start: the minute and the hour with the zone's abbreviation, the day, the week, the month. */
  export function bucket(time, granularity, zone) {
    const wall = zone.wall(time);
    const date = new Date(wall);
    switch (granularity) {
      case "minute":
      case "hour": return `${longDay(wall)}, ${clock(wall)} ${zone.name(time)}`;
      case "day": return longDay(wall);
      case "week": return `Week from ${longDay(wall)}`;
      default: return `${MONTHS[date.getUTCMonth()]} ${date.getUTCFullYear()}`;
    }
  }

  /** A moment in a sentence, as short as today allows: `17:41 CET`, `30 Nov, 17:41 CET`. */
  export function moment(time, now, zone) {
    const wall = zone.wall(time);
    const today = zone.wall(now);
    const at = `${clock(wall)} ${zone.name(time)}`;
    if (Math.floor(wall / 86_400_000) === Math.floor(today / 86_400_000)) return at;
    const year = new Date(wall).getUTCFullYear();
    return `${day(wall)}${year === new Date(today).getUTCFullYear() ? "" : ` ${year}`}, ${at}`;
  }

  /** A moment in a list: `30 Nov 10:12`, with the year where it is another one. */
  export function listed(time, now, zone) {
    const wall = zone.wall(time);
    const year = new Date(wall).getUTCFullYear();
    return `${day(wall)}${year === new Date(zone.wall(now)).getUTCFullYear() ? "" : ` ${year}`} ${clock(wall)}`;
  }

  """#

private let frameJS: StaticString = #"""
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

  """#

private let helpJS: StaticString = #"""
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

  """#

private let iconSVG: StaticString = #"""
  <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 20 20" fill="none" stroke="#0b5fc0" stroke-width="1.8" stroke-linecap="round">
    <path d="M4 4v12M7.5 4v12M11 4v12M14.5 4v12M2 13.5 17.5 6.5"/>
  </svg>

  """#

private let indexHTML: StaticString = #"""
  <!doctype html>
  <html lang="en" data-assets="{{assets}}" data-dygraphs="{{dygraphs}}">
  <head>
  <meta charset="utf-8">
  <meta name="viewport" content="width=device-width, initial-scale=1">
  <meta name="color-scheme" content="light dark">
  <meta name="robots" content="noindex">
  <title>Tally</title>
  <link rel="icon" href="{{assets}}/icon.svg" type="image/svg+xml">
  <link rel="stylesheet" href="{{assets}}/app.css">
  <link rel="modulepreload" href="{{assets}}/api.js">
  <link rel="modulepreload" href="{{assets}}/dom.js">
  <link rel="modulepreload" href="{{assets}}/fmt.js">
  <link rel="modulepreload" href="{{assets}}/frame.js">
  <link rel="modulepreload" href="{{assets}}/keys.js">
  <link rel="modulepreload" href="{{assets}}/load.js">
  <link rel="modulepreload" href="{{assets}}/parts.js">
  <link rel="modulepreload" href="{{assets}}/state.js">
  <link rel="modulepreload" href="{{assets}}/words.js">
  <link rel="modulepreload" href="{{assets}}/zone.js">
  <script type="module" src="{{assets}}/app.js"></script>
  </head>
  <body>
  <a class="skip" href="#main">To the content</a>
  <header class="frame">
    <a class="brand" href="/" aria-label="Tally, all ads">
      <svg viewBox="0 0 20 20" aria-hidden="true"><path d="M4 4v12M7.5 4v12M11 4v12M14.5 4v12M2 13.5 17.5 6.5"/></svg>
      <span>Tally</span>
    </a>
    <nav class="pages" aria-label="Pages">
      <a href="/" data-page="ads">Ads</a>
      <a href="/campaigns" data-page="campaigns">Campaigns</a>
      <a href="/ops" data-page="ops" hidden>Operations</a>
    </nav>
    <span class="shared" hidden></span>
    <span class="live" hidden><i></i><span></span></span>
    <div class="zone">
      <button type="button" class="plain" id="zone" aria-label="Time zone" aria-haspopup="dialog" aria-expanded="false"></button>
    </div>
    <button type="button" class="plain icon" id="theme" aria-label="Colours"><svg viewBox="0 0 16 16" aria-hidden="true"><circle cx="8" cy="8" r="5.5"/><path d="M8 2.5v11a5.5 5.5 0 0 0 0-11"/></svg></button>
    <details class="who" hidden>
      <summary></summary>
      <div class="menu">
        <button type="button" class="plain" id="keys">Keys</button>
        <a class="plain" href="/method">How we count</a>
        <button type="button" class="plain" id="sign-out">Sign out</button>
        <span class="quiet" id="version"></span>
      </div>
    </details>
  </header>
  <div id="connection" role="status"></div>
  <main id="main" tabindex="-1">
    <noscript><div class="empty"><b>This page needs JavaScript</b><p>The same numbers are in the query API: <a href="/openapi.json">/openapi.json</a> says how to ask for them.</p></div></noscript>
  </main>
  <div id="said" class="hidden" role="status"></div>
  </body>
  </html>

  """#

private let keysJS: StaticString = #"""
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

  """#

private let listCSS: StaticString = #"""
  /* The lists of ads and campaigns. */

  .figures { display: grid; grid-template-columns: repeat(4, 1fr); overflow: hidden; }
  .figures > div { min-height: 102px; padding: 12px 16px; }
  .figures > div + div { border-left: 1px solid var(--line); }
  .figures dt { font-size: 13px; color: var(--text-2); }
  .figures b { display: block; min-height: 34px; font-size: 26px; line-height: 34px; font-weight: 600; letter-spacing: -0.01em; }
  .figures dd span { font-size: 13px; color: var(--text-3); }
  .find { width: 298px; }
  .list { --row: 52px; font-variant-numeric: tabular-nums; }
  .rows { position: relative; min-height: 52px; }
  .row {
    display: grid; grid-template-columns: minmax(0, 1fr) 178px 138px 108px 120px; align-items: center; height: var(--row);
    padding: 0 16px; border-bottom: 1px solid var(--line);
  }
  .rows .row { position: absolute; left: 0; right: 0; top: 0; }
  .row:hover { background: color-mix(in srgb, var(--sunken) 45%, var(--surface)); }
  .heads { height: 40px; font-size: 13px; color: var(--text-2); border-radius: 12px 12px 0 0; }
  .heads:hover { background: none; }
  .heads button { padding: 4px 0; border: 0; background: none; color: inherit; font: inherit; font-weight: 500; cursor: pointer; white-space: nowrap; }
  .heads button:hover { color: var(--text); text-decoration: underline; }
  .heads [aria-sort="ascending"] button, .heads [aria-sort="descending"] button { color: var(--text); }
  .heads [aria-sort="descending"] button::before { content: "↓ "; }
  .heads [aria-sort="ascending"] button::after { content: " ↑"; }
  .cell { text-align: right; }
  .cell:first-child, .heads .cell:nth-child(2) { text-align: left; }
  .cell.name { min-width: 0; padding-right: 16px; overflow: hidden; white-space: nowrap; text-overflow: ellipsis; }
  .cell.name a { color: var(--text); font-weight: 500; text-decoration: none; }
  .cell.name a::after { content: ""; position: absolute; inset: 0; }
  .cell.name a:focus-visible { outline: none; }
  .cell.name a:focus-visible::after { outline: 2px solid var(--accent); outline-offset: -2px; border-radius: 4px; }
  .cell.name .flag { margin-left: 8px; font-size: 11px; line-height: 16px; }
  .cell.name .under { display: block; overflow: hidden; text-overflow: ellipsis; font-size: 13px; line-height: 18px; color: var(--text-3); }
  .cell.line { height: 30px; }
  .loading .rows:empty { height: 520px !important; background: repeating-linear-gradient(var(--surface) 0 18px, var(--sunken) 18px 34px, var(--surface) 34px 52px); background-size: calc(100% - 32px); background-position: 16px 0; background-repeat: no-repeat; }
  .loading .figures b:empty { background: var(--sunken); border-radius: 4px; }

  @media (max-width: 1000px) { .row { grid-template-columns: minmax(0, 1fr) 120px 110px 90px 104px; } }

  @media (max-width: 680px) {
    .lists .tools { flex-wrap: wrap; }
    .find { width: 100%; }
    .figures { grid-template-columns: 1fr 1fr; }
    .figures > div:nth-child(3) { border-left: 0; }
    .figures > div:nth-child(n + 3) { border-top: 1px solid var(--line); }
    .list { --row: 56px; }
    .row { grid-template-columns: minmax(0, 1fr) 64px minmax(88px, max-content); gap: 0 8px; padding: 0 12px; }
    .row .cell:nth-child(n + 4) { display: none; }
    .heads .cell:nth-child(2) { visibility: hidden; }
  }

  @media print {
    /* Paper does not scroll: rows follow one another. */
    .list { break-inside: auto; }
    .rows { height: auto !important; }
    .row { grid-template-columns: minmax(0, 1fr) 90px 80px 80px; height: 30px; font-size: 10px; }
    .rows .row { position: static; transform: none !important; break-inside: avoid; }
    /* Only rows that were in view have their small lines. */
    .row .cell:nth-child(2), .segments { display: none; }
    .heads, .cell.name .under, .figures dt, .figures dd span { font-size: 9px; line-height: 12px; }
    .figures { margin-bottom: 10px; }
    .figures > div { min-height: 0; padding: 8px 12px; }
    .figures b { min-height: 0; font-size: 16px; line-height: 22px; }
  }

  """#

private let listJS: StaticString = #"""
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

  """#

private let liveJS: StaticString = #"""
  // A stream of server-sent events, kept open while somebody looks. It is read by `fetch` and not by `EventSource`: that one
  // hides the status of a refusal and the comments that tell a quiet stream from a dead one.
  //
  //     connecting ─▶ open ─▶ (error, 40 s of silence) ─▶ waiting 2, 4, 8 … 60 s ± 30 % ─▶ connecting
  //          │         └──▶ `end` ─▶ connecting at once: the answer tells a session that is over from a stream that is
  //          └── 401: over, 404: refused       hidden for 30 s ─▶ closed ─▶ seen again ─▶ connecting
  //
  // Each connection after the first is announced with `reopened`: what was missed meanwhile is the caller's to fetch.

  import { failure, requestHeaders } from "./api.js";

  const SILENCE = 40_000;
  const HIDDEN = 30_000;
  /** Shorter interruptions are not worth a word. */
  const PATIENCE = 3_000;
  const SHORT_LIFE = 2_000;
  const REFUSALS = new Set([400, 403, 404, 405]);

  export class Live {
    /** `address()` gives path and query of the next connection, `event(name, data, id)` takes an event, `reopened()` follows
     *  each connection but the first, `state("live" | "lost", since)` tells what to show, `refused()` that there is no such stream
     *  and none will be asked for again, `over()` the session's end. */
    constructor(handlers) {
      this.handlers = handlers;
      this.connection = null;
      this.failures = 0;
      this.hasBeenOpen = false;
      this.lostSince = null;
      this.isClosed = false;
      this.onVisibility = () => this.visibilityChanged();
      document.addEventListener("visibilitychange", this.onVisibility);
      if (!document.hidden) this.connect();
    }

    close() {
      this.isClosed = true;
      document.removeEventListener("visibilitychange", this.onVisibility);
      clearTimeout(this.hideTimer);
      this.disconnect();
      clearTimeout(this.patience);
    }

    disconnect() {
      clearTimeout(this.retryTimer);
      clearTimeout(this.silence);
      this.connection?.abort();
      this.connection = null;
    }

    /** Six streams fill a browser's connections to one host, so a page that nobody sees gives its own back. */
    visibilityChanged() {
      clearTimeout(this.hideTimer);
      if (document.hidden) this.hideTimer = setTimeout(() => this.disconnect(), HIDDEN);
      else if (this.connection === null) this.connect();
    }

    async connect() {
      this.disconnect();
      const connection = new AbortController();
      this.connection = connection;
      try {
        this.listen();
        const headers = requestHeaders({ Accept: "text/event-stream" });
        const answer = await fetch(this.handlers.address(), { headers, cache: "no-store", signal: connection.signal });
        if (!answer.ok) throw await failure(answer);
        this.opened();
        await this.read(answer.body.getReader());
      } catch (error) {
        if (this.connection !== connection || this.isClosed) return;
        if (error.status === 401) return this.ended();
        if (REFUSALS.has(error.status)) return this.refused();
        this.retryAfter = error.retryAfter ?? 0;
      }
      if (this.connection === connection && !this.isClosed) this.lost();
    }

    opened() {
      this.openedAt = Date.now();
      this.failures = 0;
      this.retryAfter = 0;
      this.lostSince = null;
      clearTimeout(this.patience);
      this.patience = null;
      this.handlers.state("live");
      if (this.hasBeenOpen) this.handlers.reopened();
      this.hasBeenOpen = true;
    }

    lost() {
      this.disconnect();
      this.lostSince ??= Date.now();
      this.patience ??= setTimeout(() => this.handlers.state("lost", this.lostSince), PATIENCE);
      if (document.hidden) return;
      this.failures += 1;
      // One that ends as soon as it is open is not asked for without a rest.
      const isAtOnce = this.hasEnded && Date.now() - this.openedAt > SHORT_LIFE;
      const wait = isAtOnce ? 0 : Math.max(Math.min(2 ** this.failures, 60), this.retryAfter ?? 0) * (0.7 + 0.6 * Math.random());
      this.hasEnded = false;
      this.retryTimer = setTimeout(() => this.connect(), wait * 1_000);
    }

    ended() {
      this.close();
      this.handlers.over();
    }

    /** There is no such stream: to ask again is no use, and nothing is lost. */
    refused() {
      this.close();
      this.handlers.refused();
    }

    /** Starts to wait for the next sign of life. */
    listen() {
      clearTimeout(this.silence);
      this.silence = setTimeout(() => this.lost(), SILENCE);
    }

    async read(reader) {
      const decoder = new TextDecoder();
      let rest = "";
      for (;;) {
        const { value, done } = await reader.read();
        if (done) return;
        this.listen();
        const blocks = (rest + decoder.decode(value, { stream: true })).replaceAll("\r\n", "\n").split("\n\n");
        rest = blocks.pop();
        for (const block of blocks) this.take(block);
      }
    }

    /** One event: lines `event:`, `id:`, `data:`; lines that begin with a colon are comments. */
    take(block) {
      let name = "message";
      let id = "";
      const data = [];
      for (const line of block.split("\n")) {
        const colon = line.indexOf(":");
        const field = line.slice(0, colon);
        const value = line.slice(colon + 1).replace(/^ /, "");
        if (field === "event") name = value;
        else if (field === "id") id = value;
        else if (field === "data") data.push(value);
      }
      if (name === "end") this.hasEnded = true;
      else if (data.length > 0) this.handlers.event(name, JSON.parse(data.join("\n")), id);
    }
  }

  """#

private let loadJS: StaticString = #"""
  // Parts of the page that are fetched when they are wanted first, with their style sheets: a list needs no chart, and nobody reads
  // all pages. All have the address of one version of the program; a newer one has others.

  import { el } from "./dom.js";

  const base = document.documentElement.dataset.assets;

  const PARTS = {
    list: [() => import("./list.js"), "list.css"],
    counts: [() => import("./ad.js"), "chart.css"],
    ops: [() => import("./ops.js"), "chart.css", "ops.css"],
    method: [() => import("./method.js"), "chart.css", "words.css"],
    signIn: [() => import("./signin.js"), "words.css"],
    keys: [() => import("./help.js"), "words.css"],
    zones: [() => import("./zonemenu.js")],
  };

  const sheets = new Map();

  function sheet(name) {
    if (!sheets.has(name)) {
      sheets.set(name, new Promise((resolve, reject) => {
        const link = el("link", { rel: "stylesheet", href: `${base}/${name}`, onload: resolve, onerror: () => {
          link.remove();
          sheets.delete(name);
          reject(new TypeError(`${name} did not come`));
        } });
        document.head.append(link);
      }));
    }
    return sheets.get(name);
  }

  /** The module of a part, once its style sheets are there too: what is shown earlier would jump. */
  export async function part(name) {
    const [module, ...names] = PARTS[name];
    const [loaded] = await Promise.all([module(), ...names.map(sheet)]);
    return loaded;
  }

  /** After a part did not come: where the server has another version of the page by now, this one's files are gone. */
  export async function reloadIfOld() {
    const answer = await fetch(location.pathname, { cache: "no-cache" }).catch(() => null);
    if (answer?.ok && !(await answer.text()).includes(`"${base}"`)) location.reload();
  }

  """#

private let marksJS: StaticString = #"""
  // Corrections and credits as marks in a lane of their own above the line. Those too close to be told apart are one mark, which
  // says how many they are.

  import { listed, many, signed } from "./fmt.js";

  /** Height of the lane, in pixels. */
  export const LANE = 34;
  /** Least distance of two marks. */
  const ROOM = 38;

  /** Marks of corrections as the query gives them. Those of hours and days repeat what those of their minutes say. */
  export function marksOf(corrections) {
    return corrections.filter(({ granularity }) => granularity === "minute").map((correction) => ({
      time: Date.parse(correction.minute), change: correction.change, isCredit: correction.credit, correction,
    })).sort((a, b) => a.time - b.time);
  }

  /** The marks between two places, with their places: `{x, label, isCredit, marks, words(zone)}`. */
  export function groupMarks(marks, place, left, right) {
    const groups = [];
    for (const mark of marks) {
      const x = place(mark.time);
      if (x < left || x > right) continue;
      const last = groups.at(-1);
      if (last && x - last.first < ROOM) {
        last.marks.push(mark);
        last.isCredit &&= mark.isCredit;
      } else groups.push({ first: x, marks: [mark], isCredit: mark.isCredit });
    }
    return groups.map(({ first, marks: inside, isCredit }) => ({
      // A mark at the edge stays inside.
      x: Math.min(Math.max(first, left + 14), right - 14), isCredit, marks: inside, label: label(inside, isCredit),
      words: (zone) => spoken(inside, zone),
    }));
  }

  function label(marks, isCredit) {
    if (marks.length > 1) return String(marks.length);
    return isCredit ? "C" : signed(marks[0].change);
  }

  function spoken(marks, zone) {
    const at = listed(marks[0].time, marks[0].time, zone);
    if (marks.length > 1) return `${many(marks.length, "correction")} from ${at} on`;
    return `${marks[0].isCredit ? "Credit" : "Correction"} ${signed(marks[0].change)} at ${at}`;
  }

  """#

private let membersJS: StaticString = #"""
  // The ads of a campaign, the busiest first, beside its chart.

  import { get, instant } from "./api.js";
  import { el } from "./dom.js";
  import { count, share } from "./fmt.js";
  import { panel } from "./parts.js";
  import { path } from "./state.js";

  const SHOWN = 12;
  /** Milliseconds between two questions for the same range. */
  const REST = 15_000;

  /** `whose` names the campaign or the advertiser. */
  export function adsOfPanel(context, whose) {
    const part = panel("Ads");
    const request = new AbortController();
    let asked = { key: "", at: 0 };

    async function load(from, to) {
      try {
        const answer = await get("/api/v1/top", { ...whose, by: "clicks", from: instant(from), to: instant(to), limit: 10_000 }, request.signal);
        draw(answer.top.filter((row) => !whose.campaignId || row.campaignId === whose.campaignId));
      } catch (error) {
        if (error.status === 401) context.over();
      }
    }

    function draw(rows) {
      const sum = rows.reduce((total, row) => total + row.clicks, 0);
      part.say(rows.length > SHOWN ? `the busiest ${SHOWN} of ${count(rows.length)}` : "");
      // Whoever was lent a share sees the sum, and no pages of its ads.
      const name = (id) => (context.session.share ? el("span", {}, id) : el("a", { href: path("ad", id) }, id));
      part.fill(el("table", { class: "members" },
        el("thead", { class: "hidden" }, el("tr", {}, ["Ad", "Clicks", "Share"].map((head) => el("th", { scope: "col" }, head)))),
        el("tbody", {}, rows.slice(0, SHOWN).map((row) => el("tr", {},
          el("th", { scope: "row" }, name(row.adId)), el("td", {}, count(row.clicks)), el("td", { class: "quiet" }, share(row.clicks, sum)))))),
        rows.length === 0 ? el("p", { class: "quiet" }, "No clicks in this time.") : null,
        rows.length > SHOWN && !context.session.share && whose.campaignId
          ? el("p", {}, el("a", { href: `/?campaign=${encodeURIComponent(whose.campaignId)}` }, `All ${count(rows.length)} ads`)) : null);
    }

    return {
      element: part.element,
      show(state, from, to) {
        const key = `${state.from ?? state.range} ${state.to}`;
        if (key === asked.key && Date.now() - asked.at < REST) return;
        asked = { key, at: Date.now() };
        load(from, to);
      },
      destroy: () => request.abort(),
    };
  }

  """#

private let methodHTML: StaticString = #"""
  <h1 tabindex="-1">How we count</h1>
  <p>A click is one signed link, followed once. This page says what is counted, when a number is final, and what may change it afterwards,
  so that an invoice can be checked.</p>

  <h2>What counts</h2>
  <p>Every link carries the ad, an impression’s own number and a signature over both. Whoever has no key can make no link that counts. A
  request ends in exactly one verdict, and only the first of these is a click that is paid:</p>
  <table>
  <thead><tr><th scope="col">Verdict</th><th scope="col">What happened</th></tr></thead>
  <tbody>
  <tr><th scope="row">Click</th><td>The signature is right, the impression was not clicked before, and the click was on disk before the answer left. A click whose answer could not wait for the disk is told apart, since it may be among the clicks.</td></tr>
  <tr><th scope="row">Repeat of a click</th><td>The same ad and impression came again: a double click, a reload, a retry. The reader is sent on all the same. A repeat so late that the live check has forgotten the first is found by the next recount.</td></tr>
  <tr><th scope="row">Robot</th><td>A robot or a link previewer that says so in its name. A person who follows the link after it counts.</td></tr>
  <tr><th scope="row">Expired link</th><td>The impression says when it was made, and that is too long ago: a day unless it is set otherwise.</td></tr>
  <tr><th scope="row">Prefetch by the browser</th><td>The browser looked ahead, and was refused; if the person follows the link, it comes again and counts then.</td></tr>
  <tr><th scope="row">Forged or damaged link</th><td>The signature does not fit the ad and the impression. It never counts.</td></tr>
  <tr><th scope="row">Link check (HEAD)</th><td>A program asked where the link leads, without following it.</td></tr>
  <tr><th scope="row">While the ad was paused</th><td>The ad was paused; the reader was sent to its other address, where it has one.</td></tr>
  <tr><th scope="row">Not recorded by a fault</th><td>The click could not be written. It is not counted, and an alarm rises.</td></tr>
  </tbody>
  </table>
  <p><b>All requests</b> are the clicks, without what recounts changed, and all verdicts together. The clicks are exact. The other verdicts
  are not for billing: those of its last minutes go with a server that ends, and the page says where that happened; and what is refused
  before the ad is looked up, prefetches and forged links among them, need not be told of any ad.</p>
  <p>Clicks that other systems bring in, as batches or as files, count by the same rules under the time that they name: once, however often
  they are sent. Whether they have to be signed is agreed with each of these systems.</p>

  <h2>When a number is final</h2>
  <p>Each minute goes through four states, and each number on these pages shows the lowest state of the minutes in it:</p>
  <table>
  <thead><tr><th scope="col">State</th><th scope="col">Means</th><th scope="col">Changes</th></tr></thead>
  <tbody>
  <tr><th scope="row">Still counting</th><td>Its time is not over, or late clicks may still come: two minutes unless it is set otherwise.</td><td>It grows.</td></tr>
  <tr><th scope="row">Closed</th><td>Late clicks were waited for.</td><td>Only by clicks that come later still, and by a recount.</td></tr>
  <tr><th scope="row">Recounted</th><td>Counted again from the raw log, exactly, apart from the first count.</td><td>Only where clicks come after it; the next recount settles them.</td></tr>
  <tr><th scope="row">Sealed</th><td>Its month was closed for billing.</td><td>Never. A difference found later is a credit beside it.</td></tr>
  </tbody>
  </table>
  <p>A dashed line and a hatched strip are not a forecast: they are clicks that were counted, of minutes that may still grow.</p>

  <h2>Corrections and credits</h2>
  <p>Every change that a recount makes is kept with the minute, the count before and after, the reason and the time. In a sealed month the
  count stays as it was billed and the difference becomes a credit: <b>to pay</b> is the clicks and the credits together.</p>

  <h2>Times</h2>
  <p>A click belongs to the minute in which it came in. Hours are those of UTC in every zone; days, weeks (from Monday) and months are those of
  the zone that stands at the top of the page, so a day may have 23 or 25 hours. The range of a page includes its beginning and leaves out
  its end, so neighbouring ranges add up.</p>

  <h2>Checking it yourself</h2>
  <p>The CSV of a page, its table, its line and the query API have the same numbers. <i>State of the answer</i>, at the foot of a page, names
  the position in the log that they reflect. Whoever runs Tally can recount everything from the raw clicks:</p>
  <pre><code>tally reconcile --dry-run
  tally verify --deep</code></pre>

  """#

private let methodJS: StaticString = #"""
  // How we count: a text for whoever audits the numbers. It is a file of ours, so its markup is taken over.

  import { unreachable } from "./api.js";
  import { el, fill } from "./dom.js";
  import { apology } from "./parts.js";

  export class MethodPage {
    constructor() {
      this.element = el("div", { class: "page prose" }, el("h1", { tabIndex: -1 }, "How we count"));
    }

    async show() {
      if (this.isAsked) return;
      this.isAsked = true;
      try {
        const text = await fetchDocument(`${document.documentElement.dataset.assets}/method.html`);
        fill(this.element, ...text.body.children);
      } catch (error) {
        this.isAsked = false;
        fill(this.element, apology(error, () => this.show()));
      }
    }

    destroy() {}
  }

  /** A file as a document, read by the browser itself: the page makes no markup of text (the policy refuses it). */
  function fetchDocument(address) {
    return new Promise((resolve, reject) => {
      const request = new XMLHttpRequest();
      request.open("GET", address);
      request.responseType = "document";
      request.onload = () => (request.response ? resolve(request.response) : reject(unreachable()));
      request.onerror = () => reject(unreachable());
      request.send();
    });
  }

  """#

private let opsCSS: StaticString = #"""
  /* Operations. */

  .alarms:not(:empty) { display: grid; gap: 8px; margin: 12px 0; }
  .alarm { display: flex; justify-content: space-between; gap: 16px; padding: 10px 16px; border-radius: 8px; background: var(--warn-soft); color: var(--warn); }
  .alarm b { font-weight: 500; overflow-wrap: anywhere; }
  .alarm b::before { content: "! "; font-weight: 700; }
  .alarm span { font-size: 13px; white-space: nowrap; }
  .gauges { display: grid; grid-template-columns: repeat(4, minmax(0, 1fr)); gap: 16px; margin-top: 12px; }
  .gauge { min-height: 114px; padding: 12px 16px; overflow: hidden; }
  .gauge header { display: flex; justify-content: space-between; gap: 8px; min-height: 22px; }
  .gauge h2 { font-size: 13px; font-weight: 400; color: var(--text-2); }
  .gauge p { color: var(--text-2); }
  .gauge p b { font-size: 26px; line-height: 34px; font-weight: 600; color: var(--text); }
  .gauge .spark { height: 34px; }
  .column { display: grid; grid-template-columns: minmax(0, 1fr); gap: 16px; align-content: start; }
  .progress { display: inline-flex; align-items: center; gap: 8px; white-space: nowrap; }
  progress { width: 80px; height: 6px; border: 0; border-radius: 3px; background: var(--sunken); overflow: hidden; }
  progress::-webkit-progress-bar { background: var(--sunken); }
  progress::-webkit-progress-value { background: var(--accent); }
  progress::-moz-progress-bar { background: var(--accent); }
  #hot th[scope="row"] { overflow-wrap: anywhere; }
  #jobs td:nth-child(2):not(:last-child), #jobs thead th:nth-child(2):not(:last-child) { text-align: left; overflow-wrap: anywhere; }
  .verb { margin-top: 8px; }
  .verb .command { max-width: none; }

  .ops .waterfall { grid-template-columns: 96px minmax(0, 1fr) minmax(64px, max-content) 56px; }
  .loading .gauge { background: var(--sunken); }

  @media (max-width: 1000px) { .gauges { grid-template-columns: repeat(2, minmax(0, 1fr)); } }
  @media (max-width: 680px) { .alarm { flex-direction: column; gap: 0; } }
  @media (max-width: 420px) { .gauges { grid-template-columns: minmax(0, 1fr); } }

  """#

private let opsJS: StaticString = #"""
  // What whoever runs Tally looks at first: is it ready, does it keep up, do the books balance, what does it do just now. It reads
  // and never acts: the verbs stay on the admin listener, and the page has the commands to copy.
  //
  // `GET /api/v1/ops/summary`, and the same document as event `summary` of `…/ops/stream`. Every member may be left out; its panel
  // is left out then. Times are RFC 3339, durations seconds, sizes bytes, rates a second:
  //
  //     ready, reasons[], version, startedAt, countingSince, alarms[{text, since}], clicksPerSecond, rates[], commitP99Seconds,
  //     commitHistory[], behindSeconds, closesAfterSeconds, balance{answered, difference},
  //     shards[{shard, clicksPerSecond, logBytes, behindSeconds, commitP99Seconds, files, bytes}],
  //     jobs[{id, kind, state, detail, progress, secondsLeft, ended}], hotAds[{adId, clicksPerSecond, hot}],
  //     recount{ended, from, rows, corrected, change}, answers{verdict: rate}, files[{kind, age, files, bytes}]

  import { get, serverNow } from "./api.js";
  import { el, fill, renew } from "./dom.js";
  import { bytes, count, day, duration, many, moment, share, short, signed } from "./fmt.js";
  import { Live } from "./live.js";
  import { apology, command, panel, whileLoading } from "./parts.js";
  import { path } from "./state.js";
  import { sparkline } from "./spark.js";
  import { zone } from "./zone.js";

  /** A commit is fast while it is under so many seconds, and the log is kept up with. */
  const FAST_COMMIT = 0.005;
  const IN_TIME = 5;

  const COMMANDS = [
    ["Recount all that is kept, and change nothing", "tally reconcile --dry-run"], ["Check every checksum", "tally verify"],
    ["Close the last month for billing", "tally seal YYYY-MM"], ["Merge small files", "tally compact"],
  ];

  export class OpsPage {
    constructor(context) {
      this.context = context;
      this.lead = el("p", { class: "final" });
      this.alarms = el("div", { class: "alarms" });
      this.figures = el("div", { class: "gauges" });
      this.left = el("div", { class: "column" });
      this.right = el("div", { class: "column" });
      this.instead = el("div", {});
      this.body = el("div", { class: "body" }, this.alarms, this.figures, el("div", { class: "panels" }, this.left, this.right));
      this.element = el("div", { class: "page ops" },
        el("div", { class: "head" }, el("h1", { tabIndex: -1 }, "Operations"), this.lead), this.instead, this.body);
    }

    async show(state) {
      this.state = state;
      if (this.live) return this.draw();
      await this.load();
    }

    async load() {
      try {
        const loading = get("/api/v1/ops/summary");
        this.summary = await (this.summary ? loading : whileLoading(this.element, loading));
      } catch (error) {
        return this.failed(error);
      }
      if (this.isDestroyed) return;
      fill(this.instead);
      if (!this.body.isConnected) this.element.append(this.body);
      this.draw();
      this.live ??= new Live({
        address: () => "/api/v1/ops/stream", reopened: () => this.load(), state: this.context.live, over: this.context.over,
        refused: () => this.context.live("off"),
        event: (name, summary) => {
          if (name !== "summary") return;
          this.summary = summary;
          if (!document.hidden) this.draw();
        },
      });
    }

    failed(error) {
      if (this.isDestroyed) return;
      if (error.status === 401) return this.context.over();
      if (this.summary) return;
      this.body.remove();
      fill(this.instead, apology(error, () => this.load()));
      if (error.status === 503) this.retry = setTimeout(() => this.load(), Math.max(error.retryAfter, 2) * 1_000);
    }

    draw() {
      if (!this.summary) return;
      const here = zone(this.state.tz);
      const now = serverNow();
      const at = (text) => moment(Date.parse(text), now, here);
      // Copying and selecting go on while numbers move.
      renew(this.lead, lead(this.summary, now));
      renew(this.alarms, (this.summary.alarms ?? []).map((alarm) =>
        el("div", { class: "alarm" }, el("b", {}, alarm.text), alarm.since ? el("span", {}, `since ${at(alarm.since)}`) : null)));
      renew(this.figures, gauges(this.summary));
      renew(this.left, [shards(this.summary), hotAds(this.summary), recount(this.summary, at, here), files(this.summary)]);
      renew(this.right, [jobs(this.summary, at), answers(this.summary), this.commands ??= commands()]);
      // An address may name a panel.
      if (!this.isPlaced) document.getElementById(location.hash.slice(1))?.scrollIntoView();
      this.isPlaced = true;
    }

    destroy() {
      this.isDestroyed = true;
      clearTimeout(this.retry);
      this.live?.close();
    }
  }

  function lead({ ready, reasons = [], startedAt, countingSince, version }, now) {
    if (!ready) return [el("b", {}, "Not ready."), el("span", {}, ` ${reasons.join("; ")}`)];
    const age = (since) => duration((now - Date.parse(since)) / 1_000);
    const counting = countingSince ? `, counting for ${age(countingSince)}` : "";
    const since = startedAt ? `Running for ${age(startedAt)}${counting}; version` : "Version";
    return [el("b", {}, "Ready."), el("span", {}, ` ${since} ${version}.`)];
  }

  function gauges(summary) {
    const { clicksPerSecond, rates, commitP99Seconds, commitHistory, behindSeconds, closesAfterSeconds, balance } = summary;
    const commitMs = commitP99Seconds * 1_000;
    return [
      clicksPerSecond === undefined ? null : gauge("Clicks a second", count(clicksPerSecond), "/s", null, line(rates)),
      commitP99Seconds === undefined ? null
        : gauge("Commit, 99 of 100", String(Number(commitMs.toFixed(1))), "ms", [commitP99Seconds < FAST_COMMIT, "under 5 ms", "slow"], line(commitHistory)),
      behindSeconds === undefined ? null
        : gauge("Behind the log", String(Number(behindSeconds.toFixed(1))), "s", [behindSeconds < IN_TIME, "in time", "late"],
          closesAfterSeconds ? el("span", { class: "quiet" }, `Minutes close ${duration(closesAfterSeconds)} after they end`) : null),
      balance === undefined ? null
        : gauge("Double entry", count(balance.difference), "difference", [balance.difference === 0, "balanced", "differs"],
          el("span", { class: "quiet" }, `${count(balance.answered)} answered and counted`)),
    ];
  }

  function line(values) {
    return values && values.length > 1 ? sparkline(values, { width: 236, height: 34 }) : null;
  }

  function gauge(label, value, unit, verdict, more) {
    const pill = verdict && el("span", { class: `pill ${verdict[0] ? "reconciled" : "failing"}` },
      el("span", { "aria-hidden": "true" }, verdict[0] ? "✓" : "!"), verdict[0] ? verdict[1] : verdict[2]);
    return el("section", { class: "gauge" }, el("header", {}, el("h2", {}, label), pill), el("p", {}, el("b", {}, value), ` ${unit}`), more);
  }

  function table(title, id, heads, rows) {
    const part = panel(title);
    part.element.id = id;
    part.fill(el("div", { class: "wide", tabIndex: 0, role: "region", "aria-label": title }, el("table", {},
      el("thead", {}, el("tr", {}, heads.map((head) => el("th", { scope: "col" }, head)))),
      el("tbody", {}, rows.map(([first, ...rest]) => el("tr", {}, el("th", { scope: "row" }, first), rest.map((cell) => el("td", {}, cell))))))));
    return part.element;
  }

  function known(value, format) {
    return value === undefined ? "–" : format(value);
  }

  function shards({ shards: list }) {
    return list && table("Shards", "shards", ["Shard", "Clicks/s", "Log", "Behind", "p99", "Files", "Size"], list.map((shard) => [
      String(shard.shard), count(shard.clicksPerSecond), bytes(shard.logBytes), `${Number(shard.behindSeconds.toFixed(1))} s`,
      `${Number((shard.commitP99Seconds * 1_000).toFixed(1))} ms`, known(shard.files, count), known(shard.bytes, bytes)]));
  }

  function hotAds({ hotAds: list }) {
    if (list?.length === 0) return none("Heaviest ads now", "hot", "No ad is busy enough to be listed.");
    return list && table("Heaviest ads now", "hot", ["Ad", "Clicks/s", "Spread"], list.map((ad) => [
      ad.adId ? el("a", { href: path("ad", ad.adId) }, ad.adId) : "unknown", count(ad.clicksPerSecond), ad.hot ? "over all shards" : "one shard"]));
  }

  function recount({ recount: last }, at, here) {
    if (!last) return null;
    const part = panel("Last recount");
    part.element.id = "recount";
    const clicks = Math.abs(last.change) === 1 ? "click" : "clicks";
    const found = `${count(last.corrected)} of ${many(last.rows, "row")} corrected, ${signed(last.change)} ${clicks}. `;
    const since = last.from ? `, all minutes since ${day(here.wall(Date.parse(last.from)))}` : "";
    part.fill(el("p", {}, el("b", {}, found), el("span", { class: "quiet" }, `${at(last.ended)}${since}.`)));
    return part.element;
  }

  function files({ files: list }) {
    return list && table("Files by age", "files", ["Kind", "Age", "Files", "Size"],
      list.map((row) => [row.kind, row.age, count(row.files), bytes(row.bytes)]));
  }

  function jobs({ jobs: list }, at) {
    if (!list) return null;
    if (list.length === 0) return none("Jobs", "jobs", "None has run since the start.");
    const hasDetails = list.some((job) => job.detail);
    return table("Jobs", "jobs", ["Job", hasDetails ? "What" : null, "Progress"].filter(Boolean),
      list.map((job) => [job.kind, hasDetails ? job.detail ?? "" : null, progress(job, at)].filter((cell) => cell !== null)));
  }

  function none(title, id, words) {
    const part = panel(title, el("p", { class: "quiet" }, words));
    part.element.id = id;
    return part.element;
  }

  function progress(job, at) {
    if (job.state === "running" && job.progress !== undefined) {
      const left = job.secondsLeft === undefined ? "" : `, ${duration(job.secondsLeft)} left`;
      const bar = el("progress", { max: 1, value: job.progress, "aria-label": `Progress of ${job.kind}` });
      return el("span", { class: "progress" }, bar, `${Math.floor(job.progress * 100)} %${left}`);
    }
    if (!job.ended) return job.state;
    return el("span", { class: job.state === "failed" ? "bad" : "quiet" }, `${job.state} ${at(job.ended)}`);
  }

  function answers({ answers: rates }) {
    if (!rates) return null;
    const part = panel("Answers a second");
    if (Object.keys(rates).length === 0) return none("Answers a second", "answers", "None now.");
    const all = Object.values(rates).reduce((sum, rate) => sum + rate, 0);
    const most = Math.max(...Object.values(rates), 1);
    part.fill(el("div", { class: "waterfall" }, Object.entries(rates).sort((a, b) => b[1] - a[1]).map(([verdict, rate]) => {
      const bar = el("i", {});
      bar.style.width = `max(${rate > 0 ? 1 : 0}px, ${(100 * rate) / most}%)`;
      bar.style.background = verdict === "valid" ? "var(--c-clicks)" : "var(--line-2)";
      return el("div", { class: "fall" }, el("span", { class: "name" }, verdict), el("span", { class: "bar", "aria-hidden": "true" }, bar),
        el("span", { class: "number" }, short(rate)), el("span", { class: "share" }, share(rate, all)));
    })));
    return part.element;
  }

  function commands() {
    const part = panel("Commands");
    part.fill(COMMANDS.map(([does, text]) => el("div", { class: "verb" }, el("span", { class: "quiet" }, does), command(text))));
    return part.element;
  }

  """#

private let panelsJS: StaticString = #"""
  // Beside a chart: from all requests to the clicks that are paid, and what was changed later, with the reason.

  import { el } from "./dom.js";
  import { count, listed, many, share, signed } from "./fmt.js";
  import { panel } from "./parts.js";
  import { MOST_EXTRAS } from "./state.js";
  import { INCOMPLETE, NOT_RECOUNTED, NO_CORRECTIONS, SELDOM, VERDICTS, VERDICT_COLOURS, reason } from "./words.js";

  const NAMES = new Map(VERDICTS);

  /** A waterfall on one scale from 0. `toggle(verdict)` puts the verdict's series into the chart or takes it out. */
  export function grossPanel(toggle) {
    const part = panel("From all requests to clicks");
    let shown = "";
    return {
      element: part.element,
      show(sums, chosen) {
        if (sums === null) {
          shown = "";
          part.say("");
          return part.fill(el("p", { class: "quiet" }, "What became of the other requests cannot be told now. The clicks are whole."));
        }
        part.say(sums.gross > 0 ? `${share(sums.gross - sums.clicks, sums.gross)} not counted` : "");
        // Other rows are other listeners.
        const names = sums.verdicts.filter(isShown).map(([name]) => name).join();
        part[names === shown ? "renew" : "fill"](...rows(sums, chosen, toggle));
        shown = names;
      },
    };
  }

  function isShown([name, amount]) {
    return amount !== 0 || !SELDOM.has(name);
  }

  function rows(sums, chosen, toggle) {
    const scale = Math.max(sums.gross, sums.clicks, 1);
    let left = sums.gross;
    const down = (amount) => {
      left -= amount;
      return [left, amount];
    };
    const list = [row("All requests", [0, sums.gross], scale, "--c-prev", count(sums.gross), "", "sum")];
    for (const [name, amount] of sums.verdicts.filter(isShown)) {
      const box = el("input", {
        type: "checkbox", name, checked: chosen.includes(name), onchange: () => toggle(name),
        disabled: !chosen.includes(name) && chosen.length >= MOST_EXTRAS,
      });
      const label = el("label", { title: "Show it in the chart" }, box, NAMES.get(name));
      label.style.setProperty("--own", `var(${VERDICT_COLOURS[name]})`);
      list.push(row(label, down(amount), scale, VERDICT_COLOURS[name], count(-amount), amount === 0 ? "" : share(amount, sums.gross)));
    }
    if (sums.corrected !== 0) {
      const place = sums.corrected > 0 ? [left, sums.corrected] : [left + sums.corrected, -sums.corrected];
      list.push(row("Corrected by recounts", place, scale, "--warn", signed(sums.corrected), share(Math.abs(sums.corrected), sums.gross)));
    }
    list.push(row("Clicks", [0, sums.clicks], scale, "--c-clicks", count(sums.clicks), share(sums.clicks, sums.gross), "sum"));
    if (sums.credits !== 0) {
      list.push(row("Credits after sealing", null, scale, "", signed(sums.credits), ""));
      list.push(row("To pay", null, scale, "", count(sums.clicks + sums.credits), "", "sum"));
    }
    const notes = [];
    if (sums.isIncomplete) notes.push(INCOMPLETE);
    if (sums.unknown > 0) {
      const [were, they] = sums.unknown === 1 ? ["was", "it is"] : ["were", "they are"];
      notes.push(`${many(sums.unknown, "more request")} ${were} answered before it was known whether ${they} on disk, and may be among the clicks.`);
    }
    return [el("div", { class: "waterfall" }, list), ...notes.map((note) => el("p", { class: "quiet note" }, note))];
  }

  function row(label, place, scale, colour, value, part, kind = "") {
    const bar = el("span", { class: "bar", "aria-hidden": "true" });
    if (place && place[1] > 0) {
      const piece = el("i", {});
      piece.style.left = `${Math.max((100 * place[0]) / scale, 0)}%`;
      piece.style.width = `max(1px, ${(100 * place[1]) / scale}%)`;
      piece.style.background = `var(${colour})`;
      bar.append(piece);
    }
    return el("div", { class: `fall ${kind}` }, el("span", { class: "name" }, label), bar,
      el("span", { class: "number" }, value), el("span", { class: "share" }, part));
  }

  /** Every correction and credit, the newest first. `open(mark)` puts it into the address. */
  export function correctionsPanel(open) {
    const part = panel("Corrections and credits");
    let shown = [];
    let last = [];
    return {
      element: part.element,
      /** `isRecounted` says whether any recount has looked. */
      show(marks, at, now, zone, isRecounted) {
        const given = [marks, at, zone, isRecounted];
        if (given.every((value, i) => value === last[i])) return;
        last = given;
        part.say(marks.length === 0 ? "" : `${count(marks.length)} in 400 days`);
        shown = [...marks].reverse();
        if (shown.length === 0) return part.fill(el("p", { class: "quiet" }, isRecounted ? NO_CORRECTIONS : NOT_RECOUNTED));
        const list = el("ol", { class: "corrections" }, shown.slice(0, 200).map((mark) => entry(mark, mark.time === at, now, zone, open)));
        const had = part.body.contains(document.activeElement);
        part.fill(list, shown.length > 200 ? el("p", { class: "quiet" }, "Older ones are in the query’s answer.") : null);
        if (had) part.body.querySelector("[aria-current]")?.focus();
      },
      fail: () => part.fill(el("p", { class: "quiet" }, "What recounts changed cannot be told now.")),
      /** Moves the focus to an entry. */
      focus(mark) {
        const button = part.body.querySelectorAll(".corrections button")[shown.findIndex(({ time }) => time === mark.time)];
        button?.focus();
        button?.scrollIntoView({ block: "nearest" });
      },
    };
  }

  function entry(mark, isOpen, now, zone, open) {
    const { correction } = mark;
    const changed = Date.parse(correction.time);
    const more = isOpen
      ? el("span", { class: "more" }, `Recount ${correction.run}, ${listed(changed, now, zone)} ${zone.name(changed)}`) : null;
    return el("li", {}, el("button", { type: "button", "aria-current": isOpen ? "true" : null, onclick: () => open(mark) },
      el("time", { datetime: correction.minute }, listed(mark.time, now, zone)),
      el("span", { class: "what" }, correction.adId ? el("span", { class: "whose" }, correction.adId) : null,
        el("span", {}, mark.isCredit ? "sealed" : `${count(correction.from)} → ${count(correction.to)}`),
        el("span", { class: "why" }, reason(correction)), more),
      el("b", {}, signed(mark.change))));
  }

  """#

private let partsJS: StaticString = #"""
  // Parts that several pages are made of.

  import { el, fill, renew, setText } from "./dom.js";
  import { finality, RANGES } from "./words.js";

  /** One of several: buttons in a row. `entries` are `[value, label]`, `isOff(value)` those that cannot be chosen now. */
  export function segments(label, entries, choose) {
    const buttons = entries.map(([value, text]) => el("button", { type: "button", onclick: () => choose(value), "data-value": value }, text));
    const element = el("div", { class: "segments", role: "group", "aria-label": label }, buttons);
    return {
      element,
      show(value, isOff = () => false) {
        for (const button of buttons) {
          button.setAttribute("aria-pressed", String(button.dataset.value === value));
          button.disabled = isOff(button.dataset.value);
        }
      },
    };
  }

  /** The range's buttons. */
  export function rangeButtons(choose) {
    return segments("Range", RANGES.map(({ key, label }) => [key, label]), choose);
  }

  /** The line that says how sure the numbers are. It is no live region: it would speak each minute. */
  export function finalLine() {
    const strong = el("b", {});
    const rest = el("span", {});
    return {
      element: el("p", { class: "final" }, strong, rest),
      show(...given) {
        const [start, end] = finality(...given);
        setText(strong, start);
        setText(rest, end);
      },
    };
  }

  /** What went wrong, with what can be done. */
  export function problem(error, again) {
    const reference = error.requestId ? el("span", { class: "quiet" }, `Request ${error.requestId}`) : null;
    return el("div", { class: "problem", role: "alert" },
      el("b", {}, sentence(error.message)), error.detail ? el("span", {}, sentence(error.detail)) : null, reference,
      again ? el("button", { type: "button", class: "button", onclick: again }, "Try again") : null);
  }

  function sentence(text) {
    const whole = text.charAt(0).toUpperCase() + text.slice(1);
    return /[.:?]$/.test(whole) ? whole : `${whole}.`;
  }

  /** The words of an error in place of a page. */
  export function apology(error, again) {
    if (error.status === 404) return empty("There is no such thing here", "It may be mistyped, or belong to somebody else.", el("a", { href: "/" }, "All ads"));
    if (error.status === 503) return empty("The server is starting: it reads its log again.", error.detail);
    return problem(error, again);
  }

  /** Why there is nothing, and what can be done about it. */
  export function empty(title, words, ...more) {
    return el("div", { class: "empty" }, el("b", {}, title), words ? el("p", {}, words) : null, ...more);
  }

  /** A command to copy. */
  export function command(text) {
    const button = el("button", { type: "button", class: "button small", "aria-label": `Copy ${text}` }, "Copy");
    button.addEventListener("click", async () => {
      await navigator.clipboard?.writeText(text).catch(() => {});
      setText(button, "Copied");
      setTimeout(() => setText(button, "Copy"), 2_000);
    });
    return el("div", { class: "command" }, el("code", {}, text), button);
  }

  /** Grey bars in place of numbers, from 150 ms on: what comes sooner needs none. */
  export function whileLoading(element, promise) {
    element.setAttribute("aria-busy", "true");
    const timer = setTimeout(() => element.classList.add("loading"), 150);
    return promise.finally(() => {
      clearTimeout(timer);
      element.classList.remove("loading");
      element.removeAttribute("aria-busy");
    });
  }

  /** A panel with a title and a figure beside it. */
  export function panel(title, ...children) {
    const aside = el("span", { class: "quiet" });
    const body = el("div", { class: "panel-body" }, ...children);
    return {
      element: el("section", { class: "panel" }, el("header", {}, el("h2", {}, title), aside), body),
      say: (text) => setText(aside, text),
      fill: (...nodes) => fill(body, ...nodes),
      renew: (...nodes) => renew(body, ...nodes),
      body,
    };
  }

  """#

private let readingJS: StaticString = #"""
  // The line above a chart: the point under the cursor, or the whole range. It stands in place of a floating tooltip, so it
  // never covers what it speaks of, and fingers and keys get the same.

  import { el, svg } from "./dom.js";
  import { bucket, change, count, many, signed } from "./fmt.js";
  import { NO_CLICKS, STATUSES, STATUS_WORDS, STATUS_SIGNS, STATUS_HELP } from "./words.js";

  /** The status of a point as sign, word and colour. */
  export function pill(status) {
    const name = STATUSES[status];
    const sign = el("span", { "aria-hidden": "true" }, STATUS_SIGNS[name]);
    return el("span", { class: `pill ${name}`, title: STATUS_HELP[name] }, sign, STATUS_WORDS[name]);
  }

  function key(kind, colour) {
    const dash = kind === "dots" ? "1.5 3" : null;
    return svg("svg", { class: "key", viewBox: "0 0 14 10", "aria-hidden": "true" }, kind === "band"
      ? svg("rect", { width: 14, height: 10, fill: `var(${colour})` })
      : svg("line", { x1: 0, x2: 14, y1: 5, y2: 5, stroke: `var(${colour})`, "stroke-width": 2, "stroke-dasharray": dash }));
  }

  function figure(colour, value, words) {
    return el("span", {}, key("line", colour), el("b", {}, count(value)), ` ${words}`);
  }

  /** One point. */
  export function readPoint({ series, previous, extras, zone }, i) {
    const clicks = series.clicks[i];
    return [
      el("span", { class: "time" }, bucket(series.times[i], series.granularity, zone)),
      figure("--c-clicks", clicks, clicks === 1 ? "click" : "clicks"),
      series.credits[i] ? el("span", {}, `${signed(series.credits[i])} as credit`) : null,
      previous ? el("span", {}, key("dots", "--c-prev"), `${before(previous, series.times[i])} before`) : null,
      ...extras.map((extra) => el("span", {}, key("line", extra.colour), `${count(extra.values[i])} ${extra.label.toLowerCase()}`)),
      pill(series.status[i]),
    ];
  }

  function before(previous, time) {
    const clicks = previous.at(time);
    return clicks === null ? "–" : count(clicks);
  }

  /** The whole range, and how its points were merged where they were. */
  export function readRange({ series, previous, extras, words }, merged) {
    const bands = merged && `line: mean of ${merged}; band: lowest to highest ${series.granularity}`;
    return [
      figure("--c-clicks", series.total, `${series.total === 1 ? "click" : "clicks"} ${words.range}`),
      merged ? el("span", { class: "merged" }, key("band", "--c-band"), bands) : null,
      previous ? el("span", {}, key("dots", "--c-prev"),
        `${many(previous.series.total, "click")} ${words.previous} (${change(series.total, previous.series.total)})`) : null,
      ...extras.map((extra) => el("span", {}, key("line", extra.colour), extra.label.toLowerCase())),
      series.total === 0 ? el("span", {}, NO_CLICKS) : el("span", { class: "hint" }, "Drag to zoom, ", el("kbd", {}, "←"), " ", el("kbd", {}, "→"), " to read"),
    ];
  }

  """#

private let rowsJS: StaticString = #"""
  // A long list of which only the rows in view are in the document. It tells its true length to screen readers, and the row that
  // has the focus is never taken away. The page scrolls, not the list.

  import { adapt, el, onceAFrame } from "./dom.js";

  /** Rows beyond the edges, so that a turn of the wheel shows no gap. */
  const BEYOND = 4;
  /** Rows on paper. The file has all. */
  const PRINTED = 200;

  export class Rows {
    /** `make(i)` gives a row's element, `shown(from, to)` is called when the view has rested. */
    constructor({ heads, make, shown }) {
      Object.assign(this, { make, shown, count: 0, nodes: new Map() });
      this.space = el("div", { class: "rows", role: "rowgroup", onkeydown: (event) => this.key(event) });
      this.head = el("div", { role: "rowgroup" }, el("div", { class: "row heads", role: "row", "aria-rowindex": 1 }, heads));
      this.element = el("div", { class: "list", role: "table" }, this.head, this.space);
      this.redraw = onceAFrame(() => this.draw());
      addEventListener("scroll", this.redraw, { passive: true });
      addEventListener("resize", this.redraw);
      this.onPrint = () => this.print();
      addEventListener("beforeprint", this.onPrint);
    }

    /** The list has other rows, or they say something else. Their nodes stay, and with them the focus. */
    setCount(count) {
      this.count = count;
      this.element.setAttribute("aria-rowcount", count + 1);
      for (const [i, node] of this.nodes) {
        if (i < count) adapt(node, this.placed(i));
        else this.remove(i);
      }
      this.draw();
    }

    remove(i) {
      this.nodes.get(i).remove();
      this.nodes.delete(i);
    }

    /** A row in its place. */
    placed(i) {
      const node = this.make(i);
      node.setAttribute("aria-rowindex", i + 2);
      this.move(node, i);
      return node;
    }

    move(node, i) {
      node.style.transform = `translateY(${i * this.rowHeight}px)`;
    }

    /** Narrow screens have rows of another height. */
    moveAll() {
      this.drawnHeight = this.rowHeight;
      for (const [i, node] of this.nodes) this.move(node, i);
    }

    /** The row that has the focus. */
    get focused() {
      for (const [i, node] of this.nodes) if (node.contains(document.activeElement)) return i;
      return null;
    }

    get rowHeight() {
      this.height ??= parseFloat(getComputedStyle(this.element).getPropertyValue("--row")) || 52;
      return this.height;
    }

    /** The rows in view. */
    get range() {
      const top = -this.space.getBoundingClientRect().top;
      const from = Math.max(Math.floor(top / this.rowHeight), 0);
      return [from, Math.min(Math.ceil((top + innerHeight) / this.rowHeight), this.count)];
    }

    draw() {
      if (!this.element.isConnected) return;
      this.height = undefined;
      if (this.rowHeight !== this.drawnHeight) this.moveAll();
      this.space.style.height = `${this.count * this.rowHeight}px`;
      const [first, last] = this.range;
      const [from, to] = [Math.max(first - BEYOND, 0), Math.min(last + BEYOND, this.count)];
      for (const [i, node] of this.nodes) {
        if ((i < from || i >= to) && !node.contains(document.activeElement)) this.remove(i);
      }
      for (let i = from; i < to; i += 1) if (!this.nodes.has(i)) this.add(i);
      clearTimeout(this.rest);
      this.rest = setTimeout(() => this.shown(from, to), 40);
    }

    /** Paper has no view: it gets the first rows. */
    print() {
      for (let i = 0; i < Math.min(this.count, PRINTED); i += 1) if (!this.nodes.has(i)) this.add(i);
      addEventListener("afterprint", this.redraw, { once: true });
    }

    add(i) {
      const node = this.placed(i);
      this.nodes.set(i, node);
      // In the order of the list, for those who read the document.
      let behind = null;
      for (const other of this.space.children) {
        if (Number(other.getAttribute("aria-rowindex")) > i + 2) {
          behind = other;
          break;
        }
      }
      this.space.insertBefore(node, behind);
    }

    key(event) {
      const here = this.focused;
      if (here === null || event.ctrlKey || event.metaKey || event.altKey) return;
      const page = Math.max(Math.floor(innerHeight / this.rowHeight) - 3, 1);
      const target = {
        ArrowDown: here + 1, ArrowUp: here - 1, PageDown: here + page, PageUp: here - page, Home: 0, End: this.count - 1,
      }[event.key];
      if (target === undefined) return;
      event.preventDefault();
      this.focusRow(Math.min(Math.max(target, 0), this.count - 1));
    }

    /** Scrolls to a row and gives it the focus. */
    focusRow(i) {
      const top = this.space.getBoundingClientRect().top + i * this.rowHeight;
      const room = this.rowHeight * 1.5;
      if (top < room) scrollBy(0, top - room);
      else if (top + room > innerHeight) scrollBy(0, top + room - innerHeight);
      this.draw();
      this.nodes.get(i)?.querySelector("a")?.focus({ preventScroll: true });
    }

    destroy() {
      removeEventListener("scroll", this.redraw);
      removeEventListener("resize", this.redraw);
      removeEventListener("beforeprint", this.onPrint);
      clearTimeout(this.rest);
    }
  }

  """#

private let seriesJS: StaticString = #"""
  // The points of a chart: one of each bucket in a range, in rising order, kept whole while new ones come in.
  //
  //     invariant: times rise; a point that comes replaces the one of its time, so nothing is ever added twice

  import { VERDICTS, STATUSES } from "./words.js";

  const MINUTE = 60_000;

  export class Series {
    /** From an answer of `aggregates`. `extras` are the metrics beside the clicks that shall be kept by point. */
    constructor(answer, extras = []) {
      this.granularity = answer.granularity;
      this.from = Date.parse(answer.from);
      this.to = Date.parse(answer.to);
      this.times = [];
      this.clicks = [];
      this.status = [];
      this.credits = [];
      this.extras = Object.fromEntries(extras.map((name) => [name, []]));
      this.merge(answer);
    }

    get length() {
      return this.times.length;
    }

    /** The sum of all points. */
    get total() {
      return this.clicks.reduce((sum, clicks) => sum + clicks, 0);
    }

    get totalCredits() {
      return this.credits.reduce((sum, credits) => sum + credits, 0);
    }

    /** Takes in points of an answer or an event, and how far counts are final. */
    merge(answer) {
      for (const point of answer.series ?? []) this.put(point);
      if (answer.asOf) this.asOf = answer.asOf;
      if (answer.completeThrough !== undefined) this.completeThrough = parsed(answer.completeThrough);
      if (answer.reconciledThrough !== undefined) this.reconciledThrough = parsed(answer.reconciledThrough);
      if (this.granularity === "minute" && this.completeThrough !== null) this.close(this.completeThrough);
    }

    put(point) {
      const given = point[this.granularity];
      const time = typeof given === "number" ? given : Date.parse(given);
      const isCut = time < this.from && this.granularity === "minute";
      if (!(time < this.to) || isCut) return;
      const i = this.place(time);
      const replaced = this.times[i] === time ? 1 : 0;
      const status = Math.max(STATUSES.indexOf(point.status), 0);
      this.times.splice(i, replaced, time);
      this.clicks.splice(i, replaced, point.clicks);
      this.status.splice(i, replaced, status);
      for (const [name, list] of Object.entries({ credits: this.credits, ...this.extras })) {
        // Events carry clicks alone; what was known of the rest stays until it is fetched again.
        list.splice(i, replaced, point[name] ?? (replaced ? list[i] : 0));
      }
    }

    /** Whether a recount has looked at a minute since it was put in. */
    isNewlyRecounted({ minute, status }) {
      if (STATUSES.indexOf(status) < 2) return false;
      const i = this.place(Date.parse(minute) + 1) - 1;
      return i >= 0 && this.status[i] < 2;
    }

    /** Takes in the points of a later answer over a part of the range. */
    absorb(part) {
      for (let i = 0; i < part.length; i += 1) {
        const point = { clicks: part.clicks[i], status: STATUSES[part.status[i]], credits: part.credits[i] };
        for (const name of Object.keys(this.extras)) point[name] = part.extras[name]?.[i];
        this.put({ ...point, [this.granularity]: part.times[i] });
      }
    }

    /** Says of which state it is now. */
    reflect({ asOf, completeThrough, reconciledThrough }) {
      Object.assign(this, { asOf, completeThrough, reconciledThrough });
    }

    /** Where a time stands, or would stand. */
    place(time) {
      const last = this.times.length - 1;
      if (last < 0 || time > this.times[last]) return last + 1;
      let low = 0;
      let high = last;
      while (low < high) {
        const middle = (low + high) >> 1;
        if (this.times[middle] < time) low = middle + 1;
        else high = middle;
      }
      return low;
    }

    /** The point nearest to a time; −1 without points. */
    nearest(time) {
      const i = Math.min(this.place(time), this.length - 1);
      return i > 0 && time - this.times[i - 1] < this.times[i] - time ? i - 1 : i;
    }

    /** Minutes before `time` are closed. */
    close(time) {
      for (let i = this.length - 1; i >= 0 && this.status[i] === 0; i -= 1) {
        if (this.times[i] < time) this.status[i] = 1;
      }
    }

    /** Moves a range of minutes on: empty minutes up to its new end, and away with what lies before its new beginning. */
    move(from, to) {
      this.from = from;
      this.to = to;
      let next = this.length > 0 ? Math.max(this.times[this.length - 1] + MINUTE, from) : from;
      for (; next < to; next += MINUTE) {
        this.put({ minute: next, clicks: 0, status: "provisional" });
      }
      this.drop(this.place(from));
    }

    /** Moves a range of longer points on. The first one is cut at another place then: it has to be asked for again. */
    shift(from, to) {
      this.from = from;
      this.to = to;
      // A point ends where the next one begins.
      let gone = 0;
      while (gone + 1 < this.length && this.times[gone + 1] <= from) gone += 1;
      this.drop(gone);
    }

    drop(gone) {
      for (const list of [this.times, this.clicks, this.status, this.credits, ...Object.values(this.extras)]) {
        list.splice(0, gone);
      }
    }

    /** The first point that may still grow, the number of points where there is none. */
    get firstOpen() {
      let i = this.length;
      while (i > 0 && this.status[i - 1] === 0) i -= 1;
      return i;
    }

    /** The time from which a fetch makes the series whole again: the last point that was closed. */
    get tail() {
      return this.times[Math.max(this.firstOpen - 1, 0)] ?? this.from;
    }
  }

  function parsed(text) {
    return text === null ? null : Date.parse(text);
  }

  /** What became of all requests of a range, from an answer with every metric. `clicks` are the chart's, so that both say the
   *  same number: the sum holds by definition, `gross = clicks − corrected + verdicts`, where credits and `unknown` are in
   *  neither. */
  export function grossToNet(answer, clicks, credits) {
    const sum = (name) => answer.metrics?.[name] ?? answer.series.reduce((total, point) => total + (point[name] ?? 0), 0);
    const verdicts = VERDICTS.map(([name]) => [name, sum(name)]);
    const corrected = sum("corrected");
    const gross = verdicts.reduce((total, [, value]) => total + value, clicks - corrected);
    return {
      gross, verdicts, corrected, clicks, credits, unknown: sum("unknown"), isIncomplete: Boolean(answer.verdictsIncomplete),
    };
  }

  """#

private let shapesJS: StaticString = #"""
  // What a chart draws, as shapes in its own coordinates (times and counts), so that the canvas and the SVG show the same.
  //
  // Exact while a point has room: line and fill. With less, points are merged into stretches of the wall clock that have a
  // name (5 minutes, 3 hours, a day): the line is their mean, the band goes from the lowest to the highest of their points.
  // The part that may still grow is dashed, and a bucket that the range cuts is not joined to the others: its count is of
  // another length.

  const MINUTE = 60_000;
  const HOUR = 60 * MINUTE;
  const DAY = 24 * HOUR;
  /** Stretches into which points are merged. */
  const STRETCHES = [
    [2, "minutes", 2 * MINUTE], [5, "minutes", 5 * MINUTE], [10, "minutes", 10 * MINUTE], [15, "minutes", 15 * MINUTE],
    [30, "minutes", 30 * MINUTE], [1, "hour", HOUR], [3, "hours", 3 * HOUR], [6, "hours", 6 * HOUR], [12, "hours", 12 * HOUR],
    [24, "hours", DAY], [7, "days", 7 * DAY], [28, "days", 28 * DAY],
  ];
  /** Pixels that a point needs to be drawn by itself, and those that a merged one gets. */
  const ROOM = 1.4;
  const MERGED_ROOM = 2.4;
  const MONDAY = 4 * DAY;

  /** The shapes of a view `{series, previous, extras, zone, now}` between two times, on so many pixels:
   *  `{shapes, highest, merged}`. `previous` is `{series, shift}`, `extras` are `{values, colour}`. */
  export function shapesOf(view, low, high, pixels) {
    const { series, previous, extras, zone } = view;
    const [first, end] = visible(series, low, high);
    const merged = stretch(end - first, low, high, pixels);
    const shapes = [];
    if (previous) {
      const [from, to] = visible(previous.series, low - previous.shift, high - previous.shift);
      const line = lineOf(previous.series.times, previous.series.clicks, from, to, merged, zone);
      const xs = line.xs.map((time) => time + previous.shift);
      shapes.push({ kind: "line", xs, ys: line.ys, colour: "--c-prev", width: 1.5, dash: [1.5, 3] });
    }
    shapes.push(...(merged ? mergedClicks(view, first, end, merged) : exactClicks(view, first, end)));
    const [from, to] = joined(view, first, end);
    for (const extra of extras) {
      const { xs, ys } = lineOf(series.times, extra.values, from, to, merged, zone);
      shapes.push({ kind: "line", xs, ys, colour: extra.colour, width: 1.5, dash: [] });
    }
    const tops = shapes.map(({ ys, highs }) => (highs ?? ys).reduce((a, b) => Math.max(a, b), 0));
    return { shapes, highest: Math.max(0, ...tops), merged: merged && `${merged[0]} ${merged[1]}` };
  }

  /** The mean of the clicks and their band; what may still grow has no room here and is left to the ground behind it. */
  function mergedClicks({ series, zone }, first, end, merged) {
    const open = Math.min(Math.max(series.firstOpen, first), end);
    const { xs, ys, lows, highs } = lineOf(series.times, series.clicks, first, open, merged, zone);
    return [
      { kind: "band", xs, lows, highs, colour: "--c-band" },
      { kind: "line", xs, ys, colour: "--c-clicks", width: 1.75, dash: [] },
    ];
  }

  /** The points that are joined to a line: without the one that the range cuts at its beginning, and the one still running. */
  export function joined({ series, zone, now }, first, end) {
    const from = first < end && series.times[first] < series.from ? first + 1 : first;
    const isRunning = from < end && zone.next(series.times[end - 1], series.granularity) > Math.min(now, series.to);
    return [from, isRunning ? end - 1 : end];
  }

  /** The clicks point by point, their fill, their dashed end, and dots for what is not joined. */
  function exactClicks(view, first, end) {
    const { series } = view;
    const colour = "--c-clicks";
    const slice = (a, b) => ({ xs: series.times.slice(a, b), ys: series.clicks.slice(a, b) });
    const [from, to] = joined(view, first, end);
    const dots = [];
    for (let i = first; i < from; i += 1) dots.push(i);
    for (let i = to; i < end; i += 1) dots.push(i);
    // A line of one point cannot be seen.
    if (to - from === 1) dots.push(from);
    const solid = Math.max(Math.min(series.firstOpen, to), from);
    return [
      { kind: "area", ...slice(from, to), colour: "--c-fill" },
      { kind: "line", ...slice(from, solid), colour, width: 1.75, dash: [] },
      { kind: "line", ...slice(Math.max(solid - 1, from), to), colour, width: 1.75, dash: [5, 4] },
      ...dots.map((i) => ({ kind: "dot", xs: [Math.max(series.times[i], series.from)], ys: [series.clicks[i]], colour })),
    ];
  }

  /** The points of a stretch of time, with one neighbour on either side so that lines reach the edge. */
  function visible(series, low, high) {
    return [Math.max(series.place(low) - 1, 0), Math.min(series.place(high) + 1, series.length)];
  }

  /** Into what points have to be merged; null where each has room. */
  function stretch(points, low, high, pixels) {
    if (pixels / Math.max(points, 1) >= ROOM) return null;
    const least = ((high - low) / pixels) * MERGED_ROOM;
    return STRETCHES.find(([, , size]) => size >= least) ?? STRETCHES.at(-1);
  }

  /** The points of a line, merged where they have to be. */
  function lineOf(times, values, first, end, merged, zone) {
    if (!merged) return { xs: times.slice(first, end), ys: values.slice(first, end) };
    return mergedLine(times, values, first, end, merged, zone);
  }

  /** Mean, lowest and highest of each stretch; one that the range cuts is left out. */
  function mergedLine(times, values, first, end, [, , size], zone) {
    const line = { xs: [], ys: [], lows: [], highs: [] };
    const origin = size >= 7 * DAY ? MONDAY : 0;
    const place = (i) => Math.floor((zone.wall(times[i]) - origin) / size);
    for (let i = first; i < end;) {
      const here = place(i);
      let [sum, low, high, last] = [0, Infinity, -Infinity, i];
      for (; last < end && place(last) === here; last += 1) {
        sum += values[last];
        low = Math.min(low, values[last]);
        high = Math.max(high, values[last]);
      }
      const step = last - i > 1 ? times[i + 1] - times[i] : size;
      const late = zone.wall(times[i]) - origin - here * size;
      const isFull = (i > first || late < step) && (last < end || late + times[last - 1] + step - times[i] >= size);
      if (isFull) {
        line.xs.push((times[i] + times[last - 1]) / 2);
        line.ys.push(sum / (last - i));
        line.lows.push(low);
        line.highs.push(high);
      }
      i = last;
    }
    return line;
  }

  """#

private let signinJS: StaticString = #"""
  // Signing in, in place of the page that was asked for. The token goes into the body of one request and nowhere else: not into
  // an address, not into storage.

  import { session, signIn } from "./api.js";
  import { el, setText } from "./dom.js";
  import { command } from "./parts.js";
  import { BAD_TOKEN } from "./words.js";

  /** The form; `done(session)` follows. */
  export function signInForm(note, done) {
    const field = el("input", {
      id: "token", type: "password", autocomplete: "off", required: true, spellcheck: false, "aria-describedby": "token-help token-error",
    });
    const error = el("p", { id: "token-error", class: "bad", role: "alert" });
    const button = el("button", { class: "button primary" }, "Sign in");
    const form = el("form", { class: "sign-in", method: "post", action: "/session" },
      el("h1", { tabIndex: -1 }, "Sign in"), note ? el("p", { class: "note", role: "status" }, note) : null,
      el("p", { id: "token-help", class: "quiet" }, "Paste the access token you were given. It never appears in an address."),
      el("label", { htmlFor: "token" }, "Access token"), field, error, button,
      el("details", {}, el("summary", {}, "Where do I get one?"),
        el("p", {}, "From whoever runs this Tally. On its machine this command makes one that reads the counts of one advertiser:"),
        command("tally tokens create --scopes read --advertiser ID")));
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      button.disabled = true;
      setText(error, "");
      try {
        const who = await signIn({ token: field.value.trim() });
        field.value = "";
        done(who);
      } catch (problem) {
        setText(error, words(problem));
        field.select();
        field.focus();
      } finally {
        button.disabled = false;
      }
    });
    return el("div", { class: "page narrow" }, form);
  }

  function words(problem) {
    if (problem.status === 401 || problem.status === 403) return BAD_TOKEN;
    if (problem.status === 429) return "Too many tries. Wait a minute.";
    return `${problem.message}. ${problem.detail}`;
  }

  /** The session of a share's link: by its cookie, or by the secret that stood behind the `#`. */
  export async function openShare(id, secret) {
    try {
      return await session(id);
    } catch (error) {
      if (error.status !== 401 || secret === "") throw error;
      return signIn({ share: secret });
    }
  }

  """#

private let sparkJS: StaticString = #"""
  // Small lines in lists and figures, and what larger drawings share with them.

  import { svg } from "./dom.js";

  /** The line through points, as the data of an SVG path. */
  export function path(xs, ys, x, y) {
    return xs.map((at, i) => `${i === 0 ? "M" : "L"}${x(at).toFixed(1)} ${y(ys[i]).toFixed(1)}`).join("");
  }

  /** Along the upper edge and back along the lower one. */
  export function outline(xs, highs, lows, x, y) {
    if (xs.length === 0) return "";
    return `${path(xs, highs, x, y)}${path([...xs].reverse(), [...lows].reverse(), x, y).replace("M", "L")}Z`;
  }

  /** A small line of counts in a list; the last stretch is dotted where it may still grow. */
  export function sparkline(values, { open = values.length, width = 178, height = 30 } = {}) {
    const top = values.reduce((a, b) => Math.max(a, b), 0) || 1;
    const x = (i) => (values.length < 2 ? 0 : (i / (values.length - 1)) * width);
    const y = (value) => height - 1 - (value / top) * (height - 4);
    const places = values.map((_, i) => i);
    const solid = Math.min(open, values.length);
    return svg("svg", { class: "spark", viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: "none", "aria-hidden": "true" },
      svg("path", { d: outline(places, values, values.map(() => 0), x, y), fill: "var(--c-fill)" }),
      svg("path", { d: path(places.slice(0, solid), values, x, y), fill: "none", stroke: "var(--c-clicks)", "stroke-width": 1.5, "vector-effect": "non-scaling-stroke" }),
      svg("path", {
        d: path(places.slice(Math.max(solid - 1, 0)), values.slice(Math.max(solid - 1, 0)), x, y), fill: "none",
        stroke: "var(--c-clicks)", "stroke-width": 1.5, "stroke-dasharray": "2 3", "vector-effect": "non-scaling-stroke",
      }));
  }

  """#

private let stateJS: StaticString = #"""
  // What a page shows stands in its address, both ways: address ─▶ state ─▶ address. So back, reload and a mailed link restore
  // it. What an address says wrongly falls back to the default, and the address is corrected.

  import { VERDICTS, GRANULARITIES, RANGES } from "./words.js";
  import { ownZone, zone } from "./zone.js";

  const HOUR = 3_600_000;
  const DAY = 24 * HOUR;
  const SORTS = ["-clicks", "adId", "-change", "-notCounted"];
  const VERDICT_NAMES = new Set(VERDICTS.map(([name]) => name));
  /** Series of verdicts in one chart. */
  export const MOST_EXTRAS = 3;
  /** Points that one question may bring, by minute as many as are asked for. */
  const MOST_POINTS = 100_000;

  /** The page of a path: `{page, id}`; null where there is none. */
  function route(path) {
    const parts = path.split("/").slice(1).map(decoded);
    if (path === "/") return { page: "ads", id: null };
    const [first, id] = parts;
    if (parts.length === 1 && ["campaigns", "ops", "method"].includes(first)) return { page: first, id: null };
    if (parts.length === 2 && id) {
      const page = { ads: "ad", campaigns: "campaign", s: "share" }[first];
      if (page) return { page, id };
    }
    return null;
  }

  function decoded(text) {
    try {
      return decodeURIComponent(text);
    } catch {
      return text;
    }
  }

  /** The state of an address. */
  export function parse(location) {
    const query = new URLSearchParams(location.search);
    const state = { ...(route(location.pathname) ?? { page: "missing", id: null }) };
    state.tz = zone(query.get("tz") ?? "") ? query.get("tz") : storedZone();
    const [from, to] = ["from", "to"].map((name) => moment(query.get(name)));
    const isExact = from !== null && to !== null && from < to && to - from <= 4_000 * DAY;
    state.from = isExact ? from : null;
    state.to = isExact ? to : null;
    state.range = RANGES.find(({ key }) => key === query.get("range"))?.key ?? "24h";
    state.g = GRANULARITIES.find((name) => name === query.get("g") && fits(name, span(state))) ?? null;
    state.cmp = ["prev", "week"].find((name) => name === query.get("cmp")) ?? null;
    state.m = [...new Set((query.get("m") ?? "").split(","))].filter((name) => VERDICT_NAMES.has(name)).slice(0, MOST_EXTRAS);
    state.view = query.get("view") === "table" ? "table" : "chart";
    state.at = moment(query.get("at"));
    state.q = (query.get("q") ?? "").slice(0, 128);
    state.sort = SORTS.includes(query.get("sort")) ? query.get("sort") : "-clicks";
    state.campaign = (query.get("campaign") ?? "").slice(0, 64);
    return state;
  }

  function moment(text) {
    if (!text) return null;
    const time = Date.parse(text);
    return Number.isFinite(time) && time > 0 ? Math.floor(time / 60_000) * 60_000 : null;
  }

  /** Whether a granularity makes sense over so many milliseconds: more than one point, and not too many. */
  export function fits(granularity, milliseconds) {
    const size = { minute: 60_000, hour: HOUR, day: DAY, week: 7 * DAY, month: 28 * DAY }[granularity];
    return milliseconds >= size && milliseconds / size <= MOST_POINTS;
  }

  /** The granularity that is drawn where none is asked for. */
  export function chosen(milliseconds) {
    if (milliseconds <= 2 * DAY) return "minute";
    return milliseconds <= 401 * DAY ? "hour" : "day";
  }

  /** The length of the range. */
  export function span(state) {
    return state.from !== null ? state.to - state.from : RANGES.find(({ key }) => key === state.range).span;
  }

  /** The range as instants: `{from, to, isLive}`. One that ends now ends with the running minute. */
  export function bounds(state, now) {
    if (state.from !== null) return { from: state.from, to: state.to, isLive: false };
    const to = Math.floor(now / 60_000) * 60_000 + 60_000;
    return { from: to - span(state), to, isLive: true };
  }

  /** The address of a state. Each page has its own part of it. */
  export function address(state) {
    const query = new Map();
    const iso = (time) => new Date(time).toISOString().replace(":00.000Z", "Z");
    if (["ads", "campaigns", "campaign", "ad", "share"].includes(state.page)) {
      if (state.from !== null) query.set("from", iso(state.from)).set("to", iso(state.to));
      else if (state.range !== "24h") query.set("range", state.range);
    }
    if (["ads", "campaigns"].includes(state.page)) {
      if (state.q) query.set("q", state.q);
      if (state.sort !== "-clicks") query.set("sort", state.sort);
    }
    if (state.page === "ads" && state.campaign) query.set("campaign", state.campaign);
    if (["campaign", "ad", "share"].includes(state.page)) {
      if (state.g) query.set("g", state.g);
      if (state.cmp) query.set("cmp", state.cmp);
      if (state.m.length > 0) query.set("m", state.m.join(","));
      if (state.view === "table") query.set("view", "table");
      if (state.at !== null) query.set("at", iso(state.at));
    }
    // Always: a mailed link shows the same days to a reader in another zone.
    if (!["method", "missing"].includes(state.page)) query.set("tz", state.tz);
    // Slashes, commas and colons need no escape there, and a zone is easier to read with its slash.
    const plain = (value) => encodeURIComponent(value).replace(/%2F|%2C|%3A/g, decodeURIComponent);
    const text = [...query].map(([name, value]) => `${name}=${plain(value)}`).join("&");
    return path(state.page, state.id) + (text ? `?${text}` : "");
  }

  /** The path of a page. */
  export function path(page, id = null) {
    const name = id === null ? "" : `/${encodeURIComponent(id)}`;
    const paths = {
      ads: "/", campaigns: "/campaigns", ops: "/ops", method: "/method", ad: `/ads${name}`, campaign: `/campaigns${name}`, share: `/s${name}`,
    };
    return paths[page] ?? location.pathname;
  }

  // MARK: What a browser remembers; it may refuse to

  /** The reader's last choice of a zone, else the browser's own. */
  function storedZone() {
    const stored = remembered("tally.zone");
    return stored && zone(stored) ? stored : ownZone();
  }

  export function remembered(name) {
    try {
      return localStorage.getItem(name);
    } catch {
      return null;
    }
  }

  export function remember(name, value) {
    try {
      localStorage.setItem(name, value);
    } catch {
      // A browser without storage forgets: nothing else depends on it.
    }
  }

  """#

private let svgJS: StaticString = #"""
  // The chart's parts that are drawn as SVG: all of it where the chart library is missing and on paper, the ribbon below it
  // always. Colours are `var(--…)` in attributes, so they follow the theme.

  import { svg } from "./dom.js";
  import { outline, path } from "./spark.js";
  import { STATUSES, STATUS_WORDS } from "./words.js";

  /** Room of the axes: labels of counts at the left, of times below. */
  export const LEFT = 56;
  export const BELOW = 22;
  const STATUS_COLOURS = ["url(#hatch)", "var(--closed)", "var(--good)", "var(--seal)"];
  const STATUS_HEIGHTS = [8, 3, 5, 8];

  /** Draws a chart as SVG in the place of the canvas. Same interface as `Canvas` in canvas.js. */
  export class Drawing {
    constructor(host) {
      this.root = svg("svg", { class: "drawing", "aria-hidden": "true" });
      host.append(this.root);
    }

    /** Draws and tells where it has drawn. `size` is for paper, where the element has none yet. */
    draw(scene, size = null) {
      const box = size ?? { width: this.root.clientWidth, height: this.root.clientHeight };
      const area = { x: LEFT, y: 0, w: Math.max(box.width - LEFT, 1), h: Math.max(box.height - BELOW, 1) };
      const x = (time) => area.x + ((time - scene.low) / (scene.high - scene.low)) * area.w;
      const y = (value) => area.y + area.h - (value / scene.top) * area.h;
      if (size) this.root.setAttribute("viewBox", `0 0 ${size.width} ${size.height}`);
      this.root.replaceChildren(
        ...ground(scene, area, x), ...grid(scene, area, x, y),
        ...scene.shapes.map((shape) => drawn(shape, x, y)));
      return { area, x, y };
    }

    destroy() {
      this.root.remove();
    }
  }

  function ground(scene, area, x) {
    const parts = [];
    if (scene.open !== null) {
      const from = Math.max(x(scene.open), area.x);
      const width = Math.max(area.x + area.w - from, 0);
      parts.push(
        svg("rect", { x: from, y: area.y, width, height: area.h, fill: "var(--c-open)" }),
        svg("line", { x1: from, x2: from, y1: area.y, y2: area.y + area.h, stroke: "var(--warn)", "stroke-dasharray": "2 3" }));
      if (width >= 92) parts.push(svg("text", { x: from + 8, y: area.y + 46, class: "note" }, "still counting"));
    }
    for (const { at, words } of scene.clockChanges) {
      parts.push(svg("line", { x1: x(at), x2: x(at), y1: area.y, y2: area.y + area.h, stroke: "var(--text-2)", "stroke-dasharray": "1.5 3" }));
      if (words) parts.push(svg("text", { x: x(at) + 6, y: area.y + area.h - 8, class: "axis" }, words));
    }
    return parts;
  }

  function grid(scene, area, x, y) {
    const lines = scene.values.map(({ at, label }) => [
      svg("line", { x1: area.x, x2: area.x + area.w, y1: y(at), y2: y(at), stroke: "var(--c-grid)" }),
      svg("text", { x: area.x - 8, y: y(at) + 4, "text-anchor": "end", class: "axis" }, label),
    ]);
    const labels = scene.times.map(({ at, label, isStrong }) =>
      svg("text", { x: x(at), y: area.y + area.h + 17, "text-anchor": "middle", class: isStrong ? "axis strong" : "axis" }, label));
    return [...lines.flat(), ...labels];
  }

  function drawn(shape, x, y) {
    const colour = `var(${shape.colour})`;
    switch (shape.kind) {
      case "dot":
        return svg("circle", { cx: x(shape.xs[0]), cy: y(shape.ys[0]), r: 3.5, fill: "var(--surface)", stroke: colour, "stroke-width": 1.75 });
      case "area":
        return svg("path", { d: outline(shape.xs, shape.ys, shape.ys.map(() => 0), x, y), fill: colour });
      case "band":
        return svg("path", { d: outline(shape.xs, shape.highs, shape.lows, x, y), fill: colour });
      default:
        return svg("path", {
          d: path(shape.xs, shape.ys, x, y), fill: "none", stroke: colour, "stroke-width": shape.width,
          "stroke-linejoin": "round", "stroke-dasharray": shape.dash.join(" ") || null,
        });
    }
  }

  /** Which part of the range is how certain: told by pattern and thickness before colour. */
  export function ribbon(series, low, high, { area }) {
    const root = svg("svg", { class: "ribbon", "aria-hidden": "true" }, hatch());
    const x = (time) => area.x + (Math.min(Math.max((time - low) / (high - low), 0), 1)) * area.w;
    for (let i = 0; i < series.length;) {
      let end = i;
      while (end < series.length && series.status[end] === series.status[i]) end += 1;
      const from = x(series.times[i]);
      const to = end < series.length ? x(series.times[end]) : x(series.to);
      const height = STATUS_HEIGHTS[series.status[i]];
      if (to > from) {
        const title = svg("title", {}, STATUS_WORDS[STATUSES[series.status[i]]]);
        const width = Math.max(to - from, 1);
        root.append(svg("rect", { x: from, y: (10 - height) / 2, width, height, fill: STATUS_COLOURS[series.status[i]] }, title));
      }
      i = end;
    }
    return root;
  }

  /** The pattern of what is still counting. */
  function hatch() {
    return svg("defs", {}, svg("pattern", { id: "hatch", width: 5, height: 5, patternUnits: "userSpaceOnUse", patternTransform: "rotate(40)" },
      svg("rect", { width: 2.5, height: 5, fill: "var(--warn)" })));
  }

  /** A status in the legend, drawn as in the ribbon. */
  export function swatch(status) {
    const height = STATUS_HEIGHTS[status];
    return svg("svg", { class: "swatch", viewBox: "0 0 14 8", "aria-hidden": "true" }, hatch(),
      svg("rect", { y: (8 - height) / 2, width: 14, height, fill: STATUS_COLOURS[status] }));
  }

  """#

private let tableJS: StaticString = #"""
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

  """#

private let ticksJS: StaticString = #"""
  // Where a chart has labels. Times are chosen on the wall clock of the zone and turned into instants: in the night when clocks
  // go forward a label is missing, when they go back one stands twice, as on the clock.

  import { MONTHS, clock, day, short } from "./fmt.js";

  const MINUTE = 60_000;
  const HOUR = 60 * MINUTE;
  const DAY = 24 * HOUR;
  const STEPS = [
    ...[1, 2, 5, 10, 15, 30].map((n) => n * MINUTE), ...[1, 2, 3, 6, 12].map((n) => n * HOUR), DAY, 2 * DAY, 7 * DAY, 14 * DAY,
  ];
  const MONTH_STEPS = [1, 2, 3, 6, 12, 24, 60];
  /** Least distance of two labels, in pixels. */
  const ROOM = 52;
  /** 5 January 1970 was a Monday. */
  const MONDAY = 4 * DAY;

  /** Labels of times in a range: `{at, label, isStrong}`. */
  export function timeTicks(from, to, width, zone) {
    const least = ((to - from) / Math.max(width, 1)) * ROOM;
    zone.learn(from, to);
    const step = STEPS.find((size) => size >= least);
    const ticks = step ? dayTicks(from, to, step, zone) : monthTicks(from, to, least, zone);
    // The two labels of a fold, and months of different length, may come closer than the step says.
    const scale = width / (to - from);
    return ticks.filter((tick, i) => i === 0 || (tick.at - ticks[i - 1].at) * scale > 36);
  }

  function dayTicks(from, to, step, zone) {
    const ticks = [];
    const origin = step >= 7 * DAY ? MONDAY : 0;
    const first = origin + Math.floor((zone.wall(from) - 2 * HOUR - origin) / step) * step;
    for (let wall = first; wall <= zone.wall(to) + 2 * HOUR; wall += step) {
      const isMidnight = wall % DAY === 0;
      for (const at of zone.instants(wall)) {
        if (at < from || at > to) continue;
        ticks.push({ at, label: isMidnight ? day(wall) : clock(wall), isStrong: isMidnight && step < DAY });
      }
    }
    return ticks.sort((a, b) => a.at - b.at);
  }

  function monthTicks(from, to, least, zone) {
    const step = MONTH_STEPS.find((months) => months * 30 * DAY >= least) ?? MONTH_STEPS.at(-1);
    const start = new Date(zone.wall(from));
    const ticks = [];
    for (let month = Math.floor((start.getUTCFullYear() * 12 + start.getUTCMonth()) / step) * step; ; month += step) {
      const year = Math.floor(month / 12);
      const at = zone.instant(Date.UTC(year, month % 12, 1));
      // Said so that a range that is no range ends it too.
      if (!(at <= to)) return ticks;
      if (at >= from) ticks.push({ at, label: month % 12 === 0 ? String(year) : MONTHS[month % 12], isStrong: month % 12 === 0 });
    }
  }

  /** Labels of counts from 0 to `top`: `{at, label}`. Counts are whole, so are the labels. */
  export function valueTicks(top, height) {
    const least = Math.max((top / Math.max(height, 1)) * 44, 1);
    const power = 10 ** Math.floor(Math.log10(least));
    const step = [1, 2, 5, 10].find((size) => size * power >= least) * power;
    const ticks = [];
    for (let at = 0; at <= top; at += step) ticks.push({ at, label: short(at) });
    return ticks;
  }

  """#

private let totalsJS: StaticString = #"""
  // What the lists show: every ad with its clicks in a range and in the one before, or campaigns, which are sums over their ads.

  import { get, instant, serverNow } from "./api.js";
  import { bounds } from "./state.js";
  import { zone } from "./zone.js";

  /** Rows of one answer of `top`. */
  const MOST = 10_000;

  /** Milliseconds for which the range before is taken for what it was. */
  const BEFORE_HOLDS = 60_000;

  /** The totals of a range and of the one before, by ad: `{now, before, sum, completeThrough, asOf, from, to}`. Of the totals that
   *  were asked for last, those of the range before may hold still. */
  export async function loadTotals(state, last, signal) {
    const { from, to } = bounds(state, serverNow());
    const length = to - from;
    const ask = (start, end, metrics) => get("/api/v1/top", {
      by: "clicks", groupBy: "ad", from: instant(start), to: instant(end), limit: MOST, metrics,
    }, signal);
    const holds = last && last.from === from && last.to === to && Date.now() - last.beforeAt < BEFORE_HOLDS;
    const [answer, before] = await Promise.all([
      ask(from, to, "gross"), holds ? last.earlier : ask(from - length, to - length, null),
    ]);
    const now = byAd(answer);
    return {
      now, before: holds ? last.before : byAd(before), earlier: before, beforeAt: holds ? last.beforeAt : Date.now(), from, to, asOf: answer.asOf,
      completeThrough: answer.completeThrough ? Date.parse(answer.completeThrough) : null,
      // Of all ads, also of those beyond the longest answer.
      sum: { ...sumOf([...now.values()]), clicks: answer.total, gross: answer.metrics.gross, before: before.total },
    };
  }

  function byAd(answer) {
    // Clicks of ads whose names nobody knows any more have none; they are in the total alone.
    return new Map(answer.top.filter(({ adId }) => adId).map((row) => [row.adId, row]));
  }

  /** Rows of ads, those of the catalog and those that have only counts left: `{id, campaign, status, clicks, before, gross}`. */
  export function adRows(ads, totals) {
    const rows = ads.map((ad) => adRow(ad.adId, ad.campaignId, ad.status, totals));
    const listed = new Set(ads.map((ad) => ad.adId));
    for (const [id, row] of totals?.now ?? []) {
      if (!listed.has(id)) rows.push(adRow(id, row.campaignId ?? null, "", totals));
    }
    return rows;
  }

  function adRow(id, campaign, status, totals) {
    const row = totals?.now.get(id);
    const clicks = row?.clicks ?? 0;
    return { id, campaign, status, clicks, before: totals?.before.get(id)?.clicks ?? 0, gross: row?.gross ?? 0, credits: row?.credits ?? 0 };
  }

  /** Rows of campaigns. */
  export function campaignRows(rows) {
    const found = new Map();
    for (const row of rows) {
      if (row.campaign === null) continue;
      const sum = found.get(row.campaign) ?? { id: row.campaign, campaign: null, status: "", ads: 0, ...sumOf([]) };
      for (const name of ["clicks", "before", "gross", "credits"]) sum[name] += row[name];
      sum.ads += 1;
      found.set(row.campaign, sum);
    }
    return [...found.values()];
  }

  /** The sum over rows. */
  export function sumOf(rows) {
    const sum = { clicks: 0, before: 0, gross: 0, credits: 0 };
    for (const row of rows) for (const name of Object.keys(sum)) sum[name] += row[name] ?? 0;
    return sum;
  }

  const ORDERS = {
    "-clicks": (a, b) => b.clicks - a.clicks,
    "-change": (a, b) => growth(b) - growth(a),
    "-notCounted": (a, b) => notCounted(b) - notCounted(a),
    adId: () => 0,
  };

  /** The rows that match, in order; ids decide between equals. */
  export function arranged(rows, { q, campaign, sort }) {
    const text = q.trim().toLowerCase();
    const matches = (row) => (!campaign || row.campaign === campaign)
      && (!text || row.id.toLowerCase().includes(text) || (row.campaign ?? "").toLowerCase().includes(text));
    const order = ORDERS[sort];
    return rows.filter(matches).sort((a, b) => order(a, b) || (a.id < b.id ? -1 : 1));
  }

  function growth(row) {
    return row.before > 0 ? row.clicks / row.before : -1;
  }

  function notCounted(row) {
    return row.gross > 0 ? (row.gross - row.clicks) / row.gross : -1;
  }

  // MARK: The small lines

  /** Ads of one question. */
  const AT_ONCE = 40;

  /** The small lines of a list, asked for when their rows are in view, and kept until the range changes. */
  export class Sparks {
    /** `by` is `ad` or `campaign`; `ready()` is called when more are there. */
    constructor(by, ready) {
      Object.assign(this, { by, ready, lines: new Map(), old: new Set(), key: "" });
    }

    /** The line of an id is not what it was: it is asked for again when it is wanted next. */
    age(id) {
      if (this.lines.has(id)) this.old.add(id);
    }

    ageAll() {
      this.old = new Set(this.lines.keys());
    }

    /** The line of an id: `{values, open}`; null where it is not there yet. */
    of(id) {
      return this.lines.get(id) ?? null;
    }

    /** Asks for the lines of these ids that are not there or old. */
    async want(ids, state, totals, signal) {
      const length = totals.to - totals.from;
      const granularity = length <= 2 * 3_600_000 ? "minute" : length <= 8 * 86_400_000 ? "hour" : length <= 60 * 86_400_000 ? "day" : "week";
      const key = `${state.from ?? state.range} ${state.to} ${state.tz}`;
      if (key !== this.key) {
        this.lines.clear();
        this.old.clear();
      }
      this.key = key;
      const missing = ids.filter((id) => !this.lines.has(id) || this.old.has(id));
      for (const id of missing) {
        this.lines.set(id, this.of(id));
        this.old.delete(id);
      }
      // From a whole bucket on: a cut one would look like a rise.
      const from = instant(zone(state.tz).next(totals.from - 1, granularity));
      const range = { from, to: instant(totals.to), granularity, tz: state.tz, fill: "zero", limit: 100_000 };
      const step = this.by === "ad" ? AT_ONCE : 1;
      for (let i = 0; i < missing.length; i += step) {
        const some = missing.slice(i, i + step);
        const whose = this.by === "ad" ? { adId: some.join(","), groupBy: "ad" } : { campaignId: some[0], groupBy: "none" };
        try {
          const answer = await get("/api/v1/aggregates", { ...whose, ...range }, signal);
          if (this.key === key) this.take(answer, some);
        } catch {
          // A list without its small lines is a list still; they are asked for when the rows come into view again.
          for (const id of some) {
            if (this.lines.get(id)) this.old.add(id);
            else this.lines.delete(id);
          }
        }
      }
    }

    /** Points of one group follow one another; those of several name whose they are. */
    take(answer, ids) {
      for (const id of ids) {
        const points = this.by === "ad" ? answer.series.filter((point) => point.adId === id) : answer.series;
        const open = points.findIndex((point) => point.status === "provisional");
        this.lines.set(id, { values: points.map((point) => point.clicks), open: open < 0 ? points.length : open });
      }
      this.ready();
    }
  }

  """#

private let wordsCSS: StaticString = #"""
  /* Pages and dialogs of words: signing in, how we count, the keys. */

  .narrow { max-width: 440px; }
  .sign-in { display: grid; grid-template-columns: minmax(0, 1fr); gap: 8px; margin-top: 48px; padding: 24px; background: var(--surface); border: 1px solid var(--line); border-radius: 12px; box-shadow: var(--shadow); }
  .sign-in label { margin-top: 8px; font-weight: 500; }
  .sign-in .bad:empty { display: none; }
  .sign-in summary { padding: 6px 0; color: var(--text-2); cursor: pointer; }
  .prose { max-width: 840px; }
  .prose h2 { margin: 24px 0 8px; font-size: 17px; }
  .prose p, .prose table, .prose pre { margin-top: 8px; }
  .prose th, .prose td { text-align: left; }
  .prose tbody th { width: 190px; font-weight: 500; }
  .prose pre { padding: 12px; border-radius: 8px; background: var(--sunken); overflow-x: auto; }
  dialog.keys { max-width: 560px; padding: 24px; border: 1px solid var(--line-2); border-radius: 12px; background: var(--surface); color: var(--text); }
  dialog.keys::backdrop { background: rgb(0 0 0 / 40%); }
  dialog.keys dl > div { display: flex; justify-content: space-between; gap: 24px; padding: 5px 0; border-bottom: 1px solid var(--line); }
  dialog.keys dd { text-align: right; color: var(--text-2); }
  dialog.keys label { display: block; margin: 12px 0; }

  @media (max-width: 680px) { .prose tbody th { width: 110px; } }

  """#

private let wordsJS: StaticString = #"""
  // The words of the page, in one place: what an advertiser reads has one name everywhere, and no jargon.

  import { count, many, moment } from "./fmt.js";

  /** What became of requests that are no clicks, in the order of the list. The keys are the names of the query's metrics. */
  export const VERDICTS = [
    ["duplicate", "Repeats of a click"],
    ["bot", "Robots"],
    ["expired", "Expired links"],
    ["prefetch", "Prefetch by the browser"],
    ["bad-signature", "Forged or damaged links"],
    ["head", "Link checks (HEAD)"],
    ["paused", "While the ad was paused"],
    ["unrecorded", "Not recorded by a fault"],
  ];

  /** Rows that stand in the list only where they are not 0: they are no part of an ordinary day. */
  export const SELDOM = new Set(["paused", "unrecorded"]);

  /** The colour of each verdict, by the name of its token. */
  export const VERDICT_COLOURS = {
    duplicate: "--c-duplicate", bot: "--c-bot", expired: "--c-expired", prefetch: "--c-prefetch",
    "bad-signature": "--c-bad", head: "--c-head", paused: "--c-limited", unrecorded: "--c-bad",
  };

  /** Statuses from the least certain on; a point's number in the program is its place here. */
  export const STATUSES = ["provisional", "closed", "reconciled", "sealed"];

  export const STATUS_WORDS = {
    provisional: "still counting", closed: "closed", reconciled: "recounted", sealed: "sealed",
  };

  /** A sign beside the word, so that nothing is told by colour alone. */
  export const STATUS_SIGNS = { provisional: "┄", closed: "–", reconciled: "✓", sealed: "■" };

  export const STATUS_HELP = {
    provisional: "Its time is not over, or late clicks may still come.",
    closed: "Late clicks were waited for.",
    reconciled: "Counted again from the raw log, exactly.",
    sealed: "Never changes; a difference becomes a credit.",
  };

  const REASONS = {
    late: "Came late", "late-repeat": "Repeat found", phantom: "Counted without a click",
    missing: "Read again", damage: "Read again",
  };

  /** Why a count was changed, with the server's own words behind where it has any. */
  export function reason(correction) {
    const why = REASONS[correction.reason] ?? "Recounted";
    const text = correction.detail ? `${why}: ${correction.detail}` : why;
    const how = correction.change < 0 ? "paid back" : "charged beside it";
    return correction.credit ? `Credit: the month is sealed, so the count stays and the difference is ${how}. ${text}` : text;
  }

  /** How sure the numbers of a page are: the bold beginning and the rest. */
  export function finality(completeThrough, from, to, now, zone) {
    if (completeThrough === null) return ["Nothing is final yet:", ` the first minute closes at ${moment(now + 180_000, now, zone)}.`];
    if (completeThrough >= to) return ["Everything shown is final.", ""];
    if (completeThrough <= from) {
      return ["Nothing shown is final yet:", ` counts after ${moment(completeThrough, now, zone)} may still grow.`];
    }
    const at = moment(completeThrough, now, zone);
    const cut = at.lastIndexOf(" ");
    return [`Final until ${at.slice(0, cut)}`, `${at.slice(cut)}. Counts after that may still grow.`];
  }

  export const GRANULARITIES = ["minute", "hour", "day", "week", "month"];

  /** The ranges that have a name: key of the address, label of the button, words in a sentence, milliseconds. */
  export const RANGES = [
    { key: "1h", label: "Hour", words: "in the last hour", span: 3_600_000, before: "the hour before" },
    { key: "24h", label: "24 hours", words: "in the last 24 hours", span: 24 * 3_600_000, before: "the 24 hours before" },
    { key: "7d", label: "7 days", words: "in the last 7 days", span: 7 * 86_400_000, before: "the 7 days before" },
    { key: "30d", label: "30 days", words: "in the last 30 days", span: 30 * 86_400_000, before: "the 30 days before" },
    { key: "400d", label: "400 days", words: "in the last 400 days", span: 400 * 86_400_000, before: "the 400 days before" },
  ];

  /** What the comparison compares with: in a sentence, and as a choice. */
  export function comparison(kind, range) {
    if (kind === "week") return "the same time a week before";
    return range?.before ?? "as long before";
  }

  export function comparisonChoice(kind, range) {
    return kind === "week" ? "a week before" : comparison(kind, range).replace("the ", "");
  }

  export const NO_CLICKS = "No clicks in this time. The ad is known and its log is complete: the number is 0, not missing.";
  export const NO_CORRECTIONS = "None. Every recount agreed with the first count.";
  export const NOT_RECOUNTED = "None. Nothing was recounted yet.";
  export const INCOMPLETE = "Requests that are no clicks are told incompletely here: the server ended before it had written them. The clicks are whole.";
  export const BAD_TOKEN = "This token is not known. It may be mistyped, revoked or expired.";
  export const SESSION_OVER = "Your session has ended. Sign in again.";
  export const SHARE_OVER = "This link has ended. Ask whoever gave it to you for a new one.";
  export const NOT_ADMIN = "This page needs a token with the scope admin.";

  /** Since when the connection is lost. */
  export function lostSince(since, now, zone) {
    return `The connection is lost since ${moment(since, now, zone)}. The numbers stand as they were; missed minutes are `
      + "fetched when it is back.";
  }

  /** The chart in two sentences, for screen readers and print. */
  export function summary({ points, granularity, from, to, total, highest, highestAt }) {
    if (points === 0) return NO_CLICKS;
    const top = highest > 0 ? `; the highest is ${count(highest)} at ${highestAt}` : "";
    return `${many(points, "point")} by ${granularity}, from ${from} to ${to}. ${many(total, "click")} in all${top}.`;
  }

  """#

private let zoneJS: StaticString = #"""
  // Time zones. Every time in the program is an instant, in milliseconds since 1970 in UTC; a *wall time* is what a clock in
  // the zone shows, kept as the instant at which a clock in UTC would show the same.
  //
  //     wall time = instant + offset(instant)
  //
  // The offsets of a stretch of time come from Intl, asked every seven days, with each change found to the second by halving.
  // Between two changes everything is an addition, so that a chart does not ask Intl for each point.

  const HOUR = 3_600_000;
  const DAY = 24 * HOUR;

  /** Intl's answer for one instant: the offset in milliseconds. Slow, so asked seldom. */
  function askOffset(format, instant) {
    const part = {};
    for (const { type, value } of format.formatToParts(instant)) part[type] = Number(value);
    const wall = Date.UTC(part.year, part.month - 1, part.day, part.hour, part.minute, part.second);
    return wall - Math.floor(instant / 1_000) * 1_000;
  }

  /** A zone of the IANA data base. */
  class Zone {
    constructor(id) {
      this.id = id;
      // Throws where the browser does not know the zone.
      this.format = new Intl.DateTimeFormat("en-US", {
        timeZone: id, hourCycle: "h23", year: "numeric", month: "numeric", day: "numeric",
        hour: "numeric", minute: "numeric", second: "numeric",
      });
      /** `[instant, offset]` in rising order: from the instant on, the offset holds. Known from `from` to `to`. */
      this.changes = [];
      this.from = this.to = 0;
      this.names = new Map();
    }

    /** Learns the offsets of a stretch of time. */
    learn(from, to) {
      if (this.changes.length > 0 && from >= this.from && to <= this.to) return;
      this.from = Math.min(from, this.changes.length > 0 ? this.from : from) - 8 * DAY;
      this.to = Math.max(to, this.changes.length > 0 ? this.to : to) + 8 * DAY;
      let offset = askOffset(this.format, this.from);
      this.changes = [[this.from, offset]];
      for (let at = this.from; at < this.to; at += 7 * DAY) {
        const next = at + 7 * DAY;
        const later = askOffset(this.format, next);
        if (later !== offset) this.changes.push([this.changeBetween(at, next, offset), later]);
        offset = later;
      }
    }

    /** The second at which the offset stops to be `before`. */
    changeBetween(low, high, before) {
      while (high - low > 1_000) {
        const middle = Math.floor((low + high) / 2_000) * 1_000;
        if (askOffset(this.format, middle) === before) low = middle;
        else high = middle;
      }
      return high;
    }

    offset(instant) {
      if (!(instant >= this.from && instant < this.to)) this.learn(instant, instant);
      let last = this.changes.length - 1;
      while (last > 0 && this.changes[last][0] > instant) last -= 1;
      return this.changes[last][1];
    }

    /** What a clock shows at an instant. */
    wall(instant) {
      return instant + this.offset(instant);
    }

    /** The instants at which a clock shows a wall time: none in the gap of spring, two in the fold of autumn. */
    instants(wall) {
      const offsets = new Set([this.offset(wall - DAY), this.offset(wall), this.offset(wall + DAY)]);
      return [...offsets].map((offset) => wall - offset)
        .filter((instant) => this.wall(instant) === wall)
        .sort((a, b) => a - b);
    }

    /** The first instant at which a clock shows a wall time, or a later one where it shows it never. */
    instant(wall) {
      return this.instants(wall)[0] ?? this.changeNear(wall);
    }

    changeNear(wall) {
      const found = this.changesIn(wall - 2 * DAY, wall + 2 * DAY)[0];
      return found ? found.at : wall - this.offset(wall);
    }

    /** The changes of the offset inside a stretch: `{at, minutes}`, minutes below zero where clocks go back. */
    changesIn(from, to) {
      this.learn(from, to);
      const found = [];
      for (let i = 1; i < this.changes.length; i += 1) {
        const [at, offset] = this.changes[i];
        if (at >= from && at < to) found.push({ at, minutes: (offset - this.changes[i - 1][1]) / 60_000 });
      }
      return found;
    }

    /** The zone's abbreviation at an instant: `CET`, `EST`, else `UTC+5:30`. */
    name(instant) {
      const offset = this.offset(instant);
      if (!this.names.has(offset)) this.names.set(offset, this.abbreviation(instant) ?? utcText(offset));
      return this.names.get(offset);
    }

    /** British English knows the names of Europe, American English those of America. */
    abbreviation(instant) {
      for (const language of ["en-GB", "en-US"]) {
        const parts = new Intl.DateTimeFormat(language, { timeZone: this.id, timeZoneName: "short" }).formatToParts(instant);
        const text = parts.find(({ type }) => type === "timeZoneName").value;
        if (!/^(GMT|UTC)[+\-−]/.test(text)) return text;
      }
      return null;
    }

    /** What the menu shows: `Berlin · UTC+1`. */
    label(now) {
      return this.id === "UTC" ? "UTC" : `${this.city} · ${utcText(this.offset(now))}`;
    }

    /** The last part of the zone's id, as people say it. */
    get city() {
      return this.id.split("/").at(-1).replaceAll("_", " ");
    }

    /** The start of the hour, day, week (Monday) or month of the clock in which an instant lies. Hours are those of UTC, as the
     *  server cuts them. */
    floor(instant, granularity) {
      if (granularity === "minute") return Math.floor(instant / 60_000) * 60_000;
      if (granularity === "hour") return Math.floor(instant / HOUR) * HOUR;
      let wall = Math.floor(this.wall(instant) / DAY) * DAY;
      const date = new Date(wall);
      if (granularity === "week") wall -= ((date.getUTCDay() + 6) % 7) * DAY;
      if (granularity === "month") wall = Date.UTC(date.getUTCFullYear(), date.getUTCMonth(), 1);
      return this.instant(wall);
    }

    /** The start of the bucket behind that in which an instant lies. */
    next(instant, granularity) {
      if (granularity === "minute") return this.floor(instant, granularity) + 60_000;
      if (granularity === "hour") return this.floor(instant, granularity) + HOUR;
      const wall = Math.floor(this.wall(this.floor(instant, granularity)) / DAY) * DAY;
      if (granularity === "day") return this.instant(wall + DAY);
      if (granularity === "week") return this.instant(wall + 7 * DAY);
      const date = new Date(wall);
      return this.instant(Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1, 1));
    }
  }

  /** An offset as text: `UTC+5:30`. */
  export function utcText(offset) {
    if (offset === 0) return "UTC";
    const minutes = Math.abs(offset) / 60_000;
    const rest = minutes % 60;
    return `UTC${offset < 0 ? "−" : "+"}${Math.floor(minutes / 60)}${rest ? `:${String(rest).padStart(2, "0")}` : ""}`;
  }

  const known = new Map();

  /** The zone of an id; null where there is none such. */
  export function zone(id) {
    if (!known.has(id)) {
      try {
        known.set(id, new Zone(id));
      } catch {
        known.set(id, null);
      }
    }
    return known.get(id);
  }

  /** The browser's own zone. */
  export function ownZone() {
    return new Intl.DateTimeFormat().resolvedOptions().timeZone ?? "UTC";
  }

  /** Every id that the browser knows, UTC first. */
  export function allZones() {
    return ["UTC", ...(Intl.supportedValuesOf?.("timeZone") ?? [ownZone()]).filter((id) => id !== "UTC")];
  }

  """#

private let zonemenuJS: StaticString = #"""
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

  """#

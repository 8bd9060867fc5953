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

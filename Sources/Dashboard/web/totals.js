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

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

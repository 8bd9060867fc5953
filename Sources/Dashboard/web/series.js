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

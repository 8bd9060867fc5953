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

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

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

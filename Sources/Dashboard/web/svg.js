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

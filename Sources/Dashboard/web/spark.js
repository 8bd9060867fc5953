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

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

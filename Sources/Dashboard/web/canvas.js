// The chart by dygraphs, which draws on a canvas. We use its axes, its grid and its canvases; the lines are our own, because
// it cannot dash a part of one and smears many points (shapes.js).
//
// The content security policy lets no `style` attribute and no `data:` image through. Of the library's plug-ins only Axes
// and Grid keep to that, so the others are taken out before the first chart. Axes makes markup of its labels, which the policy
// refuses too but where the page's own says otherwise: it lets through what our tickers make, and nothing else.

import { LEFT, BELOW } from "./svg.js";

/** A label of an axis: a count, a time or a date, in bold or not; or nothing. */
const LABEL = /^(<b>)?[\w :.,−]{0,24}(<\/b>)?$/;

function allowLabels(source) {
  window.trustedTypes?.createPolicy("default", {
    createHTML: (text) => (LABEL.test(text) ? text : null),
    createScriptURL: (address) => (address === source ? address : null),
  });
}

let loading = null;

/** Loads the library once; false where the server has none or it does not come. */
export function loadLibrary() {
  loading ??= new Promise((resolve) => {
    const source = document.documentElement.dataset.dygraphs;
    if (!source) return resolve(false);
    allowLabels(source);
    const script = document.createElement("script");
    script.src = source;
    const missing = () => {
      console.info("The chart library could not be loaded: charts are drawn as SVG.");
      resolve(false);
    };
    script.onerror = missing;
    script.onload = () => {
      const library = window.Dygraph;
      if (!library) return missing();
      library.PLUGINS = library.PLUGINS.filter((plugin) => plugin === library.Plugins.Axes || plugin === library.Plugins.Grid);
      resolve(true);
    };
    document.head.append(script);
  });
  return loading;
}

/** The tokens of the theme by name. */
function colours() {
  const style = getComputedStyle(document.documentElement);
  return (name) => style.getPropertyValue(name).trim();
}

export class Canvas {
  constructor(host) {
    this.host = host;
    this.graph = null;
    this.scene = null;
  }

  /** Draws a scene `{low, high, top, times, values, open, clockChanges, shapes}` and tells where it has drawn. */
  draw(scene) {
    this.scene = scene;
    const colour = colours();
    // The lines are ours, the library's own data only its frame.
    const frame = [[scene.low, 0], [scene.high, 0]];
    const options = {
      file: frame, dateWindow: [scene.low, scene.high], valueRange: [0, scene.top],
      gridLineColor: colour("--c-grid"), axisLineColor: "transparent",
    };
    if (this.graph) this.graph.updateOptions(options);
    else this.graph = new window.Dygraph(this.host, frame, { ...options, file: undefined, ...this.fixedOptions() });
    const area = this.graph.getArea();
    return { area, x: (time) => this.graph.toDomXCoord(time), y: (value) => this.graph.toDomYCoord(value) };
  }

  fixedOptions() {
    return {
      labels: ["time", "clicks"], interactionModel: {}, highlightCircleSize: 0, gridLineWidth: 1, axisLineWidth: 1, rightGap: 0,
      // Called inside the constructor too, where `this.graph` is not set yet.
      plotter: (event) => this.plot(event),
      underlayCallback: (context, area, graph) => this.underlay(context, area, graph),
      axes: {
        x: {
          drawGrid: false, axisLabelHeight: BELOW - 8, axisLabelWidth: 70, axisTickSize: 3,
          ticker: () => this.scene.times.map(({ at, label, isStrong }) => ({ v: at, label: isStrong ? `<b>${label}</b>` : label })),
        },
        y: {
          axisLabelWidth: LEFT - 6, axisTickSize: 3,
          ticker: () => this.scene.values.map(({ at, label }) => ({ v: at, label })),
        },
      },
    };
  }

  plot({ drawingContext: context, dygraph: graph }) {
    const colour = colours();
    const x = (time) => graph.toDomXCoord(time);
    const y = (value) => graph.toDomYCoord(value);
    context.lineJoin = "round";
    for (const shape of this.scene.shapes) paint(context, shape, x, y, colour);
  }

  underlay(context, area, graph) {
    const colour = colours();
    context.save();
    context.font = "12px Inter, system-ui, sans-serif";
    context.setLineDash([2, 3]);
    if (this.scene.open !== null) {
      const from = Math.max(graph.toDomXCoord(this.scene.open), area.x);
      const width = area.x + area.w - from;
      context.fillStyle = colour("--c-open");
      context.fillRect(from, area.y, width, area.h);
      upright(context, from, area, colour("--warn"));
      context.fillStyle = colour("--warn");
      if (width >= 92) context.fillText("still counting", from + 8, area.y + 46);
    }
    context.setLineDash([1.5, 3]);
    for (const { at, words } of this.scene.clockChanges) {
      const place = graph.toDomXCoord(at);
      upright(context, place, area, colour("--text-2"));
      context.fillStyle = colour("--text-3");
      if (words) context.fillText(words, place + 6, area.y + area.h - 8);
    }
    context.restore();
  }

  /** The size or the theme has changed. */
  resize() {
    this.graph?.resize();
  }

  destroy() {
    this.graph?.destroy();
    this.graph = null;
    this.host.replaceChildren();
  }
}

function upright(context, x, area, colour) {
  context.strokeStyle = colour;
  context.lineWidth = 1;
  context.beginPath();
  context.moveTo(Math.round(x) + 0.5, area.y);
  context.lineTo(Math.round(x) + 0.5, area.y + area.h);
  context.stroke();
}

function paint(context, shape, x, y, colour) {
  const trace = (xs, ys, begins) => xs.forEach((at, i) => {
    context[begins && i === 0 ? "moveTo" : "lineTo"](x(at), y(ys[i]));
  });
  context.beginPath();
  context.setLineDash(shape.dash ?? []);
  context.lineWidth = shape.width ?? 1.75;
  if (shape.kind === "line") {
    context.strokeStyle = colour(shape.colour);
    trace(shape.xs, shape.ys, true);
    context.stroke();
  } else if (shape.kind === "dot") {
    context.arc(x(shape.xs[0]), y(shape.ys[0]), 3.5, 0, 2 * Math.PI);
    context.fillStyle = colour("--surface");
    context.strokeStyle = colour(shape.colour);
    context.fill();
    context.stroke();
  } else {
    const highs = shape.highs ?? shape.ys;
    trace(shape.xs, highs, true);
    trace([...shape.xs].reverse(), shape.lows ? [...shape.lows].reverse() : shape.xs.map(() => 0), false);
    context.closePath();
    context.fillStyle = colour(shape.colour);
    context.fill();
  }
}

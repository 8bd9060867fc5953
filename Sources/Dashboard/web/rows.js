// A long list of which only the rows in view are in the document. It tells its true length to screen readers, and the row that
// has the focus is never taken away. The page scrolls, not the list.

import { adapt, el, onceAFrame } from "./dom.js";

/** Rows beyond the edges, so that a turn of the wheel shows no gap. */
const BEYOND = 4;
/** Rows on paper. The file has all. */
const PRINTED = 200;

export class Rows {
  /** `make(i)` gives a row's element, `shown(from, to)` is called when the view has rested. */
  constructor({ heads, make, shown }) {
    Object.assign(this, { make, shown, count: 0, nodes: new Map() });
    this.space = el("div", { class: "rows", role: "rowgroup", onkeydown: (event) => this.key(event) });
    this.head = el("div", { role: "rowgroup" }, el("div", { class: "row heads", role: "row", "aria-rowindex": 1 }, heads));
    this.element = el("div", { class: "list", role: "table" }, this.head, this.space);
    this.redraw = onceAFrame(() => this.draw());
    addEventListener("scroll", this.redraw, { passive: true });
    addEventListener("resize", this.redraw);
    this.onPrint = () => this.print();
    addEventListener("beforeprint", this.onPrint);
  }

  /** The list has other rows, or they say something else. Their nodes stay, and with them the focus. */
  setCount(count) {
    this.count = count;
    this.element.setAttribute("aria-rowcount", count + 1);
    for (const [i, node] of this.nodes) {
      if (i < count) adapt(node, this.placed(i));
      else this.remove(i);
    }
    this.draw();
  }

  remove(i) {
    this.nodes.get(i).remove();
    this.nodes.delete(i);
  }

  /** A row in its place. */
  placed(i) {
    const node = this.make(i);
    node.setAttribute("aria-rowindex", i + 2);
    this.move(node, i);
    return node;
  }

  move(node, i) {
    node.style.transform = `translateY(${i * this.rowHeight}px)`;
  }

  /** Narrow screens have rows of another height. */
  moveAll() {
    this.drawnHeight = this.rowHeight;
    for (const [i, node] of this.nodes) this.move(node, i);
  }

  /** The row that has the focus. */
  get focused() {
    for (const [i, node] of this.nodes) if (node.contains(document.activeElement)) return i;
    return null;
  }

  get rowHeight() {
    this.height ??= parseFloat(getComputedStyle(this.element).getPropertyValue("--row")) || 52;
    return this.height;
  }

  /** The rows in view. */
  get range() {
    const top = -this.space.getBoundingClientRect().top;
    const from = Math.max(Math.floor(top / this.rowHeight), 0);
    return [from, Math.min(Math.ceil((top + innerHeight) / this.rowHeight), this.count)];
  }

  draw() {
    if (!this.element.isConnected) return;
    this.height = undefined;
    if (this.rowHeight !== this.drawnHeight) this.moveAll();
    this.space.style.height = `${this.count * this.rowHeight}px`;
    const [first, last] = this.range;
    const [from, to] = [Math.max(first - BEYOND, 0), Math.min(last + BEYOND, this.count)];
    for (const [i, node] of this.nodes) {
      if ((i < from || i >= to) && !node.contains(document.activeElement)) this.remove(i);
    }
    for (let i = from; i < to; i += 1) if (!this.nodes.has(i)) this.add(i);
    clearTimeout(this.rest);
    this.rest = setTimeout(() => this.shown(from, to), 40);
  }

  /** Paper has no view: it gets the first rows. */
  print() {
    for (let i = 0; i < Math.min(this.count, PRINTED); i += 1) if (!this.nodes.has(i)) this.add(i);
    addEventListener("afterprint", this.redraw, { once: true });
  }

  add(i) {
    const node = this.placed(i);
    this.nodes.set(i, node);
    // In the order of the list, for those who read the document.
    let behind = null;
    for (const other of this.space.children) {
      if (Number(other.getAttribute("aria-rowindex")) > i + 2) {
        behind = other;
        break;
      }
    }
    this.space.insertBefore(node, behind);
  }

  key(event) {
    const here = this.focused;
    if (here === null || event.ctrlKey || event.metaKey || event.altKey) return;
    const page = Math.max(Math.floor(innerHeight / this.rowHeight) - 3, 1);
    const target = {
      ArrowDown: here + 1, ArrowUp: here - 1, PageDown: here + page, PageUp: here - page, Home: 0, End: this.count - 1,
    }[event.key];
    if (target === undefined) return;
    event.preventDefault();
    this.focusRow(Math.min(Math.max(target, 0), this.count - 1));
  }

  /** Scrolls to a row and gives it the focus. */
  focusRow(i) {
    const top = this.space.getBoundingClientRect().top + i * this.rowHeight;
    const room = this.rowHeight * 1.5;
    if (top < room) scrollBy(0, top - room);
    else if (top + room > innerHeight) scrollBy(0, top + room - innerHeight);
    this.draw();
    this.nodes.get(i)?.querySelector("a")?.focus({ preventScroll: true });
  }

  destroy() {
    removeEventListener("scroll", this.redraw);
    removeEventListener("resize", this.redraw);
    removeEventListener("beforeprint", this.onPrint);
    clearTimeout(this.rest);
  }
}

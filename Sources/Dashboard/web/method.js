// How we count: a text for whoever audits the numbers. It is a file of ours, so its markup is taken over.

import { el, fill } from "./dom.js";
import { apology } from "./parts.js";

export class MethodPage {
  constructor() {
    this.element = el("div", { class: "page prose" }, el("h1", { tabIndex: -1 }, "How we count"));
  }

  async show() {
    if (this.isAsked) return;
    this.isAsked = true;
    try {
      const answer = await fetch(`${document.documentElement.dataset.assets}/method.html`);
      const text = new DOMParser().parseFromString(await answer.text(), "text/html");
      fill(this.element, ...text.body.children);
    } catch (error) {
      this.isAsked = false;
      fill(this.element, apology(error, () => this.show()));
    }
  }

  destroy() {}
}

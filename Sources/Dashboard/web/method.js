// How we count: a text for whoever audits the numbers. It is a file of ours, so its markup is taken over.

import { unreachable } from "./api.js";
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
      const text = await fetchDocument(`${document.documentElement.dataset.assets}/method.html`);
      fill(this.element, ...text.body.children);
    } catch (error) {
      this.isAsked = false;
      fill(this.element, apology(error, () => this.show()));
    }
  }

  destroy() {}
}

/** A file as a document, read by the browser itself: the page makes no markup of text (the policy refuses it). */
function fetchDocument(address) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("GET", address);
    request.responseType = "document";
    request.onload = () => (request.response ? resolve(request.response) : reject(unreachable()));
    request.onerror = () => reject(unreachable());
    request.send();
  });
}

// Building the page. Text enters the document by `textContent` alone, so nothing that a server says is ever markup.

const SVG = "http://www.w3.org/2000/svg";

/** An element with properties and children. A property named `class`, `role`, `aria-…`, `data-…` or one that the
 *  element does not have is an attribute; `on…` is a listener. Children that are null are left out. */
export function el(tag, properties = {}, ...children) {
  return filled(document.createElement(tag), properties, children);
}

/** An SVG element; every property is an attribute. Colours are written as `fill="var(--…)"`: that follows the theme, and
 *  is not a style in the sense of the content security policy. */
export function svg(tag, attributes = {}, ...children) {
  return filled(document.createElementNS(SVG, tag), attributes, children);
}

function filled(node, properties, children) {
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (name in node && !(node instanceof SVGElement) && !name.includes("-")) node[name] = value;
    else node.setAttribute(name === "className" ? "class" : name, value === true ? "" : value);
  }
  node.append(...present(children));
  return node;
}

function present(children) {
  return children.flat().filter((child) => child !== null && child !== undefined && child !== false);
}

/** Puts other children into a node. */
export function fill(node, ...children) {
  node.replaceChildren(...present(children));
}

/** Sets a text where it has changed, so that a screen reader and a selection are let be. */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/** Calls a function once, at the next frame, however often it is asked for. */
export function onceAFrame(action) {
  let isAsked = false;
  return () => {
    if (isAsked) return;
    isAsked = true;
    requestAnimationFrame(() => {
      isAsked = false;
      action();
    });
  };
}

/** Says something to screen readers. */
export function announce(text) {
  document.getElementById("said").textContent = text;
}

/** Offers a text as a file. */
export function download(name, text) {
  const address = URL.createObjectURL(new Blob([text], { type: "text/csv;charset=utf-8" }));
  el("a", { href: address, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}

/** One field of a CSV line (RFC 4180). A text that a spreadsheet would take for a formula gets a quote in front. */
export function csvField(value) {
  const text = typeof value === "string" && /^[=+\-@\t]/.test(value) ? `'${value}` : String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

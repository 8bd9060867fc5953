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

/** Puts other children into a node and changes only what differs: what has the focus, is selected or just being clicked stays.
 *  Listeners of the old nodes stay too, so the new ones must do the same. */
export function renew(node, ...children) {
  const next = present(children).map((child) => (typeof child === "string" ? document.createTextNode(child) : child));
  const old = [...node.childNodes];
  if (old.length !== next.length) node.replaceChildren(...next);
  else next.forEach((child, i) => adapt(old[i], child));
}

/** Makes a node say what another one says. */
export function adapt(old, next) {
  if (old === next) return;
  if (old.nodeType === Node.TEXT_NODE && next.nodeType === Node.TEXT_NODE) {
    if (old.data !== next.data) old.data = next.data;
    return;
  }
  if (old.nodeName !== next.nodeName || old.childNodes.length !== next.childNodes.length) return old.replaceWith(next);
  for (const { name } of [...old.attributes]) if (!next.hasAttribute(name)) old.removeAttribute(name);
  for (const { name, value } of next.attributes) {
    // The policy refuses the attribute `style`, not the property.
    if (name === "style") old.style.cssText = next.style.cssText;
    else if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  }
  if ("checked" in old) old.checked = next.checked;
  const children = [...next.childNodes];
  [...old.childNodes].forEach((child, i) => adapt(child, children[i]));
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

// Parts of the page that are fetched when they are wanted first, with their style sheets: a list needs no chart, and nobody reads
// all pages. All have the address of one version of the program; a newer one has others.

import { el } from "./dom.js";

const base = document.documentElement.dataset.assets;

const PARTS = {
  list: [() => import("./list.js"), "list.css"],
  counts: [() => import("./ad.js"), "chart.css"],
  ops: [() => import("./ops.js"), "chart.css", "ops.css"],
  method: [() => import("./method.js"), "chart.css", "words.css"],
  signIn: [() => import("./signin.js"), "words.css"],
  keys: [() => import("./help.js"), "words.css"],
  zones: [() => import("./zonemenu.js")],
};

const sheets = new Map();

function sheet(name) {
  if (!sheets.has(name)) {
    sheets.set(name, new Promise((resolve, reject) => {
      const link = el("link", { rel: "stylesheet", href: `${base}/${name}`, onload: resolve, onerror: () => {
        link.remove();
        sheets.delete(name);
        reject(new TypeError(`${name} did not come`));
      } });
      document.head.append(link);
    }));
  }
  return sheets.get(name);
}

/** The module of a part, once its style sheets are there too: what is shown earlier would jump. */
export async function part(name) {
  const [module, ...names] = PARTS[name];
  const [loaded] = await Promise.all([module(), ...names.map(sheet)]);
  return loaded;
}

/** After a part did not come: where the server has another version of the page by now, this one's files are gone. */
export async function reloadIfOld() {
  const answer = await fetch(location.pathname, { cache: "no-cache" }).catch(() => null);
  if (answer?.ok && !(await answer.text()).includes(`"${base}"`)) location.reload();
}

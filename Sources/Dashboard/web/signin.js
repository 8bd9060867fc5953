// Signing in, in place of the page that was asked for. The token goes into the body of one request and nowhere else: not into
// an address, not into storage.

import { session, signIn } from "./api.js";
import { el, setText } from "./dom.js";
import { command } from "./parts.js";
import { BAD_TOKEN } from "./words.js";

/** The form; `done(session)` follows. */
export function signInForm(note, done) {
  const field = el("input", {
    id: "token", type: "password", autocomplete: "off", required: true, spellcheck: false, "aria-describedby": "token-help token-error",
  });
  const error = el("p", { id: "token-error", class: "bad", role: "alert" });
  const button = el("button", { class: "button primary" }, "Sign in");
  const form = el("form", { class: "sign-in", method: "post", action: "/session" },
    el("h1", { tabIndex: -1 }, "Sign in"), note ? el("p", { class: "note", role: "status" }, note) : null,
    el("p", { id: "token-help", class: "quiet" }, "Paste the access token you were given. It never appears in an address."),
    el("label", { htmlFor: "token" }, "Access token"), field, error, button,
    el("details", {}, el("summary", {}, "Where do I get one?"),
      el("p", {}, "From whoever runs this Tally. On its machine this command makes one that reads the counts of one advertiser:"),
      command("tally tokens create --scopes read --advertiser ID")));
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    button.disabled = true;
    setText(error, "");
    try {
      const who = await signIn({ token: field.value.trim() });
      field.value = "";
      done(who);
    } catch (problem) {
      setText(error, words(problem));
      field.select();
      field.focus();
    } finally {
      button.disabled = false;
    }
  });
  return el("div", { class: "page narrow" }, form);
}

function words(problem) {
  if (problem.status === 401 || problem.status === 403) return BAD_TOKEN;
  if (problem.status === 429) return "Too many tries. Wait a minute.";
  return `${problem.message}. ${problem.detail}`;
}

/** The session of a share's link: by its cookie, or by the secret that stood behind the `#`. */
export async function openShare(id, secret) {
  try {
    return await session(id);
  } catch (error) {
    if (error.status !== 401 || secret === "") throw error;
    return signIn({ share: secret });
  }
}

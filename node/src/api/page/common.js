"use strict";
// Everything that comes from the node is put in as text, never as markup; a picture is parsed as SVG and cleaned.

const $ = (id) => document.getElementById(id);
const KEPT = "narthex-token";
let token = "";
/** An element with text and a class. */
function made(tag, text = "", name = "") {
  const element = document.createElement(tag);
  if (text !== "") element.textContent = text;
  if (name) element.className = name;
  return element;
}

class Refused extends Error {
  constructor(status, body) {
    super(body.message ?? `the node answers ${status}`);
    this.status = status;
    this.code = body.code ?? "";
    this.next = body.next ?? "";
  }
}

async function ask(path, options = {}) {
  const headers = { Authorization: `Bearer ${token}`, ...options.headers };
  const response = await fetch(path, { ...options, headers });
  if (!response.ok) {
    const body = await response.json().catch(() => ({}));
    throw new Refused(response.status, body);
  }
  return response;
}
const json = async (path, options) => (await ask(path, options)).json();

/** Gives an order. It is given again under the same key while the node does not answer. */
async function order(path, body) {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  const key = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  const headers = { "Idempotency-Key": key };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  const options = { method: "POST", headers, body: body === undefined ? undefined : JSON.stringify(body) };
  for (let tries = 1; ; tries++) {
    try {
      return await json(path, options);
    } catch (error) {
      const isLost = !(error instanceof Refused) || error.status === 503 || error.status === 408;
      if (!isLost || tries === 4) throw error;
      await new Promise((done) => setTimeout(done, 500 * tries));
    }
  }
}

const sat = (count) => `${count.toLocaleString("en")} sat`;
const clock = (seconds) => new Date(seconds * 1000).toLocaleString("en-GB", { dateStyle: "medium", timeStyle: "short" });
const second = (seconds) => new Date(seconds * 1000).toLocaleTimeString("en-GB");

function facts(list, rows) {
  list.replaceChildren();
  for (const [name, value, style] of rows) {
    if (value === null || value === undefined || value === "") continue;
    list.append(made("dt", name), made("dd", String(value), style ?? ""));
  }
}

/** Waits for what happens, and looks again; a node that is away is asked again. */
async function follow({ refresh, events, anew }) {
  let after = 0;
  let run = "";
  for (;;) {
    try {
      const wait = after === 0 ? 0 : 20;
      const news = await json(`/v1/events?after=${after}&wait_s=${wait}`);
      if (news.run !== run && run !== "") {
        // The node was started again: its numbers begin anew.
        after = 0;
        run = news.run;
        anew();
        continue;
      }
      run = news.run;
      after = news.last;
      events(news.events);
      await refresh();
      $("connection").textContent = "connected";
      if (after === 0) await new Promise((done) => setTimeout(done, 1000));
    } catch (error) {
      if (error instanceof Refused && error.status === 401) return leave("This token does not open the node.");
      $("connection").textContent = "the node does not answer";
      await new Promise((done) => setTimeout(done, 2000));
    }
  }
}

function leave(why) {
  token = "";
  sessionStorage.removeItem(KEPT);
  $("node").hidden = true;
  $("login").hidden = false;
  $("login-error").textContent = why;
  $("connection").textContent = "";
  $("token").focus();
}

function enter(words, shows) {
  token = words.trim();
  sessionStorage.setItem(KEPT, token);
  $("login").hidden = true;
  $("node").hidden = false;
  $("login-error").textContent = "";
  follow(shows);
}

/** Opens a page, once there is a token: `refresh` shows what stands, `events` what has happened, `anew` that the node was started again. */
function begin(shows) {
  $("login-form").addEventListener("submit", (event) => {
    event.preventDefault();
    const words = $("token").value;
    $("token").value = "";
    enter(words, shows);
  });

  // A link may bring the token behind `#`, which browsers send nowhere; it is taken out of the address at once.
  const brought = new URLSearchParams(location.hash.slice(1)).get("token");
  if (location.hash) history.replaceState(null, "", location.pathname);
  const known = brought ?? sessionStorage.getItem(KEPT);
  if (known) enter(known, shows);
  else leave("");
}

// Keeps the page current: cells by Server-Sent Events as they change, whole sections by reading the page again now and
// then. Text goes in as text, never as markup of a stranger. Without this script the page is as it was loaded.

import { resort } from "./table.js";

const SECTIONS_MS = 5000;
const FOLLOW_MS = 1000;
const SILENT_MS = 30000;
const AGAIN_MS = 15000;

const address = document.body.dataset.stream;
const live = document.getElementById("live");
const liveText = document.getElementById("live-text");
const cells = new Map();

let heardAt = 0;
let dirty = false;
let reading = false;
let readAt = Date.now();
let waiting = 0;
let regrouped = false;
let source = null;

function index() {
  cells.clear();
  for (const element of document.querySelectorAll("[data-cell]")) {
    const key = element.dataset.cell;
    if (!cells.has(key)) cells.set(key, []);
    cells.get(key).push(element);
  }
}

function say(state, text) {
  if (live.dataset.state === state) return;
  live.dataset.state = state;
  liveText.textContent = text;
}

function show(key, cell) {
  for (const element of cells.get(key) ?? []) {
    const changed = element.textContent !== cell.text;
    element.textContent = cell.text;
    element.className = `n ${cell.look}`.trim();
    if (cell.hint) element.title = cell.hint;
    else element.removeAttribute("title");
    if (cell.number.value === null) delete element.dataset.value;
    else element.dataset.value = String(cell.number.value);
    if (key.endsWith("/state")) mark(element, cell.number, cell.look);
    if (changed) flash(element);
  }
  const hint = document.querySelector(`[data-hint="${CSS.escape(key)}"]`);
  if (hint) hint.textContent = cell.hint;
}

function mark(element, number, look) {
  const row = element.closest("tr[data-agent]");
  if (row) row.className = look === "fresh" ? "" : look;
}

function flash(element) {
  element.classList.remove("changed");
  requestAnimationFrame(() => element.classList.add("changed"));
}

function heard(at) {
  heardAt = Date.now();
  say("on", "live");
  // A row is missing or too many: only a new page has them all. Whoever is at some place of this one is not torn away.
  if (regrouped && document.activeElement === document.body) location.reload();
  if (at === undefined) return;
  for (const element of document.querySelectorAll("[data-asof]")) {
    element.textContent = `${new Date(at * 1000).toISOString().slice(0, 19).replace("T", " ")} UTC`;
  }
}

/** Read the page again and put its sections in place of those here, but for one that somebody is at. */
export async function readSections() {
  if (reading || document.hidden) return;
  reading = true;
  readAt = Date.now();
  dirty = false;
  try {
    const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
    if (!answer.ok) return;
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    for (const old of document.querySelectorAll("[data-refresh]")) {
      const now = fresh.getElementById(old.id);
      if (!now || old.contains(document.activeElement) || old.innerHTML === now.innerHTML) continue;
      old.replaceWith(document.importNode(now, true));
    }
    index();
  } catch {
    dirty = true;
  } finally {
    reading = false;
  }
}

function sectionsSoon() {
  dirty = true;
  if (waiting) return;
  waiting = setTimeout(() => {
    waiting = 0;
    if (dirty) readSections();
  }, SECTIONS_MS);
}

function listen() {
  source = new EventSource(address);
  let first = true;
  source.addEventListener("beat", (event) => heard(JSON.parse(event.data).at));
  source.addEventListener("cells", (event) => {
    heard();
    for (const [key, cell] of Object.entries(JSON.parse(event.data))) show(key, cell);
    resort();
    if (first) first = false;
    else sectionsSoon();
  });
  source.addEventListener("agents", () => { regrouped = true; heard(); });
  source.addEventListener("error", () => {
    say("off", "not live: trying again");
    if (source.readyState === EventSource.CLOSED) setTimeout(listen, AGAIN_MS);
  });
}

// A halt is followed step by step; pages of alerts have no cells whose change would say that there is news.
function follow() {
  const due = document.body.dataset.poll ? SECTIONS_MS : Infinity;
  if (document.querySelector('[data-progress="1"]') || Date.now() - readAt > due) readSections();
}

if (address) {
  index();
  listen();
  setInterval(follow, FOLLOW_MS);
  setInterval(() => {
    if (heardAt && Date.now() - heardAt > SILENT_MS) say("off", "not live: nothing heard for 30 s");
  }, 5000);
  document.addEventListener("visibilitychange", () => { if (!document.hidden && dirty) readSections(); });
  addEventListener("pagehide", () => source?.close());
}

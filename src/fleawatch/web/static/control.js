// Halt and resume: what it would mean is asked for and shown first, the confirmation is for exactly that, and a change of
// anything takes it back. One confirmation is one halt, however often its request is sent. Text goes in as text.

import { call, tell } from "./operator.js";
import { readSections } from "./live.js";

const at = (id) => document.getElementById(id);

let confirmed = null; // what the preflight on the page is of, and what a confirmation is sent as
let turn = 0; // rises with every change: an answer to what was asked before is no answer any more

function said(text, bad = false) {
  at("said").textContent = text;
  at("said").classList.toggle("bad", bad);
}

function forget() {
  confirmed = null;
  turn += 1;
  at("preflight").hidden = true;
  at("confirm").hidden = true;
  at("confirmation").value = "";
  at("do").disabled = true;
}

function arrange() {
  forget();
  const [verb, scope] = [at("verb").value, at("scope").value];
  for (const element of document.querySelectorAll("[data-verb]")) element.hidden = element.dataset.verb !== verb;
  at("target-field").hidden = scope === "fleet";
}

function key() {
  const bytes = crypto.getRandomValues(new Uint8Array(8));
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

function number(id) {
  const text = at(id).value.trim();
  return text === "" ? null : Number(text);
}

function wanted() {
  const verb = at("verb").value;
  const scope = at("scope").value;
  const target = scope === "fleet" ? "" : at("target").value.trim();
  const act = { scope, target, reason: at("reason").value.trim() };
  if (verb === "halt") return { verb, mode: at("mode").value, act: { ...act, mode: at("mode").value, halt_id: key() } };
  const [usd, seconds] = [number("ramp-usd"), number("ramp-s")];
  const ramp = usd === null && seconds === null ? {} : { ramp_usd: usd, ramp_s: seconds };
  return { verb, mode: "halt", act: { ...act, rebase: at("rebase").checked, ...ramp } };
}

function complaint({ act }) {
  if (act.scope !== "fleet" && !act.target) return `name the ${act.scope}`;
  if (!act.reason) return "say why; it is recorded";
  const capped = "ramp_usd" in act;
  if (capped && !(act.ramp_usd > 0 && act.ramp_s > 0)) return "a ramp needs a cap in USD and a time in seconds, both above 0";
  return "";
}

const shown = (value, form) => (value === null ? "unknown" : form(value));
const whole = (value) => String(value);
const usd = (value) => `${value.toLocaleString("en", { minimumFractionDigits: 2, maximumFractionDigits: 2 })} USD`;
const moment = (value) => `${new Date(value * 1000).toISOString().slice(0, 19).replace("T", " ")} UTC`;

function sums(sum) {
  return [
    ["agents", whole(sum.agents)],
    ["of them not active now", whole(sum.halted)],
    ["of them with old readings", whole(sum.stale)],
    ["resting orders", shown(sum.open_orders, whole)],
    ["open positions", shown(sum.positions, whole)],
    ["their notional", shown(sum.notional_usd, usd)],
    ["not known to be protected by a stop", shown(sum.unprotected, whole)],
    ["fees of closing them, estimated", shown(sum.flatten_cost_usd, usd)],
    ["open escrows", `${sum.escrows}, ${usd(sum.escrow_usd)}`],
    ["first of them times out", sum.first_timeout_at === null ? (sum.escrows ? "unknown" : "none") : moment(sum.first_timeout_at)],
    ["escrows that owe work", whole(sum.obligations)],
    ["agents that this mode is refused for", whole(sum.refused)],
  ];
}

function line([name, text]) {
  const row = document.createElement("div");
  const term = document.createElement("dt");
  const value = document.createElement("dd");
  term.textContent = name;
  value.textContent = text;
  if (text === "unknown") value.className = "n unknown";
  row.append(term, value);
  return row;
}

async function look() {
  forget();
  const asked = wanted();
  const wrong = complaint(asked);
  if (wrong) return said(wrong, true);
  said("");
  const asking = turn;
  const query = new URLSearchParams({ scope: asked.act.scope, target: asked.act.target, mode: asked.mode });
  const found = await call("GET", `/api/v1/preflight?${query}`);
  if (asking !== turn) return;
  if (!found.ok) return said(found.told, true);
  const { totals, text, left_out: more } = found.document;
  at("preflight-sums").replaceChildren(...sums(totals).map(line));
  at("preflight-text").textContent = text + (more ? `and ${more} agents more, which the sums hold\n` : "");
  at("preflight").hidden = false;
  if (asked.verb === "halt" && totals.refused) return said("this mode cannot be carried out: see REFUSED below", true);
  confirmed = { ...asked, word: asked.act.scope === "fleet" ? "fleet" : asked.act.target };
  at("confirm-word").textContent = confirmed.word;
  const mode = at("mode").selectedOptions[0].textContent;
  at("confirm-what").textContent = asked.verb === "halt" ? `order the mode ${mode}` : "let it trade again";
  at("do").textContent = asked.verb === "halt" ? "Halt" : "Resume";
  at("confirm").hidden = false;
  at("confirmation").focus();
}

async function act() {
  if (confirmed === null || at("do").disabled) return;
  const { verb, act: body } = confirmed;
  at("do").disabled = true;
  const found = await call("POST", `/api/v1/${verb}`, body);
  if (!found.ok) {
    // The same request can be sent again: it is the same halt.
    at("do").disabled = found.status !== 0;
    return said(found.told, true);
  }
  forget();
  said(verb === "halt" ? halted(found.document) : resumed(found.document));
  at("reason").value = "";
  await readSections();
}

function halted({ halt_id: id, held }) {
  return `halt ${id} is ordered and holds ${held.length}. Ordered is not stopped: follow it below until it is confirmed.`;
}

function resumed({ resumed: names }) {
  return names.length ? `resumed: ${names.slice(0, 20).join(", ")}${names.length > 20 ? " ..." : ""}` : "nobody was halted any more";
}

if (at("control")) {
  for (const id of ["verb", "scope"]) at(id).addEventListener("change", arrange);
  for (const id of ["target", "mode", "rebase", "ramp-usd", "ramp-s", "reason"]) at(id).addEventListener("input", forget);
  at("look").addEventListener("click", look);
  at("confirmation").addEventListener("input", () => { at("do").disabled = confirmed === null || at("confirmation").value !== confirmed.word; });
  at("confirmation").addEventListener("keydown", (event) => { if (event.key === "Enter") act(); });
  at("do").addEventListener("click", act);
  arrange();
  tell("");
}

// Acts on alerts: take one, silence some, end a silence. The buttons are in sections that are read again and again, so
// clicks are heard at the document. Without this script, or without a token, the buttons are not there.

import { call, tell } from "./operator.js";
import { readSections } from "./live.js";

const field = (name) => document.getElementById(`silence-${name}`);

async function done(found, text) {
  tell(found.ok ? text : found.told, !found.ok);
  // A section that holds the focus is not read again.
  document.activeElement?.blur();
  if (found.ok) await readSections();
}

const acts = {
  async ack(button) {
    const note = prompt(`Acknowledge ${button.dataset.name}. A word to whoever looks next (may be empty):`, "");
    if (note === null) return;
    const path = `/api/v1/alerts/${encodeURIComponent(button.dataset.fingerprint)}/ack`;
    await done(await call("POST", path, { note: note.slice(0, 300) }), `${button.dataset.name} is acknowledged`);
  },
  async unsilence(button) {
    const path = `/api/v1/silences/${encodeURIComponent(button.dataset.silence)}/end`;
    await done(await call("POST", path, {}), "the silence is ended");
  },
  prefill(button) {
    field("alertname").value = button.dataset.alert;
    field("agent_id").value = button.dataset.agent;
    field("comment").focus();
  },
};

async function silence() {
  const names = ["alertname", "agent_id", "strategy", "severity"];
  const matchers = Object.fromEntries(names.map((name) => [name, field(name).value.trim()]).filter(([, text]) => text));
  const comment = field("comment").value.trim();
  if (Object.keys(matchers).length === 0) return tell("say what to silence: an alert, an agent, a strategy or a severity", true);
  if (!comment) return tell("say why it is silenced; it is recorded", true);
  const found = await call("POST", "/api/v1/silences", { matchers, for_s: Number(field("for").value), comment });
  if (found.ok) for (const name of [...names, "comment"]) field(name).value = "";
  await done(found, "the silence is in force");
}

document.addEventListener("click", (event) => {
  const button = event.target instanceof Element ? event.target.closest("button[data-act]") : null;
  if (button) acts[button.dataset.act]?.(button);
});
document.getElementById("silence-do")?.addEventListener("click", silence);

// The operator's token: typed once, kept in this tab, sent to this service in a header, never part of an address or of the
// page. Whoever closes the tab takes it along. What it may do the server decides at every act.

const KEY = "fleawatch-operator";
const panel = document.getElementById("operator");
const said = document.getElementById("operator-said");
const input = document.getElementById("token");

let held = "";

function kept() {
  try { return sessionStorage.getItem(KEY) ?? ""; } catch { return ""; }
}

function keep(token) {
  held = token;
  try {
    if (token) sessionStorage.setItem(KEY, token);
    else sessionStorage.removeItem(KEY);
  } catch { /* it holds for this page */ }
}

/** Say how an act ended, to eyes and to screen readers. */
export function tell(text, bad = false) {
  if (!said) return;
  said.textContent = text;
  said.classList.toggle("bad", bad);
}

/** Ask the service in the operator's name. Gives {ok, status, document, told}; `told` is the refusal in words. */
export async function call(method, path, body) {
  let answer;
  try {
    answer = await fetch(path, {
      method,
      headers: { Accept: "application/json", Authorization: `Bearer ${held}`, ...(body ? { "Content-Type": "application/json" } : {}) },
      body: body ? JSON.stringify(body) : undefined,
      credentials: "omit",
      redirect: "error",
      cache: "no-store",
    });
  } catch {
    return { ok: false, status: 0, document: null, told: "the service did not answer, so it is not known whether it was done: look before you try again" };
  }
  const document = await answer.json().catch(() => null);
  if (answer.status === 401) forget("the token is not known here");
  const told = (document?.problems ?? []).map((one) => [one.where, one.what, one.remedy].filter(Boolean).join(": ")).join("; ");
  return { ok: answer.ok, status: answer.status, document, told: answer.ok ? "" : told || `refused with ${answer.status}` };
}

function show(who) {
  document.body.classList.toggle("knows", who !== null);
  document.body.classList.toggle("operates", who?.role === "operator");
  document.getElementById("operator-in").hidden = who !== null;
  document.getElementById("operator-known").hidden = who === null;
  document.getElementById("operator-name").textContent = who ? `${who.name}, ${who.role}` : "";
}

function forget(why) {
  keep("");
  show(null);
  tell(why, why !== "");
}

async function use(token) {
  keep(token);
  // A header takes visible ASCII only; anything else can be no token.
  if (!/^[\x21-\x7e]+$/.test(token)) return forget("that is no token");
  const found = await call("GET", "/api/v1/whoami");
  if (found.ok) {
    show(found.document);
    tell(found.document.role === "operator" ? "" : "this token may look at what a halt would mean, and do nothing");
  } else if (found.status !== 401) {
    forget(found.told);
  }
}

if (panel?.dataset.acting === "1") {
  show(null);
  const enter = () => { const token = input.value.trim(); input.value = ""; use(token); };
  document.getElementById("token-use").addEventListener("click", enter);
  input.addEventListener("keydown", (event) => { if (event.key === "Enter") enter(); });
  document.getElementById("token-forget").addEventListener("click", () => forget(""));
  if (kept()) use(kept());
}

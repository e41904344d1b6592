// The page by keyboard: next and previous agent, find, theme, wall. Never while somebody types.

const hint = document.querySelector(".keys");
if (hint) hint.hidden = false;

function step(by) {
  const links = [...document.querySelectorAll("#agents tbody tr:not([hidden]) th a, #worst li > a")];
  if (links.length === 0) return;
  const at = links.indexOf(document.activeElement);
  links[Math.min(links.length - 1, Math.max(0, at < 0 ? 0 : at + by))].focus();
}

const actions = {
  j: () => step(1),
  k: () => step(-1),
  t: () => document.getElementById("theme")?.click(),
  w: () => location.assign("/wall"),
  f: () => location.assign("/"),
  a: () => location.assign("/alerts"),
  "/": () => document.getElementById("find")?.focus(),
};

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target instanceof HTMLInputElement || event.target instanceof HTMLSelectElement) {
    if (event.key === "Escape") event.target.blur();
    return;
  }
  const action = actions[event.key];
  if (!action) return;
  event.preventDefault();
  action();
});

// Dark or light as the system has it, unless the reader chose: the choice is kept in this browser. Runs before the
// first paint, so that nobody is blinded.
"use strict";
(() => {
  const order = ["auto", "light", "dark"];
  const root = document.documentElement;
  const read = () => {
    try {
      const kept = localStorage.getItem("theme");
      return order.includes(kept) ? kept : "auto";
    } catch {
      return "auto";
    }
  };
  const apply = (theme) => {
    if (theme === "auto") delete root.dataset.theme;
    else root.dataset.theme = theme;
  };
  apply(read());
  document.addEventListener("DOMContentLoaded", () => {
    const button = document.getElementById("theme");
    if (!button) return;
    const name = (theme) => { button.textContent = `Theme: ${theme}`; };
    button.hidden = false;
    name(read());
    button.addEventListener("click", () => {
      const next = order[(order.indexOf(read()) + 1) % order.length];
      try { localStorage.setItem("theme", next); } catch { /* private mode: it holds for this page */ }
      apply(next);
      name(next);
    });
  });
})();

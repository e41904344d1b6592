// Sorts the table of agents in place and finds agents by text. Without this script the headings are links that sort on
// the server; with it they are buttons that do the same without a reload.

const table = document.getElementById("agents");
const body = table?.tBodies[0];
const said = document.getElementById("sorted");
const WORDS = new Set(["agent", "strategy"]);

function key(row, place) {
  const cell = row.cells[place];
  return cell.dataset.sort ?? cell.querySelector("[data-value]")?.dataset.value ?? null;
}

function compare(name, place, direction) {
  const sign = direction === "asc" ? 1 : -1;
  return (one, other) => {
    const [a, b] = [key(one, place), key(other, place)];
    const byId = one.dataset.agent < other.dataset.agent ? -1 : 1;
    if (WORDS.has(name)) return sign * a.toLowerCase().localeCompare(b.toLowerCase(), "en") || byId;
    if (a === null || b === null) {
      if (a === b) return byId;
      // Never read is the oldest of all; every other unknown number has no place and comes last.
      const first = name === "freshness" && direction === "desc";
      return (a === null) === first ? -1 : 1;
    }
    return sign * (Number(a) - Number(b)) || byId;
  };
}

function sort(name, direction) {
  const heads = [...table.tHead.rows[0].cells];
  const place = heads.findIndex((head) => head.dataset.key === name);
  if (place < 0) return;
  const rows = [...body.querySelectorAll("tr[data-agent]")];
  const order = [...rows].sort(compare(name, place, direction));
  if (order.some((row, at) => row !== rows[at])) body.append(...order);
  for (const head of heads) head.removeAttribute("aria-sort");
  heads[place].setAttribute("aria-sort", direction === "asc" ? "ascending" : "descending");
  table.dataset.sort = name;
  table.dataset.dir = direction;
}

/** Put the rows in order again after their numbers changed, unless somebody is at one of them. */
export function resort() {
  if (!table || WORDS.has(table.dataset.sort) || body.contains(document.activeElement)) return;
  sort(table.dataset.sort, table.dataset.dir);
}

function press(name, label) {
  const turned = table.dataset.dir === "asc" ? "desc" : "asc";
  const direction = table.dataset.sort === name ? turned : WORDS.has(name) ? "asc" : "desc";
  sort(name, direction);
  history.replaceState(null, "", `/?sort=${name}&dir=${direction}`);
  said.textContent = `sorted by ${label}, ${direction === "asc" ? "ascending" : "descending"}`;
}

function upgrade(link) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = link.className;
  button.title = link.title;
  button.append(...link.childNodes);
  const head = link.closest("th");
  button.addEventListener("click", () => press(head.dataset.key, button.textContent.trim()));
  link.replaceWith(button);
}

function find(text) {
  const wanted = text.trim().toLowerCase();
  for (const row of body.querySelectorAll("tr[data-agent]")) {
    row.hidden = wanted !== "" && !row.textContent.toLowerCase().includes(wanted);
  }
}

if (table) {
  for (const link of table.tHead.querySelectorAll("a.sort")) upgrade(link);
  const input = document.getElementById("find");
  input.parentElement.hidden = false;
  input.addEventListener("input", () => find(input.value));
}

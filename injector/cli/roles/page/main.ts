import { NO_FILTER, wordsIn, type Filter } from "./filter.ts";
import { graphOf, nameIn, type Edge } from "./graph.ts";
import type { Box } from "./layout.ts";
import { draw } from "./picture.ts";
import { button, tableOf, type Row, type Table } from "./table.ts";

/** Boxes of a column, unless all are asked for. */
const MOST = 30;

function byId(id: string): HTMLElement {
  const found = document.getElementById(id);
  if (found === null) throw new Error(`the page has no #${id}`);
  return found;
}

const tables: readonly Table[] = [...document.querySelectorAll<HTMLElement>("section.table")].map(tableOf);
const words = byId("words") as HTMLInputElement;
const states = byId("state") as HTMLSelectElement;
const [picture, drawing, chips, tabs] = [byId("picture"), byId("drawing"), byId("chips"), byId("tabs")];
const PICKS = ["namespace", "account", "role"] as const;

let filter: Filter = NO_FILTER;
let isWhole = false;
let open = tables[0];
let shown: readonly Row[] = [];

function update(next: Filter): void {
  filter = next;
  for (const table of tables) {
    const rows = table.show(filter);
    if (table.section.id === "pods") shown = rows;
  }
  chips.replaceChildren(...PICKS.flatMap(chip));
  tabs.replaceChildren(...tables.map(tab));
  paint();
}

/** What was picked in the picture, to be taken off again. */
function chip(kind: (typeof PICKS)[number]): readonly Node[] {
  const value = filter[kind];
  if (value === undefined) return [];
  const made = button(
    `${kind === "account" ? "service account" : kind} ${kind === "role" ? nameIn(value) : value} \u00d7`,
    () => update(without(kind)),
  );
  made.title = `Take off: ${value}`;
  return [made];
}

/** What the fields say, and what was picked. A word that was typed just now counts. */
const current = (): Filter => ({ ...filter, words: wordsIn(words.value), state: states.value });

function without(kind: (typeof PICKS)[number]): Filter {
  const { [kind]: _, ...others } = current();
  return others;
}

function tab(table: Table): HTMLButtonElement {
  const made = button(table.title, () => select(table));
  const count = document.createElement("span");
  count.textContent = table.section.querySelector(".count")?.textContent ?? "";
  made.append(" ", count);
  if (table === open) made.setAttribute("aria-current", "true");
  return made;
}

function select(table: Table): void {
  open = table;
  for (const one of tables) one.section.classList.toggle("folded", one !== table);
  tabs.replaceChildren(...tables.map(tab));
}

function paint(): void {
  const edges = shown.map(({ cells, state }): Edge => ({
    namespace: cells["namespace"] ?? "",
    account: cells["account"] ?? "",
    role: cells["role"] ?? "",
    state,
  }));
  const graph = graphOf(edges, isWhole ? Infinity : MOST);
  const about = byId("picture-about");
  about.textContent = graph.isShort
    ? `The worst and the largest ${MOST} of each column; the others are put together. Pick a box or filter to see less, and more of it. `
    : "The number in a box counts roles of pods. Pick a box to see no more than what leads to it. ";
  if (graph.isShort || isWhole)
    about.append(
      button(isWhole ? "Show the worst and the largest" : "Show all", () => {
        isWhole = !isWhole;
        paint();
      }),
    );
  picture.hidden = edges.length === 0;
  const picked = new Set(
    PICKS.map((kind) => filter[kind] && `${kind[0]}/${filter[kind]}`).filter((id) => id !== undefined),
  );
  const focused = drawing.contains(document.activeElement)
    ? document.activeElement?.getAttribute("data-id")
    : undefined;
  draw(drawing, graph, picked, pick);
  if (focused != null)
    [...drawing.querySelectorAll<SVGGElement>(".box")].find((box) => box.dataset["id"] === focused)?.focus();
}

function pick({ node }: Box): void {
  const kind = PICKS[node.column] ?? "role";
  if (node.value === undefined) return;
  update(filter[kind] === node.value ? without(kind) : { ...current(), [kind]: node.value });
}

for (const link of document.querySelectorAll<HTMLAnchorElement>(".standouts a")) {
  link.addEventListener("click", (event) => {
    event.preventDefault();
    const table = tables.find(({ section }) => `#${section.id}` === link.hash);
    if (table !== undefined) select(table);
    words.value = link.dataset["word"] ?? "";
    states.value = link.dataset["state"] ?? "";
    update({ words: wordsIn(words.value), state: states.value });
    byId("filter").scrollIntoView();
  });
}

let waiting: ReturnType<typeof setTimeout> | undefined;
words.addEventListener("input", () => {
  clearTimeout(waiting);
  waiting = setTimeout(() => update(current()), 120);
});
states.addEventListener("change", () => update(current()));
addEventListener("beforeprint", () => {
  tables.forEach((table) => table.unfold(true));
  // Nobody can open them on paper.
  for (const details of document.querySelectorAll("details")) details.open = true;
});
addEventListener("afterprint", () => tables.forEach((table) => table.unfold(false)));

for (const hidden of [byId("filter"), picture, tabs]) hidden.hidden = false;
document.documentElement.classList.add("scripted");
const [first] = tables;
if (first !== undefined) select(first);
update(NO_FILTER);
let width = drawing.clientWidth;
new ResizeObserver(() => {
  if (drawing.clientWidth === width) return;
  width = drawing.clientWidth;
  paint();
}).observe(drawing);

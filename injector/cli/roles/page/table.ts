import { compared, matches, type Filter, type Filtered } from "./filter.ts";

/** A table of the page, with the rows that its HTML has. */
export interface Table {
  readonly section: HTMLElement;
  readonly title: string;
  /** All rows. */
  readonly rows: readonly Row[];
  /** Shows the rows that are looked for; returns them. */
  readonly show: (filter: Filter) => readonly Row[];
  /** Shows all of them at once, for paper; or not so many again. */
  readonly unfold: (isAll: boolean) => void;
}

export interface Row extends Filtered {
  readonly element: HTMLTableRowElement;
  /** By column, what it is sorted by. */
  readonly order: readonly string[];
}

/** Rows that are shown at once: a browser lays out thousands only slowly. */
const FIRST = matchMedia("(max-width: 640px)").matches ? 30 : 100;
const MORE = 500;

/** Makes the headings of a table buttons that sort it. */
export function tableOf(section: HTMLElement): Table {
  const heads = [...section.querySelectorAll<HTMLTableCellElement>("thead th")];
  const body = section.querySelector("tbody");
  const more = section.querySelector<HTMLElement>(".more");
  const count = section.querySelector(".count");
  const keys = heads.map((head) => head.dataset["key"] ?? "");
  const rows = [...(body?.rows ?? [])].map((element) => rowOf(element, keys));
  let found: readonly Row[] = rows;
  let sorting: { readonly column: number; readonly isDown: boolean } | undefined;
  let [limit, folded] = [FIRST, FIRST];

  const draw = (): void => {
    const isNumber = sorting !== undefined && heads[sorting.column]?.dataset["type"] === "number";
    const { column = 0, isDown = false } = sorting ?? {};
    const sign = isDown ? -1 : 1;
    const isByOrder = found.some(
      ({ element }) => element.cells[column]?.querySelector("[data-order]") != null,
    );
    const shown =
      sorting === undefined
        ? found
        : found.toSorted((a, b) => {
            const [x, y] = [a.order[column] ?? "", b.order[column] ?? ""];
            // What is empty stays last, whichever way.
            return x === "" || y === ""
              ? compared(x, y, false)
              : sign * compared(x, y, isNumber || isByOrder);
          });
    body?.replaceChildren(...shown.slice(0, limit).map(({ element }) => element));
    if (count !== null)
      count.textContent =
        found.length === rows.length
          ? grouped(rows.length)
          : `${grouped(found.length)} of ${grouped(rows.length)}`;
    if (more === null) return;
    const left = shown.length - limit;
    more.hidden = left <= 0 && found.length > 0;
    if (found.length === 0) more.textContent = rows.length === 0 ? "There is none." : "No row is like that.";
    else
      more.replaceChildren(button(`Show ${Math.min(left, MORE)} more of ${grouped(left)}`, () => grow(MORE)));
  };
  const grow = (by: number): void => {
    limit += by;
    draw();
  };
  heads.forEach((head, column) => {
    const text = head.textContent;
    head.replaceChildren(
      button(text, () => {
        sorting = { column, isDown: sorting?.column === column && !sorting.isDown };
        for (const other of heads) other.removeAttribute("aria-sort");
        head.setAttribute("aria-sort", sorting.isDown ? "descending" : "ascending");
        draw();
      }),
    );
  });
  return {
    section,
    title: section.querySelector("h2")?.firstChild?.textContent?.trim() ?? "",
    rows,
    show: (filter) => {
      found = rows.filter((row) => matches(filter, row));
      limit = FIRST;
      draw();
      return found;
    },
    unfold: (isAll) => {
      if (isAll) folded = limit;
      limit = isAll ? Infinity : folded;
      draw();
    },
  };
}

const grouped = (count: number): string => count.toLocaleString("en");

function rowOf(element: HTMLTableRowElement, keys: readonly string[]): Row {
  const texts = [...element.cells].map((cell) => cell.textContent.trim());
  const order = [...element.cells].map(
    (cell, index) => cell.querySelector<HTMLElement>("[data-order]")?.dataset["order"] ?? texts[index] ?? "",
  );
  return {
    element,
    order,
    text: texts.join(" ").toLowerCase(),
    state: element.dataset["state"] ?? "",
    cells: Object.fromEntries(keys.map((key, index) => [key, texts[index] ?? ""])),
  };
}

export function button(text: string, act: () => void): HTMLButtonElement {
  const made = document.createElement("button");
  made.type = "button";
  made.textContent = text;
  made.addEventListener("click", act);
  return made;
}

import { SHARED, type Graph } from "./graph.ts";
import { BOX_HEIGHT, layoutOf, type Box, type Layout } from "./layout.ts";

const SVG = "http://www.w3.org/2000/svg";
const NARROWEST = 560;
const HEADINGS = ["Namespaces", "Service accounts", "Roles"];

function make<K extends keyof SVGElementTagNameMap>(
  name: K,
  attributes: Readonly<Record<string, string | number>>,
  ...children: readonly (Node | string)[]
): SVGElementTagNameMap[K] {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, String(value));
  element.append(...children);
  return element;
}

/** Draws the graph into a place of the page. One box can be reached by Tab, the others by the arrow keys. */
export function draw(
  place: HTMLElement,
  graph: Graph,
  picked: ReadonlySet<string>,
  pick: (box: Box) => void,
): void {
  const { paddingLeft, paddingRight } = getComputedStyle(place);
  const room = place.clientWidth - parseFloat(paddingLeft) - parseFloat(paddingRight);
  // On a small screen it is scrolled sideways: names cut to a few letters say nothing.
  const layout = layoutOf(graph, Math.max(room, NARROWEST));
  const svg = make("svg", {
    width: Math.ceil(layout.width),
    height: Math.ceil(layout.height),
    viewBox: `0 0 ${Math.ceil(layout.width)} ${Math.ceil(layout.height)}`,
    role: "group",
    "aria-label":
      "Namespaces, their service accounts, and the roles that their pods have. The table of pods has the same.",
  });
  HEADINGS.forEach((text, column) => {
    const x = layout.boxes.find(({ node }) => node.column === column)?.x ?? 0;
    svg.append(make("text", { class: "column", x, y: 14 }, text));
  });
  const ribbons = layout.ribbons.map(({ link, path, width }) => ({
    link,
    element: make("path", { class: `ribbon ${link.state}`, d: path, "stroke-width": width.toFixed(1) }),
  }));
  svg.append(...ribbons.map(({ element }) => element));
  const boxes = layout.boxes.map((box) => ({
    box,
    element: boxElement(box, layout, picked.has(box.node.id)),
  }));
  const light = (id: string | undefined): void => {
    svg.classList.toggle("lit", id !== undefined);
    const near = new Set([id]);
    for (const { link, element } of ribbons) {
      const isLit = id !== undefined && (link.from === id || link.to === id);
      element.classList.toggle("on", isLit);
      if (isLit) near.add(link.from).add(link.to);
    }
    for (const { box, element } of boxes) element.classList.toggle("on", near.has(box.node.id));
  };
  const focus = (index: number): void => {
    boxes.forEach(({ element }, at) => element.setAttribute("tabindex", at === index ? "0" : "-1"));
    boxes[index]?.element.focus();
  };
  boxes.forEach(({ box, element }, index) => {
    element.setAttribute("tabindex", index === 0 ? "0" : "-1");
    element.addEventListener("mouseenter", () => light(box.node.id));
    element.addEventListener("mouseleave", () => light(undefined));
    element.addEventListener("focus", () => light(box.node.id));
    element.addEventListener("blur", () => light(undefined));
    element.addEventListener("click", () => pick(box));
    element.addEventListener("keydown", (event) => {
      const to = neighbour(
        boxes.map((one) => one.box),
        index,
        event.key,
      );
      if (event.key === "Enter" || event.key === " ") pick(box);
      else if (to === undefined) return;
      else focus(to);
      event.preventDefault();
    });
    svg.append(element);
  });
  place.replaceChildren(svg);
}

function boxElement({ node, x, y, label }: Box, { boxWidth }: Layout, isPicked: boolean): SVGGElement {
  const pods = `${node.pods} ${node.pods === 1 ? "role of a pod" : "roles of pods"}`;
  const spread =
    node.namespaces !== undefined && node.namespaces > 1 ? `, in ${node.namespaces} namespaces` : "";
  const name = node.value ?? node.label;
  const isShared = (node.namespaces ?? 0) >= SHARED && node.value !== undefined;
  return make(
    "g",
    {
      class: `box ${node.state}${isPicked ? " picked" : ""}${isShared ? " shared" : ""}${node.value === undefined ? " several" : ""}`,
      transform: `translate(${x.toFixed(1)} ${y})`,
      role: "button",
      "aria-pressed": String(isPicked),
      "aria-label": `${HEADINGS[node.column]?.replace(/s$/, "")} ${name}: ${pods}${spread}, ${node.state}`,
      "data-id": node.id,
    },
    make("title", {}, `${name}\n${pods}${spread}`),
    make("rect", { class: "frame", width: boxWidth.toFixed(1), height: BOX_HEIGHT, rx: 5 }),
    make("rect", { class: "edge", width: 4, height: BOX_HEIGHT, rx: 2 }),
    make("text", { class: "label", x: 12, y: 17 }, label),
    make(
      "text",
      { class: "pods", x: (boxWidth - 8).toFixed(1), y: 17, "text-anchor": "end" },
      String(node.pods),
    ),
  );
}

/** The box that an arrow key leads to: the next of the column, or the nearest of the one beside it. */
function neighbour(boxes: readonly Box[], index: number, key: string): number | undefined {
  const from = boxes[index];
  if (from === undefined) return undefined;
  const { column } = from.node;
  const isNext = (to: number): number | undefined => (boxes[to]?.node.column === column ? to : undefined);
  if (key === "ArrowDown") return isNext(index + 1);
  if (key === "ArrowUp") return isNext(index - 1);
  const side = key === "ArrowRight" ? column + 1 : key === "ArrowLeft" ? column - 1 : undefined;
  const [nearest] = boxes
    .map(({ node, y }, at) => ({ at, node, away: Math.abs(y - from.y) }))
    .filter(({ node }) => node.column === side)
    .toSorted((a, b) => a.away - b.away);
  return nearest?.at;
}

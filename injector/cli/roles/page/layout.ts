import type { Graph, GraphLink, GraphNode } from "./graph.ts";

export interface Box {
  readonly node: GraphNode;
  readonly x: number;
  readonly y: number;
  /** The label as far as the box has room for it. */
  readonly label: string;
}

export interface Ribbon {
  readonly link: GraphLink;
  /** Of an SVG path. */
  readonly path: string;
  readonly width: number;
}

export interface Layout {
  readonly width: number;
  readonly height: number;
  readonly boxWidth: number;
  readonly boxes: readonly Box[];
  readonly ribbons: readonly Ribbon[];
}

export const BOX_HEIGHT = 26;
const STEP = 34;
const TOP = 28;
/** Of a character of the label, on average. */
const CHARACTER = 6.9;

/** Places of a picture of this width, in pixels. Pure. */
export function layoutOf({ nodes, links }: Graph, width: number): Layout {
  const gap = Math.max(40, Math.min(180, width * 0.13));
  const boxWidth = (width - 2 * gap) / 3;
  const columns = [0, 1, 2].map((column) => nodes.filter((one) => one.column === column));
  const rows = Math.max(1, ...columns.map(({ length }) => length));
  const boxes = columns.flatMap((column, index) => {
    // A short column is in the middle of a longer one, and not far above it.
    const start = TOP + ((rows - column.length) * STEP) / 2;
    const step = column.length * 6 < rows ? STEP : (rows * STEP) / Math.max(1, column.length);
    const from = step === STEP ? start : TOP + (step - STEP) / 2;
    return column.map((node, place): Box => ({
      node,
      x: index * (boxWidth + gap),
      y: Math.round(from + place * step),
      label: cut(
        node.label,
        Math.floor((boxWidth - 16 - CHARACTER * (String(node.pods).length + 1)) / CHARACTER),
      ),
    }));
  });
  const byId = new Map(boxes.map((box) => [box.node.id, box]));
  const most = Math.max(1, ...links.map(({ pods }) => pods));
  const ribbons = links.flatMap((link): Ribbon[] => {
    const [from, to] = [byId.get(link.from), byId.get(link.to)];
    if (from === undefined || to === undefined) return [];
    const [x1, y1] = [from.x + boxWidth, from.y + BOX_HEIGHT / 2];
    const [x2, y2] = [to.x, to.y + BOX_HEIGHT / 2];
    const middle = (x1 + x2) / 2;
    const path = `M${x1.toFixed(1)} ${y1}C${middle.toFixed(1)} ${y1} ${middle.toFixed(1)} ${y2} ${x2.toFixed(1)} ${y2}`;
    return [{ link, path, width: 1.5 + 6.5 * (Math.log1p(link.pods) / Math.log1p(most)) ** 2 }];
  });
  return { width: boxWidth * 3 + gap * 2, height: TOP + rows * STEP, boxWidth, boxes, ribbons };
}

/** The middle of a long name is what is cut: its beginning and its end tell names apart. */
export function cut(text: string, most: number): string {
  const characters = Array.from(text);
  if (characters.length <= most) return text;
  const end = Math.max(1, Math.floor((most - 1) / 2));
  return `${characters.slice(0, Math.max(1, most - 1 - end)).join("")}\u2026${characters.slice(-end).join("")}`;
}

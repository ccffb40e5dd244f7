import { globSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { ROOMS, SHARED, SHARED_WITH_BROKER, type Program } from "./rooms.ts";

export interface Import {
  /** Paths from the root of the repository. */
  readonly file: string;
  readonly imported: string;
}

/** An import of a file of one room by a file of another. Rooms are written `injector/decide`. */
interface Arrow {
  readonly from: string;
  readonly to: string;
  /** One of the imports between these rooms. */
  readonly because: Import;
}

const ROOT = fileURLToPath(new URL("../../..", import.meta.url));
const SPECIFIER = /(?:\bfrom|\bimport|\bimport\(|\brequire\()\s*["'](\.{1,2}\/[^"']+\.ts)["']/g;

/** Every import of a project file in a program, including types and dynamic imports. */
export function importsOf(program: Program): readonly Import[] {
  return globSync(`${program}/**/*.ts`, { cwd: ROOT })
    .toSorted()
    .flatMap((file) =>
      [...readFileSync(join(ROOT, file), "utf8").matchAll(SPECIFIER)].map(([, specifier = ""]) => ({
        file,
        imported: join(dirname(file), specifier),
      })),
    );
}

/** `injector/decide/hazards/verify.ts` is in `injector/decide`, and `injector/main.ts` in `injector/main`. */
export const roomOf = (file: string): string => {
  const [program = "", room = "", ...rest] = file.split("/");
  return rest.length === 0 ? `${program}/main` : `${program}/${room}`;
};

/** The arrows between rooms, one per pair. */
export function arrowsOf(imports: readonly Import[]): readonly Arrow[] {
  const arrows = new Map<string, Arrow>();
  for (const because of imports) {
    const [from, to] = [roomOf(because.file), roomOf(because.imported)];
    if (from !== to && !arrows.has(`${from} ${to}`)) arrows.set(`${from} ${to}`, { from, to, because });
  }
  return [...arrows.values()];
}

/** Imports that do not lead downward, or that lead into an unnamed room. */
export function upward(program: Program, arrows: readonly Arrow[]): readonly string[] {
  const order = [
    ...ROOMS[program].map((room) => `${program}/${room}`),
    ...(program === "injector" ? SHARED.map((room) => `sidecar/${room}`) : []),
  ];
  const ofBroker = new Set(SHARED_WITH_BROKER.map((room) => `sidecar/${room}`));
  return arrows
    .filter(({ from, to }) => from !== "injector/broker" || !ofBroker.has(to))
    .filter(({ from, to }) => !order.includes(from) || order.indexOf(to) <= order.indexOf(from))
    .map(({ because }) => `${because.file} imports ${because.imported}`);
}

/** A mermaid flow chart, without the rooms that nearly every room imports. */
export function drawing(program: Program, arrows: readonly Arrow[]): string {
  const name = (room: string): string => room.slice(program.length + 1);
  const drawn = arrows.filter(
    ({ from, to }) =>
      from.startsWith(program) && to.startsWith(program) && !SHARED.some((room) => name(to) === room),
  );
  const rooms: readonly string[] = ROOMS[program];
  const place = (room: string): number => rooms.indexOf(name(room));
  const lines = drawn
    .toSorted((a, b) => place(a.from) - place(b.from) || place(a.to) - place(b.to))
    .map(({ from, to }) => `    ${name(from)} --> ${name(to)}`);
  return ["```mermaid", "flowchart TD", ...lines, "```"].join("\n");
}

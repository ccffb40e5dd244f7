import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { arrowsOf, drawing, importsOf, roomOf, upward } from "./imports.ts";
import { ROOMS, type Program } from "./rooms.ts";

const at = (path: string): URL => new URL(`../../../${path}`, import.meta.url);
const PROGRAMS: readonly Program[] = ["injector", "sidecar"];

describe.for(PROGRAMS)("the rooms of the %s", (program) => {
  const imports = importsOf(program);
  const arrows = arrowsOf(imports);

  test("import only downward, so that there is no cycle", () => {
    expect(upward(program, arrows)).toEqual([]);
  });

  test("are all in use", () => {
    const used = new Set(imports.flatMap(({ file, imported }) => [roomOf(file), roomOf(imported)]));
    expect([...used].filter((room) => room.startsWith(program)).sort()).toEqual(
      ROOMS[program].map((room) => `${program}/${room}`).sort(),
    );
  });

  test("are read from imports that lead to files", () => {
    expect(imports.length).toBeGreaterThan(50);
    expect(imports.filter(({ imported }) => !existsSync(at(imported)))).toEqual([]);
  });
});

test("the check finds an import upward or into a room without a name", () => {
  const arrow = (file: string, imported: string) => arrowsOf([{ file, imported }]);
  const upwards = "injector/decide/decide.ts imports injector/serve/server.ts";
  expect(upward("injector", arrow("injector/decide/decide.ts", "injector/serve/server.ts"))).toEqual([
    upwards,
  ]);
  expect(upward("injector", arrow("injector/decide/decide.ts", "injector/cellar/x.ts"))).toHaveLength(1);
  expect(upward("injector", arrow("injector/decide/decide.ts", "sidecar/sts/x.ts"))).toHaveLength(1);
  expect(upward("injector", arrow("injector/decide/decide.ts", "injector/model/pod.ts"))).toEqual([]);
  expect(upward("injector", arrow("injector/broker/x.ts", "sidecar/sts/x.ts"))).toEqual([]);
  expect(upward("injector", arrow("injector/broker/x.ts", "sidecar/wire/x.ts"))).toHaveLength(1);
});

test("the linter forbids each room of the injector all rooms above it", () => {
  const config = readFileSync(at(".oxlintrc.json"), "utf8");
  for (const [place, room] of ROOMS.injector.entries()) {
    if (room === "main") continue;
    const start = config.indexOf(`"files": ["injector/${room}/**"]`);
    const rule = config.slice(start, config.indexOf('"files"', start + 10));
    const forbidden = new Set([...rule.matchAll(/"\*\*\/(\w+)\/\*\*"/g)].map(([, other]) => other));
    const above = ROOMS.injector.slice(1, place).filter((other) => !forbidden.has(other));
    expect({ room, above }).toEqual({ room, above: [] });
  }
});

test("the design page shows the actual imports", async () => {
  const file = at("deploy/docs/design.md");
  const page = PROGRAMS.reduce(
    (text, program) =>
      text.replace(
        new RegExp(`<!-- drawn: ${program} -->[^]*?<!-- /drawn -->`),
        () =>
          `<!-- drawn: ${program} -->\n\n${drawing(program, arrowsOf(importsOf(program)))}\n\n<!-- /drawn -->`,
      ),
    readFileSync(file, "utf8"),
  );
  expect(page.match(/^<!-- drawn: /gm)).toHaveLength(PROGRAMS.length);
  await expect(page).toMatchFileSnapshot(fileURLToPath(file));
});

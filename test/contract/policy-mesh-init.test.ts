import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { parse } from "yaml";
import {
  LOCK_MOUNT,
  MESH_IMAGE,
  MESH_INIT_ARGS,
  MESH_INIT_CAPABILITIES,
  MESH_INIT_COMMANDS,
  MESH_INIT_MOUNTS,
  MESH_INIT_VARIABLES,
  MESH_WORDS,
} from "../../injector/model/mesh-init.ts";
import { MESH_CONTAINERS, type MeshName } from "../../injector/model/mesh.ts";

/** What the admission policies accept of a mesh's init container, by the webhook's tables. test/cluster/mesh-init.test.ts compares answers. */

const template = readFileSync(
  new URL("../../deploy/chart/templates/_mesh-init.tpl", import.meta.url),
  "utf8",
);

const MESHES = Object.keys(MESH_CONTAINERS) as readonly MeshName[];
const byInit = (table: Readonly<Record<MeshName, unknown>>): Readonly<Record<string, unknown>> =>
  Object.fromEntries(MESHES.map((mesh) => [MESH_CONTAINERS[mesh].init, table[mesh]]));

test("the policies accept the images, arguments, commands, variables and mounts that the webhook accepts", () => {
  const text = /define "podrole\.meshInit" -}}\n([^]*?)\{\{- end/.exec(template)?.[1] ?? "";
  expect(parse(text)).toEqual({
    meshes: byInit(MESH_WORDS),
    image: MESH_IMAGE,
    args: byInit(MESH_INIT_ARGS),
    commands: byInit(MESH_INIT_COMMANDS),
    variables: MESH_INIT_VARIABLES,
    mounts: MESH_INIT_MOUNTS,
  });
  expect(template).toContain(`a in ['${MESH_INIT_CAPABILITIES.join("', '")}']`);
  expect(template).toContain(`m.mountPath == '${LOCK_MOUNT}'`);
});

test("a pattern reads the same in both: no quote and no backslash, and nothing that RE2 lacks", () => {
  const patterns = [MESH_IMAGE, MESH_INIT_VARIABLES, MESH_INIT_MOUNTS, ...Object.values(MESH_INIT_ARGS)];
  for (const pattern of patterns) expect(pattern).toMatch(/^\^(?!.*(?:['\\]|\(\?)).*\$$/);
});

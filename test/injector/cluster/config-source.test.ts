import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { apiServer } from "../../../injector/cluster/api-server.ts";
import { configFileSource, configMapSource } from "../../../injector/cluster/config-source.ts";
import type { SeenSettings } from "../../../injector/cluster/config-in-force.ts";
import { systemClock } from "../../../sidecar/kit/clock.ts";
import { fakeApiServer } from "../../support/fake-api-server.ts";
import { TIMING } from "../../support/informer-rig.ts";
import { silent } from "../../support/log-lines.ts";
import { thrown } from "../../support/thrown.ts";
import { until } from "../../support/until.ts";

const PATH = "/api/v1/namespaces/podrole-system/configmaps";
const configMap = (data: object, metadata: object = {}) => ({
  metadata: { name: "podrole-config", namespace: "podrole-system", ...metadata },
  data,
});

async function followed() {
  const server = await fakeApiServer();
  server.put(PATH, configMap({}));
  server.remove(PATH, "podrole-system/podrole-config");
  const api = apiServer(server.config);
  const seen: SeenSettings[] = [];
  const missing: string[] = [];
  const stopping = new AbortController();
  const source = configMapSource(
    { namespace: "podrole-system", name: "podrole-config" },
    { api, clock: systemClock, log: silent, timing: TIMING },
  );
  const running = source.run(
    { see: (one) => void seen.push(one), seeNone: ({ code }) => void missing.push(code) },
    stopping.signal,
  );
  onTestFinished(async () => {
    stopping.abort();
    await running;
    api.close();
  });
  await until("a watch", () => server.watches(PATH) > 0 || undefined);
  const settings = async (count: number) => {
    await until(`${count} settings`, () => seen.length === count || undefined);
    return seen.at(-1);
  };
  return { server, seen, missing, settings, source };
}

test("the ConfigMap is watched by its name only, and the controller's keys in it are ignored", async () => {
  const { server, settings, missing } = await followed();
  expect(missing).toEqual(["CONFIG_MISSING"]);
  server.put(PATH, configMap({ guard: "off", "accepted.0.guard": "block" }));
  expect(await settings(1)).toEqual({ written: { guard: "off" }, writtenAt: undefined });
  server.put(PATH, configMap({ guard: "block", "accepted.0.guard": "block" }));
  expect(await settings(2)).toMatchObject({ written: { guard: "block" } });
  server.remove(PATH, "podrole-system/podrole-config");
  await until("its end", () => missing.length === 2 || undefined);
  expect(server.queries(PATH)).toEqual(new Set(["metadata.name=podrole-config"]));
});

test("a ConfigMap that is not followed is said, with what the API server answers, until it is followed again", async () => {
  const { server, source } = await followed();
  await until("that it is followed", () => source.trouble() === undefined || undefined);
  server.answer(`WATCH ${PATH}`, 403);
  server.answer(`LIST ${PATH}`, 403);
  server.end(PATH, "reset");
  expect(await until("the trouble", () => source.trouble())).toEqual({
    code: "CONFIG_UNREAD",
    message:
      "The ConfigMap podrole-system/podrole-config is not followed: HTTP 403. Check the program's Role and the API server.",
  });
  server.answer(`LIST ${PATH}`, undefined);
  server.answer(`WATCH ${PATH}`, undefined);
  await until("its end", () => source.trouble() === undefined || undefined);
});

test("the settings' time is the time of the ConfigMap's last change in any part", async () => {
  const { server, settings } = await followed();
  const managedFields = [
    { time: "2026-11-20T10:00:00Z" },
    { time: "2026-11-21T10:00:00Z" },
    { manager: "x" },
  ];
  server.put(PATH, configMap({ guard: "off" }, { creationTimestamp: "2026-11-19T10:00:00Z", managedFields }));
  expect(await settings(1)).toMatchObject({ writtenAt: Date.parse("2026-11-21T10:00:01Z") });
});

async function file(content: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "podrole-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  await writeFile(join(folder, "config.yaml"), content);
  return join(folder, "config.yaml");
}

const MANIFEST = `apiVersion: v1
kind: ConfigMap
metadata:
  name: podrole-config
data:
  guard: "off"
  sessionDuration: "7200"
`;

test.for([
  ["a manifest", MANIFEST],
  [
    "one of several",
    `kind: ConfigMap\nmetadata: {name: other}\ndata: {a: b}\n---\n${MANIFEST}---\nkind: Service\n`,
  ],
  [
    "a List",
    JSON.stringify({
      kind: "List",
      items: [{ kind: "Service" }, { kind: "ConfigMap", data: { guard: "off", sessionDuration: "7200" } }],
    }),
  ],
] as const)("a file holds the settings as %s", async ([, content]) => {
  const seen: SeenSettings[] = [];
  const source = await configFileSource(await file(content));
  await source.run({ see: (one) => void seen.push(one), seeNone: () => {} }, new AbortController().signal);
  expect(seen).toEqual([{ written: { guard: "off", sessionDuration: "7200" }, writtenAt: 0 }]);
});

test.for([
  ["without a ConfigMap", "kind: Pod", "contains no ConfigMap"],
  ["that is empty", "", "contains no ConfigMap"],
  ["that is no YAML", "{", "neither YAML nor JSON"],
  ["with a number instead of a text", "kind: ConfigMap\ndata: {startTimeout: 30}", '"startTimeout"'],
  ["with two ConfigMaps", "kind: ConfigMap\n---\nkind: ConfigMap", "several"],
] as const)("a file %s is refused with a sentence that names the file", async ([, content, why]) => {
  const path = await file(content);
  const error = await thrown(() => configFileSource(path));
  expect(error).toMatchObject({ code: "CONFIG_UNREADABLE", remedy: expect.stringMatching(/\.$/) as string });
  expect(error.message).toContain(path);
  expect(error.message).toContain(why);
});

test("a file that is missing or has invalid settings ends the start", async () => {
  expect(await thrown(() => configFileSource("/nowhere/x"))).toMatchObject({
    code: "CONFIG_UNREADABLE",
    message: "/nowhere/x cannot be read (ENOENT).",
  });
  const path = await file(MANIFEST.replace("off", "of"));
  expect(await thrown(() => configFileSource(path))).toMatchObject({
    code: "CONFIG_INVALID",
    message: "guard must be one of auto, block, verify, off.",
  });
});

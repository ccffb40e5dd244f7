import { describe, expect, test } from "vitest";
import { Refusal } from "../../../injector/cluster/api-server.ts";
import { acceptedKeeper, isRolledOut } from "../../../injector/controller/keep-accepted.ts";
import { acceptedIn } from "../../../injector/controller/accepted.ts";
import { VERSION } from "../../../injector/model/version.ts";
import { handClock, type HandClock } from "../../support/hand-clock.ts";
import { logLines, type LogLine } from "../../support/log-lines.ts";
import { thrown } from "../../support/thrown.ts";

const ROLLED_OUT = {
  metadata: { generation: 4 },
  spec: { replicas: 2 },
  status: { observedGeneration: 4, replicas: 2, updatedReplicas: 2, availableReplicas: 2 },
};
const withStatus = (over: object): object => ({ ...ROLLED_OUT, status: { ...ROLLED_OUT.status, ...over } });

interface Rig {
  readonly clock: HandClock;
  readonly lines: readonly LogLine[];
  /** Looks every two seconds for this time. */
  readonly pass: (ms: number) => Promise<void>;
  readonly round: () => Promise<void>;
  /** The accepted values of `guard`. */
  readonly guards: () => readonly (string | undefined)[];
  readonly state: {
    data: Record<string, string>;
    version: number;
    deployment: object | undefined;
    before: () => void;
  };
  readonly gets: string[];
}

function rig(): Rig {
  const clock = handClock();
  const { log, lines } = logLines();
  const gets: string[] = [];
  const state: Rig["state"] = {
    data: { version: VERSION },
    version: 1,
    deployment: ROLLED_OUT,
    before: () => {},
  };
  const round = acceptedKeeper({
    api: {
      get: async (path) => {
        gets.push(path);
        if (path === "/api/v1/namespaces/ns/configmaps/podrole-config")
          return { metadata: { resourceVersion: String(state.version) }, data: { ...state.data } };
        if (state.deployment === undefined) throw new Refusal(404, "");
        return state.deployment;
      },
      patch: async (_path, changes) => {
        state.before();
        const { metadata, data } = changes as {
          metadata: { resourceVersion: string };
          data: Record<string, string | null>;
        };
        if (metadata.resourceVersion !== String(state.version)) throw new Refusal(409, "");
        state.version += 1;
        for (const [key, value] of Object.entries(data)) {
          if (value === null) delete state.data[key];
          else state.data[key] = value;
        }
      },
    },
    clock,
    log,
    namespace: "ns",
    configMap: "podrole-config",
    deployment: "podrole-injector",
  });
  const once = (): Promise<void> => round(new AbortController().signal);
  return {
    clock,
    lines,
    round: once,
    pass: async (ms) => {
      for (let gone = 0; gone < ms; gone += 2000) {
        await clock.advance(2000);
        await once();
      }
    },
    guards: () => acceptedIn(state.data).map((form) => form["guard"]),
    state,
    gets,
  };
}

/** A rig with its settings' form accepted, whose settings have changed since. */
async function changed(): Promise<Rig> {
  const one = rig();
  await one.round();
  Object.assign(one.state.data, { guard: "off" });
  one.state.version += 1;
  await one.round();
  return one;
}

describe("the accepted forms in podrole-config", () => {
  test("are both after a change, and only the new one a minute later", async () => {
    const { pass, guards } = await changed();
    expect(guards()).toEqual(["auto", "off"]);
    await pass(58_000);
    expect(guards()).toEqual(["auto", "off"]);
    await pass(2000);
    expect(guards()).toEqual(["off"]);
  });

  test("are both until a minute after the injector is rolled out", async () => {
    const { pass, guards, state } = await changed();
    state.deployment = withStatus({ updatedReplicas: 1, replicas: 3 });
    await pass(300_000);
    expect(guards()).toEqual(["auto", "off"]);
    state.deployment = ROLLED_OUT;
    await pass(58_000);
    expect(guards()).toEqual(["auto", "off"]);
    await pass(4000);
    expect(guards()).toEqual(["off"]);
  });

  test("are kept when the injector has no Deployment", async () => {
    const { pass, guards, state } = await changed();
    state.deployment = undefined;
    await pass(120_000);
    expect(guards()).toEqual(["auto", "off"]);
  });

  test("cost one request per look when nothing changes", async () => {
    const { pass, gets } = rig();
    await pass(2000);
    gets.length = 0;
    await pass(10_000);
    expect(gets).toEqual(Array(5).fill("/api/v1/namespaces/ns/configmaps/podrole-config"));
  });

  test("never include invalid settings", async () => {
    const { round, guards, state } = await changed();
    Object.assign(state.data, { guard: "blocked" });
    const error = await thrown(round);
    expect([error.code, error.message]).toEqual([
      "CONFIG_INVALID",
      expect.stringContaining("guard") as string,
    ]);
    expect(guards()).toEqual(["auto", "off"]);
  });

  test("do not change when the settings are for another version", async () => {
    const { round, guards, state } = await changed();
    Object.assign(state.data, { guard: "auto", version: "9.9.9" });
    expect((await thrown(round)).code).toBe("CONFIG_OTHER_VERSION");
    expect(guards()).toEqual(["auto", "off"]);
  });

  test("do not overwrite a change between read and write", async () => {
    const { round, guards, state } = rig();
    state.before = () => {
      state.version += 1;
      Object.assign(state.data, { guard: "off" });
      state.before = () => {};
    };
    await round();
    expect(guards()).toEqual([]);
    await round();
    expect(guards()).toEqual(["off"]);
  });

  test("are not written when the answer is no ConfigMap", async () => {
    const round = acceptedKeeper({
      api: { get: async () => null, patch: () => Promise.reject(new Error("written")) },
      clock: handClock(),
      log: logLines().log,
      namespace: "ns",
      configMap: "podrole-config",
      deployment: "podrole-injector",
    });
    await expect(round(new AbortController().signal)).rejects.toThrow("the answer is no object");
  });
});

describe("an injector is rolled out", () => {
  test.for([
    ["when all replicas are new and available", ROLLED_OUT, true],
    ["not before its controller has seen the change", withStatus({ observedGeneration: 3 }), false],
    ["not with an old replica", withStatus({ updatedReplicas: 1 }), false],
    ["not with one replica too many", withStatus({ replicas: 3 }), false],
    ["not with an unavailable replica", withStatus({ availableReplicas: 1 }), false],
    ["not without a status", { metadata: { generation: 1 }, spec: {} }, false],
    ["not when the object is no Deployment", null, false],
  ] as const)("%s", ([, deployment, is]) => {
    expect(isRolledOut(deployment)).toBe(is);
  });
});

import { describe, expect, test } from "vitest";
import { sessionsIn } from "../../../../injector/cli/roles/sessions/metrics-text.ts";
import {
  readSessions,
  type Askable,
  type ReadText,
} from "../../../../injector/cli/roles/sessions/read-sessions.ts";
import { Refusal } from "../../../../injector/cluster/api-server.ts";
import { createMetrics } from "../../../../sidecar/wire/metrics.ts";

const EXPIRY = Date.parse("2026-11-29T16:00:00Z");

/** As a sidecar of a pod with a container role writes it, whose second session is refused. */
function metricsText(): string {
  const metrics = createMetrics();
  metrics.countSts("Success");
  metrics.countSts("AccessDenied");
  metrics.countSts("AccessDenied");
  return metrics.text({
    expiresAt: { pod: EXPIRY, "container/sync": undefined },
    guard: "block",
    imdsReachable: undefined,
    imdsUnproven: undefined,
  });
}

const refusals = { AccessDenied: 2 };

test("a sidecar's own metrics tell the session of each identity, and the refusals", () => {
  expect(Object.fromEntries(sessionsIn(metricsText()))).toEqual({
    pod: { isHeld: true, expiresAt: "2026-11-29T16:00:00.000Z", refusals },
    "container/sync": { isHeld: false, refusals },
  });
});

test.for([
  "",
  "<html>a page</html>",
  'podrole_credentials_held{identity="</script>"} 1',
  'podrole_credentials_held{identity="pod"} NaN',
])("another text tells nothing: %s", (text) => {
  expect(sessionsIn(text).size).toBe(0);
});

test("a time that no clock has is not shown", () => {
  const text = `podrole_credentials_held{identity="pod"} 1\npodrole_credentials_expiry_timestamp_seconds{identity="pod"} 9999999999999999\n`;
  expect(sessionsIn(text).get("pod")).toEqual({ isHeld: true, refusals: {} });
});

describe("the sidecars of many pods", () => {
  const pods = (count: number): readonly Askable[] =>
    Array.from({ length: count }, (_, n) => ({ namespace: "shop", name: `web-${n}`, healthPort: 16926 }));
  const LIMITS = { atOnce: 4, eachMs: 1000, allMs: 60_000 };

  test("are asked through the API server, no more than so many at once", async () => {
    let [open, most] = [0, 0];
    const paths: string[] = [];
    const readText: ReadText = async (path) => {
      paths.push(path);
      most = Math.max(most, (open += 1));
      await Promise.resolve();
      open -= 1;
      return metricsText();
    };
    const { of, notes } = await readSessions(pods(20), readText, LIMITS);
    expect([of.size, notes, most]).toEqual([20, [], 4]);
    expect(paths[0]).toBe("/api/v1/namespaces/shop/pods/web-0:16926/proxy/metrics");
    expect(new Set(paths).size).toBe(20);
  });

  test("are not asked by a user who may not: the first answer is said once", async () => {
    let asked = 0;
    const readText: ReadText = () => {
      asked += 1;
      const said =
        'pods "web-0" is forbidden: User "jane" cannot get resource "pods/proxy" in API group "" in the namespace "shop"';
      return Promise.reject(new Refusal(403, said));
    };
    const { of, notes } = await readSessions(pods(2000), readText, LIMITS);
    expect([of.size, asked]).toEqual([0, 1]);
    expect(notes).toEqual([expect.stringContaining("jane may not get pods/proxy in namespace shop")]);
  });

  test("are asked in the namespaces where the user may, and one namespace does not speak for another", async () => {
    const asked: string[] = [];
    const readText: ReadText = (path) => {
      asked.push(path);
      const said =
        'pods "x" is forbidden: User "jane" cannot get resource "pods/proxy" in API group "" in the namespace "mall"';
      return path.includes("/mall/")
        ? Promise.reject(new Refusal(403, said))
        : Promise.resolve(metricsText());
    };
    const mixed = pods(40).map((pod, n) => (n % 2 === 0 ? { ...pod, namespace: "mall" } : pod));
    const { of, notes } = await readSessions(mixed, readText, LIMITS);
    expect(of.size).toBe(20);
    expect(asked.filter((path) => path.includes("/mall/"))).toHaveLength(1);
    expect(notes).toEqual([
      expect.stringMatching(/^The sessions of 20 of 40 pods are not shown: jane may not get pods\/proxy/),
    ]);
  });

  test("are given up where the user may in none of many namespaces", async () => {
    let asked = 0;
    const readText: ReadText = () => {
      asked += 1;
      const said = 'User "jane" cannot get resource "pods/proxy" in API group "" in the namespace "team-1"';
      return Promise.reject(new Refusal(403, said));
    };
    const spread = pods(500).map((pod, n) => ({ ...pod, namespace: `team-${n}` }));
    const { notes } = await readSessions(spread, readText, LIMITS);
    expect(asked).toBeLessThan(10);
    expect(notes.join(" ")).toMatch(
      /jane may not.+nor in \d other namespaces\..+ not read: too many before them were refused/,
    );
  });

  test("are given up where nobody answers at the beginning", async () => {
    let asked = 0;
    const readText: ReadText = () => {
      asked += 1;
      return Promise.reject(new Error("no answer within 1000 ms"));
    };
    const { notes } = await readSessions(pods(2000), readText, LIMITS);
    expect(asked).toBeLessThan(10);
    expect(notes).toEqual([
      expect.stringMatching(/^The sessions of 2000 of 2000 pods are not shown.+ no answer within/),
    ]);
  });

  test("are said to be missing where something else answers in a sidecar's place", async () => {
    const readText: ReadText = (path) =>
      Promise.resolve(path.includes("web-3:") ? "<html>a page</html>" : metricsText());
    expect((await readSessions(pods(6), readText, LIMITS)).notes).toEqual([
      expect.stringMatching(/of 1 of 6 pods.+: the answer is not that of a sidecar \(1 times\)/),
    ]);
  });

  test("are shown as far as they answer", async () => {
    const readText: ReadText = (path) =>
      path.includes("web-3:")
        ? Promise.reject(new Refusal(503, "error trying to reach service"))
        : Promise.resolve(metricsText());
    const { of, notes } = await readSessions(pods(6), readText, LIMITS);
    expect([of.size, of.has("shop/web-3")]).toEqual([5, false]);
    expect(notes).toEqual([expect.stringContaining("of 1 of 6 pods")]);
  });
});

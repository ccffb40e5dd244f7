import type { AddressInfo } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { healthServer } from "../../../injector/http/health.ts";
import { CONTROLLER_METRICS, controllerMetrics } from "../../../injector/controller/metrics.ts";
import type { Task } from "../../../injector/controller/task.ts";
import type { Trouble } from "../../../injector/model/trouble.ts";

interface Answer {
  readonly status: number;
  readonly body: string;
}

async function rig(
  unready: () => Trouble | undefined,
  detail?: () => Readonly<Record<string, unknown>>,
): Promise<(path: string, method?: string) => Promise<Answer>> {
  const failing: Task = {
    name: "settings",
    run: () => Promise.resolve(),
    trouble: () => ({ code: "CONFIG_INVALID", message: "no" }),
    succeeded: () => false,
  };
  const metrics = controllerMetrics("1.2.3", () => [failing]);
  metrics.countAction("patch");
  metrics.countAction("patch");
  metrics.countPolicies({ kept: 3, foreign: 0, refused: 1 });
  const server = healthServer({ unready, metrics: metrics.text, ...(detail && { detail }) });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return async (path, method = "GET") => {
    const response = await fetch(`http://127.0.0.1:${port}${path}`, { method });
    return { status: response.status, body: await response.text() };
  };
}

test("liveness does not depend on readiness, and readiness says what is missing", async () => {
  let trouble: Trouble | undefined = { code: "TLS_WEBHOOK_MISSING", message: "There is none." };
  const ask = await rig(() => trouble);
  expect((await ask("/livez")).status).toBe(200);
  expect(await ask("/readyz")).toEqual({ status: 503, body: JSON.stringify(trouble) });
  trouble = undefined;
  expect((await ask("/readyz")).status).toBe(200);
});

test("readiness says more where the program has more to say", async () => {
  const ask = await rig(
    () => undefined,
    () => ({ identity: "arn" }),
  );
  expect((await ask("/readyz")).body).toBe('{"status":"ok","identity":"arn"}');
});

test("metrics are those of the table, each with its type and help, and no other", async () => {
  const ask = await rig(() => undefined);
  const { body } = await ask("/metrics");
  const heads = body.split("\n").filter((line) => line.startsWith("# "));
  const table = Object.entries(CONTROLLER_METRICS).flatMap(([name, { help, type }]) => [
    `# HELP ${name} ${help}`,
    `# TYPE ${name} ${type}`,
  ]);
  expect(heads).toEqual(table);
  for (const line of [
    'podrole_controller_trouble{task="settings",code="CONFIG_INVALID"} 1',
    'podrole_tls_actions_total{action="patch"} 2',
    'podrole_metadata_policies{state="kept"} 3',
    'podrole_metadata_policies{state="refused"} 1',
    'podrole_build_info{version="1.2.3"} 1',
  ])
    expect(body.split("\n")).toContain(line);
});

test("other paths and other methods are refused", async () => {
  const ask = await rig(() => undefined);
  expect((await ask("/mutate")).status).toBe(404);
  expect((await ask("/readyz", "POST")).status).toBe(405);
});

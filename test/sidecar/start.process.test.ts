import { mkdirSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { dirname, join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { type StsStandInOptions } from "../../injector/cli/demo/aws/sts.ts";

import { accessDenied } from "../../injector/cli/demo/aws/sts-refusal.ts";
import { ENV } from "../../sidecar/contract/env.ts";
import { sidecar } from "../support/child.ts";

import { freePort } from "../support/free-port.ts";
import { http } from "../support/http.ts";

import { until } from "../support/until.ts";
import { LIKE_OURS, serviceLinks } from "../support/service-links.ts";
import {
  ended,
  readiness,
  sidecarPod,
  termination,
  TOKEN,
  TRIED,
  type SidecarPod,
} from "../support/sidecar-pod.ts";

/** The two programs of a pod's start, as the kubelet runs them: the container and its postStart hook. */
const startOf = ({ env }: SidecarPod) => ({
  serving: sidecar(["serve"], env),
  waiting: sidecar(["wait"], env),
});

const REFUSED = {
  "web-identity": /^AccessDenied: STS refused AssumeRoleWithWebIdentity for arn:aws:iam::/,
  broker:
    /^AccessDenied: The broker gave no session for arn:aws:iam::.*: STS refused AssumeRole for arn:aws:iam::/,
} as const;

describe.each(TRIED)("in source %s", (source) => {
  test("a start whose role is refused ends hook and sidecar with the reason after five calls, and heals at the next start", async () => {
    let trusted = false;
    const made = await sidecarPod(
      {},
      { refuse: (call) => (trusted ? undefined : accessDenied(call)) },
      source,
    );
    const { serving, waiting } = startOf(made);
    const held = async (): Promise<string | undefined> =>
      /^podrole_credentials_held\{identity="pod"\} (\d)$/m.exec(
        (await http(made.healthPort, "/metrics")).body,
      )?.[1];
    await readiness(made, "AccessDenied");
    expect(await http(made.port, "/v1/credentials", { authorization: TOKEN })).toMatchObject({ status: 403 });
    expect(await held()).toBe("0");
    // The hook ends first, so that the kubelet has its words, and then ends the container.
    const says = await ended(waiting, 1);
    const message = await termination(made);
    expect(message).toMatch(REFUSED[source]);
    expect(message).toContain("trust policy");
    expect(says).toBe(`${message}\n`);
    serving.kill("SIGTERM");
    const log = await ended(serving, 1);
    expect(await termination(made)).toBe(message);
    expect(made.sts.calls).toHaveLength(5);
    expect(log.match(/"no new credentials"/g)).toHaveLength(5);
    expect(log).toContain('"start failed"');

    trusted = true;
    writeFileSync(made.terminationLog, "");
    const next = startOf(made);
    await ended(next.waiting, 0);
    expect(await http(made.port, "/v1/credentials", { authorization: TOKEN })).toMatchObject({ status: 200 });
    expect(await held()).toBe("1");
    next.serving.kill("SIGTERM");
    await ended(next.serving, 0);
  });

  test("a start ends hook and sidecar with the reason at its time-out when nobody listens there", async () => {
    const nobody = `127.0.0.1:${await freePort()}`;
    const made = await sidecarPod(
      {
        [ENV.startTimeoutSeconds]: "2",
        ...(source === "broker"
          ? { [ENV.brokerUrl]: `https://${nobody}` }
          : { [ENV.stsEndpoint]: `http://${nobody}` }),
      },
      {},
      source,
    );
    const { serving, waiting } = startOf(made);
    const says = await ended(waiting, 1);
    await ended(serving, 1);
    const message = await termination(made);
    expect(message).toMatch(/^(?:STS|BROKER)_UNREACHABLE: .*ECONNREFUSED/);
    expect(says).toBe(`${message}\n`);
  });
});

test("a start heals without a restart when the role is created some seconds after the first refusal", async () => {
  const refuse: StsStandInOptions["refuse"] = (call) =>
    made.sts.calls.length <= 3 ? accessDenied(call) : undefined;
  const made = await sidecarPod({}, { refuse });
  const { waiting } = startOf(made);
  await ended(waiting, 0);
  expect(made.sts.calls).toHaveLength(4);
  expect(await http(made.port, "/v1/credentials", { authorization: TOKEN })).toMatchObject({ status: 200 });
});

test("a sidecar that is restarted in a pod that has started holds up the kubelet for seconds only, and no refusal ends it", async () => {
  let trusted = true;
  const made = await sidecarPod(
    { [ENV.startTimeoutSeconds]: "1" },
    { refuse: (call) => (trusted ? undefined : accessDenied(call)) },
  );
  mkdirSync(join(dirname(made.terminationLog), "shm"));
  const first = startOf(made);
  await ended(first.waiting, 0);
  trusted = false;
  first.serving.kill("SIGKILL");
  await first.serving.exited;

  const next = startOf(made);
  await ended(next.waiting, 0);
  const before = made.sts.calls.length;
  await until("calls beyond the time-out", () => (made.sts.calls.length >= before + 2 ? true : undefined));
  expect(await http(made.port, "/v1/credentials", { authorization: TOKEN })).toMatchObject({ status: 403 });
  trusted = true;
  await readiness(made);
  next.serving.kill("SIGTERM");
  await ended(next.serving, 0);
});

test("with start=now the app does not wait, so no refusal ends the sidecar", async () => {
  const env = { [ENV.start]: "now", [ENV.startTimeoutSeconds]: "1" };
  const made = await sidecarPod(env, { refuse: accessDenied });
  const { serving, waiting } = startOf(made);
  await ended(waiting, 0);
  await until("calls beyond the time-out", () => (made.sts.calls.length >= 3 ? true : undefined));
  expect(await http(made.healthPort, "/readyz")).toMatchObject({ body: "AccessDenied\n" });
  serving.kill("SIGTERM");
  await ended(serving, 0);
  expect(await termination(made)).toBe("");
});

test("the sidecar starts and serves in a namespace with Services whose variables begin like its own", async () => {
  const made = await sidecarPod({
    ...serviceLinks(...LIKE_OURS),
    [ENV.imds]: "emulate",
    [ENV.imdsPort]: String(await freePort()),
  });
  const serving = sidecar(["serve"], made.env);
  expect(await sidecar(["wait"], made.env).exited).toBe(0);
  expect(await http(made.port, "/v1/credentials", { authorization: TOKEN })).toMatchObject({ status: 200 });
  expect(serving.output()).not.toContain("10.96.0.99");
});

test("the sidecar starts when the role is created while the pod waits", async () => {
  let trusted = false;
  const options: StsStandInOptions = {
    refuse: (call) =>
      trusted ? undefined : { ...accessDenied(call), status: 503, code: "ServiceUnavailable" },
  };
  const made = await sidecarPod({}, options);
  sidecar(["serve"], made.env);
  await until("a first refusal", () => (made.sts.calls.length > 0 ? true : undefined));
  trusted = true;
  await readiness(made);
  expect(made.sts.issued.length).toBeGreaterThan(0);
});

test("the sidecar ends its start and names the token file when that is missing", async () => {
  const made = await sidecarPod({
    [ENV.webIdentityTokenFile]: "/nowhere/token",
    [ENV.startTimeoutSeconds]: "2",
  });
  await ended(sidecar(["serve"], made.env), 1);
  expect(await termination(made)).toContain(
    "TOKEN_FILE_UNREADABLE: The service account token /nowhere/token",
  );
});

test("the sidecar does not start while the metadata service is within reach, with or without credentials", async ({
  skip,
}) => {
  const metadata = createServer();
  const at = await new Promise<boolean>((resolve) => {
    metadata
      .once("error", () => resolve(false))
      .listen({ host: "127.0.0.77", port: 80 }, () => resolve(true));
  });
  if (!at) skip("port 80 of the loopback cannot be listened on here");
  onTestFinished(() => void metadata.close());
  const made = await sidecarPod({ [ENV.blockedAddresses]: "127.0.0.77", [ENV.startTimeoutSeconds]: "6" });
  const serving = sidecar(["serve"], made.env);
  await readiness(made, "METADATA_REACHABLE");
  const withheld = await http(made.port, "/v1/credentials", { authorization: TOKEN });
  expect(withheld).toMatchObject({ status: 503, body: expect.stringContaining("METADATA_REACHABLE") });
  expect((await http(made.healthPort, "/metrics")).body).toContain("podrole_imds_reachable 1\n");
  await ended(serving, 1);
  expect(await termination(made)).toContain("METADATA_REACHABLE");
});

test("the sidecar names the port that the app has taken", async () => {
  const made = await sidecarPod();
  const app = createServer().listen({ host: "127.0.0.1", port: made.port });
  onTestFinished(() => void app.close());
  const { serving, waiting } = startOf(made);
  await ended(serving, 1);
  expect(await termination(made)).toContain(`PORT_IN_USE: Port ${made.port}`);
  expect(await ended(waiting, 1)).toContain("PORT_IN_USE");
});

test("the sidecar refuses a wrong configuration with exit code 2", async () => {
  const made = await sidecarPod({ [ENV.identities]: "[]" });
  const output = await ended(sidecar(["serve"], made.env), 2);
  expect(output).toMatch(/^CONFIG_INVALID: [^\n]*\n$/);
  expect(await termination(made)).toContain(ENV.identities);
});

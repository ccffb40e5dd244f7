import { once } from "node:events";

import { connect } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { describe, expect, onTestFinished, test } from "vitest";
import { type StsStandInOptions } from "../../injector/cli/demo/aws/sts.ts";
import type { StsCall } from "../../injector/cli/demo/aws/sts-call.ts";
import { accessDenied } from "../../injector/cli/demo/aws/sts-refusal.ts";
import { ENV } from "../../sidecar/contract/env.ts";
import { runChild, sidecar } from "../support/child.ts";
import { ROLE } from "../support/credentials.ts";

import { freePort } from "../support/free-port.ts";
import { http } from "../support/http.ts";
import { tempFile } from "../support/temp-files.ts";
import { hashOf, podIdentity } from "../support/sidecar-env.ts";
import { until } from "../support/until.ts";
import {
  ended,
  readiness,
  sidecarPod,
  termination,
  TOKEN,
  TRIED,
  WEB_TOKEN,
} from "../support/sidecar-pod.ts";

const CHAIN = [
  { roleArn: "arn:aws:iam::123456789012:role/hub" },
  { roleArn: ROLE, externalId: "external-id-of-the-role" },
];
/** The calls whose refusals quote secrets. */
const QUOTING = {
  "web-identity": ["AssumeRole", "AssumeRoleWithWebIdentity"],
  broker: ["AssumeRole"],
} as const;

describe.each(TRIED)("in source %s", (source) => {
  test("the sidecar fetches credentials, serves them, and exits at once with 0 when the pod ends", async () => {
    const made = await sidecarPod({}, {}, source);
    const serving = sidecar(["serve"], made.env);
    await readiness(made);
    const { status, body } = await http(made.port, "/v1/credentials", { authorization: TOKEN });
    expect(status).toBe(200);
    expect(JSON.parse(body)).toMatchObject({ AccessKeyId: made.sts.issued[0]?.accessKeyId, RoleArn: ROLE });
    // A request that never comes to its end: the server would give it five seconds, and then answer.
    const slow = connect({ host: "127.0.0.1", port: made.port });
    onTestFinished(() => void slow.destroy());
    let answer = "";
    slow.on("error", () => undefined).on("data", (piece) => (answer += String(piece)));
    await once(slow.resume(), "connect");
    slow.write("GET /v1/credentials HTTP/1.1\r\n");
    serving.kill("SIGTERM");
    await ended(serving, 0);
    expect(answer).toBe("");
  });

  test("the sidecar shows no secret in logs, metrics or answers, whatever it is asked", async () => {
    let quoting = false;
    /** STS and proxies may send back what they were sent, in a refusal's text. */
    const quote = ({ action, externalId = "" }: StsCall) => {
      const { secretAccessKey = "", sessionToken = "" } = sts.issued.at(-1) ?? {};
      const bySidecar = action === "AssumeRole" && source !== "broker";
      const sent = bySidecar ? `${sessionToken} ${secretAccessKey} ${externalId}` : WEB_TOKEN;
      return { status: 503, code: "ServiceUnavailable", message: `Sent was: ${sent}` };
    };
    /** Now the one and now the other, so that both steps of the chain are refused at times. */
    const quotingNow = (call: StsCall) =>
      quoting && (source === "broker" || (call.action === "AssumeRole") === sts.calls.length % 4 < 2)
        ? quote(call)
        : undefined;
    const { sts, ...made } = await sidecarPod(
      {
        ...podIdentity(source === "broker" ? undefined : CHAIN, hashOf(TOKEN)),
        [ENV.blockedAddresses]: "127.0.0.9",
      },
      { lifetimeSeconds: 2, refuse: quotingNow },
      source,
    );
    const serving = sidecar(["serve"], made.env);
    await readiness(made);
    await until("a renewal", () => (sts.issued.length >= 4 ? true : undefined));

    const said: string[] = [];
    const requests: readonly (readonly [string, Record<string, string>, string?])[] = [
      ["/v1/credentials", {}],
      ["/v1/credentials", { authorization: "guess" }],
      ["/v1/credentials", { authorization: TOKEN, host: "evil.example" }],
      ["/v1/credentials", { authorization: TOKEN }, "PUT"],
      ["/v1/credentials", { authorization: TOKEN }, "HEAD"],
      ["/other", { authorization: TOKEN }],
    ];
    for (const [path, headers, method] of requests) {
      said.push((await http(made.port, path, headers, method)).body);
    }
    quoting = true;
    await until("refusals of every call", () => {
      const output = serving.output();
      return QUOTING[source].every((call) => output.includes(`STS refused ${call} for`)) ? true : undefined;
    });
    await sts.close();
    await until("refusal", async () => {
      const { status, body } = await http(made.port, "/v1/credentials", { authorization: TOKEN });
      if (status === 503) said.push(body);
      return status === 503 ? true : undefined;
    });
    for (const path of ["/healthz", "/readyz", "/metrics", "/v1/credentials"]) {
      said.push((await http(made.healthPort, path, { authorization: TOKEN })).body);
    }
    serving.kill("SIGTERM");
    said.push(await ended(serving, 0), await termination(made));

    const everything = said.join("\n");
    expect(everything).toContain("CREDENTIALS_NOT_READY");
    expect(everything).toContain("Sent was: [secret]");
    expect(everything).not.toMatch(/AWS4-HMAC|Signature=/);
    expect(everything).toContain("podrole_sts_requests_total");
    for (const { secretAccessKey, sessionToken } of sts.issued) {
      expect(everything).not.toContain(secretAccessKey);
      expect(everything).not.toContain(sessionToken);
    }
    for (const secret of [TOKEN, WEB_TOKEN, "payload-that-nobody-may-see", "external-id-of-the-role"]) {
      expect(everything).not.toContain(secret);
    }
  });

  test("the sidecar that has served stays, although STS refuses for longer than the start may take", async () => {
    let trusted = true;
    const options: StsStandInOptions = {
      lifetimeSeconds: 3,
      refuse: (call) => (trusted ? undefined : accessDenied(call)),
    };
    const made = await sidecarPod({ [ENV.startTimeoutSeconds]: "6" }, options, source);
    const serving = sidecar(["serve"], made.env);
    await readiness(made);
    trusted = false;
    await readiness(made, "AccessDenied");
    await delay(6500);
    expect(await http(made.healthPort, "/healthz")).toMatchObject({ status: 200 });
    serving.kill("SIGINT");
    await ended(serving, 0);
  });

  describe("the sidecar of a pod in which a container has a role of its own", () => {
    const WRITER = "arn:aws:iam::123456789012:role/billing-writer";
    const [mine, theirs] = ["token-of-the-pod", "token-of-the-uploader"];
    const identities = {
      [ENV.identities]: JSON.stringify([
        { name: "pod", tokenSha256: hashOf(mine), steps: [{ roleArn: ROLE }] },
        { name: "container/uploader", tokenSha256: hashOf(theirs), steps: [{ roleArn: WRITER }] },
      ]),
    };
    const refused = {
      status: 403,
      body: "<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>Not yours</Message></Error></ErrorResponse>",
    };

    test("serves each token its own role, and shows when each session ends", async () => {
      const made = await sidecarPod(identities, {}, source);
      sidecar(["serve"], made.env);
      await readiness(made);
      const roleFor = async (authorization: string): Promise<unknown> =>
        (
          JSON.parse((await http(made.port, "/v1/credentials", { authorization })).body) as {
            RoleArn?: string;
          }
        ).RoleArn;
      expect([await roleFor(mine), await roleFor(theirs)]).toEqual([ROLE, WRITER]);
      const { body } = await http(made.healthPort, "/metrics");
      for (const name of ["pod", "container/uploader"]) {
        expect(body).toMatch(new RegExp(`expiry_timestamp_seconds\\{identity="${name}"\\} [1-9]`));
      }
    });

    test("keeps one role although the other is refused", async () => {
      const made = await sidecarPod(
        { ...identities, [ENV.start]: "now" },
        { fault: ({ roleArn }) => (roleArn === WRITER ? refused : undefined) },
        source,
      );
      sidecar(["serve"], made.env);
      const asked = (authorization: string) => http(made.port, "/v1/credentials", { authorization });
      await until("the pod's own", async () =>
        (await asked(mine).catch(() => undefined))?.status === 200 ? true : undefined,
      );
      expect(await asked(theirs)).toMatchObject({
        status: 403,
        body: expect.stringContaining("AccessDenied"),
      });
      expect(await http(made.healthPort, "/readyz")).toMatchObject({ body: "AccessDenied\n" });
      const { body } = await http(made.healthPort, "/metrics");
      expect(body).toContain('podrole_credentials_held{identity="pod"} 1\n');
      expect(body).toContain('podrole_credentials_held{identity="container/uploader"} 0\n');
    });
  });
});

test("the sidecar serves while nothing can be written to its standard error", async () => {
  const made = await sidecarPod();
  const program = fileURLToPath(new URL("../../sidecar/main.ts", import.meta.url));
  const full = 'exec "$@" 2>/dev/full';
  const serving = runChild("sh", ["-c", full, "sh", process.execPath, program, "serve"], {
    PATH: process.env["PATH"],
    ...made.env,
  });
  await readiness(made);
  expect(await http(made.port, "/v1/credentials", { authorization: TOKEN })).toMatchObject({ status: 200 });
  serving.kill("SIGTERM");
  await ended(serving, 0);
});

test("the start hook returns when there are credentials", async () => {
  const made = await sidecarPod({}, { fault: () => ({ delayMs: 600 }) });
  const waiting = sidecar(["wait"], made.env);
  sidecar(["serve"], made.env);
  await ended(waiting, 0);
  expect(await http(made.healthPort, "/readyz")).toMatchObject({ body: "ok\n" });
});

test("the start hook returns earlier with start=now, and the app is told to try again", async () => {
  const made = await sidecarPod({ [ENV.start]: "now" }, { fault: () => ({ delayMs: 60_000 }) });
  sidecar(["serve"], made.env);
  await ended(sidecar(["wait"], made.env), 0);
  const early = await http(made.port, "/v1/credentials", { authorization: TOKEN });
  expect(early).toMatchObject({ status: 503, body: expect.stringContaining("CREDENTIALS_NOT_READY") });
});

test("the sidecar gets an hour when its role allows no longer session, and reports that once and as no failure", async () => {
  const steps = [{ roleArn: ROLE, durationSeconds: 7200 }];
  const message = "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.";
  const { sts, ...made } = await sidecarPod(podIdentity(steps, hashOf(TOKEN)), {
    lifetimeSeconds: 2,
    refuse: ({ durationSeconds }) =>
      durationSeconds > 3600 ? { status: 400, code: "ValidationError", message } : undefined,
  });
  const serving = sidecar(["serve"], made.env);
  await until("two renewals", () => (sts.issued.length >= 3 ? true : undefined));
  serving.kill("SIGTERM");
  const output = await ended(serving, 0);
  expect(output.match(/SESSION_SHORTENED_BY_STS/g)).toHaveLength(1);
  expect(output).not.toContain("no new credentials");
  expect(sts.calls.filter(({ durationSeconds }) => durationSeconds === 7200)).toHaveLength(1);
});

test("the sidecar of source broker uses no proxy and trusts no CA of its environment", async () => {
  const [made, other] = [await sidecarPod({}, {}, "broker"), await sidecarPod({}, {}, "broker")];
  const proxy = `http://127.0.0.1:${await freePort()}`;
  const env = {
    ...made.env,
    NODE_USE_ENV_PROXY: "1",
    HTTPS_PROXY: proxy,
    ALL_PROXY: proxy,
    NODE_EXTRA_CA_CERTS: tempFile(other.env[ENV.brokerCa] ?? ""),
  };
  const serving = sidecar(["serve"], env);
  await readiness(made);
  serving.kill("SIGTERM");
  await ended(serving, 0);
  const fooled = sidecar(["serve"], { ...env, [ENV.brokerUrl]: other.env[ENV.brokerUrl] });
  await until("a refusal", () => (fooled.output().includes("BROKER_CERTIFICATE") ? true : undefined));
  expect(other.sts.calls).toEqual([]);
});

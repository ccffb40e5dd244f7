import { createServer } from "node:net";
import { describe, expect, onTestFinished, test } from "vitest";
import type { StsStandInOptions } from "../../injector/cli/demo/aws/sts.ts";
import { accessDenied } from "../../injector/cli/demo/aws/sts-refusal.ts";
import { parseConfig } from "../../sidecar/config/config.ts";
import { ENV } from "../../sidecar/contract/env.ts";
import type { Prove } from "../../sidecar/guard-looks.ts";
import type { Verdict } from "../../sidecar/proof/verdict.ts";
import type { Env } from "../../sidecar/kit/env.ts";
import { serve } from "../../sidecar/serve.ts";
import { ROLE } from "../support/credentials.ts";
import { handClock } from "../support/hand-clock.ts";
import { http } from "../support/http.ts";
import { logLines } from "../support/log-lines.ts";
import { sidecarPod, TOKEN, TRIED } from "../support/sidecar-pod.ts";
import { thrown } from "../support/thrown.ts";
import { until } from "../support/until.ts";

/** Between the attempts of a start, by {@link rig}'s random numbers. */
const PAUSES_MS = [1100, 2200, 3300, 4400];

const noProof: Prove = () => Promise.reject(new Error("only mode verify asks for it"));

/** A serving sidecar whose time the test sets, in front of a real stand-in for STS. */
async function rig(
  over: Env,
  options: StsStandInOptions = {},
  { prove = noProof, source }: { readonly prove?: Prove; readonly source?: (typeof TRIED)[number] } = {},
) {
  const pod = await sidecarPod({ [ENV.startTimeoutSeconds]: "", ...over }, options, source);
  const clock = handClock();
  const { log, lines } = logLines();
  const deps = { clock, random: () => 0.5, log, collectGarbage: () => undefined, prove };
  const serving = await serve(parseConfig(pod.env), deps);
  onTestFinished(() => serving.stop());
  let outcome: unknown = "waiting";
  serving.started.then(
    () => (outcome = "started"),
    (reason: unknown) => (outcome = reason),
  );
  /** Waits until so many attempts have failed: STS answers in its own time. */
  const failures = (count: number): Promise<true> =>
    until(`${count} failures`, () =>
      lines.filter(({ msg }) => msg === "no new credentials").length >= count ? true : undefined,
    );
  return { ...pod, clock, serving, failures, outcome: () => outcome, lines };
}

describe.each(TRIED)("in source %s", (source) => {
  test("a start whose role is refused ends eleven seconds after the first answer, at the fifth", async () => {
    const { clock, serving, failures, outcome, sts, healthPort } = await rig(
      {},
      { refuse: accessDenied },
      { source },
    );
    const refused = thrown(() => serving.started);
    await failures(1);
    const firstAt = clock.elapsed();
    for (const [index, pauseMs] of PAUSES_MS.entries()) {
      expect(outcome()).toBe("waiting");
      await clock.advance(pauseMs);
      await failures(index + 2);
    }
    expect(await refused).toMatchObject({ code: "AccessDenied" });
    expect(clock.elapsed() - firstAt).toBe(11_000);
    expect(sts.calls).toHaveLength(5);
    expect(await http(healthPort, "/readyz")).toMatchObject({ status: 503, body: "AccessDenied\n" });
  });

  test("a start of which one role is refused ends as well, and names the role and its container", async () => {
    const writer = "arn:aws:iam::123456789012:role/billing-writer";
    const identities = [
      { name: "pod", tokenSha256: "ab".repeat(32), steps: [{ roleArn: ROLE }] },
      { name: "container/uploader", tokenSha256: "cd".repeat(32), steps: [{ roleArn: writer }] },
    ];
    const refuse: StsStandInOptions["refuse"] = (call) =>
      call.roleArn === writer ? accessDenied(call) : undefined;
    const { clock, serving, failures } = await rig(
      { [ENV.identities]: JSON.stringify(identities) },
      { refuse },
      { source },
    );
    const refused = thrown(() => serving.started);
    for (const [index, pauseMs] of PAUSES_MS.entries()) {
      await failures(index + 1);
      await clock.advance(pauseMs);
    }
    expect(await refused).toMatchObject({
      code: "AccessDenied",
      message: expect.stringContaining(
        source === "broker"
          ? `container/uploader: The broker gave no session for ${writer}: STS refused AssumeRole for ${writer}`
          : `container/uploader: STS refused AssumeRoleWithWebIdentity for ${writer}`,
      ),
      remedy: expect.stringContaining("trust policy"),
    });
  });

  test("a start that has failed is not ready any more although the role is created a moment later", async () => {
    let trusted = false;
    const refuse: StsStandInOptions["refuse"] = (call) => (trusted ? undefined : accessDenied(call));
    const { clock, serving, failures, healthPort } = await rig({}, { refuse }, { source });
    const refused = thrown(() => serving.started);
    for (let count = 1; count <= 5; count += 1) {
      await failures(count);
      await clock.advance(count < 5 ? 5000 : 0);
    }
    await refused;
    trusted = true;
    await clock.advance(60_000);
    expect(await http(healthPort, "/readyz")).toMatchObject({ status: 503, body: "AccessDenied\n" });
  });

  test("a start whose attempt hangs ends after 30 seconds, and names that", async () => {
    const { clock, serving, outcome, sts } = await rig(
      {},
      { fault: () => ({ delayMs: 60_000 }) },
      { source },
    );
    const failed = thrown(() => serving.started);
    await until("a call", () => (sts.calls.length > 0 ? true : undefined));
    await clock.advance(29_999);
    expect(outcome()).toBe("waiting");
    await clock.advance(1);
    expect(await failed).toMatchObject({ code: "ATTEMPT_TIMED_OUT" });
  });

  test("with start=now a sidecar has started when it listens, and asks on however often STS refuses", async () => {
    let trusted = false;
    const refuse: StsStandInOptions["refuse"] = (call) => (trusted ? undefined : accessDenied(call));
    const { clock, serving, failures, healthPort, sts } = await rig(
      { [ENV.start]: "now" },
      { refuse },
      { source },
    );
    await serving.started;
    for (const [index, pauseMs] of [...PAUSES_MS, 20_000, 60_000].entries()) {
      await failures(index + 1);
      await clock.advance(pauseMs);
    }
    await failures(7);
    trusted = true;
    await clock.advance(180_000);
    await until("a session", async () =>
      (await http(healthPort, "/readyz")).status === 200 ? true : undefined,
    );
    expect(sts.calls).toHaveLength(8);
  });
});

test("a start whose role is refused while the metadata service is within reach names the worse", async ({
  skip,
}) => {
  const metadata = createServer();
  onTestFinished(() => void metadata.close());
  const isListening = await new Promise<boolean>((resolve) => {
    metadata
      .once("error", () => resolve(false))
      .listen({ host: "127.0.0.78", port: 80 }, () => resolve(true));
  });
  if (!isListening) skip("port 80 of the loopback cannot be listened on here");
  const { clock, serving, failures } = await rig(
    { [ENV.blockedAddresses]: "127.0.0.78" },
    { refuse: accessDenied },
  );
  const refused = thrown(() => serving.started);
  for (const [index, pauseMs] of PAUSES_MS.entries()) {
    await failures(index + 1);
    await clock.advance(pauseMs);
  }
  expect(await refused).toMatchObject({ code: "METADATA_REACHABLE" });
});

describe("in mode verify", () => {
  const EC2 = "192.0.2.254";
  const VERIFY = { [ENV.guard]: "verify", [ENV.blockedAddresses]: EC2 };
  const verdict = (kind: Verdict["kind"]): readonly Verdict[] => [
    { address: EC2, kind, said: "it answered" },
  ];
  const ready = async ({ healthPort }: { readonly healthPort: number }) =>
    (await http(healthPort, "/readyz")).body.trim();

  test("the proof and the call to STS run side by side, and a start waits for both", async () => {
    const proof = Promise.withResolvers<readonly Verdict[]>();
    const made = await rig(VERIFY, {}, { prove: () => proof.promise });
    await until("a session", () => (made.sts.issued.length > 0 ? true : undefined));
    expect(await ready(made)).toBe("GUARD_NOT_VERIFIED");
    expect(await http(made.port, "/v1/credentials", { authorization: TOKEN })).toMatchObject({
      status: 503,
      body: expect.stringContaining("GUARD_NOT_VERIFIED"),
    });
    expect(made.outcome()).toBe("waiting");
    proof.resolve(verdict("held"));
    await made.serving.started;
    expect(await ready(made)).toBe("ok");
  });

  test.each([
    ["reachable", "METADATA_REACHABLE"],
    ["unproven", "METADATA_UNPROVEN"],
  ] as const)(
    "a start for which the address is %s ends after 30 seconds, and says what answered",
    async (kind, code) => {
      const made = await rig(VERIFY, {}, { prove: async () => verdict(kind) });
      const refused = thrown(() => made.serving.started);
      await until("a session", () => (made.sts.issued.length > 0 ? true : undefined));
      await made.clock.advance(29_999);
      expect(await ready(made)).toBe(code);
      expect(made.outcome()).toBe("waiting");
      await made.clock.advance(1);
      expect(await refused).toMatchObject({ code, message: expect.stringContaining("it answered") });
    },
  );

  test("credentials that were served are withheld at once when the address opens, and the metrics show it", async () => {
    let kind: Verdict["kind"] = "held";
    const made = await rig(VERIFY, {}, { prove: async () => verdict(kind) });
    await made.serving.started;
    const metrics = async () =>
      (await http(made.healthPort, "/metrics")).body.match(/^podrole_(?:guard|imds).*$/gm);
    expect(await metrics()).toEqual([
      'podrole_guard_info{mode="verify"} 1',
      "podrole_imds_reachable 0",
      "podrole_imds_unproven 0",
    ]);
    kind = "reachable";
    await made.clock.advance(60_000);
    expect(await http(made.port, "/v1/credentials", { authorization: TOKEN })).toMatchObject({
      status: 503,
      body: expect.stringContaining("hop-limit"),
    });
    expect(await metrics()).toContain("podrole_imds_reachable 1");
    kind = "held";
    await made.clock.advance(10_000);
    expect(await http(made.port, "/v1/credentials", { authorization: TOKEN })).toMatchObject({ status: 200 });
    kind = "unproven";
    await made.clock.advance(60_000);
    expect(await metrics()).toEqual([
      'podrole_guard_info{mode="verify"} 1',
      "podrole_imds_reachable 0",
      "podrole_imds_unproven 1",
    ]);
    await made.clock.advance(5 * 60_000);
    expect(await ready(made)).toBe("METADATA_UNPROVEN");
    expect(await metrics()).toEqual(['podrole_guard_info{mode="verify"} 1', "podrole_imds_unproven 1"]);
  });
});

test("in mode block the metrics give the mode, and no proof is asked for", async () => {
  const made = await rig({ [ENV.blockedAddresses]: "127.0.0.79" });
  await made.serving.started;
  const { body } = await http(made.healthPort, "/metrics");
  expect(body.match(/^podrole_(?:guard|imds).*$/gm)).toEqual([
    'podrole_guard_info{mode="block"} 1',
    "podrole_imds_reachable 0",
  ]);
});

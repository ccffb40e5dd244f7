import { createServer } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import type { StsStandInOptions } from "../../injector/cli/demo/aws/sts.ts";
import { accessDenied } from "../../injector/cli/demo/aws/sts-refusal.ts";
import { parseConfig } from "../../sidecar/config/config.ts";
import { ENV } from "../../sidecar/contract/env.ts";
import type { Env } from "../../sidecar/kit/env.ts";
import { serve } from "../../sidecar/serve.ts";
import { ROLE } from "../support/credentials.ts";
import { handClock } from "../support/hand-clock.ts";
import { http } from "../support/http.ts";
import { logLines } from "../support/log-lines.ts";
import { sidecarPod } from "../support/sidecar-pod.ts";
import { thrown } from "../support/thrown.ts";
import { until } from "../support/until.ts";

/** Between the attempts of a start, by {@link rig}'s random numbers. */
const PAUSES_MS = [1100, 2200, 3300, 4400];

/** A serving sidecar whose time the test sets, in front of a real stand-in for STS. */
async function rig(over: Env, options: StsStandInOptions = {}) {
  const pod = await sidecarPod({ [ENV.startTimeoutSeconds]: "", ...over }, options);
  const clock = handClock();
  const { log, lines } = logLines();
  const deps = { clock, random: () => 0.5, log, collectGarbage: () => undefined };
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
  return { ...pod, clock, serving, failures, outcome: () => outcome };
}

test("a start whose role is refused ends eleven seconds after the first answer, at the fifth", async () => {
  const { clock, serving, failures, outcome, sts, healthPort } = await rig({}, { refuse: accessDenied });
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
  );
  const refused = thrown(() => serving.started);
  for (const [index, pauseMs] of PAUSES_MS.entries()) {
    await failures(index + 1);
    await clock.advance(pauseMs);
  }
  expect(await refused).toMatchObject({
    code: "AccessDenied",
    message: expect.stringContaining(
      `container/uploader: STS refused AssumeRoleWithWebIdentity for ${writer}`,
    ),
    remedy: expect.stringContaining("trust policy"),
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

test("a start that has failed is not ready any more although the role is created a moment later", async () => {
  let trusted = false;
  const refuse: StsStandInOptions["refuse"] = (call) => (trusted ? undefined : accessDenied(call));
  const { clock, serving, failures, healthPort } = await rig({}, { refuse });
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
  const { clock, serving, outcome, sts } = await rig({}, { fault: () => ({ delayMs: 60_000 }) });
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
  const { clock, serving, failures, healthPort, sts } = await rig({ [ENV.start]: "now" }, { refuse });
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

import { expect, test } from "vitest";
import { auditLog } from "../../../injector/broker/audit.ts";
import { IssueError } from "../../../sidecar/sts/issue-error.ts";
import { BILLING } from "../../support/facts.ts";
import { handClock } from "../../support/hand-clock.ts";
import { logLines } from "../../support/log-lines.ts";
import { CALLER } from "../../support/pod-token.ts";
import { ASKED, POD, rig, SESSION } from "./broker-rig.ts";

const no = new IssueError("POD_GONE", "It is gone.", { kind: "definite" });

test("a session that is made, and one that is given, are a line each, and none has a key", async () => {
  const { log, lines } = logLines();
  const observe = auditLog(log, handClock());
  const { ask, plans } = rig({ observe });
  await ask();
  for (const plan of plans) observe({ kind: "made", plan, session: SESSION });
  const line = {
    time: expect.any(Number),
    level: 30,
    ...CALLER,
    identity: "pod",
    role: BILLING,
    rule: "RoleGrant shop",
    sessionName: "shop.web-0",
    stsRequestId: "request-1",
    expiresAt: "2026-11-21T13:00:00.999Z",
    shared: false,
  };
  expect(lines).toEqual(["session given", "session made"].map((msg) => ({ ...line, msg })));
  expect(JSON.stringify(lines)).not.toMatch(/ASIA|the-se/);
});

test("a refusal is a line with its code and who is known", () => {
  const { log, lines } = logLines();
  const observe = auditLog(log, handClock());
  observe({ kind: "refused", error: no, address: "10.0.0.1" });
  observe({ kind: "refused", error: no, address: "10.0.0.1", caller: POD, asked: ASKED });
  expect(lines).toMatchObject([
    { msg: "session refused", code: "POD_GONE", reason: "It is gone.", address: "10.0.0.1" },
    { msg: "session refused", code: "POD_GONE", ...CALLER, identity: "pod", role: BILLING },
  ]);
});

test("a pod that is refused in a loop fills no log, and takes no line from others", async () => {
  const { log, lines } = logLines();
  const clock = handClock();
  const observe = auditLog(log, clock);
  const refuse = (podUid: string): void =>
    observe({ kind: "refused", error: no, address: "10.0.0.1", caller: { ...POD, podUid } });
  for (let turn = 0; turn < 1000; turn += 1) refuse("loop");
  refuse("other");
  expect(lines.filter(({ podUid }) => podUid === "loop")).toHaveLength(30);
  expect(lines.at(-1)).toMatchObject({ podUid: "other", leftOut: 970 });
  await clock.advance(5000);
  refuse("loop");
  expect(lines.at(-1)).toMatchObject({ podUid: "loop" });
  expect(lines.at(-1)).not.toHaveProperty("leftOut");
});

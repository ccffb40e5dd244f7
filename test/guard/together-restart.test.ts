import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { IMDS_PORT } from "../../sidecar/contract/pod.ts";
import { outcomeOf, socketClient } from "./attempts.ts";
import { collect } from "./command.ts";
import { EMULATE } from "./emulated.ts";
import { METADATA_V4, openLab, SECRET, type Lab } from "./lab.ts";
import { whyNot } from "./requirements.ts";
import { PORTS, serveAs, THIEF, THIEF_UID } from "./sidecar-ports.ts";
import { startTogether } from "./together-run.ts";

const reason = whyNot();
const APP_UID = 1000;

/** The kubelet restarts the container while the app runs, and then the guard does its work beside it. */
describe.skipIf(reason)(`guard and sidecar in one process${reason ? ` (skipped: ${reason})` : ""}`, () => {
  let lab: Lab;

  beforeEach(async () => {
    lab = await openLab();
  });
  afterEach(() => lab?.close());

  describe("started again beside the app", () => {
    test.for(["block", "emulate"] as const)(
      "leave no moment in which the service is in reach, told to %s",
      async (imds) => {
        const env = imds === "emulate" ? EMULATE : {};
        let one = startTogether(lab, env);
        expect(await one.listens).toBe(true);
        const client = lab.startInPod([...socketClient(APP_UID, METADATA_V4), "--repeat", "3000"]);
        const ended = collect(client);
        for (let again = 0; again < 3; again += 1) {
          await one.kill();
          one = startTogether(lab, env);
          expect(await one.listens).toBe(true);
        }
        client.stdin.end();
        expect(outcomeOf(await ended).body ?? "").not.toContain(SECRET);
      },
    );

    test("do not listen where another container has taken the emulated port, which is sent nothing meanwhile", async () => {
      const first = startTogether(lab, EMULATE);
      expect(await first.listens).toBe(true);
      await first.kill();
      const thief = await serveAs(lab, THIEF_UID, IMDS_PORT, "127.0.0.1");
      const client = lab.startInPod([
        ...socketClient(APP_UID, METADATA_V4),
        "--repeat",
        "3000",
        "--wait",
        "0.05",
      ]);
      const ended = collect(client);
      for (let again = 0; again < 3; again += 1) {
        const { code, stderr } = await startTogether(lab, EMULATE).ended;
        expect({ code, stderr }).toEqual({
          code: 1,
          stderr: expect.stringMatching(/^GUARD_NOT_APPLIED: The port 16927/),
        });
      }
      client.stdin.end();
      expect(outcomeOf(await ended).body).not.toBe(THIEF);
      expect(await thief()).toMatchObject({ stdout: expect.not.stringContaining("got") });
    });

    test("keep the sidecar's ports for its uid all the time", async () => {
      const first = startTogether(lab, EMULATE);
      expect(await first.listens).toBe(true);
      await first.kill();
      const thief = await serveAs(lab, THIEF_UID, PORTS[0], "127.0.0.1");
      const client = lab.startInPod([
        ...socketClient(APP_UID, "127.0.0.1"),
        "--port",
        String(PORTS[0]),
        "--repeat",
        "3000",
        "--wait",
        "0.05",
      ]);
      const ended = collect(client);
      for (let again = 0; again < 3; again += 1)
        expect((await startTogether(lab, EMULATE).ended).code).not.toBe(0);
      client.stdin.end();
      expect(outcomeOf(await ended).body).not.toBe(THIEF);
      expect(await thief()).toMatchObject({ stdout: expect.not.stringContaining("got") });
    });
  });
});

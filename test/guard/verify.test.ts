import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { outcomeOf } from "./attempts.ts";
import { file, METADATA_V4, METADATA_V6, SECRET } from "./lab.ts";
import { markdownTable, PAGE, pageWith } from "./page.ts";
import { whyNot } from "./requirements.ts";
import { both, ec2, openRoutedLab, TOKEN, type RoutedLab } from "./routed-lab.ts";
import { GOT, ROWS, type Got, type Row } from "./verify-rows.ts";
import { runVerify, VERDICTS } from "./verify-run.ts";

const reason = whyNot();

/** The kubelet cuts a termination message there. */
const MESSAGE_BYTES = 4096;

/** Longer than the guard waits: what comes too late for the guard does not come too late for a patient client. */
const PATIENCE_SECONDS = "4";

type Cells = readonly [situation: string, verdict: string, inPod: Got, onNode: Got];

const section = (cells: readonly Cells[]): string => `
Each line is something that a pod may find around it (test/guard/verify-rows.ts). The test builds it of network namespaces: a pod, its node,
which is a router, and a stand-in for EC2's metadata service behind the node. The guard is the real program, run as an ordinary user
without a capability.

- **held**: the pod starts. **reachable** and **unproven**: the guard refuses, with exit 17 or 18.
- The last two columns are controls: what a client gets that asks as an AWS SDK does, over IPv4 and IPv6, with more patience than the guard.
  In the pod it must get nothing where the guard says *held*. On the node it shows that the service was there.
- Two lines are known limits: a service that refuses a GET at once and takes longer than two seconds for a PUT looks as it does at hop limit
  1, and packets that are dropped just while the guard asks look like a wall.

${markdownTable([["what the pod finds", "guard", "a client in the pod gets", "a client on the node gets"], ...cells])}
`;

describe.skipIf(reason)(`the guard that verifies${reason ? ` (skipped: ${reason})` : ""}`, () => {
  const cells = new Map<string, Cells>();

  /** The most that the client gets at any of the addresses. */
  async function got(lab: RoutedLab, where: "inPod" | "inNode", more: readonly string[] = []): Promise<Got> {
    const client = ["python3", file("attacker/socket_client.py"), "--sdk", "--uid", "1000"];
    const each = await Promise.all(
      [METADATA_V4, METADATA_V6].map(async (address) => {
        const ended = await lab[where]([...client, "--wait", PATIENCE_SECONDS, ...more, address]);
        const { outcome, body = "" } = outcomeOf(ended);
        if (body.includes(SECRET)) return "credentials";
        if (body.includes(TOKEN)) return "a token";
        return outcome === "reached" ? "an answer" : "nothing";
      }),
    );
    return GOT.findLast((one) => each.includes(one)) ?? "nothing";
  }

  async function arrange(lab: RoutedLab, { service = both(ec2(2)), pod, node, plugged }: Row): Promise<void> {
    await lab.serve(service);
    if (plugged) await lab.plugIn();
    if (node !== undefined) await lab.setUp("node", node);
    if (pod !== undefined) await lab.setUp("pod", pod);
  }

  const titled = ROWS.map((row) => [row.situation, row.verdict, row.got, row] as const);
  // Each row has namespaces of its own and waits for most of its time.
  test.concurrent.for(titled)("%s: %s, and a client in the pod gets %s", async ([, , , row]) => {
    const lab = await openRoutedLab();
    try {
      await arrange(lab, row);
      const device = row.device === undefined ? [] : ["--device", row.device];
      const source = row.source === undefined ? [] : ["--source", row.source];
      const [{ code, stdout, stderr }, inPod, onNode] = await Promise.all([
        runVerify(lab),
        sleep(1000 * (row.afterSeconds ?? 0)).then(() => got(lab, "inPod", [...device, ...source])),
        got(lab, "inNode"),
      ]);
      const { onNode: nodeGets = "credentials" } = row;
      expect({ inPod, onNode }).toEqual({ inPod: row.got, onNode: nodeGets });
      const verdict = VERDICTS[row.verdict];
      expect({ code, stderr }).toEqual({ code: verdict.code, stderr: expect.stringContaining(verdict.says) });
      expect(Buffer.byteLength(stderr)).toBeLessThan(MESSAGE_BYTES);
      for (const secret of [SECRET, TOKEN, TOKEN.slice(0, 7)]) expect(stdout + stderr).not.toContain(secret);
      cells.set(row.situation, [row.situation, row.verdict, inPod, onNode]);
    } finally {
      await lab.close();
    }
  });

  test("the page shows what came out", async () => {
    const inOrder = ROWS.map(({ situation }) => cells.get(situation)).filter((one) => one !== undefined);
    await expect(pageWith("Mode verify", section(inOrder))).toMatchFileSnapshot(PAGE);
  });
});

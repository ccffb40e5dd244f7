import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { METADATA_ADDRESSES } from "../../sidecar/contract.ts";
import { insistent, outcomeOf, packetClient, WAYS, WITHOUT_RAW, type Outcome, type Way } from "./attempts.ts";
import { runGuard } from "./guard-run.ts";
import { METADATA_V4, openLab, SECRET, type Lab } from "./lab.ts";
import { matrixText, type Cell } from "./matrix.ts";
import { whyNot } from "./requirements.ts";

const reason = whyNot();

/** What most guards are: one chain in the output hook. */
const OUTPUT_RULE = `table inet output_rule {
  chain output {
    type filter hook output priority -300; policy accept;
    ${METADATA_ADDRESSES.map(refusing).join("\n")}
  }
}
`;

function refusing(address: string): string {
  const to = `${address.includes(":") ? "ip6" : "ip"} daddr ${address}`;
  return `${to} meta l4proto tcp reject with tcp reset\n${to} drop`;
}

const reached: unknown = expect.objectContaining({
  outcome: "reached",
  body: expect.stringContaining(SECRET),
});

describe.skipIf(reason)(`ways round the guard${reason ? ` (skipped: ${reason})` : ""}`, () => {
  let lab: Lab;
  const cells: Cell[] = [];

  beforeAll(async () => {
    lab = await openLab();
  });

  afterAll(async () => {
    await lab?.close();
    process.stdout.write(matrixText(cells));
  });

  async function tried(posture: Cell["posture"], way: Way, attempt = way.attempt): Promise<Outcome> {
    const outcome = await attempt(lab);
    cells.push({ way: way.name, posture, outcome });
    return outcome;
  }

  // A control: it proves that the attempt is a real one, and that these tests see a leak.
  describe("without a guard", () => {
    test.each(WAYS)("$name reads the secret", async (way) => {
      expect(await tried("no guard", way, insistent(way.attempt))).toEqual(reached);
    });
  });

  describe("with an output rule only", () => {
    beforeAll(async () => {
      await lab.nft(OUTPUT_RULE);
    });
    afterAll(async () => {
      await lab.nft("delete table inet output_rule");
    });

    test.each(WAYS.filter((way) => way.passesOutputRule))("$name still reads the secret", async (way) => {
      expect(await tried("output rule only", way, insistent(way.attempt))).toEqual(reached);
    });

    test.each(WAYS.filter((way) => !way.passesOutputRule))("$name is refused", async (way) => {
      expect(await tried("output rule only", way)).toMatchObject({ outcome: "refused" });
    });
  });

  describe("with the guard", () => {
    beforeAll(async () => {
      const { code, stderr } = await runGuard(lab);
      if (code !== 0) throw new Error(stderr);
    });

    test.each(WAYS.filter((way) => !way.passesGuard))("$name gets nothing", async (way) => {
      const outcome = await tried("guard", way);
      expect(["refused", "silent"]).toContain(outcome.outcome);
      expect(outcome.body).toBeUndefined();
    });

    test.each(WAYS.filter(({ name }) => /^TCP|^SO_BIND/.test(name)))(
      "$name is refused before an SDK loses its patience, which is a second",
      async ({ attempt }) => {
        const outcome = await attempt(lab);
        expect(outcome).toMatchObject({ outcome: "refused", code: "ECONNREFUSED" });
        expect(outcome.ms).toBeLessThan(1000);
      },
    );

    // AF_XDP's transmit in copy mode has no hook, and a checksum asked for with PACKET_VNET_HDR is written behind the
    // last one (on an interface without general checksum offload). So admission takes CAP_NET_RAW away.
    test.each(WAYS.filter((way) => way.passesGuard))(
      "$name still reads the secret, given CAP_NET_RAW",
      async (way) => {
        expect(await tried("guard", way, insistent(way.attempt))).toEqual(reached);
      },
    );

    test.each(["raw", "dgram", "obsolete", "ip", "xdp"])(
      "root without CAP_NET_RAW gets no %s socket",
      async (via) => {
        const argv = packetClient(lab.interfaces.eth0, METADATA_V4, "--via", via);
        const ended = await lab.inPod([...WITHOUT_RAW, ...argv]);
        expect(outcomeOf(ended)).toMatchObject({ outcome: "refused", code: "EPERM" });
      },
    );

    // A control again: a service that had died would have looked like a guard that holds.
    test("the service was there all along: without the guard, every way reads the secret again", async () => {
      await lab.nft("delete table inet podrole_guard; delete table netdev podrole_guard");
      for (const way of WAYS) expect(await insistent(way.attempt)(lab)).toEqual(reached);
    });
  });
});

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ENV } from "../../sidecar/contract/env.ts";
import { IMDS_PORT } from "../../sidecar/contract/pod.ts";
import { SIDECAR_UID } from "../support/sidecar-uid.ts";
import {
  insistent,
  LATE_WAYS,
  outcomeOf,
  packetClient,
  WAYS,
  WITHOUT_RAW,
  type Outcome,
  type Way,
} from "./attempts.ts";
import { EMULATE, OURS, startSidecar, WITHOUT_GUARD } from "./emulated.ts";
import {
  AS_GUARD,
  runGuard,
  withoutEgressHook,
  withoutNfTables,
  withoutNft,
  type Lacking,
} from "./guard-run.ts";
import { BLOCKED, METADATA_V4, METADATA_V6, openLab, SECRET, type Lab } from "./lab.ts";
import { matrixMarkdown, matrixText, type Cell, type Posture } from "./matrix.ts";
import { PAGE, pageWith } from "./page.ts";
import { whyNoIptables, whyNot } from "./requirements.ts";

const reason = whyNot();
const noIptables = whyNoIptables();

/** What most guards are: one chain in the output hook. */
const outputRule = (first = ""): string => `table inet output_rule {
  chain output {
    type filter hook output priority -300; policy accept;
    ${first}
    ${BLOCKED.map(refusing).join("\n")}
  }
}
`;

function refusing(address: string): string {
  const to = `${address.includes(":") ? "ip6" : "ip"} daddr ${address}`;
  return `${to} meta l4proto tcp reject with tcp reset\n${to} drop`;
}

/** What emulations are that lead and do not block. */
const REDIRECT_ONLY = `table inet redirect_only {
  chain output {
    type nat hook output priority -101;
    ip daddr ${METADATA_V4} tcp dport 80 redirect to :${IMDS_PORT}
    ip6 daddr ${METADATA_V6} tcp dport 80 redirect to :${IMDS_PORT}
  }
}
`;

const reached: unknown = expect.objectContaining({
  outcome: "reached",
  body: expect.stringContaining(SECRET),
});
const held: unknown = expect.objectContaining({ outcome: expect.stringMatching(/^(?:refused|silent)$/) });

const page = (table: string): string => `# The guard against every way round it

\`npm run test:guard -- -u\` generates this page, and each run of that suite compares it. Each line is a program that tries to read the
metadata service from a network namespace of the test (test/guard/attempts.ts). Each column is a protection.

- **reads**: the program read the node's credentials. **held**: it did not. **sidecar**: the pod's own sidecar answered. **-**: not tried.
- The first five columns are controls: nothing, a route that leads nowhere, one rule in the output hook, the same rule with an exception
  for the sidecar's uid, and one rule that redirects port 80 to the sidecar. They have to leak. Otherwise the test could not see a leak.
- *guard* is the guard on Linux 5.16 and later. *guard, emulating* is the same guard in a pod with
  [\`podrole.dev/imds: emulate\`](../metadata.md). The next three columns are the guard's fallbacks, with \`egressHook: prefer\`: on a
  kernel without the egress hook, with an image without nft, and on a kernel without nf_tables.
- Lines that begin with *[NET_RAW]* need that capability. Admission drops it from every container of a guarded pod, and a test shows that
  none of these sockets works without it. The guard's column says **reads** where only this helps. The fallbacks do not stop these
  programs, so they are not tried there.

Measured on Linux 6.18 with nft 1.0.6 and iptables 1.8.9. For a kernel without the egress hook, the test uses an nft that reports that
kernel's error. For a kernel without nf_tables, the test refuses nf_tables' socket.

${table}
`;

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

  async function tried(posture: Posture, way: Way, attempt = way.attempt): Promise<Outcome> {
    const outcome = await attempt(lab);
    cells.push({ way: way.needsRaw ? `[NET_RAW] ${way.name}` : way.name, posture, outcome });
    return outcome;
  }

  async function guarded(
    env: Readonly<Record<string, string | undefined>> = {},
    as = AS_GUARD,
  ): Promise<string> {
    const { code, stdout, stderr } = await runGuard(
      lab,
      { [ENV.blockedAddresses]: BLOCKED.join(","), ...env },
      as,
    );
    if (code !== 0) throw new Error(stderr);
    return stdout;
  }

  // A control: it proves that the attempt is a real one, and that these tests see a leak.
  describe("without a guard", () => {
    test.each(WAYS)("$name reads the secret", async (way) => {
      expect(await tried("no guard", way, insistent(way.attempt))).toEqual(reached);
    });
  });

  describe("with routes that lead nowhere", () => {
    const routes = (verb: string): Promise<unknown> =>
      Promise.all(BLOCKED.map((address) => lab.inPod(["ip", "route", verb, "unreachable", address])));
    beforeAll(() => routes("add"));
    afterAll(() => routes("del"));

    test.each(WAYS.filter((way) => way.passesRoute))("$name still reads the secret", async (way) => {
      expect(await tried("route only", way, insistent(way.attempt))).toEqual(reached);
    });

    test("a plain connection does not", async () => {
      for (const way of WAYS.slice(0, 3)) expect(await tried("route only", way)).toEqual(held);
    });
  });

  describe("with an output rule only", () => {
    beforeAll(async () => {
      await lab.nft(outputRule());
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

  describe("with an output rule that lets the sidecar's uid through", () => {
    beforeAll(async () => {
      await lab.nft(outputRule(`meta skuid ${SIDECAR_UID} accept`));
    });
    afterAll(async () => {
      await lab.nft("delete table inet output_rule");
    });

    test.each(WAYS.filter((way) => way.passesExemption))("$name still reads the secret", async (way) => {
      expect(await tried("uid exemption", way, insistent(way.attempt))).toEqual(reached);
    });
  });

  describe("with a rule that redirects port 80 to the sidecar, and no guard", () => {
    let end: () => void;
    beforeAll(async () => {
      end = await startSidecar(lab);
      await lab.nft(REDIRECT_ONLY);
    });
    afterAll(async () => {
      await lab.nft("delete table inet redirect_only");
      end();
    });

    test.each(WAYS.filter((way) => way.passesRedirect))("$name still reads the secret", async (way) => {
      expect(await tried("redirect only", way, insistent(way.attempt))).toEqual(reached);
    });

    test.each(WAYS.filter((way) => way.isEmulated))("$name is answered by the sidecar", async (way) => {
      expect(await tried("redirect only", way, insistent(way.attempt))).toMatchObject({ body: OURS });
    });
  });

  describe("with the guard that emulates", () => {
    let end: () => void;
    beforeAll(async () => {
      await guarded(EMULATE);
      end = await startSidecar(lab);
    });
    afterAll(async () => {
      await lab.nft(WITHOUT_GUARD);
      end();
    });

    test.each(WAYS.filter((way) => way.isEmulated))("$name is answered by the sidecar", async (way) => {
      expect(await tried("guard, emulating", way, insistent(way.attempt))).toMatchObject({
        outcome: "reached",
        body: OURS,
      });
    });

    test.each(WAYS.filter((way) => !way.isEmulated && !way.passesGuard))(
      "$name gets nothing, of the node or of the sidecar",
      async (way) => {
        const outcome = await tried("guard, emulating", way);
        expect(outcome).toEqual(held);
        expect(outcome.body).toBeUndefined();
      },
    );

    test.each(WAYS.filter(({ name }) => name.startsWith("TCP to a")))(
      "$name is refused, so that an SDK does not wait",
      async ({ attempt }) => {
        expect(await attempt(lab)).toMatchObject({ outcome: "refused", code: "ECONNREFUSED" });
      },
    );

    test.each(WAYS.filter((way) => way.passesGuard))(
      "$name still reads the secret, given CAP_NET_RAW",
      async (way) => {
        expect(await tried("guard, emulating", way, insistent(way.attempt))).toEqual(reached);
      },
    );
  });

  describe("with the guard", () => {
    beforeAll(() => guarded());
    afterAll(() => lab.nft(WITHOUT_GUARD));

    test.each(WAYS.filter((way) => !way.passesGuard))("$name gets nothing", async (way) => {
      const outcome = await tried("guard", way);
      expect(outcome).toEqual(held);
      expect(outcome.body).toBeUndefined();
    });

    test.each(WAYS.filter(({ name }) => /^TCP|^SO_BIND/.test(name)))(
      "$name is refused, so that an SDK does not wait",
      async ({ attempt }) => {
        expect(await attempt(lab)).toMatchObject({ outcome: "refused", code: "ECONNREFUSED" });
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

    describe("and what comes to the pod later", () => {
      beforeAll(() => lab.plugIn());

      test.each(LATE_WAYS)("$name gets nothing", async (way) => {
        expect(await tried("guard", way)).toEqual(held);
      });
    });
  });

  describe("with the guard that emulates, and what comes to the pod later", () => {
    let end: () => void;
    beforeAll(async () => {
      await lab.unplug();
      await guarded(EMULATE);
      end = await startSidecar(lab);
      await lab.plugIn();
    });
    afterAll(async () => {
      await lab.nft(WITHOUT_GUARD);
      end();
    });

    test.each(LATE_WAYS)("$name gets nothing of the node", async (way) => {
      const outcome = await tried(
        "guard, emulating",
        way,
        way.isEmulated ? insistent(way.attempt) : undefined,
      );
      expect(outcome.body).toBe(way.isEmulated ? OURS : undefined);
    });
  });

  // Here it is one wall, and what needs CAP_NET_RAW is admission's to stop.
  describe.each<{
    posture: Posture;
    skip: string | undefined;
    lacking: () => Promise<Lacking> | Lacking;
    undo: string;
  }>([
    {
      posture: "guard, no egress hook",
      skip: undefined,
      lacking: withoutEgressHook,
      undo: "nft delete table inet podrole_guard",
    },
    {
      posture: "guard, iptables-nft",
      skip: noIptables,
      lacking: withoutNft,
      undo: "iptables-nft -F; iptables-nft -X; ip6tables-nft -F; ip6tables-nft -X",
    },
    {
      posture: "guard, iptables-legacy",
      skip: noIptables,
      lacking: withoutNfTables,
      undo: "iptables-legacy -F; iptables-legacy -X; ip6tables-legacy -F; ip6tables-legacy -X",
    },
  ])("with the $posture", ({ posture, skip, lacking, undo }) => {
    const ways = [...WAYS, ...LATE_WAYS].filter((way) => !way.needsRaw && !way.passesGuard);
    const title = skip === undefined ? "" : ` (skipped: ${skip})`;

    beforeAll(async () => {
      if (skip !== undefined) return;
      const { env, as, says } = await lacking();
      const said = await guarded(env, as);
      if (!said.includes(says)) throw new Error(`it holds by something else: ${said}`);
    });
    afterAll(() => lab.inPod(["sh", "-c", undo]));

    test.skipIf(skip).each(ways)(`$name gets nothing${title}`, async (way) => {
      expect(await tried(posture, way)).toEqual(held);
    });
  });

  // A control again: a service that had died would have looked like a guard that holds.
  describe("without the guard once more: the service was there all along", () => {
    test.each(WAYS)("$name reads the secret again", async (way) => {
      expect(await insistent(way.attempt)(lab)).toEqual(reached);
    });

    test.each(LATE_WAYS)("$name reads the secret", async (way) => {
      expect(await tried("no guard", way, insistent(way.attempt))).toEqual(reached);
    });
  });

  test.skipIf(noIptables)(
    `the security page shows what came out${noIptables ? ` (skipped: ${noIptables})` : ""}`,
    async () => {
      await expect(pageWith("", page(matrixMarkdown(cells)))).toMatchFileSnapshot(PAGE);
    },
  );
});

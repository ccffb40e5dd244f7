import { describe, expect, test } from "vitest";
import { verifyMain } from "../../../../../sidecar/guard/verify.ts";
import type { Verdict } from "../../../../../sidecar/proof/verdict.ts";
import { Interruption } from "../../../../../injector/cli/io.ts";
import { podrole, type Run } from "../../../../support/cli.ts";
import { fakeApiServer, type FakeApiServer, type FakeObject } from "../../../../support/fake-api-server.ts";
import { tempFile } from "../../../../support/temp-files.ts";
import { ended, node, NODEGROUP } from "./nodes.ts";

const ADDRESS = "169.254.169.254";
const PLACE = "podrole-system";
const JOBS = `/apis/batch/v1/namespaces/${PLACE}/jobs`;
const PODS = `/api/v1/namespaces/${PLACE}/pods`;
const NODES = "/api/v1/nodes";
// oxlint-disable-next-line typescript/no-explicit-any
type Loose = any;

interface Cluster {
  readonly server: FakeApiServer;
  readonly probe: (...args: readonly string[]) => Promise<Run>;
  readonly pools: () => Promise<readonly Loose[]>;
}

/** A cluster with these nodes, whose kubelets give a Job's pod this status at once. */
async function cluster(nodes: readonly Loose[], statusOf: (node: string) => object): Promise<Cluster> {
  const server = await fakeApiServer();
  server.answer("GET /version", { major: "1", minor: "34" });
  const data = { image: "registry.example/sidecar:1", region: "eu-west-1" };
  server.put(`/api/v1/namespaces/${PLACE}/configmaps`, { metadata: { name: "podrole-config" }, data });
  for (const path of [NODES, JOBS, PODS]) server.put(path, { metadata: { name: "none" } });
  for (const path of [NODES, JOBS, PODS]) server.remove(path, "none");
  for (const one of nodes) server.put(NODES, one);
  server.onCreate((path, job: Loose) => {
    if (path !== JOBS) return;
    const { metadata, spec } = job.spec.template;
    const [term] =
      spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms;
    const status = statusOf(term.matchFields[0].values[0]);
    const name = `${job.metadata.name}-x`;
    server.put(PODS, { metadata: { ...metadata, name }, spec, status });
  });
  const kubeconfig = tempFile(server.config.exportConfig());
  const probe: Cluster["probe"] = (...args) =>
    podrole(["check", "--kubeconfig", kubeconfig, "--probe", ...args]);
  const pools = async (): Promise<readonly Loose[]> => {
    const { checks } = JSON.parse((await probe("-o", "json")).stdout);
    return checks.filter(({ code }: Loose) => code === "PROBE");
  };
  return { server, probe, pools };
}

/** What the guard itself writes of a verdict. */
async function guardSays(kind: Verdict["kind"], said: string): Promise<readonly [number, string]> {
  let text = "";
  const exit = await verifyMain(
    { PODROLE_BLOCKED_ADDRESSES: ADDRESS, PODROLE_TERMINATION_LOG: tempFile("") },
    {
      prove: () => Promise.resolve([{ address: ADDRESS, kind, said: `${ADDRESS} port 80 ${said}` }]),
      stdout: () => {},
      stderr: (lines) => (text += lines),
      now: () => 0,
    },
  );
  return [exit, text];
}
const web = (name: string, over: object = {}): Loose => node(name, { [NODEGROUP]: "web" }, over);
const spot = (name: string, over: object = {}): Loose =>
  node(name, { "karpenter.sh/nodepool": "spot" }, over);

describe("podrole check --probe", () => {
  test("makes no request for nodes or Jobs unless it is asked for", async () => {
    const { server } = await cluster([web("a")], () => ended(0));
    await podrole(["check", "--kubeconfig", tempFile(server.config.exportConfig())]);
    expect(server.requests.filter((line) => /nodes|jobs/.test(line))).toEqual([]);
  });

  test("reports each pool, with the sentence of the guard, what to do, and what the probe does not speak for", async () => {
    const instance = { spec: { providerID: "aws:///eu-west-1a/i-0123456789abcdef0" } };
    const reachable = ended(...(await guardSays("reachable", "answered PUT /latest/api/token with 200")));
    const { server, probe } = await cluster([web("a"), web("b"), spot("c", instance)], (name) =>
      name === "c" ? reachable : ended(0),
    );
    const { code, stdout, stderr } = await probe();
    expect(code).toBe(1);
    expect(stderr).toBe(`probe: trying 2 pools of nodes, by a Job each in ${PLACE}\n`);
    const report = stdout.slice(stdout.indexOf("\nNodes\n"));
    expect(report).toMatchInlineSnapshot(`
      "
      Nodes
        ok    PROBE
              eks.amazonaws.com/nodegroup=web: mode verify holds on a (1 of 2).
        fail  PROBE
              karpenter.sh/nodepool=spot: mode verify does not hold on c (i-0123456789abcdef0):
              169.254.169.254 port 80 answered PUT /latest/api/token with 200, so this pod may get the
              credentials of its node.
              To do: Require tokens and hop limit 1: aws ec2 modify-instance-metadata-options
              --instance-id ID --http-tokens required --http-put-response-hop-limit 1, and for new
              nodes spec.metadataOptions of the pool's EC2NodeClass. Or use a NetworkPolicy for the
              pods (chart value metadataNetworkPolicy), or mode block, in namespaces at Pod Security
              level privileged.

      The probe speaks for the nodes that it names, and for pods of namespace podrole-system. It does
      not try network policies of other namespaces: there the metadata service may be out of reach
      although it was reached here, or the other way round.

      4 ok, 2 warn, 6 fail, 13 skip
      "
    `);
    expect(server.stored(JOBS)).toEqual([]);
    expect(server.requests.filter((line) => line.startsWith("DELETE"))).toHaveLength(2);
  });

  test("has each pool's verdict in its JSON", async () => {
    const unproven = ended(...(await guardSays("unproven", "did not answer GET /latest")));
    const { pools } = await cluster([web("a"), spot("c")], (name) => (name === "c" ? unproven : ended(0)));
    expect(await pools()).toMatchObject([
      { status: "ok", pools: [{ pool: `${NODEGROUP}=web`, node: "a", nodes: 1, verdict: "held" }] },
      {
        status: "fail",
        message: `karpenter.sh/nodepool=spot: mode verify fails on c: ${ADDRESS} port 80 did not answer GET /latest, which proves nothing.`,
        pools: [{ verdict: "unproven" }],
      },
    ]);
  });

  test("makes one sentence of the same reason for which several pools could not be tried", async () => {
    const { server, pools } = await cluster([web("a"), spot("c")], () =>
      ended(2, "Unknown command: verify. Usage: x"),
    );
    expect(await pools()).toMatchObject([
      {
        status: "fail",
        message: expect.stringMatching(
          /^Could not be tried: the guard ended with exit code 2: Unknown command: verify\. Pools: .+web on a; .+spot on c\.$/,
        ),
        pools: [{ verdict: "untried" }, { verdict: "untried" }],
      },
    ]);
    server.answer(`POST ${JOBS}`, 403);
    expect(await pools()).toMatchObject([
      { message: expect.stringContaining("no Job could be made: said with 403") },
    ]);
    expect(server.requests.filter((line) => line.startsWith("DELETE"))).toHaveLength(2);
  });

  test("takes no exit code 0 for a proof that the guard did not give", async () => {
    const { pools } = await cluster([web("a")], () => ended(0, ""));
    expect(await pools()).toMatchObject([{ status: "fail", pools: [{ verdict: "untried" }] }]);
  });

  test("prints what a container said without control characters, and no more than a sentence", async () => {
    const { probe } = await cluster([web("a")], () =>
      ended(17, `METADATA_REACHABLE: \u001b[2Jok    PROBE ${"x".repeat(4000)}`),
    );
    const { stdout } = await probe();
    expect(stdout).not.toContain("\u001b");
    expect(stdout).not.toContain("x".repeat(301));
  });

  test("says what it has no right to", async () => {
    const { server, pools } = await cluster([web("a")], () => ended(0));
    server.answer(`LIST ${PODS}`, 403);
    expect(await pools()).toMatchObject([
      { status: "fail", message: expect.stringContaining("HTTP 403: said with 403") },
    ]);
    expect(server.stored(JOBS)).toEqual([]);
    server.answer(`LIST ${NODES}`, 403);
    expect(await pools()).toMatchObject([
      {
        status: "fail",
        message: expect.stringMatching(
          /^No node was tried: The API server refuses GET \/api\/v1\/nodes.+HTTP 403/,
        ),
      },
    ]);
  });

  test("tries nothing where the settings are not known, since the image is not", async () => {
    const { server, pools } = await cluster([web("a")], () => ended(0));
    server.answer(`GET /api/v1/namespaces/${PLACE}/configmaps`, 403);
    expect(await pools()).toMatchObject([{ status: "fail", message: expect.stringContaining("not known") }]);
    expect(server.requests.filter((line) => line.startsWith("POST"))).toEqual([]);
  });

  test("leaves out Windows, nodes without a machine, pools without a fit node, and more than twenty pools; it says which", async () => {
    const many = Array.from({ length: 23 }, (_, n) =>
      node(`n${n}`, { [NODEGROUP]: `pool-${String(n).padStart(2, "0")}` }),
    );
    const { server, pools } = await cluster(
      [
        ...many,
        node("win", { "kubernetes.io/os": "windows" }),
        node("fargate", { "eks.amazonaws.com/compute-type": "fargate" }),
        spot("c", { spec: { unschedulable: true } }),
      ],
      () => ended(0),
    );
    const results = await pools();
    expect(results.filter(({ status }) => status === "skip").map(({ message }) => message)).toEqual([
      "Not checked: 1 Windows node, where there is no guard.",
      "Not checked: 1 node without a machine of its own (Fargate, virtual kubelet).",
      "Not checked: karpenter.sh/nodepool=spot: no node there is ready and takes pods.",
      `Not checked: ${NODEGROUP}=pool-20, ${NODEGROUP}=pool-21, ${NODEGROUP}=pool-22, since at most 20 pools are tried at once; name them after --probe.`,
    ]);
    expect(results.filter(({ status }) => status === "ok")).toHaveLength(20);
    expect(server.stored(JOBS)).toEqual([]);
  });

  test("tries only the pools that are named, in full or by the label's value", async () => {
    const { server, probe } = await cluster([web("a"), spot("c"), node("t", {})], () => ended(0));
    const run = await probe("spot", `${NODEGROUP}=web`, "-o", "json");
    const { checks } = JSON.parse(run.stdout);
    expect(
      checks
        .filter(({ code }: Loose) => code === "PROBE")
        .flatMap((one: Loose) => one.pools.map(({ node: name }: Loose) => name)),
    ).toEqual(["a", "c"]);
    expect(server.requests.filter((line) => line.startsWith("POST"))).toHaveLength(2);
    const { stdout, code } = await probe("sopt");
    expect(code).toBe(1);
    expect(stdout).toContain("There is no pool sopt of nodes.");
    expect(stdout).toContain("karpenter.sh/nodepool=spot");
  });

  test("removes what an earlier probe has left, and not what another one waits for", async () => {
    const { server, probe } = await cluster([web("a")], () => ended(0));
    const at = (ms: number) => new Date(Date.now() - ms).toISOString();
    const job = (name: string, ageMs: number, status: object = {}): FakeObject => ({
      metadata: { name, creationTimestamp: at(ageMs) },
      spec: { activeDeadlineSeconds: 180 },
      status,
    });
    const failed = { conditions: [{ type: "Failed", status: "True", lastTransitionTime: at(90_000) }] };
    for (const one of [job("hung", 600_000), job("over", 100_000, failed), job("under-way", 30_000)])
      server.put(JOBS, one);
    const { stderr } = await probe();
    expect(server.stored(JOBS).map(({ metadata }) => metadata.name)).toEqual(["under-way"]);
    expect(stderr).toContain("probe: removing hung, over of an earlier probe\n");
  });

  test("when it is interrupted deletes its Jobs, prints no report, and exits with the signal's code", async () => {
    const { server } = await cluster([web("a")], () => ({ phase: "Pending" }));
    const interruption = new AbortController();
    server.onCreate((path) => {
      if (path === JOBS) setTimeout(() => interruption.abort(new Interruption("Ended by SIGINT.", 130)), 200);
    });
    const args = ["check", "--probe", "--kubeconfig", tempFile(server.config.exportConfig())];
    const { code, stdout, stderr } = await podrole(args, "", interruption.signal);
    expect([code, stdout]).toEqual([130, ""]);
    expect(stderr).toMatch(/probe: its Jobs are deleted\nEnded by SIGINT\.\n$/);
    expect(server.stored(JOBS)).toEqual([]);
  });
});

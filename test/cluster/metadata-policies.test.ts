import { isDeepStrictEqual } from "node:util";
import type { KubeConfig } from "@kubernetes/client-node";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { apiServer } from "../../injector/cluster/api-server.ts";
import { POLICY_OWNER } from "../../injector/controller/metadata-policy-writes.ts";
import { METADATA_POLICY, metadataPolicy } from "../../sidecar/contract/metadata-policy.ts";
import { METADATA_ADDRESSES } from "../../sidecar/contract/metadata.ts";
import { whyNoHelm } from "../support/helm.ts";
import { until } from "../support/until.ts";
import { openControlPlane, whyNoControllers, whyNot, type ControlPlane } from "./control-plane.ts";
import { clientFor, type KubeClient, type KubeObject } from "./kube-client.ts";
import { LABELLED, OWN, policiesOf, policyController, policyIn, SETTINGS } from "./metadata-policies-rig.ts";
import { startController, type Program } from "./program.ts";
import { CONTROLLER, MISSING_OWNER, NAMESPACES } from "./setting.ts";

const reason = whyNot() ?? whyNoHelm();
const OWNERS = "/apis/rbac.authorization.k8s.io/v1/clusterroles";
const WANTED = metadataPolicy(METADATA_ADDRESSES).spec;
const OPEN = { podSelector: {}, policyTypes: ["Egress"], egress: [{}] };

describe.skipIf(reason !== undefined)(
  `the NetworkPolicies that the controller keeps, at a real API server${reason ? `: ${reason}` : ""}`,
  () => {
    let plane: ControlPlane;
    let account: KubeConfig;
    let args: readonly string[];
    beforeAll(async () => {
      plane = await openControlPlane();
      ({ account, args } = await policyController(plane));
    });
    afterAll(() => plane?.stop());

    const controller = (): Promise<Program> => startController(account, args);
    const createNamespace = (name: string, labels: object = LABELLED) =>
      plane.admin.create(NAMESPACES, { metadata: { name, labels } });
    const policy = async (namespace: string): Promise<KubeObject> => {
      const { status, body } = await plane.admin.request("GET", policyIn(namespace));
      return status === 200 ? body : undefined;
    };
    const specs = (namespace: string, spec: object): Promise<unknown> =>
      until(
        `${namespace}'s policy`,
        async () => {
          const held = await policy(namespace);
          return held !== undefined && isDeepStrictEqual(held.spec, spec) ? held.spec : undefined;
        },
        20_000,
      );
    const gone = (namespace: string): Promise<unknown> =>
      until("no policy", async () => ((await policy(namespace)) === undefined ? true : undefined), 60_000);
    const metric = async (program: Program, line: string): Promise<unknown> =>
      until(
        line,
        async () => ((await program.ask("/metrics")).body.includes(`${line}\n`) ? true : undefined),
        20_000,
      );

    test("are in every labelled namespace, whenever it is labelled, and in no other", async () => {
      await createNamespace("early");
      await createNamespace("plain", {});
      await createNamespace("istio-system");
      await plane.admin.request(
        "PATCH",
        `${NAMESPACES}/kube-system`,
        { metadata: { labels: LABELLED } },
        "application/merge-patch+json",
      );
      const program = await controller();
      await specs("early", WANTED);
      await createNamespace("late");
      await specs("late", WANTED);
      for (const namespace of ["plain", "istio-system", "kube-system", OWN])
        expect(await policy(namespace)).toBeUndefined();
      await metric(program, 'podrole_metadata_policies{state="kept"} 2');
      const owner = await plane.admin.get(`${OWNERS}/${POLICY_OWNER}`);
      expect((await policy("late"))?.metadata).toMatchObject({
        labels: { "app.kubernetes.io/managed-by": CONTROLLER },
        ownerReferences: [{ kind: "ClusterRole", name: POLICY_OWNER, uid: owner.metadata.uid }],
      });
    });

    test("are repaired, made again, and removed with the label", async () => {
      await createNamespace("kept");
      const program = await controller();
      await specs("kept", WANTED);
      await plane.admin.request("PUT", policyIn("kept"), { ...(await policy("kept")), spec: OPEN });
      await specs("kept", WANTED);
      await plane.admin.delete(policyIn("kept"));
      await specs("kept", WANTED);
      await plane.admin.patch(`${NAMESPACES}/kept`, { metadata: { labels: { "podrole.dev/inject": null } } });
      await gone("kept");
      expect(program.output()).not.toContain("task failed");
    });

    test("follow the setting block", async () => {
      await createNamespace("changing");
      await controller();
      await specs("changing", WANTED);
      await plane.admin.patch(SETTINGS, { data: { block: "169.254.169.254,10.0.0.1" } });
      await specs("changing", metadataPolicy(["169.254.169.254", "10.0.0.1"]).spec);
      await plane.admin.patch(SETTINGS, { data: { block: null } });
      expect(await specs("changing", WANTED)).toEqual(WANTED);
    });

    test("are not written over another owner's of the same name, which the controller reports", async () => {
      await createNamespace("taken");
      await plane.admin.create(policiesOf("taken"), { metadata: { name: METADATA_POLICY }, spec: OPEN });
      const program = await controller();
      await metric(program, 'podrole_metadata_policies{state="foreign"} 1');
      await metric(
        program,
        'podrole_controller_trouble{task="metadata-policies",code="METADATA_POLICY_FOREIGN"} 1',
      );
      expect((await policy("taken"))?.spec).toEqual(OPEN);
      await plane.admin.delete(policyIn("taken"));
      await specs("taken", WANTED);
    });

    test("are made elsewhere where a namespace refuses its own, which the controller reports", async () => {
      await createNamespace("full");
      const hard = { "count/networkpolicies.networking.k8s.io": "0" };
      const quota = { metadata: { name: "no-policies" }, spec: { hard } };
      await plane.admin.create(`${NAMESPACES}/full/resourcequotas`, quota);
      // As Kubernetes' own controller would.
      await plane.admin.patch(`${NAMESPACES}/full/resourcequotas/no-policies/status`, {
        status: { hard, used: hard },
      });
      await createNamespace("with-room");
      const program = await controller();
      await specs("with-room", WANTED);
      await metric(program, 'podrole_metadata_policies{state="refused"} 1');
      expect(program.output()).toContain("METADATA_POLICY_REFUSED: The API server refused");
      await plane.admin.delete(`${NAMESPACES}/full`);
    });

    test("are left as they are while a setting is such that nothing may be written", async () => {
      await createNamespace("waiting", {});
      const program = await controller();
      for (const data of [{ source: "node" }, { sourceOverride: "node" }, { block: "x" }]) {
        await plane.admin.patch(SETTINGS, { data });
        const code = "block" in data ? "CONFIG_INVALID" : "METADATA_POLICY_SOURCE_NODE";
        await metric(program, `podrole_controller_trouble{task="metadata-policies",code="${code}"} 1`);
        await plane.admin.patch(SETTINGS, { data: { source: null, sourceOverride: null, block: null } });
      }
      await plane.admin.patch(`${NAMESPACES}/waiting`, { metadata: { labels: LABELLED } });
      expect(await specs("waiting", WANTED)).toEqual(WANTED);
    });

    const noControllers = whyNoControllers();
    test.skipIf(noControllers !== undefined)(
      "are removed by Kubernetes when their ClusterRole is, and another owner's stay",
      async () => {
        await createNamespace("owned");
        await createNamespace("chart");
        await plane.admin.create(policiesOf("chart"), { metadata: { name: METADATA_POLICY }, spec: WANTED });
        const program = await controller();
        await specs("owned", WANTED);
        program.kill("SIGTERM");
        await program.exited;
        const owner = await plane.admin.get(`${OWNERS}/${POLICY_OWNER}`);
        await plane.admin.delete(`${OWNERS}/${POLICY_OWNER}`);
        await plane.startControllers("garbage-collector-controller");
        await gone("owned");
        expect(await policy("chart")).toMatchObject({ spec: WANTED });
        const { name, labels } = owner.metadata;
        await plane.admin.create(OWNERS, { metadata: { name, labels }, rules: owner.rules });
      },
      90_000,
    );

    describe("by the controller's token", () => {
      let token: KubeClient;
      const metadata = {
        name: METADATA_POLICY,
        labels: { "app.kubernetes.io/managed-by": CONTROLLER },
      };
      const object = (over: object = {}, spec: object = {}): object => ({
        apiVersion: "networking.k8s.io/v1",
        kind: "NetworkPolicy",
        metadata: { ...metadata, ...over },
        spec: { ...WANTED, ...spec },
      });
      const answer = ({ status, body }: { status: number; body: KubeObject }): string =>
        `${status} ${body.message ?? ""}`;
      const apply = async (namespace: string, body: object, name = METADATA_POLICY): Promise<string> =>
        answer(
          await token.request(
            "PATCH",
            `${policiesOf(namespace)}/${name}?fieldManager=podrole&dryRun=All&force=true`,
            body,
            "application/apply-patch+yaml",
          ),
        );
      const change = async (namespace: string, patch: object): Promise<string> =>
        answer(
          await token.request(
            "PATCH",
            `${policyIn(namespace)}?dryRun=All`,
            patch,
            "application/merge-patch+json",
          ),
        );
      const remove = async (namespace: string): Promise<string> =>
        answer(await token.request("DELETE", `${policyIn(namespace)}?dryRun=All`));
      const refused = expect.stringContaining("[CONTROLLER_WRITE] ") as string;
      const forbidden = expect.stringMatching(/^403 .+ cannot /) as string;

      beforeAll(async () => {
        token = clientFor(await plane.serviceAccount(OWN, CONTROLLER));
        await createNamespace("empty");
        await createNamespace("shop");
        await createNamespace("unlabelled", {});
        await createNamespace("others");
        for (const namespace of ["shop", "unlabelled"])
          await plane.admin.create(policiesOf(namespace), object());
        await plane.admin.create(policiesOf("others"), { metadata: { name: METADATA_POLICY }, spec: WANTED });
        await until("the policy to be in force", async () =>
          (await apply("plain", object())).includes("[CONTROLLER_WRITE]") ? true : undefined,
        );
      });

      test("can be made and repaired in labelled namespaces, and removed from others", async () => {
        expect(await apply("empty", object())).toMatch(/^201/);
        expect(await change("shop", { spec: WANTED })).toMatch(/^200/);
        expect(await remove("unlabelled")).toMatch(/^200/);
      });

      test.for(["unlabelled", "plain", "istio-system", "kube-system", OWN])(
        "cannot be made in %s",
        async (namespace) => {
          expect(await apply(namespace, object())).toEqual(refused);
        },
      );

      test("cannot be removed from labelled namespaces, nor where they are others'", async () => {
        expect(await remove("shop")).toEqual(refused);
        await plane.admin.patch(`${NAMESPACES}/others`, {
          metadata: { labels: { "podrole.dev/inject": null } },
        });
        await until("the API server to see it", async () =>
          /of another owner/.test(await remove("others")) ? true : undefined,
        );
        await plane.admin.patch(`${NAMESPACES}/others`, { metadata: { labels: LABELLED } });
      });

      test("are removed only as they were read", async () => {
        const api = apiServer(await plane.serviceAccount(OWN, CONTROLLER));
        const { uid, resourceVersion } = (await policy("unlabelled")).metadata;
        const { signal } = new AbortController();
        const another = { uid: "0b1f8a52-9d4c-4a6e-8f0e-1d2c3b4a5968", resourceVersion };
        for (const one of [another, { uid, resourceVersion: "1" }])
          await expect(api.remove(policyIn("unlabelled"), one, 10_000, signal)).rejects.toMatchObject({
            status: 409,
          });
        await api.remove(policyIn("unlabelled"), { uid, resourceVersion }, 10_000, signal);
        expect(await policy("unlabelled")).toBeUndefined();
        api.close();
      });

      test("cannot be changed where they are others', nor made others'", async () => {
        await until("the API server to see the label", async () =>
          /of another owner/.test(await change("others", { spec: WANTED })) ? true : undefined,
        );
        expect(await change("others", { metadata: { labels: metadata.labels } })).toEqual(refused);
        const labels = { "app.kubernetes.io/managed-by": "Helm" };
        expect(await change("shop", { metadata: { labels } })).toEqual(refused);
        expect(await apply("empty", object({ labels }))).toEqual(refused);
      });

      const [peers] = [WANTED.egress[0].to];
      const to = (index: number, peer: object): object => ({
        egress: [{ to: peers.map((one, at) => (at === index ? peer : one)) }],
      });
      const ALL = { ipBlock: { cidr: "0.0.0.0/0" } };
      test.for<readonly [string, object]>([
        ["that opens everything", { egress: [{}] }],
        ["with a second rule", { egress: [{ to: peers }, {}] }],
        ["with a fourth peer", { egress: [{ to: [...peers, ALL] }] }],
        ["that blocks nothing", to(1, ALL)],
        ["that blocks no IPv6", to(2, { ipBlock: { cidr: "::/0" } })],
        ["that blocks another address", to(1, { ipBlock: { ...ALL.ipBlock, except: ["10.0.0.1/32"] } })],
        [
          "that blocks one address more",
          to(1, { ipBlock: { ...ALL.ipBlock, except: ["169.254.169.254/32", "10.0.0.1/32"] } }),
        ],
        ["that blocks a network", to(1, { ipBlock: { ...ALL.ipBlock, except: ["169.254.0.0/16"] } })],
        ["that blocks all", { egress: [] }],
        ["without the cluster's pods", to(0, { namespaceSelector: { matchLabels: { a: "b" } } })],
        ["for some pods of the cluster", to(0, { namespaceSelector: {}, podSelector: {} })],
        ["for some ports", { egress: [{ to: peers, ports: [{ port: 443 }] }] }],
        ["for some pods", { podSelector: { matchLabels: { a: "b" } } }],
        ["for what comes in", { policyTypes: ["Ingress"] }],
        ["for both directions", { policyTypes: ["Ingress", "Egress"] }],
        ["with rules for what comes in", { ingress: [{}] }],
      ])("cannot be one %s", async ([, spec]) => {
        expect(await apply("empty", object({}, spec))).toEqual(refused);
        expect(await change("shop", { spec })).toEqual(refused);
      });

      test("cannot have a finalizer, nor an owner that is not there", async () => {
        const finalizers = ["example.com/stay"];
        expect(await apply("empty", object({ finalizers }))).toEqual(refused);
        expect(await change("shop", { metadata: { finalizers } })).toEqual(refused);
        expect(await change("shop", { metadata: { ownerReferences: [MISSING_OWNER] } })).toEqual(refused);
      });

      test("cannot have another name, nor be made by a POST, nor be read or removed together with others", async () => {
        expect(await apply("empty", object({ name: "another" }), "another")).toEqual(forbidden);
        expect(answer(await token.request("POST", policiesOf("empty"), object()))).toEqual(forbidden);
        expect(answer(await token.request("GET", policiesOf("shop")))).toEqual(forbidden);
        expect(answer(await token.request("DELETE", policiesOf("shop")))).toEqual(forbidden);
      });
    });
  },
);

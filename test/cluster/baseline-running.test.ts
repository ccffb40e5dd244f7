import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ANNOTATION } from "../../sidecar/contract/annotations.ts";
import { resultForEphemeral } from "../../injector/review/ephemeral.ts";
import { config } from "../support/config.ts";
import { facts } from "../support/facts.ts";
import { plainPod } from "../support/pods.ts";
import { started } from "../support/started.ts";
import { until } from "../support/until.ts";
import { breaching, CONTAINER_BREACHES } from "./baseline-attacks.ts";
import type { KubeObject } from "./kube-client.ts";
import { patched } from "./patched.ts";
import { SETTINGS } from "./attack.ts";
import { codeIn, openPolicies, whyNoPolicies, type PolicyRig } from "./policy-rig.ts";
import { accountsOf, NAMESPACES, podsOf } from "./setting.ts";

const reason = whyNoPolicies();
const settings = { ...config(), policy: "off" } as const;

describe.skipIf(reason !== undefined)(
  `the level baseline of the ValidatingAdmissionPolicy for running pods${reason ? `: ${reason}` : ""}`,
  () => {
    let rig: PolicyRig;
    beforeAll(async () => {
      rig = await openPolicies();
    });
    afterAll(() => rig?.close());

    /** Creates a pod whose guard has ended. @returns its path */
    async function run(namespace: string, pod: KubeObject): Promise<string> {
      const at = `${podsOf(namespace)}/${pod.metadata.name}`;
      await rig.create(namespace, pod, "");
      await rig.plane.admin.patch(`${at}/status`, { status: started(pod).status });
      return at;
    }
    const debugged = async (at: string, container: object): Promise<string> => {
      const { body: running } = await rig.plane.admin.request("GET", at);
      running.spec.ephemeralContainers = [container];
      const path = `${at}/ephemeralcontainers?dryRun=All`;
      const { status, body } = await rig.plane.admin.request("PUT", path, running);
      return status < 300 ? "added" : codeIn(body.message);
    };
    const harmless = {
      name: "debugger",
      image: "busybox",
      securityContext: { capabilities: { drop: ["ALL"] } },
    };

    describe("in a pod with a role and in one without", () => {
      const running: string[] = [];
      beforeAll(async () => {
        for (const sidecar of [true, false]) {
          const { own, pod } = await rig.good(SETTINGS.plain, "plain", sidecar);
          pod.metadata.name = sidecar ? "with-role" : "without-role";
          running.push(await run(own, pod));
        }
      });
      const answers = (container: object): Promise<readonly string[]> =>
        Promise.all(running.map((at) => debugged(at, container)));

      test("admits a harmless ephemeral container", async () => {
        expect(await answers(harmless)).toEqual(["added", "added"]);
      });

      test.for(
        CONTAINER_BREACHES.filter(({ appOnly }) => appOnly !== true).map((one) => [one.what, one] as const),
      )("denies an ephemeral container that %s", async ([, breach]) => {
        expect(await answers(breaching(breach, harmless))).toEqual([breach.code, breach.code]);
      });
    });

    const mounting = (name: string, readOnly: boolean): KubeObject => ({
      ...harmless,
      // As the webhook patches it.
      volumeMounts: [
        { name, mountPath: "/node", readOnly, ...(readOnly ? { recursiveReadOnly: "IfPossible" } : {}) },
      ],
    });
    const adding = (name: string): KubeObject => ({
      ...harmless,
      securityContext: { capabilities: { drop: ["NET_RAW"], add: [name] } },
    });
    const EPHEMERAL: readonly (readonly [string, KubeObject])[] = [
      ["harmless", harmless],
      ["with IPC_LOCK", adding("IPC_LOCK")],
      ["with SYS_PTRACE", adding("SYS_PTRACE")],
      [
        "without seccomp",
        {
          ...harmless,
          securityContext: { ...harmless.securityContext, seccompProfile: { type: "Unconfined" } },
        },
      ],
      ["that reads the logs", mounting("logs", true)],
      ["that writes the logs", mounting("logs", false)],
      [
        "that writes in the file systems below the logs",
        {
          ...harmless,
          volumeMounts: [{ name: "logs", mountPath: "/node", readOnly: true, recursiveReadOnly: "Disabled" }],
        },
      ],
      ["that reads a pod's logs", mounting("pods", true)],
      ["that reads tokens", mounting("tokens", true)],
      ["that reads the app's volume", mounting("data", false)],
    ];
    // Older than their namespace's label: with such volumes a pod is not created under every one of the annotations.
    const volumes = [
      { name: "logs", hostPath: { path: "/var/log" } },
      { name: "pods", hostPath: { path: "/var/log/pods/" } },
      { name: "tokens", hostPath: { path: "/var/lib/kubelet/pods" } },
      { name: "data", emptyDir: {} },
    ];

    test.for([
      "",
      "capabilities=IPC_LOCK,capabilities=SYS_PTRACE",
      "seccomp",
      "hostPath=/var/log",
      "hostPath=/var/log:rw",
      "hostPath=/var/log/pods",
      "hostPath=/var/log/pods/",
      "hostPath=/var,hostPath=/var/lib/kubelet",
    ])("judges ephemeral containers as the webhook does, with the exemption %j", async (exempt) => {
      const annotations = { [ANNOTATION.exempt]: exempt };
      const own = `exempt-${exempt.replaceAll(/[\W_]+/g, "-").toLowerCase()}-x`;
      await rig.plane.admin.create(NAMESPACES, { metadata: { name: own, annotations } });
      await rig.plane.admin.create(accountsOf(own), { metadata: { name: "default" } });
      const at = await run(own, patched(plainPod({ volumes }), facts(), settings));
      const labels = { "podrole.dev/inject": "enabled", "test-policy": await rig.policyFor(settings) };
      await rig.plane.admin.patch(`${NAMESPACES}/${own}`, { metadata: { labels } });
      await until(
        "the label to count",
        async () => (await rig.create(own, plainPod())).status === 422 || undefined,
      );

      const { body: before } = await rig.plane.admin.request("GET", at);
      for (const [what, container] of EPHEMERAL) {
        const after = { ...before, spec: { ...before.spec, ephemeralContainers: [container] } };
        const result = resultForEphemeral(before, after, facts({ annotations }), settings);
        const codes = result.findings.filter(({ severity }) => severity === "deny").map(({ code }) => code);
        expect({ what, codes: codes.length > 0 ? codes : ["added"] }).toEqual({
          what,
          codes: expect.arrayContaining([await debugged(at, container)]) as string[],
        });
      }
    });
  },
);

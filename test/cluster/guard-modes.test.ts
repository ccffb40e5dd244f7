import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { InjectorConfig } from "../../injector/config/installation.ts";
import { ENFORCED_LEVEL, GUARD_SETTINGS, guardMode } from "../../injector/model/guard-mode.ts";
import { GUARD_MODES } from "../../sidecar/contract/env.ts";
import { config } from "../support/config.ts";
import { facts } from "../support/facts.ts";
import { app as bare, injected, plainPod, pod } from "../support/pods.ts";
import type { Container, Pod } from "../../injector/model/pod.ts";
import type { KubeObject } from "./kube-client.ts";
import { codeIn, openPolicies, whyNoPolicies, WITHOUT_LEVELS, type PolicyRig } from "./policy-rig.ts";

const reason = whyNoPolicies();
const MODES = [...GUARD_MODES, "off"] as const;
/** Undefined: the namespace has no such label. The last is no level. */
const LEVELS = [undefined, "privileged", "baseline", "restricted", "Privileged"] as const;

const app: Container = {
  ...bare,
  securityContext: { runAsUser: 1000, capabilities: { drop: ["ALL"] } },
};
const spec = { containers: [app] };
const proxy = (name: string, runAsGroup?: number): Container => ({
  name,
  image: "mesh/proxy:1",
  securityContext: {
    runAsUser: 2102,
    ...(runAsGroup !== undefined && { runAsGroup }),
    capabilities: { drop: ["ALL"] },
  },
});

describe.skipIf(reason !== undefined)(
  `the modes of the guard and the ValidatingAdmissionPolicy${reason ? `: ${reason}` : ""}`,
  () => {
    let rig: PolicyRig;
    const labelOf = (level: string | undefined) => (level === undefined ? {} : { [ENFORCED_LEVEL]: level });
    const made = (asked: Pod, settings: InjectorConfig, known = facts()): KubeObject =>
      injected(asked, known, { ...settings, policy: "off" }) as KubeObject;
    const annotationOf = (guard: string | undefined) =>
      guard === undefined ? {} : { "podrole.dev/guard": guard };
    const answer = async (into: string, created: KubeObject): Promise<string> => {
      const { status, body } = await rig.create(into, created);
      return status < 300 ? "created" : codeIn(body.message);
    };
    beforeAll(async () => {
      rig = await openPolicies(WITHOUT_LEVELS);
    });
    afterAll(() => rig?.close());

    describe.for(GUARD_SETTINGS)("with the setting guard %s", (guard) => {
      test.for([undefined, ...GUARD_SETTINGS])(
        "pods of exactly the mode that the webhook gives are created: annotation %s",
        async (annotation) => {
          const policy = await rig.policyFor(config({ guard }));
          for (const level of LEVELS) {
            const known = facts({ annotations: annotationOf(annotation), labels: labelOf(level) });
            const name = `modes-${guard}-${annotation ?? "none"}-${level ?? "none"}`.toLowerCase();
            const own = level === "Privileged" ? `${name}-odd` : name;
            await rig.namespace(own, policy, annotationOf(annotation), labelOf(level));
            const wanted = guardMode(known, { guard }) ?? "off";
            for (const mode of MODES) {
              // Without a guard and a role, podrole does nothing.
              for (const make of mode === "off" ? [pod] : [pod, plainPod]) {
                const said = await answer(own, made(make(spec), config({ guard: mode })));
                const expected =
                  mode === wanted ? "created" : mode === "off" ? "GUARD_MISSING" : "INJECTED_DIFFERENTLY";
                expect({ own, mode, said }).toEqual({ own, mode, said: expected });
              }
            }
          }
        },
      );
    });

    test("source node is no reason to refuse a pod without a role in mode verify, and one with a role is refused", async () => {
      const settings = config({ source: "node" });
      const verify = config({ guard: "verify" });
      const policy = await rig.policyFor(settings);
      await rig.namespace("node-verify", policy, {}, labelOf("baseline"));
      await rig.namespace("node-block", policy);
      const securityContext = { ...app.securityContext, allowPrivilegeEscalation: false };
      const open = made(pod({ containers: [{ ...app, securityContext }] }), settings);
      expect(await answer("node-block", open)).toBe("created");
      expect(await answer("node-verify", open)).toBe("INJECTED_DIFFERENTLY");
      expect(await answer("node-verify", made(pod(spec), verify))).toBe("INJECTED_DIFFERENTLY");
      expect(await answer("node-verify", made(plainPod(spec), verify))).toBe("created");
    });

    describe("in a mesh, in mode verify", () => {
      const settings: InjectorConfig = config();
      const known = facts({ labels: labelOf("restricted") });
      beforeAll(async () => rig.namespace("mesh", await rig.policyFor(settings), {}, labelOf("restricted")));

      test.for([
        ["Istio's proxy", proxy("istio-proxy"), {}, 1337],
        ["a proxy of Istio's in another group", proxy("istio-proxy", 1_000_650_000), {}, 1_000_650_000],
        ["Linkerd's proxy", proxy("linkerd-proxy"), {}, 2102],
        [
          "a proxy of Linkerd's in another group",
          proxy("linkerd-proxy"),
          { "config.linkerd.io/proxy-gid": "2200" },
          2200,
        ],
      ] as const)("a pod with %s is created, with and without a role", async ([, one, annotations, gid]) => {
        for (const make of [pod, plainPod]) {
          const { metadata, ...rest } = make({ containers: [app, one] });
          const told = { ...metadata, annotations: { ...metadata?.annotations, ...annotations } };
          const after = made({ ...rest, metadata: told }, settings, known);
          const groups = after.spec.initContainers.map(
            ({ securityContext }: KubeObject) => securityContext.runAsGroup,
          );
          expect(new Set(groups)).toEqual(new Set([gid]));
          expect(await answer("mesh", after)).toBe("created");
        }
      });
    });
  },
);

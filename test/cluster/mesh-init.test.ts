import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { decide } from "../../injector/decide/decide.ts";
import type { InjectorConfig } from "../../injector/config/installation.ts";
import type { PodSpec } from "../../injector/model/pod.ts";
import { config } from "../support/config.ts";
import { facts } from "../support/facts.ts";
import { attacking, MESH_ATTACKS } from "../support/mesh-attacks.ts";
import { istioInit, linkerdInit, lockVolume, MESH_IMAGES, MESH_LINES } from "../support/mesh-inits.ts";
import { app, plainPod, pod } from "../support/pods.ts";
import { started } from "../support/started.ts";
import type { KubeObject } from "./kube-client.ts";
import { patched } from "./patched.ts";
import { whyWithout } from "./api-version.ts";
import { codeIn, openPolicies, whyNoPolicies, type PolicyRig } from "./policy-rig.ts";
import { podsOf } from "./setting.ts";

const reason = whyNoPolicies();
const trusting = { ...config({ meshInitImages: MESH_IMAGES }), policy: "off" } as const;
const distrusting = { ...config(), policy: "off" } as const;
const NAMESPACES = new Map<InjectorConfig, string>([
  [trusting, "mesh-trusting"],
  [distrusting, "mesh-distrusting"],
]);

describe.skipIf(reason !== undefined)(
  `init containers of meshes and the ValidatingAdmissionPolicy${reason ? `: ${reason}` : ""}`,
  () => {
    let rig: PolicyRig;
    beforeAll(async () => {
      rig = await openPolicies();
      for (const [settings, name] of NAMESPACES) await rig.namespace(name, await rig.policyFor(settings));
    });
    afterAll(() => rig?.close());

    const unguarded = (spec: Partial<PodSpec>, make: typeof pod): KubeObject =>
      make({ volumes: [lockVolume], ...spec });
    /** The code of the policy's denial, `created`, or the API server's own words. */
    async function answer(settings: InjectorConfig, bare: KubeObject): Promise<string> {
      const own = NAMESPACES.get(settings) ?? "";
      const { status, body } = await rig.create(own, patched(bare as never, facts(), settings));
      return status < 300 ? "created" : codeIn(body.message);
    }
    const deniedBy = (settings: InjectorConfig, bare: KubeObject): readonly string[] =>
      decide(bare, facts(), settings)
        .findings.filter(({ severity }) => severity === "deny")
        .map(({ code }) => code);

    test.for([istioInit, linkerdInit])(
      "$name is created where the setting trusts it, in a pod with a role and in one without",
      async (container) => {
        for (const make of [pod, plainPod]) {
          const bare = unguarded({ initContainers: [container] }, make);
          expect(await answer(trusting, bare)).toBe("created");
          expect(await answer(distrusting, bare)).toBe("MESH_INIT");
        }
      },
    );

    test.for(MESH_LINES)("$0.name is created with the arguments $1", async ([container, line]) => {
      const initContainers = [{ ...container, args: line.split(" ") }];
      expect(await answer(trusting, unguarded({ initContainers }, pod))).toBe("created");
    });

    // The API server itself takes some of them for invalid before it asks a policy.
    const INVALID = /is invalid: spec\.(?:initContainers|volumes)|is invalid: \[spec/;
    const seen = { policy: 0, invalid: 0 };
    test.for(MESH_ATTACKS)("is denied as by the webhook if it $what", async (attack, { skip }) => {
      const why = attack.what.includes("claim of a device") ? whyWithout("claims of devices") : undefined;
      skip(why !== undefined, why);
      const bare = unguarded(attacking(attack), pod);
      const expected = deniedBy(trusting, bare);
      expect(expected).toContain(attack.code ?? "MESH_INIT");
      const code = await answer(trusting, bare);
      const isInvalid = INVALID.test(code);
      seen[isInvalid ? "invalid" : "policy"] += 1;
      expect([...expected, "invalid"]).toContain(isInvalid ? "invalid" : code);
    });
    test("the policy has judged most of these attacks", () => {
      expect(seen.policy).toBeGreaterThan(seen.invalid * 4);
    });

    test("is denied as an app's container, and trusts no other", async () => {
      for (const bare of [
        unguarded({ containers: [app, istioInit] }, plainPod),
        unguarded({ initContainers: [istioInit, { ...istioInit, name: "other" }] }, pod),
      ]) {
        expect(await answer(trusting, bare)).toBe("CAPABILITY_FORBIDDEN");
        expect(new Set(deniedBy(trusting, bare))).toEqual(new Set(["CAPABILITY_FORBIDDEN"]));
      }
    });

    test("is created after a guard in the sidecar's container, and denied where processes are shared", async () => {
      const together = { ...trusting, guardContainer: "sidecar" } as const;
      const { own, pod: made } = await rig.good({ config: together, annotations: {} }, "together");
      made.spec.initContainers.push(istioInit);
      expect((await rig.create(own, made)).status).toBe(201);
      const shared = unguarded({ initContainers: [istioInit], shareProcessNamespace: true }, plainPod);
      expect(deniedBy(trusting, shared)).toEqual(["MESH_INIT"]);
      expect(await answer(trusting, shared)).toBe("MESH_INIT");
    });

    test("is created beside a guard in mode verify, Linkerd's only if it leaves out a group of the proxy", async () => {
      const verifying = { ...trusting, guard: "verify" } as const;
      await rig.namespace("mesh-verify", await rig.policyFor(verifying));
      NAMESPACES.set(verifying, "mesh-verify");
      const [, line] = MESH_LINES.find(([, one]) => one.includes("--proxy-gid")) ?? [linkerdInit, ""];
      for (const [container, code] of [
        [istioInit, "created"],
        [{ ...linkerdInit, args: line.split(" ") }, "created"],
        [linkerdInit, "MESH_INIT"],
      ] as const) {
        const bare = unguarded({ initContainers: [container] }, pod);
        expect(deniedBy(verifying, bare)[0] ?? "created").toBe(code);
        expect(await answer(verifying, bare)).toBe(code);
      }
    });

    test("is denied in source node", async () => {
      const node = { ...trusting, source: "node" } as const;
      for (const [settings, expected] of [
        [trusting, "created"],
        [node, "MESH_INIT"],
      ] as const) {
        const { own, pod: made } = await rig.good({ config: settings, annotations: {} }, settings.source);
        made.spec.initContainers.push(istioInit);
        const { status, body } = await rig.create(own, made);
        expect(status < 300 ? "created" : codeIn(body.message)).toBe(expected);
      }
    });

    test("is denied without a guard before it, although the setting trusts it", async () => {
      const bare = unguarded({ initContainers: [istioInit] }, plainPod);
      const { body } = await rig.create("mesh-trusting", bare);
      expect(codeIn(body.message)).toBe("GUARD_MISSING");
    });

    describe("of a running pod", () => {
      let at: string;
      beforeAll(async () => {
        const made = patched(pod({ initContainers: [istioInit] }), facts(), trusting);
        await rig.create("mesh-trusting", made, "");
        at = `${podsOf("mesh-trusting")}/${made.metadata.name}`;
        await rig.plane.admin.patch(`${at}/status`, { status: started(made as never).status });
      });
      const changed = async (change: (one: KubeObject) => void, sub = ""): Promise<string> => {
        const { body } = await rig.plane.admin.request("GET", at);
        change(body);
        const put = await rig.plane.admin.request("PUT", `${at}${sub}?dryRun=All`, body);
        return put.status < 300 ? "changed" : codeIn(put.body.message);
      };

      test("the image cannot be changed, and the app's can", async () => {
        expect(
          await changed(({ spec }) => {
            spec.initContainers.at(-1).image = "docker.io/evil/proxyv2:1";
          }),
        ).toBe("POD_FROZEN");
        expect(
          await changed(({ spec }) => {
            spec.containers[0].image = "shop/app:2";
          }),
        ).toBe("changed");
      });

      test("no ephemeral container joins its processes or gets its capabilities by its name", async () => {
        const debugger_ = {
          name: "debugger",
          image: "busybox",
          securityContext: { capabilities: { drop: ["ALL"] } },
        };
        const added = (container: object) =>
          changed(({ spec }) => {
            spec.ephemeralContainers = [container];
          }, "/ephemeralcontainers");
        expect(await added(debugger_)).toBe("changed");
        expect(await added({ ...debugger_, targetContainerName: "istio-init" })).toBe("EPHEMERAL_TARGET");
        // The API server lets no ephemeral container have resources.
        const { securityContext } = istioInit;
        expect(await added({ ...debugger_, name: "linkerd-init", securityContext })).toBe(
          "CAPABILITY_FORBIDDEN",
        );
      });
    });
  },
);

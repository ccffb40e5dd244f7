import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { InjectorConfig } from "../../injector/config/installation.ts";
import { REGISTRY } from "../../injector/model/version.ts";
import { admitPod } from "../../injector/review/admit-pod.ts";
import { config } from "../support/config.ts";
import { BILLING, facts } from "../support/facts.ts";
import { FRESH } from "../support/pods.ts";
import { SIDECAR_UID } from "../support/sidecar-uid.ts";
import { until } from "../support/until.ts";
import { openControlPlane, whyNot, type ControlPlane } from "./control-plane.ts";
import type { KubeObject } from "./kube-client.ts";
import { placeOf } from "./places.ts";
import { ALL_ROLES } from "./policy-rig.ts";
import { createNamespace, NAMESPACES, podsOf, shippedObjects } from "./setting.ts";

const reason = whyNot();
const CONFIGS = `${NAMESPACES}/podrole-system/configmaps`;
const CONFIG = `${CONFIGS}/podrole-config`;
const POLICIES = new Set(["ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"]);

type Data = Readonly<Record<string, string>>;

/** Two installations: a pod that the injector makes by it, and the settings that describe it. */
const OLD = {
  data: { version: "1.0.0", image: "r.example/podrole:1" },
  config: config({ image: "r.example/podrole:1" }),
};
const NEW = {
  data: { version: "1.1.0", image: "r.example/podrole:2", source: "node" },
  config: config({ image: "r.example/podrole:2", source: "node" }),
};
const OFF = {
  data: { version: "1.1.0", image: "r.example/podrole:3", guard: "off" },
  config: config({ image: "r.example/podrole:3", guard: "off" }),
};

const BROKER = { source: "broker", brokerUrl: "https://podrole-broker.podrole-system.svc" } as const;
const byBroker = (brokerCa: string): InjectorConfig => config({ ...OLD.config, ...BROKER, brokerCa });

const accepted = (place: number, data: Data): Data =>
  Object.fromEntries(Object.entries(data).map(([name, value]) => [`accepted.${place}.${name}`, value]));

/** A pod that the injector has patched. Privilege escalation is off, so that source node accepts it too. */
function podOf(installation: InjectorConfig, spec: object = {}): KubeObject {
  const securityContext = {
    runAsUser: 1000,
    allowPrivilegeEscalation: false,
    capabilities: { drop: ["ALL"] },
  };
  const outcome = admitPod(
    {
      metadata: { name: "web", annotations: { "iam.amazonaws.com/role": BILLING } },
      spec: { containers: [{ name: "app", image: "a", securityContext }], ...spec },
    },
    facts({ grants: [ALL_ROLES] }),
    { ...installation, policy: "off" },
    FRESH,
  );
  if (outcome.kind !== "inject") throw new Error(JSON.stringify(outcome));
  return structuredClone(outcome.after);
}
const HOST_PATH = { volumes: [{ name: "node", hostPath: { path: "/var" } }] };

describe.skipIf(reason !== undefined)(
  `the admission policy and its settings at a real API server${reason ? `: ${reason}` : ""}`,
  () => {
    let plane: ControlPlane;
    let count = 0;
    const create = async (pod: KubeObject, query = "?dryRun=All"): Promise<string> => {
      const { status, body } = await plane.admin.request("POST", podsOf("shop") + query, pod);
      return status < 300 ? "created" : body.message;
    };
    const says = (text: string) => expect.stringContaining(text) as string;

    /** Replaces the whole ConfigMap, and waits until the API server uses it. */
    async function settings(data: Data): Promise<void> {
      const mark = `probe-${(count += 1)}`;
      // A fourth installation for the probe only; no other state has its image.
      const probe = { version: "0", image: mark };
      await plane.admin.request("DELETE", CONFIG);
      await plane.admin.create(CONFIGS, {
        metadata: { name: "podrole-config" },
        data: { ...data, ...accepted(2, probe) },
      });
      await until(
        mark,
        async () => (await create(podOf(config({ image: mark })))) === "created" || undefined,
      );
    }

    beforeAll(async () => {
      plane = await openControlPlane();
      await plane.admin.create(NAMESPACES, { metadata: { name: "podrole-system" } });
      for (const object of await shippedObjects()) {
        if (POLICIES.has(object.kind)) await plane.admin.create(placeOf(object), object);
      }
      await createNamespace(plane.admin, "shop");
    });
    afterAll(() => plane?.stop());

    test("refuses every new pod of a labelled namespace while there is no ConfigMap", async () => {
      const pod = podOf(OLD.config);
      const refused = says("no params found for policy binding with `Deny` parameterNotFoundAction");
      await until("the policy", async () => (await create(pod)) !== "created" || undefined, 30_000);
      expect(await create(pod)).toEqual(refused);
      expect(
        await create({ metadata: { name: "web" }, spec: { containers: [{ name: "a", image: "a" }] } }),
      ).toEqual(refused);
    });

    test("lets a running pod change while there is no ConfigMap", async () => {
      await settings(OLD.data);
      const pod = podOf(OLD.config);
      pod.metadata = { ...pod.metadata, name: "running", finalizers: ["shop.dev/a"] };
      expect(await create(pod, "")).toBe("created");
      await plane.admin.delete(CONFIG);
      await until("its end", async () => (await create(podOf(OLD.config))) !== "created" || undefined);
      const at = `${podsOf("shop")}/running`;
      expect(await plane.admin.patch(at, { metadata: { finalizers: null } })).toMatchObject({ kind: "Pod" });
    });

    test("uses the default for an absent key, and the image of the settings' version", async () => {
      await settings({ version: "7.0.0" });
      expect(await create(podOf(config({ image: `${REGISTRY}/sidecar:7.0.0` })))).toBe("created");
      expect(await create(podOf(OLD.config))).toEqual(says("[INJECTED_DIFFERENTLY]"));
    });

    describe("while a change rolls out", () => {
      beforeAll(() => settings({ ...NEW.data, ...accepted(0, OLD.data), ...accepted(1, OFF.data) }));

      test.for([
        ["now", NEW],
        ["before", OLD],
        ["before that", OFF],
      ] as const)("admits pods of the settings %s", async ([, { config: one }]) => {
        expect(await create(podOf(one))).toBe("created");
      });

      test.for<readonly [string, string, (pod: KubeObject) => void]>([
        [
          "the guard of one and the sidecar of another",
          "podrole-sidecar differs from what this installation writes",
          (pod) => (pod.spec.initContainers[1] = podOf(NEW.config).spec.initContainers[1]),
        ],
        [
          "the image of one and the source of another",
          "podrole-sidecar has an environment",
          (pod) => {
            pod.spec = podOf({ ...OLD.config, source: "node" }).spec;
            pod.spec.initContainers[0] = podOf(OLD.config).spec.initContainers[0];
          },
        ],
        [
          "the image of one and the guard's exception for the source of another",
          "podrole-guard differs from what this installation writes",
          (pod) =>
            pod.spec.initContainers[0].env.splice(0, 0, {
              name: "PODROLE_OPEN_UID",
              value: String(SIDECAR_UID),
            }),
        ],
        [
          "no guard, and the sidecar of one that has a guard",
          "podrole-sidecar differs from what this installation writes",
          (pod) => pod.spec.initContainers.shift(),
        ],
      ])("refuses a pod with %s", async ([, message, change]) => {
        const pod = podOf(OLD.config);
        change(pod);
        expect(await create(pod)).toEqual(says(message));
      });

      test.for(["podrole.dev/source", "podrole.dev/guard", "podrole.dev/version"])(
        "refuses a pod that chooses another installation by an annotation: %s",
        async (key) => {
          const pod = podOf({ ...OLD.config, image: "r.example/podrole:9" });
          pod.metadata.annotations[key] = key.endsWith("guard") ? "off" : "node";
          expect(await create(pod)).toEqual(says("[INJECTED_DIFFERENTLY]"));
        },
      );
    });

    test("admits pods of both forms while guardContainer changes, and none with the form of one and the image of the other", async () => {
      const data = { version: "1.1.0", image: "r.example/podrole:2", guardContainer: "sidecar" };
      const { image } = data;
      await settings({ ...data, ...accepted(0, OLD.data) });
      expect(await create(podOf(config({ image, guardContainer: "sidecar" })))).toBe("created");
      expect(await create(podOf(OLD.config))).toBe("created");
      const mixed = podOf(config({ image: OLD.data.image, guardContainer: "sidecar" }));
      expect(await create(mixed)).toEqual(says("[INJECTED_DIFFERENTLY]"));
    });

    test("admits pods with the broker's CA of before and of now while it changes, and none with another", async () => {
      const data = { ...OLD.data, ...BROKER };
      await settings({ ...data, brokerCa: "one\ntwo", ...accepted(0, { ...data, brokerCa: "one" }) });
      expect(await create(podOf(byBroker("one\ntwo")))).toBe("created");
      expect(await create(podOf(byBroker("one")))).toBe("created");
      for (const ca of ["two", "one\ntwo\nthree"])
        expect(await create(podOf(byBroker(ca)))).toEqual(says("[INJECTED_DIFFERENTLY]"));
      const elsewhere = podOf({ ...byBroker("one"), brokerUrl: "https://evil.example" });
      expect(await create(elsewhere)).toEqual(says("[INJECTED_DIFFERENTLY]"));
    });

    test("refuses every sidecar of source broker until the settings have the broker's CA", async () => {
      await settings({ ...OLD.data, ...BROKER });
      expect(await create(podOf(byBroker("one")))).toEqual(says("[INJECTED_DIFFERENTLY]"));
      const trusting = (ca: string | undefined): KubeObject => {
        const pod = podOf(byBroker("one"));
        const sidecar = pod.spec.initContainers[1];
        sidecar.env = sidecar.env.flatMap((one: KubeObject) =>
          one.name !== "PODROLE_BROKER_CA" ? [one] : ca === undefined ? [] : [{ ...one, value: ca }],
        );
        return pod;
      };
      for (const ca of [undefined, ""])
        expect(await create(trusting(ca))).toEqual(says("[INJECTED_DIFFERENTLY]"));
    });

    test("refuses pods of the old settings once the controller no longer keeps these", async () => {
      await settings({ ...NEW.data, ...accepted(0, NEW.data) });
      expect(await create(podOf(NEW.config))).toBe("created");
      expect(await create(podOf(OLD.config))).toEqual(says("[INJECTED_DIFFERENTLY]"));
      expect(await create(podOf(OFF.config))).toEqual(says("[GUARD_MISSING]"));
    });

    describe("uses the settings that the controller keeps when the new settings", () => {
      test.for<readonly [string, Data]>([
        ["have no version", { version: "" }],
        ["name an unknown source", { source: "nod" }],
        ["name an unknown override", { sourceOverride: "node,ambiant" }],
        ["have an unknown value for the guard", { guard: "of" }],
        ["have an unknown value for the host network", { hostNetwork: "allow" }],
        ["have an unknown value for a boolean", { guardNetRaw: "yes" }],
        ["have an invalid port", { imdsPort: "http" }],
        ["have no address to block", { block: "" }],
        ["have no image", { image: "" }],
      ])("%s", async ([, wrong]) => {
        const { version, ...written }: Data = { ...NEW.data, ...wrong };
        const data: Data = version === "" ? written : { version: version ?? "", ...written };
        await settings({ ...data, ...accepted(0, OLD.data) });
        expect(await create(podOf(OLD.config))).toBe("created");
        expect(await create(podOf(NEW.config))).toEqual(says("[INJECTED_DIFFERENTLY]"));
        const reaching = podOf(OLD.config);
        reaching.spec.volumes.push(...HOST_PATH.volumes);
        expect(await create(reaching)).toEqual(says("[HOST_PATH]"));
      });
    });

    test("says that the settings are invalid when no valid ones are kept", async () => {
      await plane.admin.request("DELETE", CONFIG);
      await plane.admin.create(CONFIGS, {
        metadata: { name: "podrole-config" },
        // Kept settings without a version are invalid too.
        data: { ...NEW.data, source: "nod", "accepted.0.image": "r.example/podrole:1" },
      });
      const pod = podOf(OLD.config);
      await until("the settings", async () => /SETTINGS_INVALID/.test(await create(pod)) || undefined);
      expect(await create(pod)).toEqual(
        says("[SETTINGS_INVALID] The ConfigMap podrole-config describes no installation"),
      );
    });

    test("stays within the cost budget with four installations, a long CA, and a pod of a hundred containers", async () => {
      const stsCa = "x".repeat(32_000);
      const full = {
        ...NEW.data,
        stsCa,
        stsFips: "true",
        imds: "allow-emulate-v1",
        sourceOverride: "node,ambient,broker",
        brokerUrl: BROKER.brokerUrl,
        brokerCa: "y".repeat(32_000),
      };
      const one = (place: number): Data => accepted(place, { ...full, image: `r.example/podrole:${place}` });
      await settings({ ...full, ...one(0), ...one(1) });
      const env = Array.from({ length: 100 }, (_, i) => ({ name: `NAME_${i}`, value: "value ".repeat(20) }));
      const securityContext = {
        runAsUser: 1000,
        allowPrivilegeEscalation: false,
        capabilities: { drop: ["ALL"] },
      };
      const containers = Array.from({ length: 100 }, (_, i) => ({
        name: `app-${i}`,
        image: "a",
        env,
        securityContext,
      }));
      const last = { ...NEW.config, image: "r.example/podrole:1", stsCa, stsFips: true };
      expect(await create(podOf(last, { containers }))).toBe("created");
      const asking = { ...full, source: "broker", image: "r.example/podrole:9" };
      await settings({ ...full, ...accepted(0, full), ...accepted(1, asking) });
      const ofBroker = { ...byBroker(full.brokerCa), image: asking.image };
      expect(await create(podOf(ofBroker, { containers }))).toBe("created");
    });
  },
);

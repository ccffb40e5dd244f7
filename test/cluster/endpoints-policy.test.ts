import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { rendered, whyNoHelm, type Manifest } from "../support/helm.ts";
import { until } from "../support/until.ts";
import { whyWithout } from "./api-version.ts";
import { openControlPlane, whyNot, type ControlPlane } from "./control-plane.ts";
import { createNamespace, NAMESPACES } from "./setting.ts";

const reason = whyNot() ?? whyNoHelm();
const ADMISSION = "/apis/admissionregistration.k8s.io/v1";
const CONFIGS = `${NAMESPACES}/podrole-system/configmaps`;
/** The namespace has nothing to do with podrole. */
const ENDPOINTS = `${NAMESPACES}/elsewhere/endpoints`;
const SLICES = "/apis/discovery.k8s.io/v1/namespaces/elsewhere/endpointslices";
const SERVICES = `${NAMESPACES}/elsewhere/services`;

/** Blocked by the settings, and by settings that the controller keeps. 100.100.100.200 is another cloud's metadata service. */
const SET_V4 = "100.100.100.200";
const SET_V6 = "fd00:ec2::23";
const KEPT = "192.0.2.7";

const BLOCKED = expect.stringContaining("[BLOCKED_ENDPOINT] ") as string;
const INVALID = expect.stringMatching(/may not be in the link-local range|must be|is invalid/) as string;

const subset = (...ips: readonly string[]) => ({
  addresses: ips.map((ip) => ({ ip })),
  ports: [{ port: 80 }],
});
const endpoint = (...addresses: readonly string[]) => ({ addresses });
const typeOf = (address: string): string => (address.includes(":") ? "IPv6" : "IPv4");
const slice = (addressType: string, ...all: readonly string[]) => ({
  metadata: { generateName: "a-" },
  addressType,
  ports: [{ port: 80 }],
  endpoints: all.map((address) => endpoint(address)),
});
const service = (...externalIPs: readonly string[]) => ({
  metadata: { name: "a" },
  spec: { ports: [{ port: 80 }], externalIPs },
});

describe.skipIf(reason !== undefined)(
  `endpoints of blocked addresses at a real API server${reason ? `: ${reason}` : ""}`,
  () => {
    let plane: ControlPlane;
    const tried = async (path: string, object: object): Promise<string> => {
      const { status, body } = await plane.admin.request("POST", `${path}?dryRun=All`, object);
      return status < 300 ? "admitted" : (body.message as string);
    };
    const triedEndpoints = (...subsets: readonly object[]) =>
      tried(ENDPOINTS, { metadata: { name: "a" }, subsets });

    beforeAll(async () => {
      // As older API servers, which take an address in more spellings.
      const isLax = whyWithout("a gate for lax addresses") !== undefined;
      const flags = isLax ? [] : ["--feature-gates=StrictIPCIDRValidation=false"];
      plane = await openControlPlane(undefined, ...flags);
      const { admin } = plane;
      await admin.create(NAMESPACES, { metadata: { name: "podrole-system" } });
      await createNamespace(admin, "shop");
      await admin.create(NAMESPACES, { metadata: { name: "elsewhere" } });
      const ours = rendered({
        options: { block: ["169.254.169.254", "FD00:0EC2::0023", `::ffff:${SET_V4}`] },
      }).filter(({ kind, metadata }) => metadata?.name === "podrole-endpoints" || kind === "ConfigMap");
      const of = (wanted: string): Manifest => ours.find(({ kind }) => kind === wanted);
      const settings = of("ConfigMap");
      settings.data["accepted.1.version"] = "0.0.9";
      settings.data["accepted.1.block"] = KEPT;
      await admin.create(CONFIGS, settings);
      await admin.create(`${ADMISSION}/validatingadmissionpolicies`, of("ValidatingAdmissionPolicy"));
      await admin.create(
        `${ADMISSION}/validatingadmissionpolicybindings`,
        of("ValidatingAdmissionPolicyBinding"),
      );
      const isInForce = async () =>
        (await triedEndpoints(subset(KEPT))).includes("[BLOCKED_ENDPOINT]") || undefined;
      await until("the policy to be in force", isInForce, 30_000);
    });
    afterAll(() => plane?.stop());

    // What the API server refuses itself, in every version that podrole supports.
    test.for([
      "169.254.169.254",
      "::ffff:169.254.169.254",
      "::ffff:a9fe:a9fe",
      "::FFFF:A9FE:A9FE",
      "169.254.169.0254",
    ])("the API server itself refuses %s", async (address) => {
      expect(await triedEndpoints(subset(address))).toEqual(INVALID);
      expect(await tried(SLICES, slice("IPv4", address))).toEqual(INVALID);
      expect(await tried(SERVICES, service(address))).toEqual(INVALID);
    });

    const SPELLINGS = [
      "fd00:ec2::254",
      "FD00:EC2::254",
      "fd00:0ec2:0000:0000:0000:0000:0000:0254",
      "fd00:ec2:0:0:0:0:0:254",
      "fd00:ec2:0::254",
      // Kubernetes reads any number of leading zeros, in hexadecimal and in decimal, and IPv4 at the end of any IPv6 address.
      "fd00:ec2::0000254",
      "fd00:000ec2:0:0:0:0:0:00254",
      "fd00:ec2::0.0.2.84",
      "fd00:ec2::0.0.02.84",
      "FD00:EC2:0:0:0:0:0.0.002.0084",
      SET_V6,
      "Fd00:eC2::0:23",
      SET_V4,
      "100.100.100.0200",
      `::ffff:${SET_V4}`,
      `::FFFF:${SET_V4}`,
      "::ffff:6464:64c8",
      "::ffff:006464:64c8",
      "::0ffff:00100.100.100.200",
      "0:0:0:0:0:FFFF:6464:64C8",
      "0000:0000:0000:0000:0000:ffff:100.100.100.200",
      KEPT,
      "192.000.002.007",
    ];

    describe.for(SPELLINGS)("%s is refused", (address) => {
      test("in Endpoints", async () => {
        expect(await triedEndpoints(subset("10.1.2.3", address))).toEqual(BLOCKED);
      });

      test("in Endpoints that are not ready", async () => {
        const notReady = { notReadyAddresses: [{ ip: address }], ports: [{ port: 80 }] };
        expect(await triedEndpoints(subset("10.1.2.3"), notReady)).toEqual(BLOCKED);
      });

      test("as the external IP of a Service", async () => {
        expect(await tried(SERVICES, service("10.1.2.3", address))).toEqual(BLOCKED);
      });

      test("in an EndpointSlice, or the API server itself refuses the spelling", async () => {
        for (const type of ["IPv4", "IPv6"]) {
          const neighbour = type === "IPv4" ? "10.1.2.3" : "fd00::3";
          expect([BLOCKED, INVALID]).toContainEqual(await tried(SLICES, slice(type, neighbour, address)));
        }
        expect(await tried(SLICES, slice(typeOf(address), address))).not.toBe("admitted");
      });
    });

    test("a name that is an address is refused in an EndpointSlice of names", async () => {
      expect(await tried(SLICES, slice("FQDN", "169.254.169.254"))).not.toBe("admitted");
      expect(await tried(SLICES, slice("FQDN", "api.ffff.example"))).toBe("admitted");
    });

    test("the second address of an endpoint is judged like the first", async () => {
      const two = { ...slice("IPv6"), endpoints: [endpoint("fd00::1", "fd00:ec2::254")] };
      expect(await tried(SLICES, two)).toEqual(BLOCKED);
    });

    test("an update and a patch to a blocked address are refused", async () => {
      const { admin } = plane;
      const made = await admin.create(SLICES, { ...slice("IPv6", "fd00::3"), metadata: { name: "served" } });
      const changed = { ...made, endpoints: [endpoint("fd00:ec2::254")] };
      const put = await admin.request("PUT", `${SLICES}/served`, changed);
      expect(put.body.message).toEqual(BLOCKED);
      const patch = { endpoints: [endpoint("fd00:ec2::254")] };
      const patched = await admin.request("PATCH", `${SLICES}/served`, patch, "application/merge-patch+json");
      expect(patched.body.message).toEqual(BLOCKED);
    });

    test.for([
      "10.1.2.3",
      "010.001.002.003",
      "::ffff:10.1.2.3",
      "::ffff:a01:203",
      "fd00::254",
      "FD00:0::254",
      "169.253.169.254",
      "64:ff9b::10.1.2.3",
    ])("%s is admitted in Endpoints and as an external IP", async (address) => {
      expect(await triedEndpoints(subset(address))).toBe("admitted");
      expect(await tried(SERVICES, service(address))).toBe("admitted");
    });

    test.for([
      [
        "a Service without external IPs",
        SERVICES,
        { metadata: { name: "a" }, spec: { ports: [{ port: 80 }] } },
      ],
      [
        "a Service of another name",
        SERVICES,
        { metadata: { name: "a" }, spec: { type: "ExternalName", externalName: "example.com" } },
      ],
      ["Endpoints without subsets", ENDPOINTS, { metadata: { name: "a" } }],
      ["an EndpointSlice without endpoints", SLICES, slice("IPv4")],
      ["an EndpointSlice with null in their place", SLICES, { ...slice("IPv4"), endpoints: null }],
    ] as const)("%s is admitted", async ([, path, object]) => {
      expect(await tried(path, object)).toBe("admitted");
    });

    /** As long as an address can be, in Kubernetes' one spelling. */
    const numbered = (count: number): readonly string[] =>
      Array.from(
        { length: count },
        (_, at) => `fd00:1234:5678:9abc:def0:1234:5678:${(at + 0x1000).toString(16)}`,
      );

    test("as many endpoints as the API server takes are judged within the budget of CEL", async () => {
      const all = numbered(1000);
      expect(await tried(SLICES, slice("IPv6", ...all))).toBe("admitted");
      expect(await triedEndpoints(subset(...all))).toBe("admitted");
      expect(await tried(SLICES, slice("IPv6", ...all.slice(1), "fd00:ec2::254"))).toEqual(BLOCKED);
      expect(await triedEndpoints(subset(...all.slice(1), "FD00:EC2::254"))).toEqual(BLOCKED);
    });

    // A thousand endpoints of a hundred addresses each. Controllers write one address for each endpoint.
    test("the largest EndpointSlice that there can be is refused or judged, and never admitted unjudged", async () => {
      const hundred = Array.from({ length: 100 }, (_, at) => `10.0.0.${at}`);
      const all = Array.from({ length: 999 }, () => endpoint(...hundred));
      const leading = endpoint(...hundred.slice(1), KEPT);
      const said = await tried(SLICES, { ...slice("IPv4"), endpoints: [...all, leading] });
      expect(said.slice(0, 300)).toContain("podrole-endpoints");
    });

    test("Endpoints are served when the settings are gone", async () => {
      const { admin } = plane;
      const settings = await admin.get(`${CONFIGS}/podrole-config`);
      await admin.delete(`${CONFIGS}/podrole-config`);
      const isServed = async () => (await triedEndpoints(subset(KEPT))) === "admitted" || undefined;
      expect(await until("the settings to be gone", isServed, 30_000)).toBe(true);
      const { metadata, ...rest } = settings;
      await admin.create(CONFIGS, { ...rest, metadata: { name: metadata.name } });
    });
  },
);

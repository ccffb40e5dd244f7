import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { ENV } from "../../sidecar/contract/env.ts";
import { SIDECAR_UID } from "../support/sidecar-uid.ts";
import { CLIENTS } from "./clients.ts";
import { openLab, type Lab } from "./lab.ts";
import { NODE, POD } from "./names.ts";
import { whyNot } from "./requirements.ts";

const reason = whyNot();
const ROLES = "http://169.254.169.254/latest/meta-data/iam/security-credentials/";
const IPV6 = { AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE: "IPv6" };
/** Some clients make a call for each line that they are given. */
const ONE_CALL = "\n";
const IPV6_ROLES = "http://[fd00:ec2::254]/latest/meta-data/iam/security-credentials/";

describe.skipIf(reason)(
  `a pod with nothing but EC2's metadata${reason ? ` (skipped: ${reason})` : ""}`,
  () => {
    let lab: Lab;
    beforeEach(async () => {
      lab = await openLab();
    });
    afterEach(() => lab?.close());

    const curl = async (...args: readonly string[]): Promise<string> =>
      (await lab.app(["curl", "--silent", "--globoff", "--max-time", "5", ...args])).stdout;

    for (const { name, argv, missing, prints } of CLIENTS) {
      const title = missing === undefined ? name : `${name} (skipped: ${missing})`;

      test.skipIf(missing)(`${title}: is the pod's role`, async () => {
        await lab.guard();
        await lab.sidecar();
        const { stdout, stderr } = await lab.app(argv, {}, ONE_CALL);
        expect(stdout + stderr).toContain(prints(POD));
        expect(stdout + stderr).not.toContain(prints(NODE));
      });

      test.skipIf(missing)(`${title}: is the pod's role where it takes the IPv6 address`, async () => {
        await lab.guard();
        await lab.sidecar();
        const { stdout, stderr } = await lab.app(argv, IPV6, ONE_CALL);
        expect(stdout + stderr).toContain(prints(POD));
        expect(stdout + stderr).not.toContain(prints(NODE));
      });

      test.skipIf(missing)(`${title}: is the node's role where there is no guard (control)`, async () => {
        const { stdout, stderr } = await lab.app(argv, {}, ONE_CALL);
        expect(stdout + stderr).toContain(prints(NODE));
      });

      test.skipIf(missing)(`${title}: is nobody where the guard blocks`, async () => {
        await lab.guard({ [ENV.imds]: "block" });
        const { stdout, stderr } = await lab.app(argv, {}, ONE_CALL);
        expect(stdout + stderr).not.toContain(prints(POD));
        expect(stdout + stderr).not.toContain(prints(NODE));
      });

      test.skipIf(missing)(`${title}: is nobody while the sidecar has no credentials`, async () => {
        await lab.guard();
        await lab.sidecar({ [ENV.stsEndpoint]: "http://127.0.0.1:9" }, "STS_UNREACHABLE");
        const { stdout, stderr } = await lab.app(argv, {}, ONE_CALL);
        expect(stdout + stderr).not.toContain(prints(POD));
        expect(stdout + stderr).not.toContain(prints(NODE));
      });

      test.skipIf(missing)(`${title}: says that it has no credentials when STS refuses`, async () => {
        await lab.guard();
        await lab.sidecar({ [ENV.webIdentityTokenFile]: "/etc/hostname" }, "InvalidIdentityToken");
        const { stdout, stderr } = await lab.app(argv, {}, ONE_CALL);
        // s3cmd says it in its own way.
        expect(stdout + stderr).toMatch(/credential|Configuration file not available/i);
      });
    }

    test("a bare curl prints the role's name, as kube2iam's guides check it, and no credentials", async () => {
      await lab.guard();
      await lab.sidecar();
      expect(await curl(ROLES)).toBe(POD.role);
      expect(await curl(IPV6_ROLES)).toBe(POD.role);
      expect(await curl("--write-out", "%{http_code}", "--output", "/dev/null", `${ROLES}${POD.role}`)).toBe(
        "401",
      );
    });

    test("tells what the pod may know of where it runs, and of the node nothing", async () => {
      await lab.guard();
      await lab.sidecar();
      const ttl = "X-aws-ec2-metadata-token-ttl-seconds: 60";
      const token = await curl(
        "--request",
        "PUT",
        "--header",
        ttl,
        "http://169.254.169.254/latest/api/token",
      );
      const fact = (path: string): Promise<string> =>
        curl(
          "--header",
          `X-aws-ec2-metadata-token: ${token}`,
          `http://169.254.169.254/latest/meta-data/${path}`,
        );
      expect(await fact("placement/region")).toBe("eu-west-1");
      expect(await fact("placement/availability-zone")).toBe("eu-west-1b");
      expect(await fact("local-ipv4")).toBe("10.0.0.7");
      expect(await fact("ipv6")).toBe("fd00::7");
      expect(await fact("instance-id")).toContain("404 - Not Found");
    });

    test("a bare curl prints credentials where IMDSv1 is chosen", async () => {
      await lab.guard();
      await lab.sidecar({ [ENV.imdsV1]: "allowed" });
      expect(JSON.parse(await curl(`${ROLES}${POD.role}`))).toMatchObject({ Code: "Success" });
    });

    test("credentials are withheld while what answers at EC2's address is not the sidecar", async () => {
      await lab.sidecar({}, "METADATA_REACHABLE");
      const local = "http://127.0.0.1:16927/latest";
      const ttl = "X-aws-ec2-metadata-token-ttl-seconds: 60";
      const token = await curl("--request", "PUT", "--header", ttl, `${local}/api/token`);
      const path = `${local}/meta-data/iam/security-credentials/${POD.role}`;
      const answered = await curl("--include", "--header", `X-aws-ec2-metadata-token: ${token}`, path);
      expect(answered).toMatch(/^HTTP\/1\.1 503 [^]*METADATA_REACHABLE/);
    });

    test("in source node, the paths of the list are the node's own, and nothing else of it is", async () => {
      await lab.guard({ [ENV.openUid]: String(SIDECAR_UID) });
      await lab.sidecar(
        { [ENV.source]: "node", [ENV.imdsV1]: "allowed", [ENV.imdsNodePaths]: "meta-data/instance-id" },
        "ok",
      );
      const base = "http://169.254.169.254/latest";
      expect(await curl(`${base}/meta-data/instance-id`)).toBe("i-0123456789abcdef0");
      expect(await curl(`${base}/meta-data/local-ipv4`), "the pod's own").toBe("10.0.0.7");
      expect(await curl(ROLES)).toBe(POD.role);
      expect(await curl(`${ROLES}${NODE.role}`)).toContain("404 - Not Found");
      expect(await curl("--path-as-is", `${base}/meta-data/../user-data`)).toContain("404 - Not Found");
    });
  },
);

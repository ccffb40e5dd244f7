import { expect, test } from "vitest";
import { nodePath } from "../../../sidecar/kit/node-path.ts";

test.each([
  "meta-data/placement/availability-zone",
  "meta-data/tags/instance/x",
  "dynamic/instance-identity/document",
  "meta-data/network/interfaces/macs/0a:1b:2c:3d:4e:5f/vpc-id",
])("a pod may be allowed to read the node's %s", (path) => {
  expect(nodePath(path)).toBe(path);
});

test.each([
  "user-data",
  "meta-data",
  "meta-data/",
  "meta-data/user-data",
  "latest/meta-data/placement/region",
  "/meta-data/placement/region",
  "meta-data/../user-data",
  "meta-data//region",
  "meta-data/placement/",
  "meta-data/placement/*",
  "meta-data/%75ser-data",
  "meta-data/region?x",
  "Meta-Data/region",
  "meta-data/iam/info",
  "meta-data/iam/security-credentials/node",
  "meta-data/identity-credentials/ec2/info",
  "meta-data/managed-ssh-keys/signer-cert",
  "dynamic/instance-identity/pkcs7",
  "dynamic/instance-identity/rsa2048",
  "dynamic/instance-identity/signature",
  "api/token",
])("a pod can not be allowed to read the node's %s", (path) => {
  expect(() => nodePath(path)).toThrow(/^(must be paths such as|may name no path with)/);
});

import { expect, test } from "vitest";
import { parseConfig } from "../../../sidecar/config/config.ts";
import { ENV } from "../../../sidecar/contract/env.ts";
import { IMDS_PORT } from "../../../sidecar/contract/pod.ts";
import { ROLE } from "../../support/credentials.ts";
import { sidecarEnv } from "../../support/sidecar-env.ts";

test("the sidecar refuses to emulate the metadata service when containers have roles of their own", () => {
  const pod = { name: "pod", tokenSha256: "ab".repeat(32), steps: [{ roleArn: ROLE }] };
  const app = { ...pod, name: "container/app", tokenSha256: "cd".repeat(32) };
  for (const identities of [[pod, app], [app]]) {
    const env = { ...sidecarEnv(), [ENV.imds]: "emulate", [ENV.identities]: JSON.stringify(identities) };
    expect(() => parseConfig(env)).toThrow("cannot tell apart containers with roles of their own");
  }
});

test("the sidecar emulates no metadata service unless it is told to", () => {
  expect(parseConfig(sidecarEnv()).imds).toBeUndefined();
  expect(parseConfig({ ...sidecarEnv(), [ENV.imds]: "block" }).imds).toBeUndefined();
});

// STS needs a region in any case, so the sidecar may have taken the home region of the partition.
test("the sidecar reads the facts it is given, and does not take STS's region for one", () => {
  const env = { ...sidecarEnv(), [ENV.imds]: "emulate", [ENV.imdsFacts]: '{"instanceType":"m7g.large"}' };
  expect(parseConfig(env)).toMatchObject({ sts: { region: "eu-west-1" } });
  expect(parseConfig(env).imds).toEqual({
    port: IMDS_PORT,
    v1: "denied",
    facts: { instanceType: "m7g.large" },
    nodePaths: [],
  });
});

test("the sidecar takes paths of the node's service only in source node", () => {
  const env = { ...sidecarEnv(), [ENV.imds]: "emulate", [ENV.imdsNodePaths]: "meta-data/instance-id" };
  expect(() => parseConfig(env)).toThrow(
    `${ENV.imdsNodePaths} needs a source that may ask the node's service`,
  );
  const node = { ...env, [ENV.source]: "node" };
  expect(parseConfig(node).imds?.nodePaths).toEqual(["meta-data/instance-id"]);
  const forbidden = { ...node, [ENV.imdsNodePaths]: "meta-data/instance-id,meta-data/iam/info" };
  expect(() => parseConfig(forbidden)).toThrow(`${ENV.imdsNodePaths} may name no path with iam in it`);
});

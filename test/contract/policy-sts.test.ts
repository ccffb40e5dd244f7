import { readFileSync } from "node:fs";
import { partition } from "@aws-sdk/core/client";
import { expect, test } from "vitest";
import { parse } from "yaml";
import { AWS_REGION } from "../../sidecar/contract/session.ts";
import { SDK_REGIONS } from "../support/sdk-regions.ts";

/** What the admission policy takes for granted about STS's endpoints. */

const template = readFileSync(new URL("../../deploy/chart/templates/_policy.tpl", import.meta.url), "utf8");
const defined = (name: string): string =>
  new RegExp(`define "podrole\\.${name}" -}}\\n([^]*?)\\{\\{- end`).exec(template)?.[1]?.trim() ?? "";

const DOMAINS = parse(defined("stsDomains")) as Readonly<Record<string, readonly [string, string]>>;

/** As `podrole.celStsParts` looks them up. */
const domainsOf = (region: string): readonly string[] =>
  Object.entries(DOMAINS).find(([start]) => new RegExp(`^${start}-[a-z]+-[0-9]+$`).test(region))?.[1] ?? [
    "amazonaws.com",
    "api.aws",
  ];

test.each([...SDK_REGIONS, "us-gov-south-1", "eusc-de-west-1", "us-iso-ab-cd-1", "cn-ab-cd-1", "xx-north-1"])(
  "the policy knows the AWS SDK's domains of STS in %s",
  (region) => {
    const { dnsSuffix, dualStackDnsSuffix } = partition(region);
    expect(domainsOf(region)).toEqual([dnsSuffix, dualStackDnsSuffix]);
  },
);

test("the policy accepts the names of regions that injector and sidecar accept", () => {
  const plain = AWS_REGION.source.replaceAll("?:", "").replaceAll("\\d", "[0-9]");
  expect(defined("regionForm")).toBe(plain);
});

import { partition } from "@aws-sdk/core/client";
import { STSClient } from "@aws-sdk/client-sts";
import { describe, expect, test } from "vitest";
import { stsEndpointOf } from "../../../injector/config/sts-endpoint.ts";
import { regionOf } from "../../../injector/model/session-values.ts";
import { SDK_REGIONS } from "../../support/sdk-regions.ts";

/** The STS client's own rules. */
const { endpointProvider } = new STSClient({ region: "eu-west-1" }).config;
const bySdk = (Region: string, UseFIPS: boolean, UseDualStack: boolean): string =>
  endpointProvider({ Region, UseFIPS, UseDualStack }).url.origin;

const CHOICES = [false, true].flatMap((fips) => [false, true].map((dualStack) => [fips, dualStack] as const));

describe("the endpoint is the AWS SDK's for every region that it knows:", () => {
  test.each(SDK_REGIONS)("%s", (region) => {
    for (const [stsFips, stsDualStack] of CHOICES) {
      const settings = { stsEndpoint: undefined, stsFips, stsDualStack };
      expect(stsEndpointOf(region, settings)).toBe(bySdk(region, stsFips, stsDualStack));
    }
  });
});

test("the AWS SDK's table has the regions of eight partitions", () => {
  expect(new Set(SDK_REGIONS.map((region) => partition(region).name)).size).toBe(8);
  expect(SDK_REGIONS.length).toBeGreaterThan(45);
});

test.each([
  "eu-west-9",
  "us-gov-south-1",
  "cn-east-1",
  "us-isof-east-9",
  "eusc-de-west-1",
  "xx-north-1",
  "us-gov-ab-east-1",
])("the endpoint is the AWS SDK's for the region %s, which it does not know", (region) => {
  expect(regionOf(region)).toBe(region);
  for (const [stsFips, stsDualStack] of CHOICES) {
    const settings = { stsEndpoint: undefined, stsFips, stsDualStack };
    expect(stsEndpointOf(region, settings)).toBe(bySdk(region, stsFips, stsDualStack));
  }
});

test("the endpoint of the settings is called in every region", () => {
  const settings = { stsEndpoint: "https://vpce.example", stsFips: false, stsDualStack: false };
  expect(stsEndpointOf("cn-north-1", settings)).toBe("https://vpce.example");
});

test("the name of a region is no name of AWS's that stands for several", () => {
  for (const name of ["aws-global", "aws-cn-global", "aws-us-gov-global", "aws-iso-b-global"]) {
    expect(() => regionOf(name)).toThrow("must be an AWS region");
  }
});

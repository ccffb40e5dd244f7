import { expect, test } from "vitest";
import { factsOf } from "../../../sidecar/config/imds-facts.ts";

test("the sidecar takes facts as they are given", () => {
  const facts = {
    region: "eu-west-1",
    availabilityZone: "eu-west-1a",
    availabilityZoneId: "euw1-az2",
    instanceId: "i-0123456789abcdef0",
    instanceType: "m7g.large",
    localIpv4: "10.1.2.3",
    hostname: "ip-10-1-2-3.eu-west-1.compute.internal",
    imageId: "ami-0123456789abcdef0",
    mac: "0a:1b:2c:3d:4e:5f",
  };
  expect(factsOf(JSON.stringify(facts))).toEqual(facts);
});

test("the sidecar ignores an empty fact, which the downward API gives for a missing label", () => {
  expect(factsOf('{"availabilityZone":"","instanceType":"m7g.large","providerId":""}')).toEqual({
    instanceType: "m7g.large",
  });
});

test("the sidecar reads zone and instance from an AWS provider id, and nothing from another cloud's", () => {
  const providerId = "aws:///eu-west-1a/i-0123456789abcdef0";
  expect(factsOf(JSON.stringify({ providerId }))).toEqual({
    availabilityZone: "eu-west-1a",
    instanceId: "i-0123456789abcdef0",
  });
  expect(factsOf(JSON.stringify({ providerId, availabilityZone: "eu-west-1b" }))).toMatchObject({
    availabilityZone: "eu-west-1b",
  });
  expect(factsOf('{"providerId":"kind://docker/kind/worker"}')).toEqual({});
});

test.each([
  ["10.1.2.3", { localIpv4: "10.1.2.3" }],
  ["10.1.2.3,fd00::7", { localIpv4: "10.1.2.3", ipv6: "fd00::7" }],
  ["fd00::7", { ipv6: "fd00::7" }],
  ["", {}],
  ["somewhere", {}],
])("the sidecar reads a pod's addresses from the downward API's list %j", (podIps, facts) => {
  expect(factsOf(JSON.stringify({ podIps }))).toEqual(facts);
});

test.each(["10.1.2.256", "10.1.2", "10.1.2.3.4", "010.1.2.3"])(
  "the sidecar refuses %s as an IPv4 address",
  (localIpv4) => {
    expect(() => factsOf(JSON.stringify({ localIpv4 }))).toThrow(".localIpv4 is not well-formed");
  },
);

test.each([
  ["{", "is not JSON"],
  ["[]", "must be a JSON object of texts"],
  ["null", "must be a JSON object of texts"],
  ['{"region":1}', "is not valid: .region must be a text"],
  ['{"userData":"x"}', "is not valid: .userData is not known"],
  ['{"__proto__":"x"}', "is not valid: .__proto__ is not known"],
  [
    '{"instanceId":"i-x","mac":"none"}',
    "is not valid: .instanceId is not well-formed, .mac is not well-formed",
  ],
  ['{"hostname":"a\\nb"}', "is not valid: .hostname is not well-formed"],
  ['{"localIpv4":"fd00::1"}', "is not valid: .localIpv4 is not well-formed"],
])("the sidecar refuses the facts %s", (raw, message) => {
  expect(() => factsOf(raw)).toThrow(message);
});

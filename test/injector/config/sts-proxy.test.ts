import { expect, test } from "vitest";
import { stsProxyOf } from "../../../injector/config/sts-proxy.ts";

const PROXY = "http://proxy.example:3128";
const proxied = (endpoint: string, ...stsNoProxy: readonly string[]): boolean =>
  stsProxyOf(endpoint, { stsProxy: PROXY, stsNoProxy }) === PROXY;

const REGIONAL = "https://sts.eu-west-1.amazonaws.com";
const VPCE = "https://vpce-1.sts.eu-west-1.vpce.amazonaws.com:8443";

test("STS is called through the proxy, and directly only if its host is exempt", () => {
  expect(proxied(REGIONAL)).toBe(true);
  expect(proxied(REGIONAL, "sts.eu-central-1.amazonaws.com")).toBe(true);
  expect(proxied(REGIONAL, "sts.eu-west-1.amazonaws.com")).toBe(false);
  expect(proxied(VPCE, ".vpce.amazonaws.com")).toBe(false);
  expect(proxied("http://10.0.0.7:4566", "10.0.0.7")).toBe(false);
});

test("a name without a dot before it exempts no name below it, and half a name none", () => {
  expect(proxied(VPCE, "vpce.amazonaws.com")).toBe(true);
  expect(proxied(REGIONAL, "amazonaws.com")).toBe(true);
  expect(proxied("https://evilvpce.amazonaws.com", ".vpce.amazonaws.com")).toBe(true);
  expect(proxied("https://vpce.amazonaws.com", ".vpce.amazonaws.com")).toBe(true);
  expect(proxied("http://[fd00::7]:4566", "fd00")).toBe(true);
});

test("there is no proxy where none is set", () => {
  expect(stsProxyOf(REGIONAL, { stsProxy: undefined, stsNoProxy: [] })).toBeUndefined();
});

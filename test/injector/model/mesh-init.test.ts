import { expect, test } from "vitest";
import { entryOf } from "../../../injector/model/mesh-init.ts";

const HEX = "0123456789abcdef".repeat(4);

test.for([
  ["docker.io/istio/proxyv2:1.30.0", "istio=docker.io/istio/proxyv2"],
  ["docker.io/istio/proxyv2", "istio=docker.io/istio/proxyv2"],
  ["localhost/proxyv2:a", "istio=localhost/proxyv2"],
  ["registry:5000/a__b/c--d.e:1", "istio=registry:5000/a__b/c--d.e"],
  ["10.0.0.1:5000/a:1", "istio=10.0.0.1:5000/a"],
  [`docker.io/istio/proxyv2@sha256:${HEX}`, `istio=docker.io/istio/proxyv2@sha256:${HEX}`],
  [`docker.io/istio/proxyv2:1.30.0@sha256:${HEX}`, `istio=docker.io/istio/proxyv2@sha256:${HEX}`],
] as const)("the image %s is trusted by the entry %s", ([image, entry]) => {
  expect(entryOf("Istio", image)).toBe(entry);
});

test.for([
  "",
  "proxyv2:1",
  "istio/proxyv2:1",
  "docker.io/",
  "docker.io//proxyv2",
  "docker.io/istio/proxyv2:",
  "docker.io/istio/proxyv2:1/a",
  "docker.io/istio/proxyv2@sha512:00",
  "docker.io/istio/../evil:1",
  " docker.io/istio/proxyv2:1",
  "docker.io/istio/proxyv2:1\n",
  "https://docker.io/istio/proxyv2:1",
])("no entry can trust the image %j", (image) => {
  expect(entryOf("Istio", image)).toBeUndefined();
});

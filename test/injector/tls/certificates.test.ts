import { createPrivateKey, X509Certificate } from "node:crypto";
import { describe, expect, test } from "vitest";
import { certificateAuthority, servingCertificate, validFor } from "../../../injector/tls/certificates.ts";

const NOW = Date.UTC(2026, 0, 1);
const NAME = "podrole-injector.podrole.svc";

const made = async () => {
  const authority = await certificateAuthority("a CA", validFor(10, NOW));
  const serving = await servingCertificate(authority, [NAME, "127.0.0.1"], validFor(1, NOW));
  return {
    ca: new X509Certificate(authority.cert),
    leaf: new X509Certificate(serving.cert),
    authority,
    serving,
  };
};

describe("a serving certificate", () => {
  test("is signed by its CA, which is a CA certificate, and is no CA certificate itself", async () => {
    const { ca, leaf } = await made();
    expect(leaf.verify(ca.publicKey)).toBe(true);
    expect(leaf.checkIssued(ca)).toBe(true);
    expect([ca.ca, leaf.ca]).toEqual([true, false]);
  });

  test("is valid only for the names and addresses it was made for", async () => {
    const { leaf } = await made();
    expect(leaf.checkHost(NAME)).toBe(NAME);
    expect(leaf.checkIP("127.0.0.1")).toBe("127.0.0.1");
    expect(leaf.checkHost("elsewhere.podrole.svc")).toBeUndefined();
  });

  test("has its own P-256 key, which matches the returned key", async () => {
    const { ca, leaf, serving } = await made();
    expect(leaf.publicKey.asymmetricKeyDetails).toEqual({ namedCurve: "prime256v1" });
    expect(leaf.checkPrivateKey(createPrivateKey(serving.key))).toBe(true);
    expect(ca.checkPrivateKey(createPrivateKey(serving.key))).toBe(false);
  });

  test("is valid from a little before now, for clocks that are behind, to the requested day", async () => {
    const { leaf } = await made();
    expect(new Date(leaf.validFrom).getTime()).toBe(NOW - 5 * 60 * 1000);
    expect(new Date(leaf.validTo).getTime()).toBe(NOW + 24 * 60 * 60 * 1000);
  });
});

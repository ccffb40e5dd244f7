import { spawn } from "node:child_process";
import { LOOPBACK } from "../../sidecar/contract/pod.ts";
import { freePort } from "../support/free-port.ts";
import { http } from "../support/http.ts";
import { until } from "../support/until.ts";
import { PYTHON } from "./python.ts";

/** moto's server: STS and S3, as its Python package has them, with one bucket and one file. */
export async function startMoto(): Promise<{ url: string; stop: () => void }> {
  const port = await freePort();
  const server = spawn(PYTHON, ["-m", "moto.server", "-H", LOOPBACK, "-p", String(port)], {
    stdio: "ignore",
  });
  await until("moto", () => http(port, "/moto-api/").catch(() => undefined), 45_000);
  const url = `http://${LOOPBACK}:${port}`;
  await fetch(`${url}/shop`, { method: "PUT" });
  await fetch(`${url}/shop/sales.csv`, { method: "PUT", body: "sold\n1\n" });
  return { url, stop: () => void server.kill() };
}

/** A service account's token. moto reads the claims and checks no signature. */
export function unsignedJwt(): string {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");
  const claims = {
    sub: "system:serviceaccount:billing:reader",
    aud: "sts.amazonaws.com",
    iss: "https://issuer",
  };
  return `${part({ alg: "none" })}.${part(claims)}.`;
}

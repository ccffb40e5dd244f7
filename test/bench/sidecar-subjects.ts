import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { createServer, connect, type Socket } from "node:net";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { ENV } from "../../sidecar/contract/env.ts";
import { LOOPBACK, PATH } from "../../sidecar/contract/pod.ts";
import { SIDECAR_IMAGE_ENV } from "../support/image-env.ts";
import { brokerEnv, hashOf, podIdentity, sidecarEnv } from "../support/sidecar-env.ts";
import { start, type Helper, type Program } from "./sidecar-children.ts";

const DIST = fileURLToPath(new URL("../../dist/", import.meta.url));
export const SIDECAR = join(DIST, "sidecar.cjs");

/** The token that the app sends. */
export const TOKEN = "b".repeat(43);

/** A program to measure, with its variables and flags. */
export interface Subject {
  readonly name: string;
  readonly args: readonly string[];
  /** The variables except the ports, which are new at every start. */
  readonly env: Readonly<Record<string, string>>;
}

/** The smallest Node server that answers the same bytes. */
const BARE = `const { createServer } = require("node:http");
const body = process.env.BODY;
const headers = {
  "Content-Type": "application/json",
  "Content-Length": String(Buffer.byteLength(body)),
  "Cache-Control": "no-store",
};
createServer((request, response) => {
  response.writeHead(200, headers).end(body);
}).listen({ port: Number(process.env.${ENV.port}), host: "${LOOPBACK}" });
`;

export async function bareServer(directory: string, body: string): Promise<Subject> {
  const path = join(directory, "bare.cjs");
  await writeFile(path, BARE);
  return { name: "bare", args: [path], env: { ...SIDECAR_IMAGE_ENV, BODY: body } };
}

/**
 * The sidecar, with STS's stand-in for its STS. The certificate is checked by Node's own roots and one more, as for STS.
 * It has the pod's token in a variable and in a file, as podrole's default has it. The load sends the file's.
 * @param token the web identity token that the stand-in knows
 */
export async function sidecarBeside(sts: Helper, directory: string, token: string): Promise<Subject> {
  const { url, ca } = (await sts.ask()) as Place;
  const file = filesIn(directory);
  const env = {
    ...sidecarEnv(),
    ...SIDECAR_IMAGE_ENV,
    [ENV.stsEndpoint]: url,
    NODE_EXTRA_CA_CERTS: await file("ca.pem", ca),
    [ENV.webIdentityTokenFile]: await file("token", token),
    ...podIdentity(undefined, hashOf("the variable's"), await file("app-token", TOKEN)),
  };
  return { name: "sidecar", args: [SIDECAR, "serve"], env: withoutUnset(env) };
}

/** The sidecar of source broker, with the broker's stand-in. Its token file and the app's are those of the other sidecar. */
export async function sidecarAskingBroker(broker: Helper, directory: string): Promise<Subject> {
  const file = filesIn(directory);
  const env = {
    ...brokerEnv((await broker.ask()) as Place),
    ...SIDECAR_IMAGE_ENV,
    [ENV.webIdentityTokenFile]: await file("broker-token", "the.broker's.token"),
    ...podIdentity(undefined, hashOf("the variable's"), await file("app-token", TOKEN)),
  };
  return { name: "broker", args: [SIDECAR, "serve"], env: withoutUnset(env) };
}

/** Where a stand-in is, and the PEM of its CA. */
interface Place {
  readonly url: string;
  readonly ca: string;
}

const filesIn =
  (directory: string) =>
  async (name: string, content: string): Promise<string> => {
    await writeFile(join(directory, name), content);
    return join(directory, name);
  };

/** The same with identities of its own for so many containers, each of which is renewed by itself. */
export function withContainers({ env, ...subject }: Subject, count: number): Subject {
  const [own] = JSON.parse(env[ENV.identities] ?? "[]") as readonly object[];
  const containers = Array.from({ length: count }, (_, index) => ({
    ...own,
    tokenFile: undefined,
    name: `container/c${index}`,
    tokenSha256: hashOf(`the token of c${index}`),
  }));
  return { ...subject, env: { ...env, [ENV.identities]: JSON.stringify([own, ...containers]) } };
}

const withoutUnset = (env: Readonly<Record<string, string | undefined>>): Record<string, string> =>
  Object.fromEntries(
    Object.entries(env).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  );

export interface Running extends Program {
  readonly port: number;
  readonly healthPort: number;
  /** Time from exec to the first accepted connection. */
  readonly listeningMs: number;
  /** Time from exec to the first answer with 200. */
  readonly readyMs: number;
  /** The body of that answer. */
  readonly body: string;
}

const START_LIMIT_MS = 15_000;
/** The resolution of a measured start. Connecting also takes CPU time that the subject could use. */
const POLL_MS = 2;

/** Starts a subject and observes it from outside, as an app would: the same for every subject. */
export async function run(subject: Subject): Promise<Running> {
  const [port, healthPort] = [await portToBe(), await portToBe()];
  const ports = { [ENV.port]: String(port), [ENV.healthPort]: String(healthPort) };
  const program = start(subject.args, { ...subject.env, ...ports });
  const since = (): number => performance.now() - program.startedAt;
  let listeningMs: number | undefined;
  while (!program.hasExited() && since() < START_LIMIT_MS) {
    const socket = await connected(port);
    if (socket !== undefined) {
      listeningMs ??= since();
      const body = await answer200(socket, port);
      if (body !== undefined) return { ...program, port, healthPort, listeningMs, readyMs: since(), body };
    }
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
  throw new Error(`${subject.name} did not become ready: ${program.output()}`);
}

async function connected(port: number): Promise<Socket | undefined> {
  const socket = connect({ host: LOOPBACK, port });
  return once(socket, "connect").then(
    () => socket,
    () => undefined,
  );
}

/** The body of a 200, or undefined after any other answer. The sidecar answers only when it has keys. */
async function answer200(socket: Socket, port: number): Promise<string | undefined> {
  let text = "";
  socket.setEncoding("latin1").on("data", (piece: string) => (text += piece));
  socket.write(
    `GET ${PATH.credentials} HTTP/1.1\r\nHost: ${LOOPBACK}:${port}\r\nAuthorization: ${TOKEN}\r\nConnection: close\r\n\r\n`,
  );
  await once(socket, "close");
  return text.startsWith("HTTP/1.1 200 ") ? text.slice(text.indexOf("\r\n\r\n") + 4) : undefined;
}

/**
 * A free port below the ephemeral range. In that range, a client that connects to a closed port of its own machine can get
 * that port as its own and is then connected to itself.
 */
async function portToBe(): Promise<number> {
  for (;;) {
    const port = 20_000 + Math.floor(Math.random() * 12_000);
    const server = createServer().listen({ port, host: LOOPBACK });
    const isFree = await once(server, "listening").then(
      () => true,
      () => false,
    );
    server.close();
    if (isFree) return port;
  }
}

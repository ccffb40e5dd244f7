import { connect } from "node:net";
import { ENV, START_MODES } from "./contract/env.ts";
import { HEALTH_PORT, LOOPBACK, PATH } from "./contract/pod.ts";
import { systemClock, type Clock } from "./kit/clock.ts";
import { becomeUser } from "./kit/become-user.ts";
import { integer, oneOf, optional, parseEnv, type Env } from "./kit/env.ts";
import { CodedError } from "./kit/errors.ts";

const POLL_MS = 25;
/** The sidecar gives up first, and says why. This is for a sidecar that hangs. */
const GRACE_MS = 5000;

/** Where the container starts as root to be the guard too, the hook gets the same rights, and needs none. */
function dropRights(env: Env, become: (uid: number) => void): void {
  const { uid } = parseEnv(env, { uid: optional(ENV.sidecarUid, integer(1, 65_535), undefined) });
  if (uid !== undefined) become(uid);
}

/**
 * The postStart hook that delays the app's containers. It runs beside the sidecar, within its memory limit, so it imports
 * neither node:http nor the logger: each costs more than all the rest.
 * @returns 0 once there are credentials, or, with `PODROLE_START=now`, once the sidecar listens
 * @throws CodedError `CONFIG_INVALID`, `PRIVILEGES_KEPT`, `WAIT_TIMED_OUT`
 */
export async function waitMain(
  env: Env,
  clock: Clock = systemClock,
  become: (uid: number) => void = becomeUser,
): Promise<number> {
  dropRights(env, become);
  const { start, startTimeoutSeconds, healthPort } = parseEnv(env, {
    start: optional(ENV.start, oneOf(START_MODES), "wait"),
    startTimeoutSeconds: optional(ENV.startTimeoutSeconds, integer(1, 3600), 120),
    healthPort: optional(ENV.healthPort, integer(1, 65_535), HEALTH_PORT),
  });
  const path = start === "wait" ? PATH.readyz : PATH.healthz;
  const deadline = clock.elapsed() + startTimeoutSeconds * 1000 + GRACE_MS;
  while (clock.elapsed() < deadline) {
    if (await answers200(healthPort, path)) return 0;
    await clock.sleep(POLL_MS);
  }
  throw new CodedError("WAIT_TIMED_OUT", `The sidecar did not answer 200 on ${path} of port ${healthPort}.`, {
    remedy: "Its log and its termination message say why.",
  });
}

/** One request over a plain socket. Never rejects: refused, reset and silent all mean "not yet". */
function answers200(port: number, path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: LOOPBACK, port });
    const end = (ready: boolean): void => {
      socket.destroy();
      resolve(ready);
    };
    socket.setTimeout(1000, () => end(false));
    socket.once("connect", () => {
      socket.write(`GET ${path} HTTP/1.1\r\nHost: ${LOOPBACK}\r\nConnection: close\r\n\r\n`);
    });
    // The first chunk has the whole status line, which is 15 bytes.
    socket.once("data", (piece) => end(piece.toString("latin1").startsWith("HTTP/1.1 200 ")));
    socket.once("error", () => end(false));
    socket.once("close", () => end(false));
  });
}

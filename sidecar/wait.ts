import { connect } from "node:net";
import { ENV, START_MODES } from "./contract/env.ts";
import { LOOPBACK, PATH } from "./contract/pod.ts";
import { systemClock, type Clock } from "./kit/clock.ts";
import { becomeUser } from "./kit/become-user.ts";
import { defaulted } from "./kit/defaults.ts";
import { integer, oneOf, optional, parseEnv, type Env } from "./kit/env.ts";
import { CodedError, systemCode } from "./kit/errors.ts";
import { startMark } from "./start-mark.ts";
import { readTerminationMessage } from "./kit/termination.ts";

const POLL_MS = 25;
/** The sidecar gives up first, and says why. This is for a sidecar that hangs. */
const GRACE_MS = 5000;
/**
 * How long the hook waits in a pod that has started before. If the app runs, the hook holds up the kubelet's work on the pod. If all
 * containers are restarted in place (the action RestartAllContainers), the app needs credentials first.
 */
const RESTART_MS = 5000;

/** If the container starts as root to be the guard too, the hook starts with the same rights. It needs none. */
function dropRights(env: Env, become: (uid: number) => void): void {
  const { uid } = parseEnv(env, { uid: optional(ENV.sidecarUid, integer(1, 65_535), undefined) });
  if (uid !== undefined) become(uid);
}

/**
 * The postStart hook that delays the app's containers. It runs beside the sidecar, within its memory limit, so it imports
 * neither node:http nor the logger: each costs more than all the rest.
 *
 * It ends at once when the sidecar has given up. While it runs, the kubelet updates no status of the pod; when it fails, the
 * kubelet ends the container and shows the words of both.
 * @returns 0 once there are credentials, or, with `PODROLE_START=now`, once the sidecar listens; in a pod that has started before, that
 *   is enough after {@link RESTART_MS}
 * @throws CodedError what the sidecar gave as its termination message; `CONFIG_INVALID`, `PRIVILEGES_KEPT`, `SIDECAR_ENDED`,
 *   `WAIT_TIMED_OUT`
 */
export async function waitMain(
  env: Env,
  clock: Clock = systemClock,
  become: (uid: number) => void = becomeUser,
): Promise<number> {
  dropRights(env, become);
  const { start, startTimeoutSeconds, healthPort } = parseEnv(env, {
    start: defaulted(ENV.start, oneOf(START_MODES)),
    startTimeoutSeconds: defaulted(ENV.startTimeoutSeconds, integer(1, 3600)),
    healthPort: defaulted(ENV.healthPort, integer(1, 65_535)),
  });
  const patienceMs = start === "now" ? 0 : startMark(env).isSet() ? RESTART_MS : Infinity;
  const begun = clock.elapsed();
  const path = (): string => (clock.elapsed() - begun < patienceMs ? PATH.readyz : PATH.healthz);
  const deadline = begun + startTimeoutSeconds * 1000 + GRACE_MS;
  let hasListened = false;
  while (clock.elapsed() < deadline) {
    const answer = await ask(healthPort, path());
    if (answer === "ready") return 0;
    const message = readTerminationMessage(env);
    if (message !== "") throw errorOf(message);
    if (hasListened && answer === "refused") throw ended();
    hasListened ||= answer === "not ready";
    await clock.sleep(POLL_MS);
  }
  throw new CodedError(
    "WAIT_TIMED_OUT",
    `The sidecar did not answer 200 on ${path()} of port ${healthPort}.`,
    {
      remedy: SEE,
    },
  );
}

const SEE = "Its log and its termination message say why.";

const ended = (): CodedError =>
  new CodedError("SIDECAR_ENDED", "The sidecar has ended while the pod waited for it.", { remedy: SEE });

/** An error with the same code, which prints as the same line. */
function errorOf(message: string): CodedError {
  const [, code, rest] = /^([A-Za-z][\w.]*): (.+)$/s.exec(message) ?? [];
  return code === undefined || rest === undefined ? ended() : new CodedError(code, rest);
}

/** One request over a plain socket. Never rejects: reset and silent mean "not ready" as a 503 does. */
function ask(port: number, path: string): Promise<"ready" | "not ready" | "refused"> {
  return new Promise((resolve) => {
    const socket = connect({ host: LOOPBACK, port });
    const end = (answer: "ready" | "not ready" | "refused"): void => {
      socket.destroy();
      resolve(answer);
    };
    socket.setTimeout(1000, () => end("not ready"));
    socket.once("connect", () => {
      socket.write(`GET ${path} HTTP/1.1\r\nHost: ${LOOPBACK}\r\nConnection: close\r\n\r\n`);
    });
    // The first chunk has the whole status line, which is 15 bytes.
    socket.once("data", (piece) =>
      end(piece.toString("latin1").startsWith("HTTP/1.1 200 ") ? "ready" : "not ready"),
    );
    socket.once("error", (error) => end(systemCode(error) === "ECONNREFUSED" ? "refused" : "not ready"));
    socket.once("close", () => end("not ready"));
  });
}

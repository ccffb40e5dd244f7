import { collect, type Ended } from "./command.ts";
import { SIDECAR_UID } from "../support/sidecar-uid.ts";
import { ENV } from "../../sidecar/contract/env.ts";
import { CREDENTIALS_PORT, IMDS_PORT } from "../../sidecar/contract/pod.ts";
import { outcomeOf, socketClient, type Outcome } from "./attempts.ts";
import { file, type Lab } from "./lab.ts";

export const PORTS = [CREDENTIALS_PORT, IMDS_PORT] as const;

/** The guard's variables in a pod with a sidecar. */
export const WITH_SIDECAR = {
  [ENV.sidecarUid]: String(SIDECAR_UID),
  [ENV.sidecarPorts]: PORTS.join(","),
};

/** The uid of a container that is not the sidecar's, and of the app whose token it is after. */
export const THIEF_UID = 1000;
const APP_UID = 2000;

export const THIEF = "the thief";
const POD_V4 = "10.70.0.2";
const POD_V6 = "fd70::2";

/** What came of a program that serves in the sidecar's place. */
export interface Theft {
  /** The client's side. */
  readonly outcome: Outcome["outcome"];
  readonly body?: string;
  /** What the thief was sent, and whether it was let do it at all. */
  readonly said: string;
}

export interface PortWay {
  readonly name: string;
  readonly attempt: (lab: Lab, port: number) => Promise<Theft>;
}

interface Scene {
  readonly listen: string;
  readonly connect: string;
  readonly thief?: readonly string[];
  readonly client?: readonly string[];
  /** In place of running as {@link THIEF_UID}. */
  readonly as?: readonly string[];
}

export const thief = (
  uid: number,
  address: string,
  port: number,
  ...args: readonly string[]
): readonly string[] => [
  "python3",
  file("attacker/port_thief.py"),
  address,
  String(port),
  "--uid",
  String(uid),
  ...args,
];

/** A thief serves at the port, and then an app asks there. */
export async function theft(lab: Lab, port: number, scene: Scene): Promise<Theft> {
  const { listen, connect, thief: how = [], client = [], as = [] } = scene;
  const child = lab.startInPod([...as, ...thief(THIEF_UID, listen, port, ...how)]);
  const ended = collect(child);
  await Promise.race([new Promise((resolve) => child.stdout.once("data", resolve)), ended]);
  try {
    return await asked(lab, port, connect, client, async () => {
      child.kill("SIGKILL");
      return (await ended).stdout;
    });
  } finally {
    child.kill("SIGKILL");
  }
}

async function asked(
  lab: Lab,
  port: number,
  address: string,
  args: readonly string[],
  said: () => Promise<string>,
): Promise<Theft> {
  const { outcome, body } = outcomeOf(await ask(lab, port, address, "--wait", "0.5", ...args));
  return { outcome, ...(body === undefined ? {} : { body }), said: await said() };
}

export const ask = (lab: Lab, port: number, address: string, ...args: readonly string[]): Promise<Ended> =>
  lab.inPod(socketClient(APP_UID, address, "--port", String(port), ...args));

const way = (name: string, scene: Scene): PortWay => ({
  name,
  attempt: (lab, port) => theft(lab, port, scene),
});
const LOOPBACK = { listen: "127.0.0.1", connect: "127.0.0.1" };

export const PORT_WAYS: readonly PortWay[] = [
  way("a listener at 127.0.0.1", LOOPBACK),
  way("a listener at every IPv4 address", { listen: "0.0.0.0", connect: "127.0.0.1" }),
  way("a listener at every address", { listen: "::", connect: "127.0.0.1" }),
  way("a listener at another loopback address", { listen: "127.0.0.2", connect: "127.0.0.2" }),
  way("a listener at ::1", { listen: "::1", connect: "::1" }),
  way("a listener at the pod's own IPv4 address", { listen: POD_V4, connect: POD_V4 }),
  way("a listener at the pod's own IPv6 address", { listen: POD_V6, connect: POD_V6 }),
  way("a listener that shares its port (SO_REUSEPORT)", { ...LOOPBACK, thief: ["--reuse-port"] }),
  way("a listener for Multipath TCP", { ...LOOPBACK, thief: ["--mptcp"] }),
  way("root without capabilities", {
    ...LOOPBACK,
    as: ["setpriv", "--inh-caps=-all", "--bounding-set=-all", "--no-new-privs"],
    thief: ["--stay"],
  }),
  way("a user namespace of its own, as the sidecar's uid in it", {
    ...LOOPBACK,
    as: [
      "setpriv",
      `--reuid=${THIEF_UID}`,
      `--regid=${THIEF_UID}`,
      "--clear-groups",
      "unshare",
      "--user",
      `--map-user=${SIDECAR_UID}`,
    ],
    thief: ["--stay"],
  }),
  way("a client whose source port is another one of the sidecar's", {
    ...LOOPBACK,
    client: ["--source-port", "16927"],
  }),
  {
    name: "TCP Fast Open, with servers of it switched on by the node's admin",
    attempt: async (lab, port) => {
      await lab.inPod(["sysctl", "-qw", "net.ipv4.tcp_fastopen=3"]);
      const fastOpen = { ...LOOPBACK, thief: ["--fast-open"], client: ["--fast-open"] };
      // The cookie that the kernel demands holds for every port of an address, and the thief gives it away at its own.
      await theft(lab, 5555, fastOpen);
      return theft(lab, port, fastOpen);
    },
  },
  {
    name: "a connection that the thief opens at the same time",
    attempt: (lab, port) =>
      theft(lab, port, {
        ...LOOPBACK,
        thief: ["--to-port", "40123"],
        client: ["--source-port", "40123"],
      }),
  },
];

/** Serves as the sidecar does, by its uid. @returns a function that ends it */
export async function serveAs(
  lab: Lab,
  uid: number,
  port: number,
  address: string,
): Promise<() => Promise<unknown>> {
  const child = lab.startInPod(thief(uid, address, port));
  const ended = collect(child);
  await new Promise((resolve) => child.stdout.once("data", resolve));
  return () => (child.kill("SIGKILL"), ended);
}

import type { Ended } from "./command.ts";
import { SIDECAR_UID } from "../support/sidecar-uid.ts";
import {
  EXTRA_V4,
  EXTRA_V6,
  file,
  LATE_V4,
  LATE_V6,
  METADATA_V4,
  METADATA_V6,
  REWRITTEN,
  type Lab,
} from "./lab.ts";
import type { Interface } from "./links.ts";

/** How an attempt ended: with the secret, with an error at once, or with no answer. */
export interface Outcome {
  readonly outcome: "reached" | "refused" | "silent";
  readonly body?: string;
  readonly code?: string;
  readonly ms?: number;
}

/** As much of a lab as an attempt needs. */
type Attacked = Pick<Lab, "inPod" | "inNested" | "interfaces">;

export interface Way {
  readonly name: string;
  readonly attempt: (lab: Attacked) => Promise<Outcome>;
  /** Needs CAP_NET_RAW, which no container of a guarded pod has. */
  readonly needsRaw?: true;
  /** Passes a route that leads nowhere: a socket that is bound to an interface ignores routes. */
  readonly passesRoute?: true;
  /** Passes an output rule that lets the sidecar's uid through. */
  readonly passesExemption?: true;
  /** Passes a single rule in the output hook, which is all that most guards have. */
  readonly passesOutputRule?: true;
  /** Passes a rule that redirects port 80 to another program, which is all that most emulations have. */
  readonly passesRedirect?: true;
  /** An ordinary connection to port 80: the sidecar answers it where the metadata service is emulated. */
  readonly isEmulated?: true;
  /** Passes both walls. That needs CAP_NET_RAW, which is why admission drops it. */
  readonly passesGuard?: true;
}

const TRIES = 4;

/**
 * For attempts that should succeed: repeated while there is no answer, which may come too late on a busy machine. Those
 * that should fail are made once.
 */
export const insistent =
  (attempt: Way["attempt"]): Way["attempt"] =>
  async (lab) => {
    let outcome = await attempt(lab);
    for (let tries = 1; tries < TRIES && outcome.outcome === "silent"; tries += 1)
      outcome = await attempt(lab);
    return outcome;
  };

/** An ordinary user. The client switches to it once it has read its own file, and has no capability from then on. */
const APP_UID = 1000;
/** Root as a container has it, with CAP_NET_RAW and without CAP_NET_ADMIN. */
const RAW = ["setpriv", "--inh-caps=-all", "--bounding-set=-all,+net_raw", "--no-new-privs"];
export const WITHOUT_RAW = ["setpriv", "--inh-caps=-all", "--bounding-set=-all", "--no-new-privs"];

/** A client's last line: one that holds its connection says `connected` first. */
export function outcomeOf({ stdout, stderr }: Ended): Outcome {
  const line = stdout.trim().split("\n").at(-1);
  if (!line) throw new Error(`the client said nothing: ${stderr}`);
  const outcome: unknown = JSON.parse(line);
  if (!isOutcome(outcome)) throw new Error(`the client said ${line}`);
  return outcome;
}

function isOutcome(value: unknown): value is Outcome {
  return typeof value === "object" && value !== null && "outcome" in value;
}

export function socketClient(uid: number, ...args: readonly string[]): readonly string[] {
  return ["python3", file("attacker/socket_client.py"), "--uid", String(uid), ...args];
}

export function packetClient(on: Interface, address: string, ...args: readonly string[]): readonly string[] {
  const other = address.includes(":") ? on.other.v6 : on.other.v4;
  const where = ["--device", on.name, "--mac", on.mac, "--gateway-mac", on.gatewayMac, "--source", other];
  return ["python3", "-B", file("attacker/packet_client.py"), address, ...where, ...args];
}

function app(name: string, args: (lab: Attacked) => readonly string[]): Way {
  return { name, attempt: async (lab) => outcomeOf(await lab.inPod(socketClient(APP_UID, ...args(lab)))) };
}

/** Ways that a rule for TCP port 80 of the metadata service does not cover. */
const beside = (name: string, ...args: readonly string[]): Way => ({
  ...app(name, () => args),
  passesRedirect: true,
});

/** Uid 0 as containers have it by default: it may become any user, also the sidecar's. */
function becoming(name: string, uid: number, address: string): Way {
  const as = ["setpriv", "--inh-caps=-all", "--bounding-set=-all,+setuid,+setgid", "--no-new-privs"];
  return { name, attempt: async (lab) => outcomeOf(await lab.inPod([...as, ...socketClient(uid, address)])) };
}

function raw(name: string, address: string, ...args: readonly string[]): Way {
  return {
    name,
    attempt: async (lab) => {
      const argv = packetClient(lab.interfaces.eth0, address, ...args);
      return outcomeOf(await lab.inPod([...RAW, ...argv]));
    },
    needsRaw: true,
  };
}

/** IP_OPTIONS takes a source route from CAP_NET_RAW only. */
function sourceRoute(name: string, type: string): Way {
  return {
    name,
    attempt: async (lab) => {
      const route = `${type}:${lab.interfaces.eth0.gateway.v4}`;
      return outcomeOf(await lab.inPod([...RAW, ...socketClient(0, METADATA_V4, "--source-route", route)]));
    },
    passesOutputRule: true,
    needsRaw: true,
  };
}

/** A packet socket bypasses the output hook, whatever it sends. */
function packet(name: string, address: string, ...args: readonly string[]): Way {
  return { ...raw(name, address, ...args), passesOutputRule: true, passesRoute: true, passesRedirect: true };
}

function packetOnNet1(name: string, ...args: readonly string[]): Way {
  return {
    name,
    attempt: async (lab) => {
      const argv = packetClient(lab.interfaces.net1, METADATA_V4, ...args);
      return outcomeOf(await lab.inPod([...RAW, ...argv]));
    },
    passesOutputRule: true,
    needsRaw: true,
  };
}

const ARP = "0x0806";
const IPV4 = "0x0800";
const IPV6 = "0x86dd";
const VLAN = "0x8100";
const SERVICE_VLAN = "0x88a8";

export const WAYS: readonly Way[] = [
  { ...app("TCP to the IPv4 address", () => [METADATA_V4]), isEmulated: true },
  { ...app("TCP to the IPv6 address", () => [METADATA_V6]), isEmulated: true },
  {
    ...app("TCP to the IPv4-mapped IPv6 address", () => [`::ffff:${METADATA_V4}`]),
    isEmulated: true,
  },
  beside("TCP to another port, IPv4", METADATA_V4, "--port", "8080"),
  beside("TCP to another port, IPv6", METADATA_V6, "--port", "8080"),
  beside("UDP to the IPv4 address", METADATA_V4, "--udp"),
  beside("UDP to the IPv6 address", METADATA_V6, "--udp"),
  beside("UDP to the IPv4-mapped IPv6 address", `::ffff:${METADATA_V4}`, "--udp"),
  beside("TCP to an address blocked by configuration, IPv4", EXTRA_V4),
  beside("TCP to an address blocked by configuration, IPv6", EXTRA_V6),
  beside("UDP to an address blocked by configuration", EXTRA_V4, "--udp"),
  { ...app("SO_BINDTODEVICE, IPv4", () => [METADATA_V4, "--device", "eth0"]), passesRoute: true },
  { ...app("SO_BINDTODEVICE, IPv6", () => [METADATA_V6, "--device", "eth0"]), passesRoute: true },
  { ...app("a second interface, IPv4", () => [METADATA_V4, "--device", "net1"]), passesRoute: true },
  { ...app("a second interface, IPv6", () => [METADATA_V6, "--device", "net1"]), passesRoute: true },
  {
    ...becoming("root with CAP_SETUID as the sidecar's uid, IPv4", SIDECAR_UID, METADATA_V4),
    passesExemption: true,
    isEmulated: true,
  },
  {
    ...becoming("root with CAP_SETUID as the sidecar's uid, IPv6", SIDECAR_UID, METADATA_V6),
    passesExemption: true,
    isEmulated: true,
  },
  {
    ...app("an IPv6 routing header, no capability", (lab) => [
      METADATA_V6,
      "--segment-via",
      lab.interfaces.eth0.gateway.v6,
    ]),
    passesOutputRule: true,
    passesRedirect: true,
  },
  {
    ...app("an address that NAT rewrites into the blocked one", () => [REWRITTEN]),
    passesOutputRule: true,
    passesRedirect: true,
  },
  {
    name: "forwarding from a nested network, IPv4",
    attempt: async (lab) => outcomeOf(await lab.inNested(socketClient(APP_UID, METADATA_V4))),
    passesOutputRule: true,
    passesRedirect: true,
  },
  {
    name: "forwarding from a nested network, IPv6",
    attempt: async (lab) => outcomeOf(await lab.inNested(socketClient(APP_UID, METADATA_V6))),
    passesOutputRule: true,
    passesRedirect: true,
  },
  raw("raw IP socket, IPv4", METADATA_V4, "--via", "ip"),
  raw("raw IP socket, IPv6", METADATA_V6, "--via", "ip"),
  sourceRoute("loose source route asked of the kernel", "131"),
  sourceRoute("strict source route asked of the kernel", "137"),
  packet("packet socket, IPv4", METADATA_V4),
  packet("packet socket, IPv6", METADATA_V6),
  packet("packet socket with PACKET_QDISC_BYPASS, IPv4", METADATA_V4, "--bypass"),
  packet("packet socket with PACKET_QDISC_BYPASS, IPv6", METADATA_V6, "--bypass"),
  packet("cooked packet socket (SOCK_DGRAM)", METADATA_V4, "--via", "dgram"),
  packet("obsolete packet socket (SOCK_PACKET)", METADATA_V4, "--via", "obsolete"),
  packetOnNet1("packet socket on a second interface"),
  {
    ...raw(
      "packet socket into loopback, forwarded by the pod",
      METADATA_V4,
      "--into",
      "lo",
      "--gateway-mac",
      "00:00:00:00:00:00",
    ),
    passesOutputRule: true,
  },
  packet("frame with a VLAN-0 tag", METADATA_V4, "--tag", VLAN),
  packet("frame with a VLAN-0 tag, PACKET_QDISC_BYPASS", METADATA_V4, "--tag", VLAN, "--bypass"),
  packet("frame with a VLAN-0 tag, sent as ARP", METADATA_V4, "--tag", VLAN, "--claim", ARP),
  packet("frame with an 802.1ad tag", METADATA_V4, "--tag", SERVICE_VLAN),
  packet("frame with both tags, IPv6", METADATA_V6, "--tag", SERVICE_VLAN, "--tag", VLAN),
  packet("frame of which the kernel reads the protocol itself", METADATA_V4, "--claim", "0"),
  packet(
    "the same with a VLAN-0 tag, PACKET_QDISC_BYPASS",
    METADATA_V4,
    "--claim",
    "0",
    "--tag",
    VLAN,
    "--bypass",
  ),
  packet("IPv4 frame sent as ARP", METADATA_V4, "--claim", ARP),
  packet("IPv4 frame sent as ARP, PACKET_QDISC_BYPASS", METADATA_V4, "--claim", ARP, "--bypass"),
  packet("IPv4 frame sent as IPv6", METADATA_V4, "--claim", IPV6),
  packet("IPv6 frame sent as IPv4", METADATA_V6, "--claim", IPV4),
  packet("IPv4 frame sent as ARP over SOCK_PACKET", METADATA_V4, "--claim", ARP, "--via", "obsolete"),
  packet("IPv4 frame sent as VLAN", METADATA_V4, "--claim", VLAN),
  packet("IPv4 source route", METADATA_V4, "--source-route-via", "10.70.0.1"),
  packet("IPv4 source route behind no-ops", METADATA_V4, "--source-route-via", "10.70.0.1", "--nops", "9"),
  packet("IPv6 routing header in a frame", METADATA_V6, "--source-route-via", "fd70::1"),
  { ...packetOnNet1("address completed by the kernel after the guard", "--late-address"), passesGuard: true },
  { ...packet("AF_XDP, IPv4", METADATA_V4, "--via", "xdp"), passesGuard: true },
  { ...packet("AF_XDP, IPv6", METADATA_V6, "--via", "xdp"), passesGuard: true },
];

/** Ways that appear only when the pod runs and the guard has ended: see {@link Lab.plugIn}. */
export const LATE_WAYS: readonly Way[] = [
  {
    ...app("an address added later, IPv4", () => [METADATA_V4, "--source", LATE_V4]),
    isEmulated: true,
  },
  {
    ...app("an address added later, IPv6", () => [METADATA_V6, "--source", LATE_V6]),
    isEmulated: true,
  },
  app("an interface added later, IPv4", () => [METADATA_V4, "--device", "net2"]),
  app("an interface added later, IPv6", () => [METADATA_V6, "--device", "net2"]),
  app("UDP through an interface added later", () => [METADATA_V4, "--device", "net2", "--udp"]),
];

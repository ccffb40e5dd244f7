"""A program of the pod that wants to be taken for the sidecar: it serves at the sidecar's port.

Prints `up` once it is ready, or {"failed": errno}, and then {"got": ...} for each connection that it was given.
"""

import argparse
import errno
import json
import os
import socket
import threading

IPPROTO_MPTCP = 262
ANSWER = b"the thief"


def say(**line: object) -> None:
    print(json.dumps(line), flush=True)


def become(uid: int) -> None:
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)


def new_socket(options: argparse.Namespace) -> socket.socket:
    family = socket.AF_INET6 if ":" in options.address else socket.AF_INET
    return socket.socket(family, socket.SOCK_STREAM, IPPROTO_MPTCP if options.mptcp else 0)


def bound(options: argparse.Namespace) -> socket.socket:
    if options.made_by:
        # Made by one uid and passed on to another.
        os.seteuid(options.made_by)
        sock = new_socket(options)
        os.seteuid(0)
        become(options.uid)
    else:
        if not options.stay:
            become(options.uid)
        sock = new_socket(options)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if options.reuse_port:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    if options.fast_open:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_FASTOPEN, 16)
    if options.address == "::":
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    sock.bind((options.address, options.port))
    return sock


def rob(sock: socket.socket) -> None:
    try:
        sock.settimeout(5)
        got = sock.recv(4096)
        say(got=got.decode("latin1"))
        sock.sendall(ANSWER)
        sock.close()
    except OSError:
        pass


def listen(options: argparse.Namespace) -> None:
    sock = bound(options)
    sock.listen()
    say(up=True)
    while True:
        connection, _ = sock.accept()
        threading.Thread(target=rob, args=(connection,)).start()


def open_at_the_same_time(options: argparse.Namespace) -> None:
    """Is in SYN_SENT towards the port that the client is about to connect from, where nobody listens."""
    sock = bound(options)
    sock.settimeout(5)
    say(up=True)
    sock.connect((options.address, options.to_port))
    rob(sock)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("address")
    parser.add_argument("port", type=int)
    parser.add_argument("--uid", type=int, required=True)
    parser.add_argument("--stay", action="store_true", help="stay the user that it was started as")
    parser.add_argument("--made-by", type=int, help="the uid that makes the socket")
    parser.add_argument("--reuse-port", action="store_true")
    parser.add_argument("--fast-open", action="store_true")
    parser.add_argument("--mptcp", action="store_true")
    parser.add_argument("--to-port", type=int, help="open a connection to this port instead of listening")
    asked = parser.parse_args()
    try:
        (open_at_the_same_time if asked.to_port else listen)(asked)
    except OSError as error:
        say(failed=errno.errorcode.get(error.errno or 0, "?"))

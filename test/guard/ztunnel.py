"""Stands in for Istio's ztunnel in a pod of ambient mode: takes what the pod's rules redirect to it, connects to where the program
wanted to, from a socket with ztunnel's mark, and passes both directions on. Prints `up` once it listens.
"""

import socket
import struct
import threading

SO_ORIGINAL_DST = 80
MARK = 0x539
PORT = 15001


def wanted(client: socket.socket) -> tuple:
    """The address that the connection was opened to. One over IPv4 shows itself as mapped, and has its own question."""
    if client.getpeername()[0].startswith("::ffff:"):
        _, port, address = struct.unpack("!HH4s8x", client.getsockopt(socket.SOL_IP, SO_ORIGINAL_DST, 16))
        return socket.AF_INET, socket.inet_ntop(socket.AF_INET, address), port
    _, port, _, address, _ = struct.unpack("!HHI16sI", client.getsockopt(socket.IPPROTO_IPV6, SO_ORIGINAL_DST, 28))
    return socket.AF_INET6, socket.inet_ntop(socket.AF_INET6, address), port


def pump(source: socket.socket, target: socket.socket) -> None:
    try:
        while part := source.recv(65536):
            target.sendall(part)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        pass


def serve(client: socket.socket) -> None:
    family, address, port = wanted(client)
    upstream = socket.socket(family, socket.SOCK_STREAM)
    upstream.setsockopt(socket.SOL_SOCKET, socket.SO_MARK, MARK)
    upstream.settimeout(5)
    with client, upstream:
        try:
            upstream.connect((address, port))
        except OSError:
            return
        back = threading.Thread(target=pump, args=(upstream, client), daemon=True)
        back.start()
        pump(client, upstream)
        back.join()


if __name__ == "__main__":
    listener = socket.create_server(("::", PORT), family=socket.AF_INET6, dualstack_ipv6=True, backlog=64)
    print("up", flush=True)
    while True:
        threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()

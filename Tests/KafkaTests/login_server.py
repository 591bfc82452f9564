"""Speaks as much of Kafka's protocol as a login by SASL takes, and refuses it. Prints its port, and serves until it is killed.

Argument: `password`, to refuse every password, or `mechanism`, to know no mechanism but OAUTHBEARER."""

import socketserver
import struct
import sys

VERSIONS, HANDSHAKE, AUTHENTICATE = 18, 17, 36


def text(value):
    data = value.encode()
    return struct.pack(">h", len(data)) + data


class Connection(socketserver.StreamRequestHandler):
    def handle(self):
        while head := self.rfile.read(4):
            request = self.rfile.read(struct.unpack(">i", head)[0])
            kind, version, correlation = struct.unpack(">hhi", request[:8])
            answer = self.answer(kind, version)
            self.wfile.write(struct.pack(">ii", len(answer) + 4, correlation) + answer)
            self.wfile.flush()

    def answer(self, kind, version):
        kinds = [(kind, 0, 1) for kind in (HANDSHAKE, AUTHENTICATE)] + [(VERSIONS, 0, 3), (3, 0, 4)]
        if kind == VERSIONS and version < 3:
            return struct.pack(">hi", 0, len(kinds)) + b"".join(struct.pack(">hhh", *k) for k in kinds) + bytes(4)
        if kind == VERSIONS:
            # From version 3 on arrays are compact: a varint of their length and 1, and each element ends with no tags.
            listed = b"".join(struct.pack(">hhh", *k) + b"\0" for k in kinds)
            return struct.pack(">h", 0) + bytes([len(kinds) + 1]) + listed + bytes(5)
        if kind == HANDSHAKE:
            offered = ["PLAIN"] if sys.argv[1] == "password" else ["OAUTHBEARER"]
            error = 0 if sys.argv[1] == "password" else 33
            return struct.pack(">hi", error, len(offered)) + b"".join(text(name) for name in offered)
        if kind == AUTHENTICATE:
            return struct.pack(">h", 58) + text("Authentication failed: Invalid username or password") + struct.pack(">iq", 0, 0)
        raise SystemExit(f"no answer to a request of kind {kind}")


class Server(socketserver.ThreadingTCPServer):
    daemon_threads = True


with Server(("127.0.0.1", 0), Connection) as server:
    print(server.server_address[1], flush=True)
    server.serve_forever()

# SPDX-License-Identifier: Apache-2.0
"""A live edge with as many tenants as one wants, each with ten virtual
networks, a hundred routes and a hundred rules."""

import http.client
import json
import socket

from harness import live_edge
from harness.profile import MeasurementError

VNETS = 10
ROUTES = 10  # of each vnet
RULES = 100  # of each tenant
FIRST_VNI = 100000


class _Connection(http.client.HTTPConnection):
    """HTTP on a Unix socket."""

    def __init__(self, path):
        super().__init__("localhost", timeout=120)
        self._path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def _address(number, version):
    """The other end of a tunnel; no two are the same."""
    if version == 4:
        return f"198.19.{number >> 8}.{number & 255}"
    return f"2001:2:0:2::{number:x}"


def _tenant(number):
    """The resources of one tenant, as YAML."""
    lines = [f"  - name: big{number}", "    vnets:"]
    for vnet in range(VNETS):
        vni = FIRST_VNI + number * VNETS + vnet
        lines.append(f"      - {{name: v{vnet}, vni: {vni}, "
                     f"default: {'true' if vnet == 0 else 'false'}}}")
    lines.append("    tunnels:")
    for version in (4, 6):
        remote = _address(number, version)
        lines.append(f"      - {{name: t{version}, type: gue, vnet: v0, peers: "
                     f'[{{remote: "{remote}", auth: gre-key}}]}}')
    lines.append("    routes:")
    for vnet in range(VNETS):
        for route in range(ROUTES // 2):
            lines.append(f"      - {{vnet: v{vnet}, "
                         f"cidr: 10.{vnet}.{route}.0/24, via: t4}}")
            lines.append(f"      - {{vnet: v{vnet}, "
                         f'cidr: "fd00:{vnet}:{route}::/48", via: t6}}')
    lines.append("    policies:")
    for rule in range(RULES):
        vnet = rule % VNETS
        lines.append(
            f"      - {{name: rule{rule}, action: allow, match: "
            f"{{vnet: v{vnet}, protocol: tcp, "
            f"sources: [10.{vnet}.{rule % ROUTES}.0/24, "
            f'"fd00:{vnet}:{rule % ROUTES}::/48"], '
            f"destination_ports: [{1024 + rule}]}}}}")
    return "\n".join(lines) + "\n"


class ScaleEdge(live_edge.LiveEdge):
    """Beside the tenant whose traffic there is, `tenants` others."""

    def __init__(self, tenants, settings=None):
        super().__init__(settings or live_edge.Settings(1 << 20))
        self.big = tenants

    def _resources(self):
        return super()._resources() + "".join(map(_tenant, range(self.big)))

    def request(self, method, path, body=None):
        """The answer's document; anything but success is an error."""
        connection = _Connection(f"{self.dir}/api.sock")
        try:
            connection.request(method, path, body=json.dumps(body)
                               if body is not None else None)
            answer = connection.getresponse()
            text = answer.read()
        finally:
            connection.close()
        if answer.status >= 300:
            raise MeasurementError(f"{method} {path}: {answer.status} "
                                   f"{text.decode(errors='replace').strip()}")
        return json.loads(text)

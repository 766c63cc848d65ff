# SPDX-License-Identifier: Apache-2.0
"""A wire whose middle is an edge with a real rampartd: what takes its part in
new flows, in memory and in the sweep."""

import dataclasses
import json
import os
import shutil
import signal

from harness import tools, wire
from harness.profile import MeasurementError
from harness.wire import netlab

BPFFS = "/sys/fs/bpf"
# As perf_load has them by default: edge, tenant's hosts, Internet, pool.
EDGE = {4: "192.0.2.1", 6: "2001:db8::1"}
HOSTS = {4: "10.64.0.0/10", 6: "fd00:64::/64"}
INTERNET = {4: "198.51.100.10", 6: "2001:db8:100::10"}
NEAR_INTERNET = {4: "198.51.100.1", 6: "2001:db8:100::1"}
POOL = {4: "198.18.1.{}", 6: "2001:2:0:1::{:x}"}
POOL_SIZE = 256
# A host of perf_load has 16384 ports: with one tenant four blocks, twelve are
# to an address; else a tenant's part of them.
PORTS = "16384-65535"
BLOCK = 4096

FILL_RATE = 100000  # flows a second: below what one tenant may start
# Flags of perf_load: from the peer, through SNAT, to the Internet.
TRAFFIC = {family: ["--encap", "gue-none", "--out", "plain", "--nat", "any",
                    "--nat-addresses", POOL_SIZE, "--family", family,
                    "--outer-family", 4] for family in (4, 6)}


@dataclasses.dataclass
class Settings:
    """capacity: directed entries of each family. idle: time-out of UDP flows.
    cpu: where rampartd runs, None: anywhere. tenants: all with the same
    networks, each with a peer of its own; a power of two."""
    capacity: int = 1 << 22
    idle: str = "1h"
    cpu: int | None = None
    tenants: int = 1


class LiveEdge(wire.Wire):
    """The wire and its edge. VNI 1001 and on, GUE none over IPv4, everything
    allowed, SNAT towards the Internet."""

    def __init__(self, settings=None):
        super().__init__()
        self.settings = settings or Settings()
        self.edge_name = f"perf{os.path.basename(self.dir)}"
        self.rampartd = None
        self._mounted = False

    def build(self):
        super().build()
        if not os.path.ismount(BPFFS):
            netlab.run(["mount", "-t", "bpf", "-o", "mode=0700", "bpf", BPFFS])
            self._mounted = True
        self.mid.forward()
        self.mid.ip(*self._addresses())

    def _addresses(self):
        """Commands; all that the edge sends to is known and stays known."""
        peers = [self._peer(i) for i in range(self.settings.tenants)]
        for version, length in ((4, "24"), (6, "64 nodad")):
            yield f"addr add {EDGE[version]}/{length} dev b"
            yield f"addr add {NEAR_INTERNET[version]}/{length} dev c"
        for device, neighbours in (("b", peers), ("c", INTERNET.values())):
            for address in neighbours:
                yield (f"neigh replace {address} lladdr {wire.PEER_MAC} nud "
                       f"permanent dev {device}")

    @staticmethod
    def _peer(tenant):
        return f"192.0.2.{10 + tenant}"

    # --- configuration ---

    def _config(self):
        pool = [json.dumps(POOL[version].format(i)) for version in (4, 6)
                for i in range(POOL_SIZE)]
        return f"""\
edge: {self.edge_name}
devices:
  - {{name: b, role: uplink, mode: native}}
  - {{name: c, role: uplink, mode: native}}
gue: {{addresses: [{EDGE[4]}, "{EDGE[6]}"], port: 6080}}
nat:
  timeouts: {{udp: {self.settings.idle},
             udp_unreplied: {self.settings.idle},
             dns: {self.settings.idle}}}
  pools:
    - {{name: default, ports: {PORTS},
       block_size: {BLOCK // self.settings.tenants},
       addresses: [{', '.join(pool)}]}}
flows: {{capacity: {self.settings.capacity}}}
api: {{socket: {self.dir}/api.sock}}
state: sqlite://{self.dir}/state.db
"""

    def _resources(self):
        return "tenants:\n" + "".join(
            self._tenant(i) for i in range(self.settings.tenants))

    def _tenant(self, number):
        hosts = "\n".join(f'      - {{vnet: main, cidr: "{cidr}", via: site}}'
                          for cidr in HOSTS.values())
        return f"""\
  - name: tenant{number}
    vnets:
      - {{name: main, vni: {1001 + number}, default: true}}
    tunnels:
      - {{name: site, type: gue, vnet: main,
         peers: [{{remote: {self._peer(number)}, auth: none}}]}}
    routes:
{hosts}
      - {{vnet: main, cidr: 0.0.0.0/0, via: internet, pool: default}}
      - {{vnet: main, cidr: "::/0", via: internet, pool: default}}
    policies:
      - {{name: all, match: {{vnet: main}}, action: allow}}
"""

    def _write(self, name, text):
        path = f"{self.dir}/{name}"
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
        return path

    # --- rampartd ---

    def start_edge(self):
        """Starts rampartd without any state and puts the resources in force."""
        config = self._write("rampartd.yaml", self._config())
        argv = [tools.binary("rampartd"), "--config", config]
        if self.settings.cpu is not None:
            argv = ["taskset", "-c", str(self.settings.cpu), *argv]
        self.rampartd = self.mid.start(*argv, log="rampartd.log")
        netlab.wait_for(
            lambda: not self.rampartd.running() or
            self.xdpctl("status", check=False).returncode == 0,
            "rampartd answers", 60)
        if not self.rampartd.running():
            raise MeasurementError(f"rampartd: {self.rampartd.output()}")
        self.xdpctl("apply", "-f", self._write("resources.yaml",
                                               self._resources()))

    def stop_edge(self):
        """Ends rampartd and removes what it attached, pinned and stored."""
        if not self.rampartd:
            return
        self.rampartd.stop(signal.SIGTERM, 30)
        self.rampartd = None
        self.mid.run(tools.binary("rampartd"), "--config",
                     f"{self.dir}/rampartd.yaml", "--detach", timeout=60)
        os.unlink(f"{self.dir}/state.db")

    def remove(self):
        try:
            self.stop_edge()
        finally:
            super().remove()
            shutil.rmtree(f"{BPFFS}/rampart/{self.edge_name}",
                          ignore_errors=True)
            if self._mounted and not any(f for *_, f in os.walk(BPFFS)):
                netlab.run(["umount", BPFFS], check=False)

    def xdpctl(self, *args, check=True, timeout=60.0):
        """Runs xdpctl on this edge."""
        return self.mid.run(
            tools.binary("xdpctl"), "--socket", f"{self.dir}/api.sock",
            "--edge", self.edge_name, *args, timeout=timeout, check=check)

    def show(self, *args):
        """The JSON that an xdpctl command prints."""
        return tools.parse(self.xdpctl(*args, "-o", "json").stdout, "xdpctl")

    # --- what it does ---

    def cpu_seconds(self):
        """CPU time that rampartd has used, all its threads."""
        total = 0
        tasks = f"/proc/{self.rampartd.pid}/task"
        for task in os.listdir(tasks):
            with open(f"{tasks}/{task}/schedstat", encoding="utf-8") as f:
                total += int(f.read().split()[0])
        return total * 1e-9

    def rss(self):
        """Bytes of memory that rampartd has for itself: without what it shares
        with the kernel, which map_memory() counts."""
        with open(f"/proc/{self.rampartd.pid}/status", encoding="utf-8") as f:
            for line in f:
                if line.startswith("RssAnon:"):
                    return int(line.split()[1]) * 1024
        raise MeasurementError("rampartd: no RssAnon")

    def flows(self):
        """Conversations in the table."""
        return self.show("status")["flows"]["now"]

    def drops(self):
        """Packets by reason, data plane and controller."""
        counts = {}
        for row in self.show("drop", "list")["drops"]:
            counts[row["reason"]] = (counts.get(row["reason"], 0) +
                                     row["packets"])
        return counts

    def map_memory(self):
        """Kernel memory of each map, bytes, as the kernel accounts for it."""
        folder = f"{BPFFS}/rampart/{self.edge_name}/maps"
        sizes = {}
        for name in os.listdir(folder):
            shown = netlab.run(["bpftool", "-j", "map", "show", "pinned",
                                f"{folder}/{name}"]).stdout
            sizes[name] = int(tools.parse(shown, "bpftool")["bytes_memlock"])
        return sizes

    def fill(self, options, flows, family=4):
        """Sends packets of this many flows in turn until the edge holds them
        all, or no more than before; a busy machine loses first packets.
        Returns how many it holds."""
        options = dataclasses.replace(options, seconds=0.5)
        held, before = self.flows(), -1
        while before < held < flows:
            self.load(options, *TRAFFIC[family], "--flows", flows, "--order",
                      "sequence", "--all-flows", "--rate", FILL_RATE)
            before, held = held, self.flows()
        return held

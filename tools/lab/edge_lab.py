# SPDX-License-Identifier: Apache-2.0
"""The standard lab: an edge between the sites of tenants and an Internet host.

    acme-1    10.1.0.5  --GUE--.                  .-- inet 198.51.100.10
    globex-1  10.1.0.5  --GUE--+-- core -- edge --|
    acme-2    10.2.0.9  --GRE--'            |     '   (inet hangs on core, too)
    acme-3    10.3.0.7  --------veth--------'

`core` is the network between all servers. A site is one host that speaks its
tunnel itself, with `gue_tun`. Site number n of every tenant has the same
addresses: 10.n.0.0/16 and fd00:n::/48, which is the point.
"""

import contextlib
import dataclasses
import json
import os
import shutil

import netlab
from netlab import LabError, wait_for

ROOT = os.path.realpath(f"{os.path.dirname(__file__)}/../..")
BPFFS = "/sys/fs/bpf"

EDGE = {4: "192.0.2.1", 6: "2001:db8::1"}
CORE = {4: "192.0.2.254", 6: "2001:db8::fe"}  # as the edge sees it
INET = {4: "198.51.100.10", 6: "2001:db8:100::10"}
POOL = {4: "203.0.113.1", 6: "2001:db8:203::1"}
ROUTER = {4: "10.255.0.1", 6: "fd00:ff::1"}  # the edge inside each vnet
VNIS = {"acme": 1001, "globex": 2001, "initech": 3001, "hooli": 4001,
        "umbrella": 5001}
KEYS = {"mac": "000102030405060708090a0b0c0d0e0f", "cookie": "1122334455667788"}
ALLOW_ALL = [{"name": "all", "match": {"vnet": "main"}, "action": "allow"}]


def build_dir():
    """Where the programs were built: RAMPART_BUILD, or build/."""
    return os.environ.get("RAMPART_BUILD", f"{ROOT}/build")


def edge_name(lab):
    return f"lab{lab}"


def detach(lab):
    """`rampartd --detach` on the edge of a lab."""
    return netlab.run(
        ["nsenter", f"--net={netlab.NETNS}/rp{lab}-edge", "--",
         f"{build_dir()}/bin/rampartd", "--config",
         f"{netlab.LAB_DIRS}/{lab}/rampartd.yaml", "--detach"], timeout=30)


def take_down(lab):
    """Removes a lab by its name, also one that its maker left behind."""
    if f"rp{lab}-edge" in netlab.namespaces(lab):
        netlab.kill_all_in(f"rp{lab}-edge")
        with contextlib.suppress(LabError, OSError):
            detach(lab)
    netlab.remove(lab)
    shutil.rmtree(f"{BPFFS}/rampart/{edge_name(lab)}", ignore_errors=True)


def leftovers(lab):
    """What still exists of a lab."""
    paths = [f"{netlab.LAB_DIRS}/{lab}", f"{BPFFS}/rampart/{edge_name(lab)}"]
    return netlab.namespaces(lab) + [p for p in paths if os.path.exists(p)]


def how_to(lab):
    """Commands to look at a lab that is up."""
    me = os.path.relpath(f"{os.path.dirname(os.path.realpath(__file__))}/lab")
    directory = f"{netlab.LAB_DIRS}/{lab}"
    return f"""\
sudo {os.path.relpath(build_dir())}/bin/xdpctl --socket {directory}/api.sock status
sudo {me} enter {lab} acme-1 ping 10.2.0.9
sudo {me} enter {lab} edge          (a shell there)
ls {directory}                      (configuration and logs)
sudo {me} down {lab}"""


@dataclasses.dataclass
class Site:
    """A place of a tenant and how it is reached.

    profile: of the tunnel: none, variant1, gre-key, cookie, mac (all GUE),
    gre, keyed-gre, or interface. outer: IP version of the underlay.
    """
    tenant: str
    number: int
    profile: str = "none"
    outer: int = 4
    index: int = 0       # of all sites, from 1; set by the lab
    host: netlab.Host = None

    HOST_PARTS = {1: 5, 2: 9, 3: 7}

    @property
    def name(self):
        return f"{self.tenant}-{self.number}"

    @property
    def tunnel(self):
        return f"site{self.number}"

    def address(self, version):
        part = self.HOST_PARTS.get(self.number, 5)
        return (f"10.{self.number}.0.{part}" if version == 4
                else f"fd00:{self.number:x}::{part:x}")

    def gateway(self, version):
        """interface: the edge's address on the site's own network."""
        return (f"10.{self.number}.0.1" if version == 4
                else f"fd00:{self.number:x}::1")

    def prefixes(self):
        return [f"10.{self.number}.0.0/16", f"fd00:{self.number:x}::/48"]

    def underlay(self, version, core=False):
        if version == 4:
            return f"198.18.{self.index}.{254 if core else 1}"
        return f"2001:db8:5:{self.index:x}::{'fe' if core else '1'}"

    @property
    def edge_device(self):
        return f"lan{self.index}"


STANDARD = (Site("acme", 1, "none"), Site("globex", 1, "mac"),
            Site("acme", 2, "gre"), Site("globex", 2, "gre-key", outer=6),
            Site("acme", 3, "interface"), Site("globex", 3, "interface"))


def to_yaml(resources):
    """Resources as YAML, an object per line; leaves are flow mappings."""
    lines = ["tenants:"]
    for tenant in resources["tenants"]:
        lines.append(f"  - name: {tenant['name']}")
        for kind in ("vnets", "tunnels", "routes", "policies"):
            lines.append(f"    {kind}:" if tenant.get(kind)
                         else f"    {kind}: []")
            lines += [f"      - {json.dumps(item)}"
                      for item in tenant.get(kind, [])]
    return "\n".join(lines) + "\n"


class EdgeLab(netlab.Lab):
    """core, edge, inet and sites; rampartd is started by start_edge()."""

    def __init__(self, sites=STANDARD, mode="auto"):
        super().__init__()
        self.mode = mode  # how XDP is attached: auto, native, generic
        self.sites = {}
        for index, site in enumerate(sites, 1):
            self.sites[site.name] = dataclasses.replace(site, index=index)
        self.bin = f"{build_dir()}/bin"
        self.edge_name = edge_name(os.getpid())
        self.api = f"{self.dir}/api.sock"
        self.rampartd = None
        self._mounted_bpffs = False

    # --- topology ---

    def build(self):
        for tool in ("bin/rampartd", "bin/xdpctl", "lab/gue_tun",
                     "lab/xdp_pass.bpf.o"):
            if not os.path.exists(f"{build_dir()}/{tool}"):
                raise LabError(f"{build_dir()}/{tool} is missing: "
                               "tools/build makes it")
        self._mount_bpffs()
        self.core, self.edge, self.inet = map(self.host,
                                              ("core", "edge", "inet"))
        self.core.forward()
        self._connect_edge()
        self._connect_inet()
        for site in self.sites.values():
            site.host = self.host(site.name)
            if site.profile == "interface":
                self._connect_by_interface(site)
            else:
                self._connect_by_tunnel(site)

    def _mount_bpffs(self):
        if not os.path.ismount(BPFFS):
            netlab.run(["mount", "-t", "bpf", "-o", "mode=0700", "bpf", BPFFS])
            self._mounted_bpffs = True

    @staticmethod
    def faces_xdp(host, device):
        """For the end of a veth whose other end sends by XDP: without a
        program here the kernel drops such frames or wakes nobody."""
        host.ip(f"link set dev {device} xdp obj "
                f"{build_dir()}/lab/xdp_pass.bpf.o sec xdp")

    def _connect_edge(self):
        self.link(self.core, "edge", self.edge, "eth0")
        self.faces_xdp(self.core, "edge")
        self.core.ip(
            f"addr add {CORE[4]}/24 dev edge",
            f"addr add {CORE[6]}/64 dev edge nodad",
            f"route add {POOL[4]}/32 via {EDGE[4]}",
            f"route add {POOL[6]}/128 via {EDGE[6]}")
        self.edge.ip(
            f"addr add {EDGE[4]}/24 dev eth0",
            f"addr add {EDGE[6]}/64 dev eth0 nodad",
            f"route add default via {CORE[4]}",
            f"route add default via {CORE[6]}")

    def _connect_inet(self):
        self.link(self.core, "inet", self.inet, "eth0")
        self.core.ip("addr add 198.51.100.1/24 dev inet",
                     "addr add 2001:db8:100::1/64 dev inet nodad")
        self.inet.ip(f"addr add {INET[4]}/24 dev eth0",
                     f"addr add {INET[6]}/64 dev eth0 nodad",
                     "route add default via 198.51.100.1",
                     "route add default via 2001:db8:100::1")

    def _connect_by_tunnel(self, site):
        port = f"site{site.index}"
        self.link(self.core, port, site.host, "eth0")
        for host, device, core in ((self.core, port, True),
                                   (site.host, "eth0", False)):
            host.ip(f"addr add {site.underlay(4, core)}/24 dev {device}",
                    f"addr add {site.underlay(6, core)}/64 dev {device} nodad")
        via = {v: site.underlay(v, core=True) for v in (4, 6)}
        edge = self.edge_of(site)
        site.host.ip(f"route add {edge[4]}/32 via {via[4]}",
                     f"route add {edge[6]}/128 via {via[6]}")
        self.start_tunnel(site)

    def edge_of(self, _site):
        """Addresses of the edge that a site's tunnel goes to."""
        return EDGE

    def start_tunnel(self, site):
        """Starts gue_tun and makes its device the way to everywhere. The
        device keeps an MTU of 1500, more than the tunnel carries: what the
        edge does about that is under test."""
        argv = [f"{build_dir()}/lab/gue_tun",
                "--local", site.underlay(site.outer),
                "--remote", self.edge_of(site)[site.outer]]
        if site.profile == "keyed-gre":
            argv += ["--profile", "gre", "--gre-key", VNIS[site.tenant]]
        else:
            argv += ["--profile", site.profile]
        if site.profile in KEYS:
            argv += ["--key", KEYS[site.profile]]
        if site.profile == "mac":
            argv += ["--key-id", "1"]
        process = site.host.start(*argv, f"tun0={VNIS[site.tenant]}",
                                  log=f"{site.name}-gue_tun.log")
        wait_for(lambda: "ready" in process.output() or
                 not process.running(), f"{site.name} has its tunnel")
        if not process.running():
            raise LabError(process.output())
        site.host.ip(f"addr add {site.address(4)}/16 dev tun0",
                     f"addr add {site.address(6)}/48 dev tun0 nodad",
                     "link set tun0 txqueuelen 1000 up",
                     "route add default dev tun0",
                     "route add ::/0 dev tun0")
        return process

    def _connect_by_interface(self, site):
        self.link(self.edge, site.edge_device, site.host, "eth0")
        self.faces_xdp(site.host, "eth0")
        self.edge.ip(f"addr add {site.gateway(4)}/16 dev {site.edge_device}",
                     f"addr add {site.gateway(6)}/48 dev {site.edge_device} "
                     "nodad")
        site.host.ip(f"addr add {site.address(4)}/16 dev eth0",
                     f"addr add {site.address(6)}/48 dev eth0 nodad",
                     f"route add default via {site.gateway(4)}",
                     f"route add default via {site.gateway(6)}")

    # --- the edge's configuration ---

    def pools(self):
        """NAT pools as in rampartd.yaml."""
        return [{"name": "default", "addresses": [POOL[4], POOL[6]]}]

    def pool_of(self, _tenant):
        """Whose addresses a tenant's packets get on the Internet."""
        return "default"

    def timeouts(self):
        """As in rampartd.yaml, where they are not the default."""
        return {}

    def edge_config(self):
        access = "".join(
            f"\n  - {{name: {site.edge_device}, role: access, "
            f"mode: {self.mode}}}"
            for site in self.sites.values() if site.profile == "interface")
        pools = "".join(f"\n    - {json.dumps(p)}" for p in self.pools())
        timeouts = (f"timeouts: {json.dumps(self.timeouts())}\n"
                    if self.timeouts() else "")
        return f"""\
edge: {self.edge_name}
devices:
  - {{name: eth0, role: uplink, mode: {self.mode}}}{access}
gue: {{addresses: [{EDGE[4]}, "{EDGE[6]}"], port: 6080}}
nat:
  pools:{pools}
{timeouts}api: {{socket: {self.api}}}
state: sqlite://{self.dir}/state.db
"""

    def _peer(self, site):
        peer = {"remote": site.underlay(site.outer)}
        if site.profile == "keyed-gre":
            peer["key"] = VNIS[site.tenant]
        if site.profile.endswith("gre"):
            return peer
        peer["auth"] = site.profile
        if site.profile == "variant1":
            peer.update(auth="none", variant=1)
        if site.profile in KEYS:
            key_file = f"{self.dir}/{site.profile}.key"
            with open(key_file, "w", encoding="utf-8") as f:
                f.write(KEYS[site.profile] + "\n")
            os.chmod(key_file, 0o600)
            peer["key_file"] = key_file
        if site.profile == "mac":
            peer["key_id"] = 1
        return peer

    def _tunnel(self, site):
        tunnel = {"name": site.tunnel, "vnet": "main"}
        if site.profile == "interface":
            return tunnel | {"type": "interface", "edge": self.edge_name,
                             "device": site.edge_device}
        kind = "gre" if site.profile.endswith("gre") else "gue"
        return tunnel | {"type": kind, "peers": [self._peer(site)]}

    def _tenant(self, name, policies):
        sites = [s for s in self.sites.values() if s.tenant == name]
        routes = [{"vnet": "main", "cidr": cidr, "via": site.tunnel}
                  for site in sites for cidr in site.prefixes()]
        routes += [{"vnet": "main", "cidr": cidr, "via": "internet",
                    "pool": self.pool_of(name)}
                   for cidr in ("0.0.0.0/0", "::/0")]
        return {
            "name": name,
            "vnets": [{"name": "main", "vni": VNIS[name], "default": True,
                       "router": [ROUTER[4], ROUTER[6]]}],
            "tunnels": [self._tunnel(site) for site in sites],
            "routes": routes,
            "policies": policies,
        }

    def resources(self, policies=None):
        """The resources that fit the sites. policies: of every tenant, by
        default one rule that allows all; or a dictionary by tenant."""
        names = dict.fromkeys(s.tenant for s in self.sites.values())
        by_tenant = policies if isinstance(policies, dict) else {}
        default = ALLOW_ALL if policies is None else policies
        return {"tenants": [self._tenant(n, by_tenant.get(n, default))
                            for n in names]}

    # --- the edge's processes ---

    def write(self, name, text):
        path = f"{self.dir}/{name}"
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
        return path

    def start_edge(self, timeout=60.0):
        """Starts rampartd and waits until its API answers."""
        config = self.write("rampartd.yaml", self.edge_config())
        self.rampartd = self.edge.start(f"{self.bin}/rampartd", "--config",
                                        config, log="rampartd.log")
        wait_for(lambda: not self.rampartd.running() or
                 self.xdpctl("status", check=False).returncode == 0,
                 "rampartd answers", timeout)
        if not self.rampartd.running():
            raise LabError(f"rampartd ended:\n{self.rampartd.output()}")

    def xdpctl(self, *args, check=True, timeout=60.0):
        return netlab.run(
            self.edge.enter([f"{self.bin}/xdpctl", "--socket", self.api,
                             "--edge", self.edge_name, *args]), timeout, check)

    def show(self, *args):
        """The JSON that an xdpctl command prints."""
        return json.loads(self.xdpctl(*args, "-o", "json").stdout)

    def apply(self, resources=None):
        path = self.write("resources.yaml",
                          to_yaml(resources or self.resources()))
        return self.xdpctl("apply", "-f", path)

    def detach(self):
        return detach(str(os.getpid()))

    def remove(self):
        take_down(str(os.getpid()))
        if self._mounted_bpffs and not any(f for *_, f in os.walk(BPFFS)):
            netlab.run(["umount", BPFFS], check=False)

    # --- servers ---

    def start_servers(self):
        """Web and iperf3 servers on the Internet host and, each tenant its
        own, on every site number 2."""
        self.start_web(self.inet, "the Internet")
        self.start_iperf3(self.inet, 5201)
        self.start_iperf3(self.inet, 5202)
        for site in self.sites.values():
            if site.number == 2:
                self.start_web(site.host, f"private page of {site.tenant}")
                self.start_iperf3(site.host)

    def start_web(self, host, page, log=None):
        """nginx on port 80. Its log tells the client's address and port."""
        name = log or f"{host.name}-access.log"
        config = self.write(f"{host.name}-nginx.conf", f"""\
user root;
worker_processes 1;
pid {self.dir}/{host.name}-nginx.pid;
error_log stderr;
events {{}}
http {{
  log_format seen '$remote_addr $remote_port "$request" $status '
                  '"$http_user_agent"';
  access_log {self.dir}/{name} seen;
  default_type text/plain;
  server {{
    listen 80;
    listen [::]:80;
    root {self.dir}/{host.name}-www;
    location = / {{ return 200 "{page}\\n"; }}
  }}
}}
""")
        os.makedirs(f"{self.dir}/{host.name}-www")
        host.start("nginx", "-e", "stderr", "-g", "daemon off;", "-p",
                   self.dir, "-c", config)
        self.wait_listening(host, 80)

    def web_log(self, host):
        with open(f"{self.dir}/{host.name}-access.log", encoding="utf-8") as f:
            return f.read().splitlines()

    def start_iperf3(self, host, port=5201):
        host.start("iperf3", "-s", "-p", port, log=f"{host.name}-{port}.log")
        self.wait_listening(host, port)

    @staticmethod
    def wait_listening(host, port):
        wait_for(lambda: host.run("ss", "-Hltn", f"sport = :{port}").stdout,
                 f"{host.name} listens on port {port}")

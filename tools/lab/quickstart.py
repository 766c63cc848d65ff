# SPDX-License-Identifier: Apache-2.0
"""What tools/quickstart shows once everything is built."""

import concurrent.futures
import itertools
import json
import os
import re
import sys
import time

import edge_lab
import netlab
from edge_lab import INET

TENANTS = ("acme", "globex")
PRIVATE = {4: "10.2.0.9", 6: "fd00:2::9"}
PING_ID = 4242
IPERF_SECONDS = 3

# Source ports, the same for both tenants; one for each try, as a closed
# connection keeps its port for a minute.
_ports = itertools.count(40001)

_begin = time.monotonic()


def say(text):
    print(f"[{time.monotonic() - _begin:5.1f} s] {text}", flush=True)


def title(text):
    print(f"\n== {text}", flush=True)


def at_the_same_time(function):
    """Runs function(tenant) for every tenant, all at once."""
    with concurrent.futures.ThreadPoolExecutor(len(TENANTS)) as pool:
        return dict(zip(TENANTS, pool.map(function, TENANTS)))


def bracketed(address):
    return f"[{address}]" if ":" in address else address


def ping(lab, destination):
    def one(tenant):
        # -W: on a busy computer a veth may lose one.
        out = lab.sites[f"{tenant}-1"].host.run(
            "ping", "-e", PING_ID, "-c", 3, "-i", "0.2", "-W", 1,
            destination).stdout
        return (re.search(r"(\d+) received", out).group(1),
                out.splitlines()[-1].split("=")[1].split("/")[1])
    for tenant, (answered, rtt) in at_the_same_time(one).items():
        say(f"ping  {tenant:6} {destination:17} id {PING_ID}: {answered} of 3 "
            f"answered, {rtt} ms")


def curl(lab, destination):
    url = f"http://{bracketed(destination)}/"
    port = next(_ports)

    def one(tenant):
        return lab.sites[f"{tenant}-1"].host.run(
            "curl", "-sS", "--max-time", 5, "--local-port", port, "-A",
            f"curl of {tenant}", url).stdout.strip()
    for tenant, page in at_the_same_time(one).items():
        say(f"curl  {tenant:6} {url:27} from port {port}: \"{page}\"")


def iperf3(lab, destination, ports):
    source_port = next(_ports)

    def one(tenant):
        out = lab.sites[f"{tenant}-1"].host.run(
            "iperf3", "-J", "-c", destination, "-p", ports[tenant], "--cport",
            source_port, "-t", IPERF_SECONDS, timeout=30).stdout
        return json.loads(out)["end"]
    for tenant, end in at_the_same_time(one).items():
        rate = end["sum_received"]["bits_per_second"] / 1e6
        say(f"iperf3 {tenant:6} {source_port} -> {bracketed(destination)}:"
            f"{ports[tenant]}: {rate:.0f} Mbit/s, "
            f"{end['sum_sent']['retransmits']} retransmissions")


def traffic(lab):
    for version in (4, 6):
        for destination in (PRIVATE[version], INET[version]):
            ping(lab, destination)
            curl(lab, destination)
        iperf3(lab, PRIVATE[version], dict.fromkeys(TENANTS, 5201))
        iperf3(lab, INET[version], {"acme": 5201, "globex": 5202})


def servers_saw(lab):
    title("what each web server saw (address, port, request, client)")
    for host in ("inet", "acme-2", "globex-2"):
        print(f"{host}:")
        for line in lab.web_log(lab.hosts[host]):
            print(f"    {line}")


def tables(lab):
    for command in ("status", "flow list", "nat session list", "drop list"):
        title(f"xdpctl {command}")
        print(lab.xdpctl(*command.split()).stdout.rstrip(), flush=True)


def bring_up(lab):
    say(f"lab {os.getpid()}: {len(lab.hosts)} namespaces: "
        f"{' '.join(lab.hosts)}")
    lab.start_servers()
    say("nginx and iperf3 run on inet and on site 2 of each tenant")
    lab.start_edge()
    say(f"rampartd runs on edge, pid {lab.rampartd.pid}")
    say(lab.apply().stdout.strip().splitlines()[-1])
    for site in lab.sites.values():
        say(f"{site.name:8} is {site.address(4)} and {site.address(6)}, by "
            f"{site.profile} over IPv{site.outer}"
            if site.profile != "interface" else
            f"{site.name:8} is {site.address(4)} and {site.address(6)}, by "
            f"the edge's interface {site.edge_device}")


def main():
    keep = "--keep" in sys.argv
    name = str(os.getpid())
    with edge_lab.EdgeLab() as lab:
        bring_up(lab)
        traffic(lab)
        servers_saw(lab)
        tables(lab)
        if keep:
            lab.keep()
            title("the lab stays up; look further with")
            print(edge_lab.how_to(name))
            return
    left = edge_lab.leftovers(name)
    title("left: " + " ".join(left) if left else
          "all of it is gone: processes, namespaces, files, BPF pins")
    print("look further: sudo tools/quickstart --keep, README.md, "
          "tools/lab/README.md")
    sys.exit(1 if left else 0)


if __name__ == "__main__":
    try:
        main()
    except netlab.LabError as e:
        sys.exit(f"quickstart: {e}")
    except KeyboardInterrupt:
        sys.exit("quickstart: interrupted; the lab is gone")

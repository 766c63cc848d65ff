# SPDX-License-Identifier: Apache-2.0
"""Who may use the API: groups on the Unix socket, certificates on TCP."""

import grp
import http.client
import json
import os
import socket
import ssl
import subprocess

import e2e
import edge_lab
from edge_lab import EDGE, Site

WRITE, READ = "daemon", "games"  # groups that every Debian has
NOBODY = 65534
PORT = 8443


class AccessLab(edge_lab.EdgeLab):
    """An edge whose API has groups and a TLS listener, IPv6."""

    def edge_config(self):
        api = {"socket": self.api, "write_group": WRITE, "read_group": READ,
               "tls": {"listen": f"[{EDGE[6]}]:{PORT}", "writers": ["alice"],
                       "cert": f"{self.dir}/edge.pem",
                       "key": f"{self.dir}/edge.key",
                       "ca": f"{self.dir}/ca.pem"}}
        return super().edge_config().replace(
            f"api: {{socket: {self.api}}}", f"api: {json.dumps(api)}")

    def build(self):
        super().build()
        for name in ("ca", "other"):
            self.openssl("req", "-x509", "-days", 1, "-subj", f"/CN={name}",
                         "-keyout", f"{name}.key", "-out", f"{name}.pem")
        for name in ("edge", "alice", "bob"):
            self.certify(name, "ca", name)
        self.certify("mallory", "other", "alice")
        os.chmod(self.dir, 0o755)

    def openssl(self, *args):
        subprocess.run(["openssl", args[0], *map(str, args[1:])]
                       + (["-newkey", "ec", "-pkeyopt",
                           "ec_paramgen_curve:P-256", "-nodes"]
                          if args[0] == "req" else []),
                       cwd=self.dir, check=True, capture_output=True)

    def certify(self, name, authority, common_name):
        self.openssl("req", "-subj", f"/CN={common_name}", "-keyout",
                     f"{name}.key", "-out", f"{name}.csr")
        self.openssl("x509", "-req", "-days", 1, "-in", f"{name}.csr", "-CA",
                     f"{authority}.pem", "-CAkey", f"{authority}.key",
                     "-CAcreateserial", "-out", f"{name}.pem")


class ApiAccessTest(e2e.EdgeTest):
    SITES = (Site("acme", 1),)

    @classmethod
    def make_lab(cls):
        return AccessLab(cls.SITES)

    def status_as(self, group, method):
        """HTTP status for nobody, who is in `group`."""
        body = "{}" if method == "POST" else ""
        done = subprocess.run(
            ["curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}",
             "--unix-socket", self.lab.api, "-X", method, "-d", body,
             "http://x/v1/tenants"], capture_output=True, text=True,
            check=False, user=NOBODY, group=NOBODY,
            extra_groups=[grp.getgrnam(group).gr_gid])
        return done.stdout

    def ask_as(self, name, method="GET", body=None):
        """Status and document for who has this certificate."""
        context = ssl.create_default_context(cafile=f"{self.lab.dir}/ca.pem")
        context.check_hostname = False
        if name:
            context.load_cert_chain(f"{self.lab.dir}/{name}.pem",
                                    f"{self.lab.dir}/{name}.key")
        plain = self.host("core").socket(socket.AF_INET6, socket.SOCK_STREAM)
        plain.settimeout(60)
        plain.connect((EDGE[6], PORT))
        with context.wrap_socket(plain) as stream:
            connection = http.client.HTTPConnection("edge")
            connection.sock = stream
            connection.request(method, "/v1/tenants", body)
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())

    def test_groups_decide_on_the_unix_socket(self):
        for group, get, post in ((WRITE, "200", "400"), (READ, "200", "403"),
                                 ("nogroup", "403", "403")):
            with self.subTest(group=group):
                self.assertEqual(self.status_as(group, "GET"), get)
                self.assertEqual(self.status_as(group, "POST"), post)

    def test_certificates_decide_on_tcp(self):
        self.assertEqual(self.ask_as("bob")[0], 200)
        status, answer = self.ask_as("bob", "POST", '{"name": "x"}')
        self.assertEqual(status, 403)
        self.assertIn("certificate bob may read only",
                      answer["error"]["message"])
        status, answer = self.ask_as("alice", "POST", '{"name": "globex"}')
        self.assertEqual(status, 200, answer)
        for name in (None, "mallory"):
            with self.subTest(name=name), self.assertRaises(OSError):
                self.ask_as(name)


if __name__ == "__main__":
    e2e.main()

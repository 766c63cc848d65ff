# SPDX-License-Identifier: Apache-2.0
"""Mistakes are named and change nothing; resources survive a restart."""

import copy

import e2e

BAD_EDGE = {
    "unknown key": ("edge:", "egde:"),
    "wrong type": ("port: 6080", "port: many"),
    "no device of this name": ("mode: auto}", "mode: quick}"),
}


def _change(resources, tenant, kind, index, **values):
    changed = copy.deepcopy(resources)
    changed["tenants"][tenant][kind][index].update(values)
    return changed


class ConfigTest(e2e.EdgeTest):

    def bad_resources(self):
        good = self.lab.resources()
        yield "route to a missing tunnel", _change(good, 0, "routes", 0,
                                                   via="nowhere")
        yield "bad CIDR", _change(good, 0, "routes", 0, cidr="10.1.0.0/33")
        yield "duplicate VNI", _change(good, 1, "vnets", 0, vni=1001)
        yield "VNI 0", _change(good, 1, "vnets", 0, vni=0)
        yield "unknown key", _change(good, 0, "tunnels", 0, colour="red")
        yield "wrong type", _change(good, 0, "vnets", 0, vni="many")
        yield "key file missing", _change(
            good, 1, "tunnels", 0,
            peers=[{"remote": "198.18.2.1", "auth": "mac", "key_id": 1,
                    "key_file": "/nonexistent.key"}])
        yield "unknown pool", _change(good, 0, "routes", -1, pool="atlantis")
        second = copy.deepcopy(good)
        second["tenants"][0]["vnets"].append(
            {"name": "other", "vni": 1002, "default": True})
        yield "two defaults", second

    def test_a_bad_apply_names_file_and_line_and_changes_nothing(self):
        before = [self.lab.show(kind, "list")
                  for kind in ("tenant", "vnet", "tunnel", "route", "policy")]
        epoch = self.lab.show("status")["epoch"]
        for what, resources in self.bad_resources():
            with self.subTest(what):
                path = self.lab.write("bad.yaml",
                                      e2e.edge_lab.to_yaml(resources))
                done = self.lab.xdpctl("apply", "-f", path, check=False)
                self.assertEqual(done.returncode, 2, done)
                lines = done.stderr.strip().splitlines()
                self.assertEqual(len(lines), 1, done.stderr)
                self.assertRegex(lines[0], r"bad\.yaml:\d+: .+")
        after = [self.lab.show(kind, "list")
                 for kind in ("tenant", "vnet", "tunnel", "route", "policy")]
        self.assertEqual(before, after)
        self.assertEqual(self.lab.show("status")["epoch"], epoch)

    def test_a_dry_run_changes_nothing(self):
        resources = _change(self.lab.resources(), 0, "vnets", 0,
                            comment="new words")
        path = self.lab.write("dry.yaml", e2e.edge_lab.to_yaml(resources))
        before = self.lab.show("vnet", "list")
        done = self.lab.xdpctl("apply", "-f", path, "--dry-run")
        self.assertIn("main", done.stdout)
        self.assertEqual(self.lab.show("vnet", "list"), before)

    def test_a_bad_rampartd_yaml_ends_with_status_2_and_one_line(self):
        good = self.lab.edge_config()
        for what, (old, new) in BAD_EDGE.items():
            with self.subTest(what):
                path = self.lab.write("bad-edge.yaml",
                                      good.replace(old, new, 1))
                done = self.lab.edge.run(f"{self.lab.bin}/rampartd",
                                         "--config", path, check=False)
                self.assertEqual(done.returncode, 2, done)
                self.assertRegex(done.stderr.strip().splitlines()[-1],
                                 r"bad-edge\.yaml:\d+: .+")

    def test_resources_survive_a_restart(self):
        kinds = ("tenant", "vnet", "tunnel", "route", "policy")
        before = [self.lab.show(kind, "list") for kind in kinds]
        self.assertEqual(self.lab.rampartd.stop(), 0)
        self.lab.start_edge()
        self.assertEqual([self.lab.show(kind, "list") for kind in kinds],
                         before)
        out = self.host("acme-1").run("ping", "-c", 1, "10.2.0.9").stdout
        self.assertIn("1 received", out)

    def test_a_second_rampartd_for_the_same_edge_is_refused(self):
        done = self.lab.edge.run(f"{self.lab.bin}/rampartd", "--config",
                                 f"{self.lab.dir}/rampartd.yaml", check=False)
        self.assertNotEqual(done.returncode, 0)
        self.assertTrue(self.lab.rampartd.running())
        self.assertEqual(self.lab.show("status")["pid"],
                         self.lab.rampartd.pid)


if __name__ == "__main__":
    e2e.main()

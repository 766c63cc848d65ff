# SPDX-License-Identifier: Apache-2.0
"""What measurements rest on: perf_load counts what arrives right, and notices
what does not."""

import os
import sys
import unittest

import perf_path  # noqa: F401  pylint: disable=unused-import

from harness import linux, wire
from harness.gateway import Gateway
from harness.profile import MeasurementError, Options

# Windows in which every flow comes by.
SHORT = Options(seconds=0.1, warm_up=0.1)
FLOWS = 200
GUE = ["--encap", "gue-none"]
SNAT = [*GUE, "--out", "plain", "--nat", "numbered"]


class WireTest(unittest.TestCase):
    """Devices under test that perf_load or the kernel plays."""

    @classmethod
    def setUpClass(cls):
        cls.wire = cls.enterClassContext(wire.Wire())

    def load(self, *flags):
        return self.wire.load(SHORT, "--flows", FLOWS, *flags)

    def wrong(self, *flags):
        with self.assertRaisesRegex(MeasurementError, "arrived wrong"):
            self.load(*flags)

    def test_every_wrapping_arrives_as_it_was_sent(self):
        for wrap in ("plain", "vxlan", "gue-none", "gue-cookie", "gue-mac",
                     "gue-gre-key", "gre"):
            for family in (4, 6):
                for outer in (4, 6):
                    with self.subTest(wrap=wrap, family=family, outer=outer):
                        result = self.load(
                            *self.wire.redirect(), "--encap", wrap, "--size",
                            80, "--family", family, "--outer-family", outer)
                        self.assertGreater(result["samples"], 0)
                        self.assertEqual(result["others"], 0)

    def test_a_packet_that_was_not_forwarded_is_wrong(self):
        """The bare redirect leaves the TTL as it is."""
        redirect = [f for f in self.wire.redirect() if f != "--same"]
        self.wrong(*redirect, "--encap", "plain", "--out", "plain")

    def test_a_packet_that_was_not_translated_is_wrong(self):
        redirect = [f for f in self.wire.redirect() if f != "--same"]
        for nat in ("numbered", "any"):
            self.wrong(*redirect, "--hops", 0, "--nat", nat)

    def test_a_packet_of_another_length_does_not_count(self):
        redirect = [f for f in self.wire.redirect() if f != "--same"]
        with self.assertRaisesRegex(MeasurementError, "no packet arrived"):
            self.load(*redirect, "--encap", "gue-none", "--out", "plain")

    def test_a_paced_source_keeps_its_pace(self):
        result = self.load(*self.wire.redirect(), "--rate", 20000,
                           "--sample-every", 16)
        self.assertLess(result["sent"] / result["seconds"], 22000)

    def test_new_flows_are_numbered_on(self):
        result = self.load(*self.wire.redirect(), "--order", "new",
                           "--first", 5000000, "--rate", 20000,
                           "--sample-every", 1)
        self.assertEqual(result["flows_sampled"], result["samples"])


class LinuxTest(unittest.TestCase):
    """The kernel's NAT, which chooses ports as it likes."""

    def test_translations_are_judged(self):
        with wire.Wire() as lab:
            linux.route(lab)
            linux.vxlan(lab)
            linux.snat(lab, linux.out(lab, True))
            flags = ["--encap", "vxlan", "--out", "vxlan", "--sink", "tc",
                     "--nat", "any", "--nat-addresses", linux.POOL_SIZE,
                     "--flows", FLOWS, "--sample-every", 16]
            result = lab.load(SHORT, *flags)
            self.assertGreater(result["flows_sampled"], 1)
            with self.assertRaisesRegex(MeasurementError, "not in the pool"):
                lab.load(SHORT, *flags, "--nat-first", "198.18.99.0")


class GatewayTest(unittest.TestCase):
    """The real data plane, which is told what to make of each flow."""

    def test_a_wrong_translation_is_noticed(self):
        gateway = Gateway("snat", SHORT, SNAT, FLOWS)
        self.addCleanup(gateway.tear_down)
        gateway.set_up()
        self.assertGreater(gateway.measure().details["samples"], 0)
        with self.assertRaisesRegex(MeasurementError, "arrived wrong"):
            gateway.wire.load(SHORT, *gateway.arguments,
                              "--nat-first", "198.18.2.0")

    def test_packets_of_unknown_flows_do_not_arrive(self):
        gateway = Gateway("snat", SHORT, SNAT, FLOWS)
        self.addCleanup(gateway.tear_down)
        gateway.set_up()
        with self.assertRaisesRegex(MeasurementError, "no packet arrived"):
            gateway.wire.load(SHORT, *gateway.arguments,
                              "--inner-source", "10.128.0.0")


if __name__ == "__main__":
    if os.geteuid() != 0:
        print("needs root")
        sys.exit(77)
    unittest.main()

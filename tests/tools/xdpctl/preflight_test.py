# SPDX-License-Identifier: Apache-2.0
"""dev preflight on devices of every kind, in a network namespace of its own.

Usage: preflight_test.py XDPCTL XDP_PASS_OBJECT
Exit code 77: skipped, for want of root.
"""

import json
import os
import subprocess
import sys
import unittest

XDPCTL = ''
PASS = ''
NAMESPACE = f'rp-preflight-{os.getpid()}'


def run(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True)


def inside(*command):
    """In the namespace, but with this one's bpffs."""
    return ('nsenter', f'--net=/run/netns/{NAMESPACE}', *command)


class PreflightTest(unittest.TestCase):

    @classmethod
    def setUpClass(cls):
        run('ip', 'netns', 'add', NAMESPACE)

    @classmethod
    def tearDownClass(cls):
        run('ip', 'netns', 'del', NAMESPACE)

    def setUp(self):
        self.ip('link', 'add', 'v0', 'type', 'veth', 'peer', 'name', 'v1')
        self.ip('link', 'set', 'v0', 'up')
        self.ip('link', 'set', 'v1', 'up')

    def tearDown(self):
        self.ip('link', 'del', 'v0')

    def ip(self, *words):
        run(*inside('ip', *words))

    def preflight(self, device, *options):
        """Exit code, and checks by their names."""
        done = subprocess.run(
            inside(XDPCTL, '--socket', '/nonexistent', '--state',
                   '/nonexistent', 'dev', 'preflight', device, '-j',
                   *options), capture_output=True, text=True)
        if not done.stdout:
            return done.returncode, done.stderr
        document = json.loads(done.stdout)
        self.assertEqual(document['schema'], 'xdpctl/v1/preflight')
        self.assertEqual(document['device'], device)
        self.assertEqual(done.stderr, '')
        return done.returncode, {row['check']: row
                                 for row in document['checks']}

    def mend(self, row):
        """Runs the command of a finding."""
        self.assertTrue(row['command'], row)
        run(*inside(*row['command'].split()))

    def test_a_veth_wants_gro_on_its_peer(self):
        code, checks = self.preflight('v0')
        self.assertEqual(code, 4)
        row = checks['redirect to it']
        self.assertEqual(row['state'], 'FAIL')
        self.assertEqual(row['command'], 'ethtool -K v1 gro on')
        self.mend(row)
        code, checks = self.preflight('v0')
        self.assertIn(code, (0, 5))
        self.assertEqual(checks['redirect to it']['state'], 'ok')
        self.assertEqual(checks['driver XDP']['state'], 'ok')
        self.assertEqual(checks['existing XDP']['detail'], 'none')
        self.assertIn('1 XDP link', checks['would change']['detail'])

    def test_another_program_is_named_and_taken_off(self):
        for mode in ('xdp', 'xdpgeneric'):
            self.ip('link', 'set', 'v0', mode, 'obj', PASS, 'sec', 'xdp')
            code, checks = self.preflight('v0')
            row = checks['existing XDP']
            self.assertEqual((code, row['state']), (4, 'FAIL'))
            self.assertIn('"rp_lab_pass" tag ', row['detail'])
            self.assertIn('no process holds it', row['detail'])
            self.mend(row)
            _, checks = self.preflight('v0')
            self.assertEqual(checks['existing XDP']['state'], 'ok', mode)

    def test_a_large_mtu_is_mended(self):
        self.ip('link', 'set', 'v0', 'mtu', '9000')
        _, checks = self.preflight('v0')
        self.assertEqual(checks['MTU']['state'], 'WARN')
        _, checks = self.preflight('v0', '--mode', 'native')
        self.assertEqual(checks['MTU']['state'], 'FAIL')
        self.mend(checks['MTU'])
        _, checks = self.preflight('v0')
        self.assertEqual(checks['MTU']['state'], 'ok')

    def test_a_link_that_is_down_is_mended(self):
        self.ip('link', 'set', 'v0', 'down')
        _, checks = self.preflight('v0')
        self.assertEqual(checks['link']['state'], 'WARN')
        self.mend(checks['link'])
        _, checks = self.preflight('v0')
        self.assertEqual(checks['link']['state'], 'ok')

    def test_tun_and_tap(self):
        self.ip('tuntap', 'add', 'dev', 'tun0', 'mode', 'tun')
        self.ip('tuntap', 'add', 'dev', 'tap0', 'mode', 'tap')
        code, checks = self.preflight('tun0')
        self.assertEqual((code, checks['driver XDP']['state']), (5, 'WARN'))
        code, _ = self.preflight('tun0', '--mode', 'native')
        self.assertEqual(code, 4)
        _, checks = self.preflight('tap0')
        self.assertEqual(checks['driver XDP']['state'], 'ok')

    def test_what_is_not_there(self):
        code, message = self.preflight('missing0')
        self.assertEqual(code, 3)
        self.assertIn('device missing0: there is none', message)
        code, message = self.preflight('a-name-that-is-too-long')
        self.assertEqual(code, 3)

    def test_nothing_is_changed(self):
        before = run(*inside('ip', '-d', 'link', 'show', 'v0')).stdout
        self.preflight('v0')
        self.assertEqual(
            run(*inside('ip', '-d', 'link', 'show', 'v0')).stdout, before)

    def test_the_table_has_the_command_behind_an_arrow(self):
        done = subprocess.run(
            inside(XDPCTL, '--socket', '/nonexistent', 'dev', 'preflight',
                   'v0'), capture_output=True, text=True)
        lines = done.stdout.split('\n')
        self.assertRegex(lines[0], r'^CHECK +STATE +DETAIL$')
        self.assertIn(' -> ethtool -K v1 gro on',
                      next(line for line in lines if 'redirect to it' in line))


if __name__ == '__main__':
    XDPCTL, PASS = (os.path.abspath(path) for path in sys.argv[1:3])
    if os.geteuid() != 0:
        print('needs root')
        sys.exit(77)
    unittest.main(argv=sys.argv[:1])

# SPDX-License-Identifier: Apache-2.0
"""An installation has every part where Debian's programs look for it.

Usage: install_test.py BUILD
"""

import os
import subprocess
import sys
import tempfile
import unittest

BUILD = ''
PARTS = ('sbin/rampartd', 'bin/xdpctl', 'share/man/man1/xdpctl.1',
         'share/man/man1/xdpctl-flow-list.1',
         'share/bash-completion/completions/xdpctl',
         'share/zsh/vendor-completions/_xdpctl',
         'share/fish/vendor_completions.d/xdpctl.fish',
         'share/rampart/grafana/rampart.json', 'share/doc/rampart/README.md')


class InstallTest(unittest.TestCase):

    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory(
            prefix=f'rp-install-{os.getpid()}-')
        cls.addClassCleanup(folder.cleanup)
        cls.usr = f'{folder.name}/usr'
        subprocess.run(['cmake', '--install', BUILD, '--prefix', cls.usr],
                       stdout=subprocess.DEVNULL, check=True)

    def run_installed(self, *argv):
        return subprocess.run(argv, capture_output=True, text=True,
                              timeout=60, check=True).stdout

    def test_every_part_is_there(self):
        have = {os.path.relpath(os.path.join(folder, name), self.usr)
                for folder, _, names in os.walk(self.usr) for name in names}
        # The prefix decides at configuration where zsh looks.
        have = {p.replace('site-functions', 'vendor-completions')
                for p in have}
        self.assertEqual(set(PARTS) - have, set())
        self.assertFalse([p for p in have if p.startswith(('include/',
                                                           'lib/'))])

    def test_the_programs_run_from_there(self):
        self.assertIn('--config', self.run_installed(
            f'{self.usr}/sbin/rampartd', '--help'))
        self.assertIn('drop', self.run_installed(
            f'{self.usr}/bin/xdpctl', '--help'))

    def test_bash_loads_the_completion(self):
        path = f'{self.usr}/share/bash-completion/completions/xdpctl'
        out = self.run_installed(
            'bash', '-c', f'. {path}; PATH={self.usr}/bin:$PATH; '
            'COMP_WORDS=(xdpctl d); COMP_CWORD=1; _xdpctl; '
            'echo "${COMPREPLY[@]}"')
        self.assertIn('drop', out.split())


if __name__ == '__main__':
    BUILD = sys.argv.pop()
    unittest.main(verbosity=2)

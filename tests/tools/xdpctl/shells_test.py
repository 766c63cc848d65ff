# SPDX-License-Identifier: Apache-2.0
"""What xdpctl writes for other programs, tried with these: completion scripts
in bash, zsh and fish, and manual pages in man.

Usage: shells_test.py XDPCTL
"""

import http.server
import json
import os
import shutil
import socketserver
import subprocess
import sys
import tempfile
import threading
import time
import unittest

XDPCTL = ''
TENANTS = {'schema': 'xdpctl/v1/tenants',
           'tenants': [{'name': 'acme'}, {'name': 'globex'}]}


class Api(http.server.BaseHTTPRequestHandler):
    """Answers every GET with the tenants."""

    def do_GET(self):
        body = json.dumps(TENANTS).encode()
        self.send_response(200)
        self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass

    def address_string(self):
        return 'local'


class ShellsTest(unittest.TestCase):

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix=f'rp-shells-{os.getpid()}-')
        socket = os.path.join(cls.folder, 'api.sock')
        cls.server = socketserver.UnixStreamServer(socket, Api)
        threading.Thread(target=cls.server.serve_forever).start()
        path = os.path.dirname(XDPCTL) + ':' + os.environ['PATH']
        cls.env = dict(os.environ, RAMPART_SOCKET=socket, PATH=path,
                       HOME=cls.folder)

    @classmethod
    def tearDownClass(cls):
        cls.server.shutdown()
        cls.server.server_close()
        shutil.rmtree(cls.folder)

    def run_in(self, shell, script):
        """Lines that the script prints; it must print no errors."""
        if shutil.which(shell) is None:
            self.skipTest(f'{shell} is not installed')
        done = subprocess.run([shell, '-c', script], env=self.env, text=True,
                              capture_output=True, timeout=30)
        self.assertEqual(done.stderr, '')
        return done.stdout.split('\n')[:-1]

    def in_bash(self, *words):
        quoted = ' '.join(f"'{word}'" for word in ('xdpctl',) + words)
        return self.run_in('bash', f'''
            source <(xdpctl completion bash)
            COMP_WORDS=({quoted}); COMP_CWORD={len(words)}
            _xdpctl
            printf '%s\\n' "${{COMPREPLY[@]}}"''')

    def test_bash(self):
        self.assertEqual(self.in_bash('d'), ['dev', 'drop'])
        self.assertEqual(self.in_bash('tenant', 'show', ''),
                         ['acme', 'globex'])
        self.assertEqual(self.in_bash('tenant', 'show', 'g'), ['globex'])
        registered = self.run_in(
            'bash', 'source <(xdpctl completion bash); complete -p xdpctl')
        self.assertEqual(registered,
                         ['complete -o default -F _xdpctl xdpctl'])

    def in_zsh(self, *words):
        quoted = ' '.join(f"'{word}'" for word in ('xdpctl',) + words)
        return self.run_in('zsh', f'''
            compdef() {{ :; }}
            compadd() {{ print -l "${{(@P)2}}"; }}
            _files() {{ print FILES; }}
            source <(xdpctl completion zsh)
            words=({quoted}); CURRENT={len(words) + 1}
            _xdpctl''')

    def test_zsh(self):
        self.assertEqual(self.in_zsh('d'), ['dev', 'drop'])
        self.assertEqual(self.in_zsh('tenant', 'show', ''),
                         ['acme', 'globex'])
        self.assertEqual(self.in_zsh('apply', '-f', ''), ['FILES'])

    def in_fish(self, line):
        lines = self.run_in('fish', f'''
            xdpctl completion fish | source
            complete -C "{line}"''')
        return [found.split('\t')[0] for found in lines]

    def test_fish(self):
        self.assertEqual(self.in_fish('xdpctl d'), ['dev', 'drop'])
        self.assertEqual(self.in_fish('xdpctl tenant show '),
                         ['acme', 'globex'])

    def test_names_come_fast(self):
        """Within 50 ms; the best of some, for a busy machine."""
        best = 1.0
        for _ in range(20):
            start = time.monotonic()
            subprocess.run([XDPCTL, '__complete', '--', 'tenant', 'show', ''],
                           env=self.env, check=True, capture_output=True)
            best = min(best, time.monotonic() - start)
        self.assertLess(best, 0.05)

    def test_manual_pages(self):
        """Every page is there and renders without a warning."""
        subprocess.run([XDPCTL, '__man', self.folder], check=True)
        pages = [name for name in os.listdir(self.folder)
                 if name.endswith('.1')]
        self.assertIn('xdpctl.1', pages)
        self.assertIn('xdpctl-route-get.1', pages)
        if shutil.which('man') is None:
            self.skipTest('man is not installed')
        for name in pages:
            path = os.path.join(self.folder, name)
            done = subprocess.run(
                ['man', '--warnings=w', '-l', path], text=True,
                env=dict(self.env, MANWIDTH='100', MAN_KEEP_FORMATTING=''),
                capture_output=True, timeout=30)
            self.assertEqual((done.returncode, done.stderr), (0, ''), name)
            self.assertIn('EXIT STATUS' if 'list' in name else 'NAME',
                          done.stdout, name)

    def test_a_page_says_what_help_says(self):
        subprocess.run([XDPCTL, '__man', self.folder], check=True)
        text = subprocess.run([XDPCTL, 'help', 'route', 'get'],
                              capture_output=True, text=True).stdout
        with open(os.path.join(self.folder, 'xdpctl-route-get.1')) as page:
            roff = page.read().replace('\\-', '-')
        self.assertIn('xdpctl route get 10.1.2.3', roff)
        for line in text.split('\n'):
            for word in line.split():
                if word.startswith('--'):
                    self.assertIn(word, roff)


if __name__ == '__main__':
    XDPCTL = os.path.abspath(sys.argv.pop(1))
    unittest.main()

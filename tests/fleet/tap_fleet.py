"""A fleet whose network has a TAP interface for its uplink, in a network namespace of the test's own."""
import json
import os
import subprocess
import tempfile
import time
import unittest

from terminal import PATIENCE

INTERFACE = 'esp0'
HOST, MASK, GATEWAY = '10.1.200.1', '255.255.0.0', '10.1.0.2'


class TapFleetTest(unittest.TestCase):
    ESPALIER = None

    def run_espalier(self, *arguments):
        done = subprocess.run([self.ESPALIER, *arguments], env=self.environment, stdin=subprocess.DEVNULL,
                              capture_output=True, timeout=PATIENCE, text=True)
        self.assertEqual(done.returncode, 0, f'{arguments}: {done.stdout}{done.stderr}')
        return done.stdout

    def setUp(self):
        runtime = tempfile.TemporaryDirectory(prefix='espalier-tap-')
        self.addCleanup(runtime.cleanup)
        self.folder = runtime.name
        self.environment = dict(os.environ, XDG_RUNTIME_DIR=self.folder)

    def snapshot(self, until, *image):
        """A snapshot's file, taken on the user network."""
        file = os.path.join(self.folder, 'taken.snap')
        self.run_espalier('snapshot', 'create', *image, '--clock', 'warp', '--until', until, '-o', file)
        return file

    def up(self, count, *arguments):
        """The fleet's devices, once they are ready."""
        self.run_espalier('fleet', 'up', *arguments, '--name', 'lab', '-n', str(count), '--net', 'lan', '--workers', '2',
                          '--uplink', f'tap:{INTERFACE}', '-d')
        self.addCleanup(self.run_espalier, 'fleet', 'down')
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            devices = json.loads(self.run_espalier('fleet', 'ps', '--json'))
            if len(devices) == count and all(device['ready'] for device in devices):
                return devices
            time.sleep(0.05)
        raise AssertionError(f'not ready: {devices}')

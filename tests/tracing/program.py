"""What the tests of traces share: runs of the program, and requests to its demo guest."""
import pathlib
import signal
import socket
import subprocess
import tempfile
import time
import unittest

ESPALIER = None  # set by the test
PATIENCE = 60  # seconds; a busy host is slow


def run(*options):
    """The program's end, with its outputs as text, byte for byte."""
    done = subprocess.run([ESPALIER, 'run', *map(str, options)], stdin=subprocess.DEVNULL, capture_output=True,
                          timeout=PATIENCE)
    done.stdout, done.stderr = done.stdout.decode('latin-1'), done.stderr.decode('latin-1')
    return done


class Folder(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix='espalier-tracing-')
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def ask_demo(self, *options, requests=1, settle=0):
        """Runs the demo with `options`, asks it for /hello, and ends it by SIGTERM `settle` seconds later."""
        with socket.socket() as probe:
            probe.bind(('127.0.0.1', 0))
            port = probe.getsockname()[1]
        process = subprocess.Popen([ESPALIER, 'run', '--demo', '-p', f'{port}:80', *options], stdin=subprocess.PIPE,
                                   stdout=subprocess.PIPE)
        try:
            console = b''
            while b'listening on port 80' not in console:
                data = process.stdout.read1()
                self.assertTrue(data, console)
                console += data
            for _ in range(requests):
                with socket.create_connection(('127.0.0.1', port), PATIENCE) as server:
                    server.settimeout(PATIENCE)
                    server.sendall(b'GET /hello HTTP/1.0\r\n\r\n')
                    answer = b''
                    while data := server.recv(4096):
                        answer += data
                self.assertIn(b'200', answer)
            time.sleep(settle)
            process.send_signal(signal.SIGTERM)
            self.assertEqual(process.wait(PATIENCE), 128 + signal.SIGTERM)
        finally:
            process.kill()
            process.wait()
            process.stdin.close()
            process.stdout.close()

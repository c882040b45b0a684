"""A running program, what is typed into it, and what has appeared on its standard output."""
import os
import select
import time

PATIENCE = 60  # seconds; a busy host is slow


class Terminal:
    def __init__(self, process):
        """`process`: a subprocess.Popen with pipes for standard input and output."""
        self.process = process
        self.console = b''

    def wait_for(self, text, since=0):
        deadline = time.monotonic() + PATIENCE
        while text.encode() not in self.console[since:]:
            ready, _, _ = select.select([self.process.stdout], [], [], max(0, deadline - time.monotonic()))
            data = os.read(self.process.stdout.fileno(), 65536) if ready else b''
            if not data:
                raise AssertionError(f"'{text}' has not appeared: {self.console.decode('utf-8', 'replace')}")
            self.console += data

    def type(self, text):
        self.process.stdin.write(text.encode())
        self.process.stdin.flush()

"""A process with a console: the emulator, QEMU, or the kernels compiled for this host."""
import os
import selectors
import subprocess
import time


class Failed(Exception):
    """The process did not do what was expected of it; one line says what."""


class Guest:
    """A child process whose standard output is the console. Use it in a `with`: it ends with it."""

    def __init__(self, command):
        self.command = [str(part) for part in command]
        self.started = time.monotonic()
        self.process = subprocess.Popen(self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE)
        self.console = bytearray()
        self.errors = bytearray()
        self.seen = 0
        self.selector = selectors.DefaultSelector()
        self.selector.register(self.process.stdout, selectors.EVENT_READ, self.console)
        self.selector.register(self.process.stderr, selectors.EVENT_READ, self.errors)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(5)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.selector.close()
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            try:
                stream.close()
            except OSError:
                pass

    def send(self, text):
        try:
            self.process.stdin.write(text.encode())
            self.process.stdin.flush()
        except OSError:
            raise Failed(f'{self.command[0]} has ended: {self.last_words()}') from None

    def expect(self, text, patience=120):
        """Reads on until the console shows `text`; returns the seconds since the process was started."""
        wanted = text.encode()
        deadline = time.monotonic() + patience
        while (at := self.console.find(wanted, self.seen)) < 0:
            left = deadline - time.monotonic()
            if left <= 0:
                raise Failed(f'{text!r} has not appeared within {patience} s: {" ".join(self.command)}: '
                             f'{self.last_words()}')
            self.read(left)
        when = time.monotonic() - self.started
        self.seen = at + len(wanted)
        return when

    def line(self, patience=120):
        """The next whole line, without its end."""
        begin = self.seen
        self.expect('\n', patience)
        return self.console[begin:self.seen].decode('utf-8', 'replace').strip()

    def run_for(self, seconds):
        """Lets time pass, reading what the console shows."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            self.read(left)

    def read(self, patience):
        for key, _ in self.selector.select(patience):
            data = os.read(key.fd, 65536)
            if data:
                key.data.extend(data)
            elif key.data is self.console:
                raise Failed(f'{" ".join(self.command)} has ended, exit code {self.process.wait()}: '
                             f'{self.last_words()}')
            else:
                self.selector.unregister(key.fd)

    def last_words(self):
        text = (self.errors or self.console[-300:]).decode('utf-8', 'replace').strip()
        return ' | '.join(text.splitlines()[-3:]) or 'it printed nothing'

    def cpu(self):
        """Processor seconds that all of its threads have used: unlike the time that passes, hardly longer on a host
        that is busy with other things."""
        # The clock of another process, as clock_getcpuclockid(3) numbers it.
        return time.clock_gettime(~self.process.pid << 3 | 2)

    def memory(self):
        """MiB of resident memory: (now, the most so far)."""
        with open(f'/proc/{self.process.pid}/status', encoding='ascii') as status:
            fields = dict(line.split(':', 1) for line in status)
        return tuple(int(fields[name].split()[0]) / 1024 for name in ('VmRSS', 'VmHWM'))

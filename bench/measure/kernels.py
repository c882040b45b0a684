"""The kernels of guest/bench on each engine, and natively. Time is processor time, so it is exact however busy the host
is. Whoever is not measured is stopped: a machine in warp that waits does not sleep, as its timers come due at once."""
import contextlib
import dataclasses
import signal

from .guest import Failed, Guest

# What the aims group together (issue: integer kernels against native code).
INTEGER = ('integer', 'sort', 'crc_bits', 'crc_table', 'matrix', 'string', 'memory', 'calls', 'deep_calls',
           'indirect_calls', 'bytecode')
LEAST_SHARES = {kernel: 0.25 for kernel in INTEGER} | {'mix': 0.4}
LEAST_MIPS = {'integer': 800}
TWO_CORES = ('atomics_two_cores', 'lock_two_cores', 'compute_two_cores', 'cross_interrupts')


@dataclasses.dataclass
class Result:
    """One run of a kernel."""
    rounds: int
    checksum: str
    seconds: float  # of processor time
    cycles: int  # CCOUNT's: what it executed, in warp

    @property
    def per_round(self):
        return self.seconds / self.rounds


class Runner:
    """A process that runs kernels on request."""

    def __init__(self, name, command):
        self.name, self.command = name, command
        self.start()

    def start(self):
        self.guest = Guest(self.command)
        self.guest.expect('ready')
        self.guest.line()
        self.guest.process.send_signal(signal.SIGSTOP)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.guest.process.send_signal(signal.SIGCONT)
        self.guest.__exit__()

    def restart(self):
        """After a kernel that failed: it may still be at it."""
        self.__exit__()
        self.start()

    @contextlib.contextmanager
    def awake(self):
        self.guest.process.send_signal(signal.SIGCONT)
        try:
            yield
        finally:
            self.guest.process.send_signal(signal.SIGSTOP)

    def kernels(self):
        names = []
        with self.awake():
            self.guest.send('list\n')
            while (line := self.guest.line()) != 'listed':
                if line.startswith('kernel '):
                    names.append(line.split()[1])
        return names

    def run(self, kernel, rounds):
        with self.awake():
            return self.run_awake(kernel, rounds)

    def run_awake(self, kernel, rounds):
        before = self.guest.cpu()
        self.guest.send(f'{kernel} {rounds}\n')
        while not (line := self.guest.line(100)).startswith('bench '):
            if not line.startswith('start '):
                raise Failed(f'{self.name} answered "{line}" when it was to run {kernel}')
        seconds = self.guest.cpu() - before
        _, name, done, checksum, cycles = line.split()
        if (name, int(done)) != (kernel, rounds):
            raise Failed(f'{self.name} was to run {kernel} {rounds} times and says "{line}"')
        return Result(rounds, checksum, seconds, int(cycles, 16))

    def rounds_for(self, kernel, seconds):
        """How many rounds take about `seconds`."""
        rounds, result = 4, None
        for _ in range(12):
            result = self.run(kernel, rounds)
            if result.seconds > seconds / 2:
                break
            rounds = self.scaled(result, min(seconds / max(result.seconds, 1e-6), 16))
        return self.scaled(result, seconds / result.seconds)

    @staticmethod
    def scaled(result, factor):
        """CCOUNT is to stay below 2^32, and the checksums' loops count rounds in 32 bits."""
        if result.cycles:
            factor = min(factor, (3 << 30) / result.cycles)
        return max(1, min(int(result.rounds * factor), (1 << 32) // 64 - 1))


def measure(runners, kernel, seconds, repeats, native=None):
    """{runner's name: best of `repeats` runs of about `seconds`}, and {runner's name: why it has none}. The runners take
    turns, so that whatever else the host does strikes all of them. `native` also checks their checksums."""
    rounds, best, failed = {}, {}, {}

    def attempt(runner, step):
        """One that fails (QEMU hangs at times) leaves the others their figures, and begins anew for the next kernel."""
        if runner.name not in failed:
            try:
                step(runner)
            except Failed as error:
                failed[runner.name] = error
                best.pop(runner.name, None)
                runner.restart()

    def find_rounds(runner):
        rounds[runner.name] = runner.rounds_for(kernel, seconds)

    def run(runner):
        result = runner.run(kernel, rounds[runner.name])
        if runner.name not in best or result.seconds < best[runner.name].seconds:
            best[runner.name] = result

    for step in [find_rounds] + [run] * repeats:
        for runner in runners:
            attempt(runner, step)
    if native is not None:
        for runner in runners:
            if runner is native or runner.name in failed:
                continue
            expected = native.run(kernel, rounds[runner.name]).checksum
            if best[runner.name].checksum != expected:
                failed[runner.name] = Failed(f'computes {best.pop(runner.name).checksum} in {rounds[runner.name]} '
                                             f'rounds, native code {expected}')
    return best, failed


def aim_at(row, engine):
    """Sets what is aimed at for a kernel's row: a share of native speed, instructions a second, and against QEMU four
    times its speed, or half of native where native code is not eight times as fast as QEMU itself."""
    aims = []
    share, against_qemu = row.times(engine, 'native'), row.times(engine, 'qemu')
    qemu_share = row.times('qemu', 'native')
    if row.name in LEAST_SHARES and share is not None:
        aims.append((share >= LEAST_SHARES[row.name], f'{LEAST_SHARES[row.name]} of native'))
    if row.name in LEAST_MIPS and engine in row.mips:
        aims.append((row.mips[engine] >= LEAST_MIPS[row.name], f'{LEAST_MIPS[row.name]} MIPS'))
    if against_qemu is not None:
        if qemu_share is not None and qemu_share > 1 / 8:
            aims.append((against_qemu >= 4 or share >= 0.5, '4 x qemu or 0.5 of native'))
        else:
            aims.append((against_qemu >= 4, '4 x qemu'))
    if aims:
        row.met = all(met for met, _ in aims)
        row.aim = ', '.join(text for _, text in aims)

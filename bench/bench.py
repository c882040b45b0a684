#!/usr/bin/env python3
"""What `make bench` runs: how fast and how small Espalier is, beside the same code compiled for this host and beside a
QEMU with an `esp32` machine, if there is one on the PATH. Prints one table and writes it as JSON.

Kernels (guest/bench) are measured in processor time, with `--clock warp`: a busy host disturbs them little.
Start-up, latency and rates are in the host's time: close other programs. Real firmware is looked for in
$ESPALIER_FIRMWARE (default ~/.cache/espalier/firmware); rows of what is absent are left out, and named at the end.
"""
import argparse
import json
import os
import pathlib
import platform
import re
import statistics
import sys
import tempfile
import time

from measure import engines, fleets, kernels, machines
from measure.guest import Failed
from measure.report import Report, Row

HERE = pathlib.Path(__file__).resolve().parent
KERNEL_IMAGE = HERE.parent / 'guest/bench/bench.bin'
DEMO_IMAGE = HERE.parent / 'guest/http_server/http_server.bin'


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--build', type=pathlib.Path, default=HERE.parent / 'build/release',
                        help='the build folder (default: build/release)')
    parser.add_argument('--json', type=pathlib.Path, help='default: bench-results.json in the build folder')
    parser.add_argument('--only', default='', metavar='REGEX', help='only rows whose name matches')
    parser.add_argument('--engines', default='interp,jit,qemu', help='which of them, if they are there (default: all)')
    parser.add_argument('--seconds', type=float, default=0.4, help='processor time for one run of a kernel')
    parser.add_argument('--repeats', type=int, default=3, help='of each measurement: kernels show the best, all else the '
                                                               'median; QEMU but one of what is no kernel')
    parser.add_argument('--quick', action='store_true', help='less time for everything, less exact')
    parser.add_argument('--http', type=pathlib.Path, action='append', default=[], metavar='IMAGE',
                        help='also an image of yours that answers GET /hello on port 80 over open_eth (repeatable)')
    parser.add_argument('--long', action='store_true', help="also the guest's clock over 60 s on an overloaded host")
    options = parser.parse_args()
    if options.quick:
        options.seconds, options.repeats = 0.1, 1
    return options


class Bench:
    def __init__(self, options, scratch):
        self.options = options
        self.program = options.build / 'espalier'
        self.firmware = pathlib.Path(os.environ.get('ESPALIER_FIRMWARE') or
                                     pathlib.Path.home() / '.cache/espalier/firmware')
        wanted = options.engines.split(',')
        self.espaliers = [engine for engine in engines.espalier_engines(self.program) if engine.name in wanted]
        if not self.espaliers:
            sys.exit(f'bench: {self.program} has none of the engines {options.engines}')
        self.qemu = engines.find_qemu(self.program, DEMO_IMAGE, scratch) if 'qemu' in wanted else None
        self.engines = self.espaliers + ([self.qemu] if self.qemu else [])
        host = {'processor': processor_name(), 'cores': os.cpu_count(), 'load': os.getloadavg()[0],
                'system': platform.platform(), 'date': time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime())}
        print(f'{host["processor"]}, {host["cores"]} cores, load {host["load"]:.1f}'
              + ('' if self.qemu else '; no qemu-system-xtensa with an esp32 machine on the PATH'))
        self.report = Report(host, [engine.name for engine in self.espaliers], True, self.qemu is not None)

    def wanted(self, name):
        return re.search(self.options.only, name) is not None

    # --- kernels ---
    def kernels(self):
        runners = []
        try:
            native = kernels.Runner('native', [self.options.build / 'bench/native/bench_native'])
            runners.append(native)
            for engine in self.engines:
                try:
                    runners.append(kernels.Runner(engine.name, engine.command(KERNEL_IMAGE, 'warp')))
                except Failed as error:
                    self.report.fail(f'kernels on {engine.name}', error)
            shared = native.kernels()
            self.report.section('kernels: processor time of a round')
            for kernel in runners[1].kernels():
                if self.wanted(kernel):
                    self.kernel(kernel, native if kernel in shared else None, runners)
        finally:
            for runner in runners:
                runner.__exit__()
        if self.wanted('integer kernels'):
            self.report.mean_row('integer kernels: of native, mean', kernels.INTEGER, 0.4)

    def kernel(self, kernel, native, runners):
        taking_part = [runner for runner in runners if runner is native or runner is not runners[0]]
        best, failed = kernels.measure(taking_part, kernel, self.options.seconds, self.options.repeats, native)
        for name, error in failed.items():
            self.report.fail(f'{kernel}, {name}', error)
        row = Row(kernel, 's', {name: result.per_round for name, result in best.items()})
        row.details = {name: {'rounds': result.rounds, 'seconds': result.seconds, 'checksum': result.checksum,
                              'cycles': result.cycles} for name, result in best.items()}
        if kernel not in kernels.TWO_CORES:  # where cores wait for each other, cycles are not instructions
            row.mips = {engine.name: best[engine.name].cycles / best[engine.name].seconds / 1e6
                        for engine in self.espaliers if engine.name in best}
        kernels.aim_at(row, self.report.ours)
        self.report.add(row)

    # --- machines ---
    def each(self, name, unit, measure, chosen=None, repeats=None, aim=None, aim_text='',
             more_is_better=False, processor=False):
        """A row: `measure(engine)` on each of the chosen engines, in turns. It returns the value, or (value, details).
        `processor`: the details are the processor's time, which has a row of its own."""
        if not self.wanted(name):
            return
        chosen = self.engines if chosen is None else chosen
        found = {engine.name: [] for engine in chosen}
        details = {}
        for turn in range(repeats or self.options.repeats):
            for engine in chosen:
                if turn > 0 and engine is self.qemu:
                    continue  # it takes many times as long as all the rest
                try:
                    result = measure(engine)
                except Failed as error:
                    self.report.fail(f'{name}, {engine.name}', error)
                    continue
                value, more = result if isinstance(result, tuple) else (result, None)
                found[engine.name].append(value)
                details.setdefault(engine.name, []).append(more if more is not None else value)
        values = {name: statistics.median(all_of) for name, all_of in found.items() if all_of}
        if values:
            row = Row(name, unit, values, more_is_better, details=details)
            row.aim_at(self.report.ours, aim, aim_text)
            self.report.add(row)
        if values and processor:
            self.report.add(Row('  of it on the processor', unit,
                                {name: statistics.median(all_of) for name, all_of in details.items()}))

    def image(self, name):
        path = self.firmware / name
        if path.exists():
            return path
        self.report.fail(name, f'not in {self.firmware}')
        return None

    def manifest(self):
        path = self.firmware / 'manifest.json'
        return json.loads(path.read_text())['images'] if path.exists() else []

    def start_ups(self):
        self.report.section('start-up: from the start of the process to a text on the console')
        if hello := self.image('idf5.0-hello'):
            for clock in ('warp', 'realtime'):
                aim = 0.06 if clock == 'warp' else None
                self.each(f'idf5.0-hello, {clock}', 's', lambda engine, clock=clock: machines.start_up(
                    engine, hello, 'Hello world!', clock, 1)[0], aim=aim, aim_text='60 ms', processor=True)
        if python := self.image('micropython-1.18.bin'):
            self.each('micropython-1.18, realtime', 's', lambda engine: machines.start_up(
                engine, python, '>>> ', 'realtime', 1)[0], processor=True)
        for entry in self.manifest():
            path = self.firmware / entry['image']
            if entry['id'] in ('idf5.0-hello', 'micropython-1.18') or 'open_eth' in entry.get('needs', []):
                continue
            texts = []
            for step in entry['sequence']:
                if 'send' in step:
                    break
                texts.append(step['expect'])
            if texts and path.exists():
                self.each(f'{entry["id"]}, warp', 's', lambda engine, path=path, text=texts[-1]: machines.start_up(
                    engine, path, text, 'warp', 1)[0], chosen=self.espaliers, processor=True)

    def computing(self):
        self.report.section('computing, realtime')
        if python := self.image('micropython-1.18.bin'):
            self.each('micropython: 1,000,000 turns', 's', lambda engine: machines.micropython_loop(engine, python),
                      aim=0.8, aim_text='0.8 s', processor=True)

    def idle(self):
        self.report.section('one machine that waits, realtime')
        quick = self.options.quick
        if hello := self.image('idf5.0-hello'):
            seen = {}

            def measure(engine):
                seen[engine.name] = machines.idle(engine, hello, 'Hello world!', 1, 3 if quick else 6)
                return seen[engine.name][2] * 100, seen[engine.name]

            self.each('idle CPU, idf5.0-hello', '%', measure, repeats=1, aim=0.3, aim_text='0.3 % of a core')
            self.each('RSS, idf5.0-hello', 'MiB', lambda engine: seen[engine.name][:2], repeats=1, aim=14,
                      aim_text='14 MiB', chosen=[engine for engine in self.engines if engine.name in seen])

    def http(self):
        self.report.section('HTTP GET /hello, realtime')
        self.each('demo, first answer', 's', machines.first_answer, aim=0.06, aim_text='60 ms', processor=True)
        self.service('demo', None, 0.3, 6000)
        servers = {path.name: path for path in self.options.http}
        for entry in self.manifest():
            path = self.firmware / entry['image']
            if 'http' in entry['id'] and 'open_eth' in entry.get('needs', []) and path.exists():
                servers[entry['id']] = path
        for name, path in servers.items():
            self.each(f'{name}, first answer', 's', lambda engine, path=path: machines.first_answer(engine, path),
                      processor=True)
            self.service(name, path, 1, 1500)

    def service(self, name, image, latency_ms, rate_aim):
        seconds = 1 if self.options.quick else 4
        # ESP-IDF's server keeps seven sockets.
        many = 16 if image is None else 6
        rss = {}

        def latency(engine):
            report = machines.served(engine, self.program, 1, seconds, image)
            return report['latency_us']['p50'] * 1e-6, report

        def rate(engine):
            report = machines.served(engine, self.program, many, seconds, image)
            rss[engine.name] = report['rss']
            return report['per_second'], report

        self.each(f'{name}, 1 connection, latency', 's', latency, aim=latency_ms / 1000, aim_text=f'{latency_ms} ms')
        self.each(f'{name}, {many} connections', '/s', rate, aim=rate_aim, aim_text=f'{rate_aim} /s',
                  more_is_better=True)
        self.each(f'RSS, {name} after that', 'MiB', lambda engine: rss[engine.name], repeats=1,
                  chosen=[engine for engine in self.engines if engine.name in rss])

    def fleets(self):
        self.report.section('fleets: many machines in one process')
        count, seconds = (100, 3) if self.options.quick else (1000, 10)
        ours = self.espaliers[-1:]
        seen = {}

        def measure(_):
            seen.update(fleets.clones(self.program, count, 20000, count, seconds))
            return seen['clone_ms'] / 1000, seen

        def exchanged(pairs, workers):
            seen.update(fleets.exchange(self.program, pairs, workers, 20000, 8, seconds))
            return seen['rate'], dict(seen)

        self.each('a clone of the demo: processor time', 's', measure, chosen=ours, repeats=1)
        if seen:
            load = seen['load']
            for name, unit, value, aim, text in (
                    (f'{count} clones: up', 's', seen['up'], count / 500, '500 a second'),
                    (f'{count} idle clones: memory', 'MiB', seen['own'], 1536 * count / 1000, '1.5 MiB each'),
                    (f'{count} idle clones: CPU', '%', seen['idle'] * 100, 100, 'one core'),
                    (f'{count} requests a second: failed', '', load['failed'], 0, 'none'),
                    (f'{count} requests a second: median', 's', load['latency_us']['p50'] * 1e-6, 0.005, '5 ms'),
                    (f'{count} requests a second: p99', 's', load['latency_us']['p99'] * 1e-6, 0.05, '50 ms')):
                self.each(name, unit, lambda _, value=value: value, chosen=ours, repeats=1, aim=aim, aim_text=text)
        for name, pairs, workers in (('2 demos on one thread', 1, 1), ('2 demos on two threads', 1, 2),
                                     ('16 demos on two threads', 8, 2)):
            seen.clear()
            self.each(f'frames between {name}', '/s', lambda _, pairs=pairs, workers=workers: exchanged(
                pairs, workers), chosen=ours, repeats=1, more_is_better=True)
            if seen:
                self.each(f'frames between {name}: processor time', 's', lambda _: seen['cpu_us'] * 1e-6, chosen=ours,
                          repeats=1)
        if hello := self.image('idf5.0-hello'):
            for name, boots in (('a fleet', fleets.cold_boots), ('processes', fleets.cold_processes)):
                self.each(f'idf5.0-hello, warp: cold boots, {name}', '/s', lambda _, boots=boots: boots(
                    self.program, hello, 'Hello world!', 60), chosen=ours, repeats=1, aim=30, aim_text='30 /s',
                    more_is_better=True)

    def clock(self):
        self.report.section("the guest's clock against the host's over 60 s, host overloaded three times")

        def measure(engine):
            ticks, timer, certainty = machines.clock_drift(engine, KERNEL_IMAGE, 60, 3)
            return abs(ticks), {'ticks': ticks, 'timer': timer, 'certainty': certainty}

        self.each('ticks of 10 ms, off by', 's', measure, repeats=1, aim=0.01, aim_text='10 ms')


def processor_name():
    try:
        text = pathlib.Path('/proc/cpuinfo').read_text(encoding='utf-8')
        return re.search(r'^model name\s*:\s*(.+)$', text, re.MULTILINE).group(1)
    except (OSError, AttributeError):
        return platform.machine()


def main():
    options = arguments()
    with tempfile.TemporaryDirectory() as scratch:
        bench = Bench(options, scratch)
        bench.kernels()
        bench.start_ups()
        bench.computing()
        bench.idle()
        bench.http()
        bench.fleets()
        if options.long:
            bench.clock()
    for failure in bench.report.failures:
        print(f'not measured: {failure}')
    path = options.json or options.build / 'bench-results.json'
    bench.report.write(path)
    print(f'written to {path}')


if __name__ == '__main__':
    main()

#!/usr/bin/env python3
"""What the program tells of guest programs whose ELF files it is given: backtraces, coverage, calls.

usage: insight_test.py ESPALIER GUEST_SOURCES GUEST_BUILD [unittest options]
"""
import collections
import json
import pathlib
import re
import sys
import unittest

import program
from program import Folder, run

GUEST = BUILD = None


def elf_of(name):
    """A guest program's ELF file, which only a build with the guest's compiler has."""
    elf = BUILD / name / f'{name}.elf'
    if not elf.exists():
        raise unittest.SkipTest(f'{elf} is not there: gcc-xtensa-lx106 is not installed')
    return elf


class Panics(Folder):
    """The guest test `resets` panics on purpose, five times."""

    def resets(self, *options):
        return run(GUEST / 'tests' / 'resets.bin', '--clock', 'warp', '--net', 'none', '--until', 'DONE', *options)

    def test_backtraces_are_decoded_on_standard_error(self):
        plain = self.resets()
        done = self.resets('--elf', elf_of('test_resets'))
        self.assertEqual((done.returncode, done.stdout), (0, plain.stdout), 'the console is not touched')
        self.assertNotIn('#0', plain.stderr)
        source = (GUEST / 'tests' / 'resets.c').read_text().splitlines()
        line = source.index('static void illegal(void) {') + 2
        frames = done.stderr.splitlines()
        self.assertRegex(frames[0], rf'^#0  illegal\+0x3 \(0x[0-9a-f]{{8}}\) at \S*guest/tests/resets\.c:{line}$')
        self.assertRegex(frames[1], r'^#1  test_resets\+0x[0-9a-f]+ \(0x[0-9a-f]{8}\) at \S*resets\.c:\d+$')
        self.assertEqual([re.match(r'#0  (\w+)', frame)[1] for frame in frames if frame.startswith('#0 ')],
                         ['illegal', 'null_pointer', 'abort_because', 'exception_entry', 'illegal'])
        self.assertEqual(done.stdout.count('backtrace:'), 5)

    def test_a_build_folder_has_its_own_elf_file(self):
        image = (GUEST / 'tests' / 'resets.bin').read_bytes()
        (self.folder / 'app.bin').write_bytes(image)
        (self.folder / 'flash_args').write_text('0x1000 app.bin\n')
        options = (self.folder, '--clock', 'warp', '--net', 'none', '--until', 'panic: core 0: StoreProhibited')
        self.assertNotIn('#0', run(*options).stderr)
        (self.folder / 'program.elf').write_bytes(elf_of('test_resets').read_bytes())
        self.assertNotIn('#0', run(*options).stderr)
        (self.folder / 'project_description.json').write_text('{"app_elf": "program.elf"}')
        self.assertIn('#0  illegal+0x3', run(*options).stderr)
        # Without a description it is the one with the application's name.
        (self.folder / 'project_description.json').unlink()
        (self.folder / 'program.elf').rename(self.folder / 'app.elf')
        self.assertIn('#0  illegal+0x3', run(*options).stderr)

    def test_an_elf_that_is_none_is_refused(self):
        bad = self.folder / 'bad.elf'
        bad.write_text('no ELF file')
        done = self.resets('--elf', bad)
        self.assertEqual((done.returncode, done.stdout), (2, ''))
        self.assertEqual(done.stderr, f'espalier: --elf: {bad}: is no ELF file\n')


class Tracefile:
    """A tracefile as geninfo(1) describes it; what is not as described there is an error."""

    def __init__(self, text):
        self.lines, self.functions = {}, {}  # by source: of lines and of functions, how often each
        records = text.split('end_of_record\n')
        assert records.pop() == ''
        for record in records:
            match = re.fullmatch(r'TN:\nSF:(.+)\n((?:FN:\d+,.+\n)*)((?:FNDA:\d+,.+\n)*)FNF:(\d+)\nFNH:(\d+)\n'
                                 r'((?:DA:\d+,\d+\n)*)LF:(\d+)\nLH:(\d+)\n', record)
            assert match, record
            source, begins, calls, found, hit, data, lines, lines_hit = match.groups()
            pairs = lambda part: [line.split(':', 1)[1].split(',', 1) for line in part.splitlines()]
            begins = {name: int(line) for line, name in pairs(begins)}
            functions = {name: int(count) for count, name in pairs(calls)}
            counts = {int(line): int(count) for line, count in pairs(data)}
            assert source not in self.lines and begins.keys() == functions.keys(), source
            assert (int(found), int(hit)) == (len(functions), sum(map(bool, functions.values()))), source
            assert (int(lines), int(lines_hit)) == (len(counts), sum(map(bool, counts.values()))), source
            assert list(counts) == sorted(counts) and min(counts, default=1) > 0, source
            self.lines[source], self.functions[source] = counts, functions

    def of(self, name):
        source, = (source for source in self.lines if source.endswith(name))
        return self.lines[source], self.functions[source]


class Coverage(Folder):
    def cores(self, engine):
        """The guest test `cores`, which uses both of them."""
        report = self.folder / engine
        done = run(GUEST / 'tests' / 'cores.bin', '--clock', 'warp', '--net', 'none', '--until', 'DONE', '--engine',
                   engine, '--coverage', elf_of('test_cores'), '--coverage-file', report)
        self.assertEqual((done.returncode, done.stderr), (0, ''))
        return report.read_text()

    def test_counts_what_both_cores_execute(self):
        text = self.cores('jit')
        self.assertEqual(text, self.cores('interp'), 'both engines count the same')
        told = Tracefile(text)
        source = (GUEST / 'tests' / 'cores.c').read_text().splitlines()
        lines, functions = told.of('guest/tests/cores.c')
        add = '  for (uint32_t i = 0; i < kRounds; ++i) atomic_add(&shared, 1);'
        app, pro = (number + 1 for number, line in enumerate(source) if line == add)
        self.assertGreaterEqual(lines[app], 20000)
        self.assertGreaterEqual(lines[pro], 20000)
        self.assertEqual(functions['app_add'], 1)
        self.assertEqual(functions['note_prid'], source.count('  app_run(note_prid);'))
        # Nothing has failed, and nothing has panicked.
        lines, functions = told.of('guest/tests/common/check.c')
        self.assertEqual(functions['check_failed'], 0)
        self.assertGreater(functions['check_equal'], 10)
        check = (GUEST / 'tests' / 'common' / 'check.c').read_text().splitlines()
        compare = check.index('  if (value == expected) return;') + 1
        self.assertEqual(lines[compare], functions['check_equal'])
        self.assertEqual(lines[compare + 1], 0, 'failed = true')
        lines, functions = told.of('guest/runtime/panic.c')
        self.assertTrue(lines and not any(lines.values()), lines)
        self.assertFalse(any(functions.values()))

    def test_code_of_another_program_does_not_count(self):
        report = self.folder / 'report'
        done = run(GUEST / 'tests' / 'cores.bin', '--clock', 'warp', '--net', 'none', '--until', 'DONE', '--coverage',
                   elf_of('test_fp'), '--coverage-file', report)
        self.assertEqual(done.returncode, 0)
        told = Tracefile(report.read_text())
        lines, functions = told.of('guest/tests/fp.c')
        self.assertFalse(any(functions.values()))

    def test_a_program_without_line_numbers_is_refused(self):
        elf, report = GUEST.parent / 'src' / 'rom' / 'guest' / 'rom.elf', self.folder / 'report'
        done = run('--demo', '--coverage', elf, '--coverage-file', report)
        self.assertEqual(done.returncode, 2)
        self.assertEqual(done.stderr,
                         f'espalier: --coverage: {elf} has no line numbers: compile the program with -g\n')
        self.assertFalse(report.exists())


class CallTrace(Folder):
    """A request to the demo's web server."""

    def ask(self, *options, requests=1):
        report = self.folder / 'report'
        self.ask_demo('--clock', 'warp', '--call-trace', elf_of('http_server'), '--call-trace-file', report, *options,
                      requests=requests)
        return report.read_text()

    def test_follows_a_request_through_interrupts_and_both_cores(self):
        text = self.ask(requests=2)
        self.assertEqual(text.count('GET /hello'), 1, 'one request, unless it is asked for more')
        # In this order: the frame, the driver's interrupt, the stack, the application on the other core, the
        # answer in a function of the driver's.
        steps = [r'^request 1: \d+ instructions in [\d.]+ us$',
                 r'^ +0\.00 +== frame in: TCP 10\.0\.2\.2:\d+ -> 10\.0\.2\.15:80, 23 bytes: GET /hello HTTP/1\.0$',
                 r'^ +[\d.]+ +[\d.]+  -- PRO CPU: interrupt level \d \(ETH_MAC\)$',
                 r'^ +[\d.]+ +[\d.]+ +on_interrupt\b', r'-- PRO CPU: program$', r' eth_received\b', r' tcp_input\b',
                 r'-- APP CPU: ', r' http_serve\b',
                 r' eth_send\b.* => frame out: TCP 10\.0\.2\.15:80 -> 10\.0\.2\.2:\d+, \d+ bytes: HTTP/1',
                 r'^ +us +interrupts +tasks +share  layer$', r'% +http_server/tcp_input\.c$', r'^ +[\d.]+ +PRO CPU idle, of']
        at = 0
        for step in steps:
            found = re.compile(step, re.MULTILINE).search(text, at)
            self.assertTrue(found, f'{step} is not in:\n{text[at:]}')
            at = found.start()
        shares = [float(share) for share in re.findall(r'([\d.]+)%', text)]
        self.assertAlmostEqual(sum(shares), 100, delta=1)

    def test_can_be_a_timeline(self):
        timeline = json.loads(self.ask('--call-trace-format', 'perfetto'))['traceEvents']
        names = {event['name'] for event in timeline}
        self.assertLess({'on_interrupt', 'eth_received', 'http_serve', 'eth_send'}, names)
        tracks = {event['args']['name'] for event in timeline if event['name'] == 'thread_name'}
        self.assertLess({'PRO CPU: interrupts', 'PRO CPU: program', 'Ethernet'}, tracks)
        # Slices of a track lie within each other or apart; begin and length are rounded to a nanosecond each, and a cycle
        # takes four.
        for track in collections.Counter(event['tid'] for event in timeline if event['ph'] == 'X'):
            open_until = []
            for event in sorted((e for e in timeline if e['ph'] == 'X' and e['tid'] == track),
                                key=lambda e: (e['ts'], -e['dur'])):
                while open_until and open_until[-1] <= event['ts'] + 0.002:
                    open_until.pop()
                end = event['ts'] + event['dur']
                self.assertTrue(not open_until or end <= open_until[-1] + 0.002, event)
                open_until.append(end)

    def test_says_that_nothing_was_asked(self):
        report = self.folder / 'report'
        done = run('--demo', '--clock', 'warp', '--until', 'listening on port 80', '--call-trace',
                   elf_of('http_server'), '--call-trace-file', report)
        self.assertEqual(done.returncode, 0)
        self.assertEqual(done.stderr, 'espalier: warn [general] --call-trace: no frame was a request\n')
        self.assertEqual(report.read_text(), '')


if __name__ == '__main__':
    program.ESPALIER, GUEST, BUILD = sys.argv.pop(1), pathlib.Path(sys.argv.pop(1)), pathlib.Path(sys.argv.pop(1))
    unittest.main()

#!/usr/bin/env python3
"""What the program tells of guest programs whose ELF files it is given: backtraces.

usage: insight_test.py ESPALIER GUEST_SOURCES GUEST_BUILD [unittest options]
"""
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

ESPALIER = GUEST = BUILD = None
PATIENCE = 60  # seconds; a busy host is slow


def run(*options):
    """The program's end, with its outputs as text, byte for byte."""
    done = subprocess.run([ESPALIER, 'run', *map(str, options)], stdin=subprocess.DEVNULL, capture_output=True,
                          timeout=PATIENCE)
    done.stdout, done.stderr = done.stdout.decode('latin-1'), done.stderr.decode('latin-1')
    return done


def elf_of(name):
    """A guest program's ELF file, which only a build with the guest's compiler has."""
    elf = BUILD / name / f'{name}.elf'
    if not elf.exists():
        raise unittest.SkipTest(f'{elf} is not there: gcc-xtensa-lx106 is not installed')
    return elf


class Folder(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix='espalier-insight-')
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)


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


if __name__ == '__main__':
    ESPALIER, GUEST, BUILD = sys.argv.pop(1), pathlib.Path(sys.argv.pop(1)), pathlib.Path(sys.argv.pop(1))
    unittest.main()

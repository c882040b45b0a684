#!/usr/bin/env python3
"""Runs one image in warp with each engine and compares: both have to give the same console, byte for byte, the same
exit code, and to execute the same number of instructions on each core.

usage: compare_engines.py ESPALIER OPTION...              what to run, as for `espalier run`, --until included
       compare_engines.py ESPALIER --manifest FOLDER ID   an image of a manifest (see run_image.py), up to what it
                                                          prints before anything is typed

Exit code 77 means skipped: the image is not there, or this host has no translator. Nothing comes from outside, so
the network is unplugged; of images that need it, only what they print first is compared.
"""
import itertools
import json
import pathlib
import re
import subprocess
import sys

SKIPPED = 77
PATIENCE = 150  # seconds; a busy host is slow


def options_of(folder, wanted):
    """None if the image is not there."""
    images = json.loads((folder / 'manifest.json').read_text())['images']
    image = next(i for i in images if i['id'] == wanted)
    path = folder / image['image']
    if not path.exists():
        print(f'SKIPPED: {path} is not there')
        return None
    steps = list(itertools.takewhile(lambda step: 'send' not in step, image['sequence']))
    if 'open_eth' in image.get('needs', []):
        steps = steps[:1]
    return [str(path)] + [part for step in steps for part in ('--until', step['expect'])]


class Run:
    def __init__(self, espalier, options, engine):
        command = [espalier, 'run', *options, '--clock', 'warp', '--net', 'none', '--stats', '--engine', engine,
                   '--timeout', str(PATIENCE)]
        print(' '.join(command), flush=True)
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False)
        self.console, self.exit_code, self.errors = done.stdout, done.returncode, done.stderr.decode()
        self.stats = dict(re.findall(r'^espalier: (\S.*?) {2,}(\S.*)$', self.errors, re.M))

    def result(self):
        counts = [self.stats.get(f'{core} CPU instructions') for core in ('PRO', 'APP')]
        return self.console, self.exit_code, counts

    def without_stats(self):
        return [line for line in self.errors.splitlines() if not re.match(r'espalier: \S.*? {2,}\S', line)]


def differences(interp, jit):
    if interp.exit_code != jit.exit_code:
        yield f'exit code {interp.exit_code} interpreted, {jit.exit_code} translated'
    for core in ('PRO', 'APP'):
        name = f'{core} CPU instructions'
        if interp.stats[name] != jit.stats[name]:
            yield f'{name}: {interp.stats[name]} interpreted, {jit.stats[name]} translated'
    if interp.console != jit.console:
        lines = itertools.zip_longest(interp.console.split(b'\n'), jit.console.split(b'\n'))
        number, (one, other) = next((n, pair) for n, pair in enumerate(lines, 1) if pair[0] != pair[1])
        yield f'console, line {number}: {one!r} interpreted, {other!r} translated'


def main():
    espalier, options = sys.argv[1], sys.argv[2:]
    if options[0] == '--manifest':
        options = options_of(pathlib.Path(options[1]), options[2])
        if options is None:
            return SKIPPED
    jit = Run(espalier, options, 'jit')
    if 'no code is translated' in jit.errors:
        print('SKIPPED: ' + jit.errors.splitlines()[0])
        return SKIPPED
    interp = Run(espalier, options, 'interp')
    for run, name in (jit, 'jit'), (interp, 'interp'):
        if run.exit_code != 0 or None in run.result()[2]:
            sys.stdout.write(run.console.decode('utf-8', 'replace')[-2000:])
            print('\n'.join(run.without_stats()))
            print(f'FAILED: --engine {name} ended with exit code {run.exit_code}')
            return 1
    if jit.stats['regions translated'] == '0':
        print('FAILED: nothing was translated, so nothing was compared')
        return 1
    if found := list(differences(interp, jit)):
        print('\n'.join(found))
        again = Run(espalier, options, 'interp')
        if again.result() != interp.result():
            print('the interpreter alone does not give the same twice: something comes from the host')
        print('FAILED: the engines differ')
        return 1
    print(f"passed: {len(jit.console)} bytes, {' and '.join(jit.result()[2])} instructions, "
          f"{jit.stats['regions translated']} regions translated")
    return 0


if __name__ == '__main__':
    sys.exit(main())

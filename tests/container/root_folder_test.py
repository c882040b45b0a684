#!/usr/bin/env python3
"""Runs the program in the container's root folder as the container does, but without a container engine.

usage: root_folder_test.py ESPALIER SOURCE_FOLDER

The folder is the root of what runs, as an unprivileged user and as process 1, whose signals the kernel treats
differently. For that unshare needs to be root or be allowed to make user namespaces.
"""
import os
import pathlib
import signal
import socket
import subprocess
import sys
import tempfile
import time

from harness import AT_ONCE, LIMIT, PATIENCE, Skip, check, expect_hello, main, run, succeed


def inside(root):
    """The command that runs another one as process 1 in `root`."""
    command = ['unshare', '--pid', '--fork', '--kill-child', f'--root={root}', '--wd=/app']
    return command + (['--setuid=65532', '--setgid=65532'] if os.geteuid() == 0 else ['--user'])


def free_port():
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        return probe.getsockname()[1]


def child_of(pid):
    children = pathlib.Path(f'/proc/{pid}/task/{pid}/children').read_text().split()
    check(len(children) == 1, f'process {pid} has {len(children)} children')
    return int(children[0])


def serves_until(root, end):
    """The demo serves until the signal `end`, which ends it at once and shows in the exit code."""
    port = free_port()
    command = inside(root) + ['/usr/bin/espalier', 'run', '--demo', '-p', f'127.0.0.1:{port}:80',
                              '--timeout', str(2 * PATIENCE)]
    print('+', *command, flush=True)
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    try:
        expect_hello(port, lambda: process.poll() is None)
        sent = time.monotonic()
        os.kill(child_of(process.pid), end)
        code = process.wait(PATIENCE)
        took = time.monotonic() - sent
    finally:
        if process.poll() is None:
            os.kill(child_of(process.pid), signal.SIGKILL)
            process.wait()
    check(code == 128 + end, f'{end.name} gave exit code {code}')
    check(took < AT_ONCE, f'{end.name} took {took:.1f} s')
    print(f'{end.name}: exit code {code} after {took:.2f} s', flush=True)


def test():
    espalier, source = sys.argv[1:3]
    collect = f'{source}/tools/container-root'
    with tempfile.TemporaryDirectory() as temporary:
        root = pathlib.Path(temporary, 'root')
        succeed([collect, espalier, root])
        files = [file for file in root.rglob('*') if file.is_file()]
        size = sum(file.stat().st_size for file in files if not file.is_symlink())
        print(f'{len(files)} files, {size / 1e6:.1f} MB', flush=True)
        check(size <= LIMIT, f'{size} bytes are more than {LIMIT}')
        for file in files:
            check(file.stat().st_mode & 0o004, f'{file} cannot be read by everybody')
        check(run([collect, espalier, root]).returncode == 1, 'an existing folder was overwritten')
        script = run([collect, collect, f'{temporary}/script'])
        check(script.returncode == 1, 'a script was taken for a program')

        probe = run(inside(root) + ['/usr/bin/espalier', '--version'])
        forbidden = probe.stderr.startswith('unshare:') and 'execute' not in probe.stderr
        if probe.returncode != 0 and forbidden:
            raise Skip(f'no root folder can be changed here: {probe.stderr.strip()}')
        check(probe.returncode == 0 and 'espalier' in probe.stdout, probe.stdout + probe.stderr)
        serves_until(root, signal.SIGTERM)
        serves_until(root, signal.SIGINT)


main(test)

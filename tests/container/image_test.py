#!/usr/bin/env python3
"""Builds the container image, runs it and asks its web server, with whichever container engine works.

usage: image_test.py ESPALIER SOURCE_FOLDER

Where Docker is installed, nobody runs it and the test is root, it starts a daemon of its own
(private_daemon.py). Images and containers are removed again, and nothing is downloaded.
"""
import contextlib
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import uuid

import private_daemon
from harness import AT_ONCE, LIMIT, PATIENCE, Skip, check, expect_hello, main, run, succeed

ENGINE_FAILED = 125  # exit code of `docker run` and `podman run` where not the program is at fault
NAME = f'espalier-test-{uuid.uuid4().hex[:12]}'  # of the image, and the beginning of its containers' names


class Engine:
    def __init__(self, command):
        self.command = command
        self.containers = []

    def __call__(self, *arguments):
        return succeed([self.command, *arguments])

    def run_command(self, *arguments):
        """The command that runs a new container, whose name comes second."""
        name = f'{NAME}-{len(self.containers)}'
        self.containers.append(name)
        return [self.command, 'run', '--pull=never', '--name', name, *arguments], name

    def port_of(self, name):
        """The host's port that leads to the container's port 8000, once there is one."""
        deadline = time.monotonic() + PATIENCE
        while (ports := run([self.command, 'port', name, '8000/tcp'])).returncode or not ports.stdout.strip():
            check(time.monotonic() < deadline, f'{name} publishes no port: {ports.stderr}')
            time.sleep(0.2)
        return int(ports.stdout.split()[0].rsplit(':', 1)[1])

    def alive(self, name):
        return run([self.command, 'inspect', '--format', '{{.State.Running}}', name]).stdout.strip() == 'true'

    def clean_up(self):
        if self.containers:
            run([self.command, 'rm', '--force', *self.containers])
        run([self.command, 'rmi', '--force', NAME, f'{NAME}:other'])
        left = run([self.command, 'ps', '--all', '--quiet', '--filter', f'name={NAME}']).stdout
        left += run([self.command, 'images', '--quiet', NAME]).stdout
        check(not left.strip(), f'left behind: {left}')


def build(engine, espalier, source, temporary):
    environment = dict(os.environ, ENGINE=engine.command, PROGRAM=espalier, STAGING=f'{temporary}/staging')
    print(succeed([f'{source}/tools/container-image', NAME, f'{NAME}:other'], env=environment), flush=True)
    check(len(set(engine('images', '--no-trunc', '--quiet', NAME).split())) == 1, 'two names are not one image')
    command, _ = engine.run_command('--rm', NAME, '--version')
    probe = run(command)
    if probe.returncode == ENGINE_FAILED:
        raise Skip(f'{engine.command} can run no containers here: {probe.stderr.strip()}')
    check(probe.returncode == 0 and 'espalier' in probe.stdout, probe.stdout + probe.stderr)


def is_small_and_unprivileged(engine):
    image = json.loads(engine('image', 'inspect', NAME))[0]
    config = image['Config']
    check(image['Size'] <= LIMIT, f"{image['Size']} bytes are more than {LIMIT}")
    check(config['User'].split(':')[0] not in ('', '0', 'root'), f"user {config['User']!r}")
    check(config['WorkingDir'] == '/app', f"working directory {config['WorkingDir']!r}")
    # Root could write there.
    frames = '/app/frames.pcap'
    command, _ = engine.run_command('--rm', NAME, 'run', '--demo', '--timeout', '5', '--pcap', frames)
    done = run(command)
    check(done.returncode == 2 and frames in done.stderr, f'{done.returncode} {done.stderr}')


def serves_read_only_until_stopped(engine):
    """The demo needs neither a writable file system nor any privilege, and a stop is not left waiting."""
    took = []
    while not took or (min(took) >= AT_ONCE and len(took) < 3):  # on a busy host the engine may be slow
        command, name = engine.run_command('--detach', '--read-only', '--cap-drop=ALL',
                                           '--security-opt=no-new-privileges',
                                           '--publish', '127.0.0.1::8000', NAME)
        succeed(command)
        expect_hello(engine.port_of(name), lambda: engine.alive(name))
        sent = time.monotonic()
        engine('stop', name)
        took.append(time.monotonic() - sent)
        code = engine('inspect', '--format', '{{.State.ExitCode}}', name)
        check(code == str(128 + signal.SIGTERM), f'stopped with exit code {code}\n{engine("logs", name)}')
    check(min(took) < AT_ONCE, f'`{engine.command} stop` took {min(took):.1f} s')
    print(f'stopped with exit code {code} after {min(took):.2f} s', flush=True)


def serves_build_folder_until_interrupted(engine, source, temporary):
    """As a user runs it: in the foreground, the build folder mounted, ended by Ctrl-C."""
    folder = pathlib.Path(temporary, 'build')
    folder.mkdir()
    # The demo's image is what lies in the flash from 0x1000 on: the bootloader, and at 0x10000 the program.
    image = pathlib.Path(source, 'guest/http_server/http_server.bin').read_bytes()
    parts = {0x1000: image[:0xf000], 0x10000: image[0xf000:]}
    for offset, part in parts.items():
        (folder / f'{offset:x}.bin').write_bytes(part)
    (folder / 'flasher_args.json').write_text(
        json.dumps({'flash_files': {f'{offset:#x}': f'{offset:x}.bin' for offset in parts}}))
    command, name = engine.run_command('--rm', '--publish', '127.0.0.1::8000', '--volume',
                                       f'{folder}:/app:ro', NAME, 'run', '/app', '-p', '0.0.0.0:8000:80')
    print('+', *command, flush=True)
    client = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    try:
        expect_hello(engine.port_of(name), lambda: client.poll() is None)
        client.send_signal(signal.SIGINT)
        code = client.wait(PATIENCE)
    finally:
        client.kill()
        client.wait()
    check(code == 128 + signal.SIGINT, f'Ctrl-C gave exit code {code}')


def serves_as_qemu(engine, source, temporary):
    """The command line that people have for an image with QEMU in it; the folder's owner is somebody else."""
    folder = pathlib.Path(temporary, 'qemu')
    folder.mkdir()
    program = pathlib.Path(source, 'guest/http_server/http_server.bin').read_bytes()
    flash = (b'\xff' * 0x1000 + program).ljust(4 << 20, b'\xff')
    (folder / 'merged_qemu.bin').write_bytes(flash)
    command, name = engine.run_command(
        '--interactive', '--rm', '--publish', '127.0.0.1::8000', '--volume', f'{folder}:/app', NAME, 'qemu-system-xtensa',
        '-nographic', '-machine', 'esp32', '-nic', 'user,model=open_eth,id=lo0,hostfwd=tcp::8000-:80', '-drive',
        'file=merged_qemu.bin,if=mtd,format=raw')
    print('+', *command, flush=True)
    client = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
    try:
        expect_hello(engine.port_of(name), lambda: client.poll() is None)
        client.communicate(b'\x01x', PATIENCE)  # Ctrl-A X
    finally:
        client.kill()
        client.wait()
    check(client.returncode == 0, f'Ctrl-A X gave exit code {client.returncode}')
    # By its path, for those who replace the entry point.
    command, _ = engine.run_command('--rm', '--entrypoint', 'qemu-system-xtensa', NAME, '-version')
    check('QEMU emulator version' in succeed(command), 'no qemu-system-xtensa on the PATH')


def checks(engine):
    espalier, source = sys.argv[1:]
    with tempfile.TemporaryDirectory() as temporary, contextlib.ExitStack() as stack:
        os.chmod(temporary, 0o755)  # the container's user is another one
        stack.callback(engine.clean_up)
        build(engine, espalier, source, temporary)
        is_small_and_unprivileged(engine)
        serves_read_only_until_stopped(engine)
        serves_build_folder_until_interrupted(engine, source, temporary)
        serves_as_qemu(engine, source, temporary)


def test():
    if private_daemon.MARK in os.environ:
        with private_daemon.daemon():
            return checks(Engine('docker'))
    reasons = []
    for command in ('docker', 'podman'):
        if not shutil.which(command):
            reasons.append(f'{command} is not installed')
        elif run([command, 'info']).returncode == 0:
            return checks(Engine(command))
        else:
            reasons.append(f'`{command} info` fails')
    if reason := private_daemon.why_not():
        raise Skip(f'no container engine works here: {", ".join(reasons)}; {reason}')
    private_daemon.rerun_in_namespaces()


main(test)

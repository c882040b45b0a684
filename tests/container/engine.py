"""The container engine of the tests: Docker or Podman as they work here, or a daemon of the test's own."""
import contextlib
import os
import pathlib
import shutil
import sys
import tempfile
import time
import uuid

import private_daemon
from harness import PATIENCE, Skip, check, run, succeed

ENGINE_FAILED = (125, 126)  # exit codes of `docker run` and `podman run` where not the program is at fault
NAME = f'espalier-test-{uuid.uuid4().hex[:12]}'  # of the image, and the beginning of its containers' names


class Engine:
    def __init__(self, command):
        self.command = command
        self.containers = []

    def __call__(self, *arguments, **options):
        return succeed([self.command, *arguments], **options)

    def try_to(self, *arguments, **options):
        """As a call, but whatever comes of it."""
        return run([self.command, *arguments], **options)

    def run_command(self, *arguments):
        """The command that runs a new container, whose name comes second."""
        name = f'{NAME}-{len(self.containers)}'
        self.containers.append(name)
        return [self.command, 'run', '--pull=never', '--name', name, *arguments], name

    def start(self, *arguments):
        """A new container in the background; its name."""
        command, name = self.run_command('--detach', *arguments)
        succeed(command)
        return name

    def port_of(self, name, port='8000/tcp'):
        """The host's port that leads to one of the container's, once there is one."""
        deadline = time.monotonic() + PATIENCE
        while (ports := self.try_to('port', name, port)).returncode or not ports.stdout.strip():
            check(time.monotonic() < deadline, f'{name} publishes no port: {ports.stderr}')
            time.sleep(0.2)
        return int(ports.stdout.split()[0].rsplit(':', 1)[1])

    def alive(self, name):
        return self.state(name, 'Running') == 'true'

    def state(self, name, field):
        return self.try_to('inspect', '--format', '{{.State.' + field + '}}', name).stdout.strip()

    def clean_up(self):
        if self.containers:
            self.try_to('rm', '--force', '--volumes', *self.containers)
        images = self.try_to('images', '--format', '{{.Repository}}:{{.Tag}}', '--filter', f'reference={NAME}*')
        self.try_to('rmi', '--force', *images.stdout.split())
        left = self.try_to('ps', '--all', '--quiet', '--filter', f'name={NAME}').stdout
        left += self.try_to('images', '--quiet', '--filter', f'reference={NAME}*').stdout
        check(not left.strip(), f'left behind: {left}')


def build(engine, espalier, source, temporary, *tags, **environment):
    """The image of deploy/Containerfile, under NAME unless `tags` say otherwise."""
    environment = os.environ | {'ENGINE': engine.command, 'PROGRAM': espalier,
                                'STAGING': f'{temporary}/staging'} | environment
    print(succeed([f'{source}/tools/container-image', *(tags or [NAME])], env=environment), flush=True)


def build_and_probe(engine, espalier, source, temporary, *tags):
    build(engine, espalier, source, temporary, *tags)
    command, _ = engine.run_command('--rm', NAME, '--version')
    probe = run(command)
    if probe.returncode in ENGINE_FAILED:
        raise Skip(f'{engine.command} can run no containers here: {probe.stderr.strip()}')
    check(probe.returncode == 0 and 'espalier' in probe.stdout, probe.stdout + probe.stderr)


def root_of(programs, folder, libraries=()):
    """A root file system of these programs (path there: path here) and the libraries that they need; None where one
    is missing."""
    environment = os.environ | {'LD_LIBRARY_PATH': ':'.join(map(str, libraries))}
    for there, here in programs.items():
        needed = succeed(['ldd', here], env=environment) if needs_libraries(here) else ''
        if 'not found' in needed:
            return None
        copies = {there: here} | {word: word for word in needed.split() if word.startswith('/')}
        for library in [line.split() for line in needed.splitlines() if '=>' in line]:
            if any(library[2].startswith(str(place)) for place in libraries):
                copies[f'/usr/lib/{library[0]}'] = copies.pop(library[2])
        for target, source in copies.items():
            path = pathlib.Path(folder, target.lstrip('/'))
            path.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, path)
    return folder


def needs_libraries(program):
    return 'INTERP' in succeed(['readelf', '--program-headers', '--wide', program])


def import_root(engine, folder, name, *changes):
    """An image of a folder."""
    archive = f'{folder}.tar'
    succeed(['tar', '-C', folder, '-cf', archive, '.'])
    engine('import', *(word for change in changes for word in ('--change', change)), archive, name)
    return name


def with_engine(checks, private=False):
    """Calls checks(engine, espalier, source, temporary folder), the middle two from the command line. `private`: a
    daemon of the test's own even where another works, whose swarms, networks and ports are somebody's."""
    def call(engine):
        espalier, source = sys.argv[1:3]
        with tempfile.TemporaryDirectory() as temporary, contextlib.ExitStack() as stack:
            os.chmod(temporary, 0o755)  # the container's user is another one
            stack.callback(engine.clean_up)
            checks(engine, espalier, source, temporary)

    if private_daemon.MARK in os.environ:
        with private_daemon.daemon():
            return call(Engine('docker'))
    reasons = []

    def works(command):
        if not shutil.which(command):
            reasons.append(f'{command} is not installed')
        elif run([command, 'info']).returncode == 0:
            return True
        else:
            reasons.append(f'`{command} info` fails')
        return False

    if not private and works('docker'):
        return call(Engine('docker'))
    reason = private_daemon.why_not()
    if not reason:
        private_daemon.rerun_in_namespaces()  # does not return
    reasons.append(reason)
    if not private and works('podman'):
        return call(Engine('podman'))
    raise Skip(f'no container engine works here: {", ".join(reasons)}')

"""A Docker daemon of the test's own, for root on a machine where Docker is installed and not running.

It lives in mount, network and process namespaces of its own, with a /run of its own: its mounts, bridges and
processes are gone, by the kernel's doing, when the test ends. It has no network but the loopback, so nothing
can be downloaded.
"""
import contextlib
import fcntl
import glob
import os
import pathlib
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import time

from harness import PATIENCE, Skip, run

NAMESPACES = ['unshare', '--mount', '--net', '--pid', '--fork', '--kill-child', '--mount-proc']
MARK = 'ESPALIER_TEST_NAMESPACES'  # the folder that a test inside such namespaces may use


def why_not():
    """Why there can be no such daemon here; None where one can be tried."""
    if os.geteuid() != 0:
        return 'a daemon of the test\'s own needs root'
    for program in ('docker', 'dockerd', 'unshare'):
        if not shutil.which(program):
            return f'{program} is not installed'
    probe = run(NAMESPACES + ['true'])
    return f'no namespaces: {probe.stderr.strip()}' if probe.returncode else None


def rerun_in_namespaces():
    """Runs this test again in namespaces of its own, and ends as it does."""
    with tempfile.TemporaryDirectory() as folder:
        command = NAMESPACES + [sys.executable] + sys.argv
        sys.exit(subprocess.call(command, env=dict(os.environ, **{MARK: folder})))


def bring_up_loopback():
    siocgifflags, siocsifflags, iff_up = 0x8913, 0x8914, 1
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        request = struct.pack('16sH14x', b'lo', 0)
        _, flags = struct.unpack('16sH14x', fcntl.ioctl(any_socket, siocgifflags, request))
        fcntl.ioctl(any_socket, siocsifflags, struct.pack('16sH14x', b'lo', flags | iff_up))


@contextlib.contextmanager
def daemon():
    """Within those namespaces: a daemon, to which DOCKER_HOST leads."""
    folder = pathlib.Path(os.environ[MARK])
    try:
        bring_up_loopback()
        subprocess.run(['mount', '-t', 'tmpfs', 'tmpfs', '/run'], check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise Skip(f'no container engine: namespaces that are of no use: {error}') from error
    os.environ |= {'DOCKER_HOST': f'unix://{folder}/docker.sock', 'DOCKER_CONFIG': str(folder)}
    for name in ('DOCKER_CONTEXT', 'DOCKER_TLS_VERIFY', 'DOCKER_CERT_PATH'):
        os.environ.pop(name, None)
    cgroup = f'espalier-test-{folder.name}'
    # The plainest settings, which work on most kernels: ports are published by docker-proxy.
    command = ['dockerd', '--host', os.environ['DOCKER_HOST'], '--data-root', folder / 'data',
               '--exec-root', folder / 'exec', '--pidfile', folder / 'dockerd.pid', '--storage-driver', 'vfs',
               '--iptables=false', '--ip6tables=false', '--cgroup-parent', f'/{cgroup}',
               '--exec-opt', 'native.cgroupdriver=cgroupfs']
    print('+', *command, flush=True)
    log_path = folder / 'dockerd.log'
    with open(log_path, 'w') as log:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        deadline = time.monotonic() + PATIENCE
        quiet = {'stdout': subprocess.DEVNULL, 'stderr': subprocess.DEVNULL}
        while subprocess.call(['docker', 'info'], **quiet) != 0:
            if process.poll() is not None or time.monotonic() > deadline:
                what = 'does not answer' if process.poll() is None else 'has ended'
                last = log_path.read_text().strip().splitlines()[-1:]
                raise Skip(f'no container engine: dockerd {what}: {" ".join(last)}')
            time.sleep(0.2)
        yield
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        for group in sorted(glob.glob(f'/sys/fs/cgroup/**/{cgroup}', recursive=True), reverse=True):
            with contextlib.suppress(OSError):
                os.rmdir(group)

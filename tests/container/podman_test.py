#!/usr/bin/env python3
"""A pod of deploy/kubernetes/statefulset.yaml, played by Podman: its identity, its probes' commands, its token, its
confinement. Podman knows no StatefulSets, so the test makes of the template the pod that Kubernetes would.

usage: podman_test.py ESPALIER SOURCE_FOLDER
"""
import base64
import contextlib
import json
import os
import pathlib
import re
import shutil
import sys
import tempfile
import urllib.error
import urllib.request

import engine as engines
import private_daemon
from engine import NAME
from harness import Skip, check, main, run, succeed, wait_until

POD = 'device-3'


def pod_of(stateful_set, image):
    """The template's lines, which stand under `template:`, with the name that the pod would have."""
    lines = stateful_set.splitlines()
    begin = lines.index('  template:') + 1
    template = '\n'.join(line[4:] for line in lines[begin:])
    check(template.startswith('metadata:\n'), template[:80])
    check(template.count('image: espalier\n') == 1, 'no image to replace')
    # Variables in arguments are Kubernetes' to replace.
    for name, value in re.findall(r'{name: (\w+), value: "(.*)"}', template):
        template = template.replace(f'$({name})', f'"{value}"')
    return (f'apiVersion: v1\nkind: Pod\n{template}\n'.replace('metadata:\n', f'metadata:\n  name: {POD}\n', 1)
            .replace('image: espalier\n', f'image: {image}\n'))


TOKEN = 'known-to-the-test'
ENCODED = base64.b64encode(TOKEN.encode()).decode()
SECRET = f'''apiVersion: v1
kind: Secret
metadata: {{name: espalier-api}}
data: {{token: {ENCODED}}}
---
'''


def ask(host, path, token=None):
    request = urllib.request.Request(f'http://{host}:9100{path}')
    if token:
        request.add_header('Authorization', f'Bearer {token}')
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, ''


def plays_a_pod(podman, source, temporary):
    manifest = pathlib.Path(temporary, 'pod.yaml')
    image = f'localhost/{NAME}:latest'
    manifest.write_text(SECRET + pod_of(pathlib.Path(source, 'deploy/kubernetes/statefulset.yaml').read_text(), image))
    container = f'{POD}-fleet'
    try:
        podman('kube', 'play', str(manifest))
        wait_until('the readiness probe is content', lambda: podman.try_to(
            'exec', container, 'espalier', 'health').returncode == 0)
        podman('exec', container, 'espalier', 'health', 'http://127.0.0.1:8000/hello')
        devices = json.loads(podman('exec', container, 'espalier', 'fleet', 'ps', '--json'))
        device, = devices if isinstance(devices, list) else devices['devices']
        check(device['name'] == POD, f'the device is {device["name"]}')
        # What the liveness probe asks needs no token; what Prometheus asks does.
        networks = json.loads(podman('inspect', '--format', '{{json .NetworkSettings.Networks}}', podman(
            'pod', 'inspect', '--format', '{{.InfraContainerID}}', POD)))
        host, = [network['IPAddress'] for network in networks.values()]
        check(ask(host, '/healthz')[0] == 200, 'not alive')
        check(ask(host, '/metrics')[0] == 401, 'metrics for everybody')
        # Podman 4.3 mounts what is encoded as it stands.
        status, metrics = max((ask(host, '/metrics', token) for token in (TOKEN, ENCODED)),
                              key=lambda answer: answer[0] == 200)
        check(status == 200 and 'espalier_devices_ready 1' in metrics, f'{status} {metrics[:500]}')
        config = json.loads(podman('inspect', container))[0]
        check(config['HostConfig']['ReadonlyRootfs'], 'its file system may be written')
        check(not config['EffectiveCaps'], f'capabilities: {config["EffectiveCaps"]}')
    except BaseException:
        print(podman.try_to('logs', container).stderr, flush=True)
        raise
    finally:
        podman.try_to('kube', 'down', str(manifest))
        podman.try_to('pod', 'rm', '--force', POD)


class Podman(engines.Engine):
    """With its storage in a folder of the test's own."""

    def __init__(self, folder):
        super().__init__(shutil.which('podman'))
        script = pathlib.Path(folder, 'podman')
        script.write_text(f'#!/bin/sh\nexec {self.command} --root {folder}/root --runroot {folder}/run '
                          '--storage-driver vfs --cgroup-manager cgroupfs --events-backend file '
                          f'--network-config-dir {folder}/networks "$@"\n')
        script.chmod(0o755)
        os.environ['PATH'] = f'{folder}:{os.environ["PATH"]}'
        self.command = 'podman'


@contextlib.contextmanager
def hidden(place):
    """An empty folder in its place, in this mount namespace; whatever was not there before is not there afterwards."""
    made = not os.path.isdir(place)
    os.makedirs(place, exist_ok=True)
    succeed(['mount', '-t', 'tmpfs', 'tmpfs', place])
    try:
        yield
    finally:
        run(['umount', '--lazy', place])
        if made:
            os.rmdir(place)


def test():
    for program in ('podman', 'catatonit'):
        if not shutil.which(program):
            raise Skip(f'{program} is not installed: on Debian, apt-get install podman catatonit')
    if os.geteuid() != 0:
        raise Skip('pods in namespaces of the test\'s own need root')
    if private_daemon.MARK not in os.environ:
        probe = run(private_daemon.NAMESPACES + ['true'])
        if probe.returncode:
            raise Skip(f'no namespaces: {probe.stderr.strip()}')
        private_daemon.rerun_in_namespaces()
    with contextlib.ExitStack() as stack:
        in_namespaces(stack)


def in_namespaces(stack):
    private_daemon.bring_up_loopback()
    # Podman and its network plugins keep things in all of these.
    for place in ('/run', '/var/lib/cni', '/var/lib/containers', '/etc/cni'):
        stack.enter_context(hidden(place))
    espalier, source = sys.argv[1:3]
    folder = os.environ[private_daemon.MARK]
    with tempfile.TemporaryDirectory() as temporary:
        os.chmod(temporary, 0o755)
        podman = Podman(folder)
        probe = podman.try_to('info')
        if probe.returncode:
            raise Skip(f'podman does not work here: {probe.stderr.strip().splitlines()[-1:]}')
        try:
            engines.build(podman, espalier, source, temporary)
            plays_a_pod(podman, source, temporary)
        finally:
            podman.try_to('rm', '--all', '--force')
            podman.try_to('rmi', '--all', '--force')


main(test)

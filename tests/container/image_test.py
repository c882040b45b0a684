#!/usr/bin/env python3
"""Builds the container image, runs it and asks its web server, with whichever container engine works.

usage: image_test.py ESPALIER SOURCE_FOLDER

Where Docker is installed, nobody runs it and the test is root, it starts a daemon of its own
(private_daemon.py). Images and containers are removed again, and nothing is downloaded.
"""
import json
import pathlib
import shutil
import signal
import subprocess
import tarfile
import time

import engine as engines
from engine import NAME
from harness import AT_ONCE, LIMIT, PATIENCE, check, expect_hello, main, run, succeed

def exported(engine, image, temporary):
    """The files of an image: name to tarfile's description, and the archive itself."""
    command, name = engine.run_command('--detach', '--entrypoint', '/usr/bin/espalier', image, '--version')
    succeed(command)
    path = f'{temporary}/{name}.tar'
    engine('export', '--output', path, name)
    archive = tarfile.open(path)
    return {member.name.rstrip('/'): member for member in archive}, archive


def holds_what_it_should(engine, espalier, temporary):
    """Certificates, the licences of every library and the texts that they refer to; nothing of the set-user-ID kind."""
    files, archive = exported(engine, NAME, temporary)

    def content(name):
        return archive.extractfile(files[name]).read()

    certificates = content('etc/ssl/certs/ca-certificates.crt')
    check(certificates.count(b'-----BEGIN CERTIFICATE-----') > 50, 'no certificates of public authorities')
    check('usr/share/doc/espalier/LICENSE' in files, 'no licence of our own')
    check(b'espalier:x:65532:' in content('etc/passwd'), 'the user has no name')
    for name, member in files.items():
        check(not member.mode & 0o6000, f'{name} has mode {member.mode:o}')
        if not name.startswith(('dev', 'proc', 'sys', '.dockerenv', 'etc/host', 'etc/resolv', 'etc/mtab', 'run')):
            check(member.uid == 0, f'{name} belongs to user {member.uid}')
    check(files['tmp'].mode & 0o7777 == 0o1777, f'/tmp has mode {files["tmp"].mode:o}')
    if not shutil.which('dpkg-query'):
        return
    libraries = [name for name in files if '.so' in name.rsplit('/', 1)[-1]]
    check(len(libraries) > 5, f'libraries: {libraries}')
    # With a merged /usr a package may know its file by either path.
    owners = run(['dpkg-query', '-S', *(f'{top}/{library}' for library in libraries for top in ('', '/usr'))])
    package_of = {path.split('/')[-1]: package.split(':')[0]
                  for package, path in (line.split(': ') for line in owners.stdout.splitlines())}
    for library in libraries:
        package = package_of.get(library.split('/')[-1])
        check(package, f'{library} belongs to no package')
        check(content(f'usr/share/doc/{package}/copyright'), f'{library}: no licence of {package}')
    licences = [name for name in files if name.endswith('/copyright')]
    for text in {line for name in licences for line in content(name).decode(errors='replace').split()
                 if line.startswith('/usr/share/common-licenses/')}:
        text = text.rstrip('.,;:\'")').lstrip('/')
        if pathlib.Path('/', text).is_file():
            check(text in files, f'a licence refers to {text}, which is missing')
    print(f'{len(libraries)} libraries, {len(licences)} licences of packages', flush=True)


def is_reproducible(engine, espalier, source, temporary):
    """The same files, collected and built again some time later, are the same layers."""
    def layers(image):
        return json.loads(engine('image', 'inspect', image))[0]['RootFS']['Layers']

    again = f'{temporary}/again'
    time.sleep(1.1)  # times in archives are whole seconds
    other = f'{NAME}-again'
    engines.build(engine, espalier, source, temporary, other, STAGING=again)
    check(layers(NAME) == layers(other), f'{layers(NAME)} and {layers(other)}')
    # Not because the engine found the layer in its cache: other times are another layer.
    later = f'{NAME}-later'
    engines.build(engine, espalier, source, temporary, later, STAGING=again, SOURCE_DATE_EPOCH='1000000000')
    check(layers(NAME) != layers(later), 'SOURCE_DATE_EPOCH is not heeded')
    files, _ = exported(engine, later, temporary)
    check(files['usr/bin/espalier'].mtime == 1_000_000_000, f'time {files["usr/bin/espalier"].mtime}')
    print(f'layers twice the same: {layers(NAME)}', flush=True)


def small_base(engine, temporary):
    """An image in ESP-IDF's place, which cannot be downloaded here: a shell, and the C library that it needs."""
    root = pathlib.Path(temporary, 'base')
    engines.root_of({'/bin/sh': shutil.which('sh'), '/bin/chmod': shutil.which('chmod')}, root)
    (root / 'usr/local/bin').mkdir(parents=True)
    (root / 'tmp').mkdir(mode=0o777)
    return engines.import_root(engine, root, f'{NAME}-base', 'ENV PATH=/usr/local/bin:/usr/bin:/bin',
                               'CMD ["/bin/sh"]')


def goes_beside_esp_idf(engine, espalier, source, temporary):
    """The second target: the program on another image, with its own C library, by all of its names."""
    name = f'{NAME}-idf'
    engines.build(engine, espalier, source, temporary, name, TARGET='idf', IDF_BASE=small_base(engine, temporary))
    command, _ = engine.run_command('--rm', name, '/bin/sh', '-c', 'espalier --version && qemu-system-xtensa -version')
    shown = succeed(command)
    check('espalier' in shown and 'QEMU emulator version' in shown, shown)
    command, _ = engine.run_command('--rm', name, '/bin/sh', '-c', 'espalierd --help')
    check('--listen' in succeed(command), 'espalierd is not `fleet up`')
    # It starts itself again, by the script's path and not as the loader's.
    command, _ = engine.run_command('--rm', name, '/bin/sh', '-c', 'cd /tmp && espalier load sweep --demo -n 1 -d 1')
    check('espalier' in succeed(command), 'no sweep')


def is_small_and_unprivileged(engine):
    image = json.loads(engine('image', 'inspect', NAME))[0]
    config = image['Config']
    check(image['Size'] <= LIMIT, f"{image['Size']} bytes are more than {LIMIT}")
    check(config['User'].split(':')[0] not in ('', '0', 'root'), f"user {config['User']!r}")
    check(config['WorkingDir'] == '/app', f"working directory {config['WorkingDir']!r}")
    check(config['Healthcheck']['Test'] == ['CMD', '/usr/bin/espalier', 'health'], config['Healthcheck'])
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


def checks(engine, espalier, source, temporary):
    engines.build_and_probe(engine, espalier, source, temporary, NAME, f'{NAME}:other')
    check(len(set(engine('images', '--no-trunc', '--quiet', NAME).split())) == 1, 'two names are not one image')
    is_small_and_unprivileged(engine)
    holds_what_it_should(engine, espalier, temporary)
    serves_read_only_until_stopped(engine)
    serves_build_folder_until_interrupted(engine, source, temporary)
    serves_as_qemu(engine, source, temporary)
    is_reproducible(engine, espalier, source, temporary)
    goes_beside_esp_idf(engine, espalier, source, temporary)


main(lambda: engines.with_engine(checks))

"""What executes guest code: Espalier's engines, and a QEMU with an `esp32` machine when the PATH has one."""
import pathlib
import re
import shutil
import subprocess


class Espalier:
    """One engine of the `espalier` program."""

    def __init__(self, program, engine):
        self.program = program
        self.name = engine

    def command(self, image, clock='realtime', publish=None):
        """`image`: a path, or None for the demo guest. `publish`: (port of this host, port of the guest)."""
        what = ['--demo'] if image is None else [image]
        network = ['--net', 'none'] if publish is None else ['-p', f'127.0.0.1:{publish[0]}:{publish[1]}']
        return [self.program, 'run', *what, '--engine', self.name, '--clock', clock, *network]


class Qemu:
    """Espressif's fork of QEMU. It has one kind of time, and takes whole flash images only, which are made in
    `scratch`."""
    name = 'qemu'

    def __init__(self, program, espalier, demo, scratch):
        self.program, self.espalier, self.demo, self.scratch = program, espalier, demo, pathlib.Path(scratch)

    def command(self, image, clock='realtime', publish=None):
        del clock
        flash = self.flash_of(pathlib.Path(self.demo if image is None else image))
        network = [] if publish is None else [
            '-nic', f'user,model=open_eth,hostfwd=tcp:127.0.0.1:{publish[0]}-:{publish[1]}']
        return [self.program, '-machine', 'esp32', '-display', 'none', '-monitor', 'none', '-serial', 'stdio',
                '-drive', f'file={flash},if=mtd,format=raw', '-snapshot', *network]

    def flash_of(self, image):
        whole = self.scratch / f'{image.name}.{len(str(image))}.flash'
        if image.is_dir():
            subprocess.run([self.espalier, 'image', 'merge', image, '-o', whole], check=True, capture_output=True)
            data = whole.read_bytes()
        else:
            data = image.read_bytes()
            if data[0] == 0xe9:  # from 0x1000 on, where the bootloader belongs
                data = b'\xff' * 0x1000 + data
        size = next(size << 20 for size in (2, 4, 8, 16) if size << 20 >= max(len(data), 4 << 20))
        whole.write_bytes(data.ljust(size, b'\xff'))
        return whole


def espalier_engines(program):
    """The engines that this build of the program offers, the slowest first."""
    usage = subprocess.run([program, 'run', '--help'], check=True, capture_output=True, text=True).stdout
    offered = re.search(r'--engine (\S+)', usage)
    names = offered.group(1).split('|') if offered else []
    return [Espalier(program, name) for name in ('interp', 'jit') if name in names]


def find_qemu(espalier, demo, scratch):
    """None if there is none with an esp32."""
    program = shutil.which('qemu-system-xtensa')
    if program is None:
        return None
    machines = subprocess.run([program, '-machine', 'help'], check=False, capture_output=True, text=True).stdout
    if not re.search(r'^esp32\s', machines, re.MULTILINE):
        return None
    return Qemu(program, espalier, demo, scratch)

"""Builds a project with the ESP-IDF of this shell."""
import shutil
import subprocess
import sys


def build(project, folder, defaults):
    """`folder` is kept: a second run builds what has changed. `defaults`: the project's files, separated by ;."""
    if not shutil.which('idf.py'):
        sys.exit('idf.py is not in PATH: `. $IDF_PATH/export.sh` first')
    command = ['idf.py', '-C', project, '-B', folder, '-D', f'SDKCONFIG={folder}/sdkconfig',
               '-D', f'SDKCONFIG_DEFAULTS={defaults}', 'build']
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors='replace')
    if done.returncode != 0:
        sys.exit(f"{done.stdout}\nidf.py build failed")

"""Every operation, to the letter of the wire: conformance.py against `palate serve`."""

import subprocess
import sys
from pathlib import Path


def test_every_operation_of_the_installed_botocore_passes():
    program = Path(__file__).with_name("conformance.py")
    done = subprocess.run([sys.executable, program], capture_output=True, text=True, timeout=600, check=False)
    print(done.stdout)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"

from __future__ import annotations

import json
import subprocess
import sys


def test_importing_the_samplers_loads_no_framework() -> None:
    code = "import json, sys\nimport qhpo_integrations.gate\nprint(json.dumps(sorted(sys.modules)))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(json.loads(run.stdout))
    assert "qhpo_integrations.gate.sampler" in loaded
    assert loaded & {"cirq", "qiskit", "pennylane", "torch"} == set()

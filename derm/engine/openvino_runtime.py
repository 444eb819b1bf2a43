"""OpenVINO as an engine: float32 on the CPU, for who asks for it by name; the extra `openvino`, 180 MB.

Needs a graph and the tensors of the weights. It is let in only where it gives ONNX Runtime's answer to drawn pictures,
see `derm.engine.alike`: what it computes with depends on the machine.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from derm.engine.look import EngineOutput, join
from derm.engine.onnx_file import onnx_package, with_weights
from derm.engine.runtime import AT_ONCE, OUTPUTS, cores, sigmoid
from derm.errors import ConfigFault
from derm.language.speech import say
from derm.model.graph import Graph
from derm.model.tensors import StoredNet


class OpenVinoEngine:
    """A network compiled by OpenVINO; threads: None for as many as this process has cores.

    Raises ConfigFault where the extra is not installed.
    """

    name = "openvino"

    def __init__(self, source: StoredNet, graph: Graph, threads: int | None = None) -> None:
        openvino = _package()
        content = with_weights(onnx_package("openvino"), graph, source.floats(graph)).SerializeToString()
        core = openvino.Core()
        self._compiled = core.compile_model(
            core.read_model(content, b""),
            "CPU",
            {
                "INFERENCE_PRECISION_HINT": "f32",  # or it takes bfloat16 where the processor has it
                "PERFORMANCE_HINT": "LATENCY",
                "INFERENCE_NUM_THREADS": threads or cores(),
                "ENABLE_CPU_PINNING": False,  # other processes work here, too
            },
        )

    def look(self, squares: NDArray[np.uint8]) -> EngineOutput:
        """Look at squares, see `Engine`."""
        parts = [self._look(squares[first : first + AT_ONCE]) for first in range(0, len(squares), AT_ONCE)]
        return parts[0] if len(parts) == 1 else join(parts)

    def _look(self, squares: NDArray[np.uint8]) -> EngineOutput:
        request = self._compiled.create_infer_request()  # of its own: threads look at the same time
        found = request.infer([np.ascontiguousarray(squares)])
        logits, lesion, maps, statistics, features = (np.array(found[name], dtype=np.float32) for name in OUTPUTS)
        return EngineOutput(logits, sigmoid(lesion), maps, statistics, features)


def _package() -> Any:  # noqa: ANN401 - a module, which may be absent
    try:
        import openvino
    except ImportError as error:
        raise ConfigFault(say("The engine openvino is not installed: run pip install 'derm[openvino]'.")) from error
    return openvino

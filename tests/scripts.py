"""Scripts of tools/ as modules, for they belong to no package."""

import importlib.util
from pathlib import Path
from types import ModuleType

TOOLS = Path(__file__).parents[1] / "tools"


def load_script(name: str) -> ModuleType:
    """The script `name` of tools/, without its ending, run as a module that is not the main one."""
    spec = importlib.util.spec_from_file_location(name, TOOLS / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module

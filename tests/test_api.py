"""Every public name with its signature, written down in api_surface.json.

None vanishes or changes unnoticed. After a change that is meant: `python tests/test_api.py`, and
commit the difference. The names that people outside build on are in CONTRIBUTING.md."""

import ast
import json
from pathlib import Path

ROOT = Path(__file__).parents[1]
SURFACE = Path(__file__).with_name("api_surface.json")


def signature(function):
    "A function's arguments and answer as they stand in the code, without comments."
    answer = f" -> {ast.unparse(function.returns)}" if function.returns else ""
    return f"({ast.unparse(function.args)}){answer}"


def is_public(name):
    return name == "__init__" or not name.startswith("_")


def members(definition):
    "Public methods and fields of a class."
    for node in definition.body:
        if isinstance(node, ast.FunctionDef) and is_public(node.name):
            yield node.name, signature(node)
        if isinstance(node, ast.AnnAssign) and is_public(node.target.id):
            yield node.target.id, ast.unparse(node.annotation)


def exported(tree):
    "What a module lists in `__all__`."
    for node in tree.body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "__all__":
            return set(ast.literal_eval(node.value))
    return set()


def surface():
    "Public name → signature, or `value` for what is neither function nor class."
    found = {}
    for path in sorted((ROOT / "illures_nb").rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        module = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        names = exported(tree)
        found |= {f"{module}.{name}": "value" for name in names}
        for node in tree.body:
            if isinstance(node, ast.FunctionDef) and node.name in names:
                found[f"{module}.{node.name}"] = signature(node)
            if isinstance(node, ast.ClassDef) and node.name in names:
                found[f"{module}.{node.name}"] = "class"
                found |= {f"{module}.{node.name}.{name}": text for name, text in members(node)}
    return found


def test_no_public_name_vanishes_or_changes():
    known, now = json.loads(SURFACE.read_text(encoding="utf-8")), surface()
    gone = sorted(known.keys() - now.keys())
    changed = sorted(name for name in known.keys() & now.keys() if known[name] != now[name])
    new = sorted(now.keys() - known.keys())
    said = f"gone: {gone}; changed: {changed}; not written down yet: {new}"
    assert not (gone or changed or new), said


CONTRACT = """
Decomposer Decomposer.from_pretrained
Decomposition Decomposition.relight Decomposition.edit_albedo Decomposition.to_frame
Decomposition.composite
SHLight SHLight.from_envmap SHLight.from_direction SHLight.preset SHLight.presets
SHLight.from_dpr SHLight.to_standard_sh SHLight.rotate SHLight.shade SHLight.ball
SHLight.dominant_direction SHLight.coeffs
""".split()


def has(owner, member):
    return hasattr(owner, member) or member in owner.__dataclass_fields__


def test_contract_holds():
    "What people outside call is there, and can be called."
    import illures_nb

    for name in CONTRACT:
        owner, _, member = name.partition(".")
        thing = getattr(illures_nb, owner)
        assert not member or has(thing, member), name
    layers = "albedo normals shading residual reconstruction mask light".split()
    assert all(has(illures_nb.Decomposition, layer) for layer in layers)


if __name__ == "__main__":
    SURFACE.write_text(json.dumps(surface(), indent=1, sort_keys=True) + "\n", encoding="utf-8")
    print(f"{len(surface())} public names in {SURFACE.name}")

"What was done on the page, done again at full resolution."

from dataclasses import asdict, dataclass

from illures_demo.settings import MOST_LAMPS, MOST_LAYERS
from illures_demo.visits import chosen
from illures_nb import SHLight
from illures_nb.edit import apply_layers, touch
from illures_nb.lamps import Lamps
from illures_nb.recompose import TRANSPARENT, develop_before
from illures_nb.relight import Staging


def touched(
    f,  # `Decomposition`
    layers,  # list of `Layer`, dicts, or names of ready touches; or None
) -> list:  # of `Layer` and dicts
    "Make layers of names of ready touches; nobody keeps the server from others by painting."
    layers = layers or ()
    if len(layers) > MOST_LAYERS:
        raise ValueError(f"at most {MOST_LAYERS} layers of paint are taken, not {len(layers)}")
    return [touch(f, layer) if isinstance(layer, str) else layer for layer in layers]


@dataclass(frozen=True, eq=False, repr=False)
class GuessedLight(SHLight):
    "A light of the page whose lamps stand behind its numbers, wherever the page turned them."

    guess: Lamps | None = None

    def staged(self, contrast=1.0):
        "Stage the page's lamps, not those that would be found anew."
        return SHLight(self.coeffs, self.guess).staged(contrast)


@dataclass(frozen=True, eq=False)
class Redo:
    "What is done with a face: its light, how that is staged, and its paint."

    light: SHLight
    staging: Staging = Staging()
    residual: float | None = None  # 0 to 2: the residual stays, scaled; then nothing is staged
    layers: list | tuple = ()  # as `touched` takes them


def redone(
    f,  # `Decomposition`
    redo: Redo,
):  # `Decomposition`
    "Put a face under a light with its paint; what cannot be is said in a sentence."
    lamps = getattr(redo.light, "guess", None) or redo.light.lamps
    if lamps is not None and len(lamps.lamps) > MOST_LAMPS:
        raise ValueError(f"at most {MOST_LAMPS} lamps are taken, not {len(lamps.lamps)}")
    painted, residual = apply_layers(f, touched(f, redo.layers)), redo.residual
    if residual is None:
        return painted.relight(redo.light, **asdict(redo.staging))
    if not _is_number(residual) or not 0 <= residual <= 2:
        raise ValueError(f"residual must be a number from 0 to 2, not {residual!r}")
    return painted.relight(redo.light, residual)


def _is_number(x):
    return isinstance(x, (int, float)) and not isinstance(x, bool)


def staging_of(
    contrast=1.0,  # 0 to 2
    strength=1.0,  # of the effect, 0 to 2
    shine="moved",  # or "kept", or "none"
    shadows="moved",  # or "kept", or "none"
) -> Staging:
    "Make a staging of what programs and pages say; refuse what is none."
    for name, value in {"contrast": contrast, "strength": strength}.items():
        if not _is_number(value) or not 0 <= value <= 2:
            raise ValueError(f"{name} must be a number from 0 to 2, not {value!r}")
    return Staging(contrast, strength, str(shine), str(shadows))


def scene_faces(
    visit,  # `Visit`
    scene,  # dict, from the page
) -> dict:  # number → `Decomposition`
    "Return the faces of a scene, as the page left them."
    try:
        changes = {int(face["face"]): redo_of(face) for face in scene["faces"]}
    except (TypeError, KeyError, ValueError, OverflowError):
        raise ValueError("this is no scene of the page") from None
    return {number: redone(chosen(visit, number), redo) for number, redo in changes.items()}


def redo_of(
    face,  # dict: a face in a scene of the page
) -> Redo:
    "Read what the page did with a face; pages of before scaled the residual."
    coeffs, lamps, layers = face["light"], face.get("lamps"), list(face["layers"])
    lamps = lamps and Lamps.of(lamps)
    known = face.get("known", True)
    light = SHLight(coeffs, lamps) if known else GuessedLight(coeffs, guess=lamps)
    if "residual" in face:
        return Redo(light, residual=float(face["residual"]), layers=layers)
    return Redo(light, staging_of(**face.get("staging", {})), layers=layers)


def scene_background(
    visit,  # `Visit`
    scene,  # dict, from the page
):  # as `develop_before` takes it; None: the photo's own
    "Return what is put behind the people of a scene."
    background = scene.get("background") or {"kind": "photo"}
    kind = background.get("kind") if isinstance(background, dict) else None
    if kind == "picture" and not visit.behind:
        raise ValueError("the picture for the background is not there: bring it again")
    kinds = {
        "photo": lambda: None,
        "colour": lambda: str(background.get("colour")),
        "transparent": lambda: TRANSPARENT,
        "picture": lambda: visit.behind["picture"],
    }
    if kind not in kinds:
        raise ValueError(f"a background must be one of {', '.join(kinds)}, not {str(kind)[:40]!r}")
    return kinds[kind]()


def is_transparent(background) -> bool:
    "Tell whether a background is none at all."
    return isinstance(background, str) and background == TRANSPARENT


def scene_picture(
    visit,  # `Visit`
    faces,  # number → `Decomposition`, of `scene_faces`
    background=None,  # as `develop_before` takes it; None: the photo's own
):  # `picture.Picture`
    "Return the whole photo with its faces as the page left them, with all that its file holds."
    picture = visit.faces[0].photo.original
    if background is not None:
        everyone = [faces.get(number, f) for number, f in enumerate(visit.faces, 1)]
        changes, outlines = zip(*((f.change, f.silhouette) for f in everyone))
        return develop_before(changes, outlines, picture, background)
    for face in faces.values():
        picture = face.develop(picture)
    return picture

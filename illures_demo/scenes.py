"What was done on the page, done again at full resolution."

from illures_demo.settings import MOST_LAYERS
from illures_demo.visits import chosen
from illures_nb import SHLight
from illures_nb.edit import apply_layers, touch


def touched(
    f,  # `Decomposition`
    layers,  # list of `Layer`, dicts, or names of ready touches; or None
) -> list:  # of `Layer` and dicts
    "Make layers of names of ready touches; nobody keeps the server from others by painting."
    layers = layers or ()
    if len(layers) > MOST_LAYERS:
        raise ValueError(f"at most {MOST_LAYERS} layers of paint are taken, not {len(layers)}")
    return [touch(f, layer) if isinstance(layer, str) else layer for layer in layers]


def redone(
    f,  # `Decomposition`
    light,  # `SHLight`
    residual=1,  # 0 to 2
    layers=(),  # as `touched` takes them
):  # `Decomposition`
    "Put a face under a light with its paint; what cannot be is said in a sentence."
    is_number = isinstance(residual, (int, float)) and not isinstance(residual, bool)
    if not is_number or not 0 <= residual <= 2:
        raise ValueError(f"residual must be a number from 0 to 2, not {residual!r}")
    return apply_layers(f, touched(f, layers)).relight(light, residual)


def scene_faces(
    visit,  # `Visit`
    scene,  # dict, from the page
) -> dict:  # number → `Decomposition`
    "Return the faces of a scene, as the page left them."
    try:
        changes = {int(face["face"]): _change(face) for face in scene["faces"]}
    except (TypeError, KeyError, ValueError, OverflowError):
        raise ValueError("this is no scene of the page") from None
    return {number: redone(chosen(visit, number), *change) for number, change in changes.items()}


def _change(face):  # light, residual, layers
    return SHLight(face["light"]), float(face["residual"]), list(face["layers"])


def scene_picture(
    visit,  # `Visit`
    faces,  # number → `Decomposition`, of `scene_faces`
):  # `picture.Picture`
    "Return the whole photo with its faces as the page left them, with all that its file holds."
    picture = visit.faces[0].photo.original
    for face in faces.values():
        picture = face.develop(picture)
    return picture

"Files that are saved: what is in them, and how far they are while somebody waits."

import threading
from concurrent.futures import ThreadPoolExecutor, wait
from typing import NamedTuple

from illures_demo.errors import friendly
from illures_demo.payload import around
from illures_demo.scenes import is_transparent, scene_background, scene_faces, scene_picture
from illures_demo.settings import PREVIEW
from illures_demo.visits import chosen, new_file, still_open
from illures_nb.export import view, write_glb, write_turn, write_zip


class Left(Exception):
    "The visitor did not want to wait."


class Progress(NamedTuple):
    "How far some work is."

    share: float | None = None  # 0 to 1; None: nobody knows yet
    doing: str = ""  # what is being made


def watched(
    work,  # function that takes `report`; it is called with how far it is
    left,  # function: whether to break it off
    tell,  # function: `Progress` → what is yielded meanwhile
):  # yields; returns what `work` returns
    "Do some work beside, and look four times a second how far it is."
    now, gone = [Progress()], threading.Event()

    def report(share, doing):
        if gone.is_set() or left():
            raise Left
        now[0] = Progress(share, doing)

    pool = ThreadPoolExecutor(1)
    job = pool.submit(work, report)
    try:
        while wait([job], 0.25).not_done:
            yield tell(now[0])
    finally:
        gone.set()
        pool.shutdown(wait=False)
    return job.result()


def write(
    what,  # picture, light, glb, zip, mp4 or gif
    path,  # of the file
    visit,  # `Visit`
    f,  # `Decomposition`: the face that is saved
    faces,  # number → `Decomposition`, all that are changed
    scene=None,  # dict for scene.json
    report=None,  # called with (share 0 to 1, what is being made)
    background=None,  # of the picture, as `develop_before` takes it; None: the photo's own
):
    "Write one file."
    if what == "picture":
        scene_picture(visit, faces, background).save(path)
    elif what == "light":
        f.light.save(path)
    elif what == "glb":
        write_glb(path, f)
    elif what == "zip":
        picture = scene_picture(visit, faces, background)
        write_zip(path, f, scene, picture=picture, progress=report)
    elif what in ("mp4", "gif"):
        write_turn(path, view(f, PREVIEW, around(f)), progress=report)
    else:
        raise ValueError(f"what must be picture, light, glb, zip, mp4 or gif, not {what!r}")


def write_scene(
    what,  # as `write` takes it
    visit,  # `Visit`, or None where it was forgotten
    scene,  # dict, from the page
    report=None,
) -> str:  # path
    "Write one file of what the page shows."
    with friendly():
        faces = scene_faces(still_open(visit), scene)
        found = chosen(visit, scene.get("face"))
        f = faces.get(scene["face"], found)
        kind = scene.get("kind", visit.kind)
        if kind not in ("png", "jpg"):
            raise ValueError(f"kind must be png or jpg, not {kind!r}")
        background = scene_background(visit, scene)
        if what == "picture" and kind == "jpg" and is_transparent(background):
            raise ValueError("a JPEG cannot be transparent: save a PNG")
        name = f"{visit.name}-relit"
        names = {"picture": f"{name}.{kind}", "light": "light.json"}
        path = new_file(visit, names.get(what, f"{name}.{what}"))
        kept = {key: value for key, value in scene.items() if key not in ("job", "kind")}
        write(what, path, visit, f, faces, kept, report, background)
    return str(path)

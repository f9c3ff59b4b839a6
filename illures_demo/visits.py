"A visit: a photo taken apart while its page is open, and the files that the browser asks for."

import copy
import secrets
import shutil
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import gradio as gr

from illures_demo.errors import refusal
from illures_demo.settings import MOST, RECENT, STALE
from illures_nb.export import safe_name


@dataclass(frozen=True, eq=False)
class Visit:
    "A photo taken apart, as long as its page is open."

    faces: list  # of `Decomposition`, biggest first
    found: int  # faces in the photo
    name: str  # of the photo's file, without suffix
    kind: str  # how its picture is saved unless the visitor chooses: png or jpg
    folder: Path  # for the files the browser asks for
    shown: dict = field(default_factory=dict)  # number of a face → what the browser has of it
    views: dict = field(default_factory=dict)  # name of a view → the same
    behind: dict = field(default_factory=dict)  # "picture" → bytes of one to be put behind people
    left: set = field(default_factory=set)  # saving that the visitor broke off
    heads: dict = field(default_factory=dict)  # number of a face → its `Head`, once it was read


def new_folder() -> Path:
    "Make a folder that nobody can guess."
    folder = Path(gr.utils.get_upload_folder()) / secrets.token_hex(32)
    folder.mkdir(parents=True)
    return folder


def delete_broken_uploads():
    "Delete what broken uploads left: files at the top of the folder; whole ones have folders."
    for path in Path(gr.utils.get_upload_folder()).glob("*"):
        with suppress(OSError):  # another request may be quicker
            if path.is_file() and time.time() - path.stat().st_mtime > STALE:
                path.unlink()


def taken_apart(
    faces,  # list of `Decomposition`, biggest first
    path,  # of the photo
) -> Visit:
    "Begin a visit."
    delete_broken_uploads()
    kind = "jpg" if Path(path).suffix.lower() in (".jpg", ".jpeg") else "png"
    return Visit(faces[:MOST], len(faces), safe_name(Path(path).name), kind, new_folder())


def same_again(visit: Visit) -> Visit:
    "Open a photo again, for another visitor: nothing is worked out again."
    folder = new_folder()
    shutil.copytree(visit.folder, folder, dirs_exist_ok=True)
    shown, views = copy.deepcopy(visit.shown), copy.deepcopy(visit.views)
    what = visit.faces, visit.found, visit.name, visit.kind
    return Visit(*what, folder, shown, views, heads=visit.heads)


def forget(
    visit,  # `Visit` or None
):
    "Delete a visit's files."
    if visit:
        shutil.rmtree(visit.folder, ignore_errors=True)


def new_file(
    visit: Visit,
    name,  # of the file
) -> Path:
    "Say where to write a file to be saved; all but the most recent ones go."
    for old in sorted(visit.folder.glob("saved-*"))[:-RECENT]:
        shutil.rmtree(old, ignore_errors=True)
    place = visit.folder / f"saved-{time.time_ns():020d}"
    place.mkdir(parents=True)
    return place / name


def still_open(
    visit,  # `Visit`, or None where it was forgotten
) -> Visit:
    "Return a visit, if it is still there."
    if visit is None:
        raise refusal("There is no photo, or it was forgotten after some hours: send it (again).")
    return visit


def chosen(
    visit: Visit,
    number,  # of a face; 1 is the biggest
):  # `Decomposition`
    "Return one of a photo's faces."
    count = len(visit.faces)
    if isinstance(number, bool) or number not in range(1, count + 1):
        most = f" that can be worked on, of {visit.found}" if count < visit.found else ""
        raise refusal(f"There is no face {number}: the photo has {count}{most}.")
    return visit.faces[int(number) - 1]

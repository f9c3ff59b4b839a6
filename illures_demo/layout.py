"The page itself: its parts from the left to the right, and what happens when they are used."

import atexit
import json
import mimetypes
import os
import shutil
import tempfile
from functools import partial
from pathlib import Path
from urllib.parse import quote

import gradio as gr

from illures_demo.endpoints import Endpoints
from illures_demo.handlers import Handlers, lends_gpus
from illures_demo.lights import coefficient_order
from illures_demo.payload import light_for_page
from illures_demo.settings import ABOUT, AGE, ASSETS, EXAMPLES, LIMIT, PICTURES, PRIVACY, VISITS
from illures_demo.visits import forget
from illures_nb import Decomposer, SHLight
from illures_nb.decompose import MAPS
from illures_nb.edit import MAX_LAYERS

# scripts and examples are found beside the page, wherever it is mounted
gr.set_static_paths([ASSETS / "studio", ASSETS / "examples"])
mimetypes.add_type("text/javascript", ".js")  # some Windows registries say text/plain

QUIET = dict(api_visibility="private", show_progress="hidden")  # the page shows that it works
NETWORK = dict(concurrency_id="network", concurrency_limit=1)  # one photo at a time
AGAIN = dict(trigger_mode="multiple", **QUIET)  # whoever is impatient may choose something else


# ---- how Gradio is to show and serve it


def look() -> dict:  # options of `launch` and of `gr.mount_gradio_app`
    "Say how Gradio is to show the page: fonts of the visitor's machine, nothing from elsewhere."
    colours = {"text_color": "*body_text_color", "background_fill": "*block_background_fill"}
    plain = {
        f"block_{part}_{what}{mode}": value
        for part in ("title", "label")
        for what, value in colours.items()
        for mode in ("", "_dark")
    }
    theme = gr.themes.Soft(
        primary_hue="indigo",
        neutral_hue="stone",
        font=gr.themes.Font("system-ui"),
        font_mono=gr.themes.Font("monospace"),
    ).set(
        background_fill_primary="*neutral_50",
        body_text_color_subdued="*neutral_500",
        checkbox_border_color="*neutral_300",
        block_title_padding="0",
        **plain,
    )
    return dict(theme=theme, max_file_size=LIMIT, footer_links=["api", "settings"], ssr_mode=False)


class Page(gr.Blocks):
    """The page with its looks and limits, which Gradio takes where a page is launched. For one that
    is mounted, say `gr.mount_gradio_app(app, build_demo(), "/faces", **look())`."""

    def launch(self, *args, **options):
        return super().launch(*args, **{**look(), "state_session_capacity": VISITS, **options})


def own_folder():
    "Have Gradio put uploads and results into a folder of this process, which goes with it."
    if "GRADIO_TEMP_DIR" in os.environ:
        return
    os.environ["GRADIO_TEMP_DIR"] = str(Path(tempfile.mkdtemp(prefix="illures-")).resolve())
    atexit.register(shutil.rmtree, os.environ["GRADIO_TEMP_DIR"], ignore_errors=True)


# ---- tools


def panel(name, elem_id=None, **props):  # gr.HTML
    "Make a part of the page that assets/studio/NAME.js brings to life."
    html, script = ((ASSETS / "studio" / f"{name}.{kind}") for kind in ("html", "js"))
    address = json.dumps("gradio_api/file=" + quote(script.as_posix(), safe="/:"))
    load = f'''import(new URL({address}, document.baseURI))
        .then(m => m.mount(element, {{trigger, props, watch}})) // "select"'''
    return gr.HTML(
        html_template=html.read_text(encoding="utf-8"),
        js_on_load=load,
        padding=False,
        elem_id=elem_id or name,
        apply_default_css=False,
        **props,
    )


def at_last(event, js):
    "Have the page do something after an event, whether it went well or not."
    event.then(None, js=js)  # does not happen after an error
    event.failure(None, js=js)


def saves(button, handler, inputs, outputs):
    "Have a button make a file; the page shows how far it is, and downloads it."
    name = json.dumps(button.elem_id)
    saving = f"visit => illures.saving(visit, {name})"
    made = button.click(handler, inputs, outputs, js=saving, concurrency_limit=2, **QUIET)
    at_last(made, f"() => illures.saved({name})")


# ---- left: where a face comes from


def bring():  # the box for photos, what is said beside it, the examples
    "Make the box for a photo of the visitor's, and the examples."
    photo = gr.Image(
        label="Your photo",
        type="filepath",
        format="png",
        height=210,
        elem_id="photo",
        sources=["upload", "webcam", "clipboard"],
        buttons=[],
        placeholder="Drop a portrait here\n- or -\nclick to choose one",
    )
    messages = panel("said", value=None, limit=LIMIT, suffixes=PICTURES)
    examples = [
        {"name": name, "about": about, "file": (ASSETS / "examples" / f"{name}.jpg").as_posix()}
        for name, about in EXAMPLES.items()
    ]
    return photo, messages, panel("people", people=examples)


# ---- middle: the picture

# in assets/style, in this order
STYLE = ("page", "stage", "light", "paint", "head", "small", "fingers")


def picture_stage():
    "Make the picture, with the style of all that our scripts draw."
    sheets = [(ASSETS / "style" / f"{name}.css").read_text(encoding="utf-8") for name in STYLE]
    style = "\n".join(sheets)
    return panel("stage", value=None, head=f"<style>{style}</style>")


# ---- right: what is done with the face


def hands(do, visit, scene):  # the boxes for files of light and for pictures of places
    "Make the tabs: light, paint, head, and what is kept."
    presets = {name: light_for_page(SHLight.preset(name)) for name in SHLight.presets()}
    picture = gr.Button("Save the picture", size="md", elem_id="save-picture", variant="primary")
    panel("kind")
    work = panel("work", value=None)
    saves(picture, partial(do.save, "picture"), [visit, scene], work)
    with gr.Tabs(elem_id="tabs"):
        with gr.Tab("Light", id="light") as light_tab:
            panel("light", presets=presets, order=coefficient_order())
            with gr.Accordion("Light from elsewhere", open=False):
                file = elsewhere(do, visit)
            with gr.Accordion("Another background", open=False):
                place = another_place(do, visit)
        with gr.Tab("Paint", id="paint", render_children=True) as paint_tab:
            panel("painting", most=MAX_LAYERS)
        with gr.Tab("Head", id="head", render_children=True) as head_tab:
            head(do, visit, scene, work)
        with gr.Tab("Keep", id="keep", render_children=True) as keep_tab:
            keep(do, visit, scene, work)
    for tab in (light_tab, paint_tab, head_tab, keep_tab):
        tab.select(None, js=f"() => illures.front('{tab.id}')")
    work.select(do.on_left, [visit], None, queue=False, **QUIET)
    return file, place


def elsewhere(do, visit):  # the box for files of light
    "Make the box for another portrait, an environment map or saved settings."
    kinds = "an environment map (.hdr, .exr, .jpg) or saved light settings (.json)"
    file = gr.File(
        label=f"Another portrait, {kinds}",
        type="filepath",
        height=130,
        elem_id="file",
        file_types=["image", ".json", *PICTURES],
    )
    outputs = [panel("said", elem_id="file-said", value=None), panel("elsewhere", value=None)]
    private = dict(api_visibility="private", show_progress_on=[file])
    file.change(do.on_file, [visit, file], outputs, preprocess=False, **private, **NETWORK)
    return file


def another_place(do, visit):  # the box for pictures of places
    "Make what chooses the background, and the box for a picture of another place."
    chooser = panel("background", value=None)
    file = gr.File(
        label="A picture to be put behind the person",
        type="filepath",
        height=110,
        elem_id="place",
        file_types=["image", *PICTURES],
    )
    outputs = [panel("said", elem_id="place-said", value=None), chooser]
    private = dict(api_visibility="private", show_progress_on=[file])
    file.change(do.on_place, [visit, file], outputs, preprocess=False, **private, **NETWORK)
    return file


def head(do, visit, scene, work):
    "Make what shows the head of the chosen face, and the button that saves it."
    shown = panel("head", value=None)
    shown.select(do.on_head, [visit], [shown], **AGAIN, **NETWORK)
    button = gr.Button("Save the head (.glb)", size="md", elem_id="save-head")
    saves(button, partial(do.save, "head"), [visit, scene], work)


KEPT = {
    "zip": "Everything (.zip)",
    "light": "The light settings (.json)",
    "mp4": "The light going round (.mp4)",
    "gif": "The same as .gif",
}


def keep(do, visit, scene, work):
    "Make the buttons for what can be saved beside the picture."
    gr.Markdown(
        "Everything is made from the photo at its full size, with the light and the paint as "
        "they are now."
    )
    for what, label in KEPT.items():
        button = gr.Button(label, size="md", elem_id=f"save-{what}")
        saves(button, partial(do.save, what), [visit, scene], work)
    button = gr.Button("Show the relief in 3D (.glb)", size="md", elem_id="show-relief")
    model = gr.Model3D(
        label="Relief: drag to turn it",
        height=320,
        elem_id="relief",
        interactive=False,
        camera_position=(90, 90, 0.33),
    )
    saves(button, do.relief, [visit, scene], [model, work])


# ---- events


def for_visitors(do, visit, photo, messages, people, stage):  # what a page that opens is given
    "Connect what happens when a visitor brings a face or chooses one in the photo."
    page = [visit, messages, stage]

    def opening(event):
        event.then(do.on_paint, [visit], [stage], **AGAIN)
        at_last(event, "() => illures.settled()")

    brought = gr.on(
        [photo.change, messages.select],
        do.on_photo,
        [visit, photo],
        [*page, photo],
        js="(visit, photo) => illures.opening(visit, photo)",
        preprocess=False,
        **AGAIN,
        **NETWORK,
    )
    opening(brought)
    opening(people.select(do.on_example, [visit], page, **AGAIN, **NETWORK))
    opening(stage.select(do.on_face, [visit], [stage], **AGAIN))
    return page


def for_programs(api, visit, photo, file, place):
    "Make the endpoints: arguments that the page has no component for, and what they get."
    with gr.Group(visible=False):
        face = gr.Number(1, precision=0, label="face")
        amount = gr.Number(None, minimum=0, maximum=2, label="residual")
        contrast = gr.Number(1, minimum=0, maximum=2, label="contrast")
        strength = gr.Number(1, minimum=0, maximum=2, label="strength")
        shine, shadows = (gr.Textbox("moved", label=name) for name in ("shine", "shadows"))
        light, own = gr.Textbox("front", label="light"), gr.Textbox("own", label="light")
        what, layers = gr.Textbox("zip", label="what"), gr.JSON(label="layers")
        background = gr.Textbox(None, label="background")
        maps = [gr.Image(label=name, format="png") for name in MAPS]
        numbers = gr.JSON(label="light")
        picture = gr.Image(label="picture", format="png")
        painted = gr.Image(label="albedo", format="png")
        made, complete = gr.File(label="file"), gr.JSON(label="layers")

    def endpoint(name, handler, inputs, outputs):
        inputs, outputs = [visit, photo, *inputs], [visit, *outputs]
        gr.on([], handler, inputs, outputs, api_name=name, preprocess=False, **NETWORK)

    endpoint("decompose", api.decompose, [face], [*maps, numbers])
    staging = [contrast, strength, shine, shadows]
    behind = [background, place]
    relight = [light, amount, face, file, layers, *staging, *behind]
    endpoint("relight", api.relight, relight, [picture, numbers])
    endpoint("edit_albedo", api.edit_albedo, [layers, face], [picture, painted, complete])
    export = [what, own, amount, layers, face, *staging, *behind]
    endpoint("export", api.export, export, [made])
    endpoint("head", api.head, [face], [made, numbers])


# ---- the page


def own_decomposer():  # `Decomposer`
    "Load the bundled weights; who finds the faces, `illures app --landmarks` says."
    return Decomposer.from_pretrained(landmarks=os.environ.get("ILLURES_LANDMARKS", "ours"))


def build_demo(
    decomposer=None,  # `Decomposer`; None: the bundled weights
) -> gr.Blocks:
    "Make the page."
    own_folder()
    do = Handlers(decomposer or own_decomposer())
    if not lends_gpus():
        do.example(next(iter(EXAMPLES)))  # Hugging Face lends no GPU before someone asks
    title = "illures: take a face apart, light it anew"
    settings = dict(title=title, analytics_enabled=False, delete_cache=(AGE // 4, AGE))
    with Page(**settings) as demo:
        visit = gr.State(None, time_to_live=4 * AGE, delete_callback=forget)
        scene = gr.JSON(visible=False)
        gr.Markdown(ABOUT, elem_id="about")
        with gr.Row(elem_id="page"):
            with gr.Column(scale=2, min_width=200, elem_id="bring"):
                photo, messages, people = bring()
            with gr.Column(scale=6, min_width=320, elem_id="middle"):
                stage = picture_stage()
            with gr.Column(scale=4, min_width=300, elem_id="hands"):
                file, place = hands(do, visit, scene)
        gr.Markdown(PRIVACY, elem_id="privacy")
        page = for_visitors(do, visit, photo, messages, people, stage)
        demo.load(do.on_start, None, page, **QUIET)
        for_programs(Endpoints(do), visit, photo, file, place)
    demo.queue(max_size=40)
    demo.state_session_capacity = VISITS
    return demo

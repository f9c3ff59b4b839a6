"""The demo in the browser, in parts; `app.py` beside this folder starts it.

settings    what can be set, and the texts on the page
errors      whatever is wrong, as one sentence
visits      a photo taken apart, and the files that the browser asks for
payload     what the browser gets of a photo: views, maps, paint
heads       a face's head: read once, told to the page, saved
scenes      what was done on the page, done again at full resolution
lights      a light from a name, a direction, a file
saving      files that are saved, with how far they are
handlers    what the page's events call
endpoints   what programs call
layout      the page itself
"""

import os

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")  # before Gradio is imported

try:  # Hugging Face lends GPUs through it; it wants to be imported before torch
    import spaces  # noqa: F401
except ImportError:
    pass

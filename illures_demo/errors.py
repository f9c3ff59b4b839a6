"Whatever is wrong, as one sentence that the page or a program can show."

from contextlib import contextmanager
from pathlib import Path

import gradio as gr

from illures_nb.cli import sentence


def refusal(
    text,  # one sentence
):  # an exception to be raised
    "Make an error that Gradio shows and does not print."
    return gr.Error(text, print_exception=False)


@contextmanager
def friendly(
    path="",  # of the file that is worked on: only its name is said
):
    "Say what is wrong with a file or an argument in one sentence, without this machine's paths."
    try:
        yield
    except gr.Error:
        raise  # a sentence already; Gradio has it be a ValueError
    except (ValueError, OSError, ImportError) as e:
        raise refusal(sentence(e).replace(str(path), Path(path).name)) from e

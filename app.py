"""The demo in the browser: a photo taken apart, relit and painted by hand.

The page shades by itself (assets/studio); the server is asked for a photo's maps once, and for what
is saved. This is where Hugging Face Spaces, `illures app` and `python app.py` begin; the parts are
in illures_demo."""

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))  # wherever this file is started from

import illures_demo  # noqa: F401  before Gradio and torch

from illures_demo.layout import build_demo, look
from illures_nb.cli import safe_printing, sentence
from illures_nb.face import DetectorError

__all__ = ["build_demo", "look", "main"]


def main():
    "Serve the page."
    try:
        demo = build_demo()
    except (ValueError, OSError, DetectorError) as e:
        sys.exit(f"illures: {sentence(e)}")
    demo.launch(inbrowser="SPACE_ID" not in os.environ)


if __name__ == "__main__":
    with safe_printing():
        main()

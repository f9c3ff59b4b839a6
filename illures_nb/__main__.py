"""The command `illures`, which is also `python -m illures_nb`.

From the first moment on, Ctrl-C is answered by one line."""

import os
import signal
import sys


def open_standard_streams():
    """Let closed standard streams lead nowhere. Otherwise the next file that is opened would take
    their place, and what is printed."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # gets the lowest free number


def say(text):
    "Print a line on the error stream, if there is one."
    if sys.stderr is not None:
        print(f"illures: {text}", file=sys.stderr, flush=True)


def stop(*_):
    """End at once: nothing has been done yet, and an exception could get lost in somebody's
    import."""
    say("stopped")
    os._exit(130)


def loaded():
    "Import the command line, stoppable: most of the time goes into torch."
    usual = signal.getsignal(signal.SIGINT)
    if usual is signal.default_int_handler:
        signal.signal(signal.SIGINT, stop)
    try:
        from illures_nb.cli import main
    finally:
        signal.signal(signal.SIGINT, usual)
    return main


def main() -> int:  # exit code
    "Run the command line."
    open_standard_streams()
    try:
        os.getcwd()
    except FileNotFoundError:
        say("the folder you are in has been deleted")
        return 2
    return loaded()()


if __name__ == "__main__":
    sys.exit(main())

"What can be set, and the texts on the page."

from pathlib import Path

ASSETS = Path(__file__).resolve().parents[1] / "assets"
EXAMPLES = {  # files in assets/examples; the first opens the page
    "eileen": "Eileen Collins, astronaut",
    "grace": "Grace Hopper, computer scientist",
    "ada": "Ada, who does not exist",
    "ben": "Ben, who does not exist",
    "chi": "Chi, who does not exist",
}
LIMIT = 50 << 20  # bytes of a file that is sent
# what the reader opens though browsers may not know that these are pictures
PICTURES = [".avif", ".exr", ".hdr", ".heic", ".heif", ".jp2", ".tif", ".tiff", ".webp"]
PREVIEW = 1024  # longer side of a picture on the page, px; what is saved has the photo's own size
MOST = 12  # faces of a photo that can be worked on
MOST_LAYERS = 100  # of paint on a face
MOST_LAMPS = 200  # of a light: each casts shadows
RECENT = 6  # saved files of a visit that stay on disk
AGE = 3600  # seconds until what is on disk is deleted
STALE = 600  # seconds after which an upload that nobody writes to has broken off
VISITS = 60  # that are remembered

ABOUT = """# Take a face apart, light it anew
A portrait in; its **colour**, **shape** and **light** out, each by itself. \
Then move the light with your hand, and paint."""
PRIVACY = """**Your photo is not kept.** It is worked on in this server's memory for this page \
only, used for nothing else, sent nowhere else, and its temporary files
are deleted within about an hour. Moving the light and painting happen in your browser. \
A relit portrait is an edited portrait: say so where it matters, and ask the person."""

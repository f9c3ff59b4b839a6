"`python -m illures_nb.cli`, as `accelerate launch -m` wants it: the command `illures`."

import sys

from illures_nb.__main__ import main

if __name__ == "__main__":
    sys.exit(main())

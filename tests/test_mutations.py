"""A few hundred of bench/mutate.py's damaged files through the reader and the command.

Each is read, or refused in one sentence: no other exception, no traceback, nothing written outside
the output folder, bounded memory."""

import resource

import pytest
from mutate import IN_PROCESS, MEMORY, damaged_file, tried, whole_files

FIRST = 20_000  # beyond the numbers that the script tries by default
FILES = {"reader": range(FIRST, FIRST + 300), "command": range(FIRST, FIRST + 50)}


def peak():
    "The most memory that this process ever held, MB."
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


@pytest.mark.parametrize("way", FILES)
def test_damaged_files_are_read_or_refused(way, trained, tmp_path):
    before, wrong, outcomes = peak(), [], set()
    for number in FILES[way]:
        row = tried(IN_PROCESS[way], *damaged_file(number), tmp_path)
        outcomes.add(row["result"])
        if row["result"] not in ("read", "refused"):
            wrong.append(f"{number}: {row['name']}: {row['result']}")
    assert not wrong, "\n".join(wrong)
    assert outcomes == {"read", "refused"}  # the damage is neither nothing nor total
    assert peak() - before < MEMORY / 2


def test_a_damaged_file_follows_from_its_number():
    assert damaged_file(FIRST + 7) == damaged_file(FIRST + 7)
    names = [damaged_file(FIRST + k)[0] for k in range(len(whole_files()))]
    assert {name.partition("-")[2] for name in names} == whole_files().keys()

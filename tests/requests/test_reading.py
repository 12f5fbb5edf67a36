"""Traces are read in blocks, and what cannot be a trace is refused with its line."""

import gzip
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from gigawatt.errors import TraceError
from gigawatt.requests import reading
from gigawatt.requests.columns import TimeUnit
from gigawatt.requests.reading import TraceOptions, read_trace

DATA = Path(__file__).parent / "data"
HEAD = "arrival_s,input_tokens,output_tokens\n"


def pieces(path, **options):
    return list(read_trace(path, TraceOptions(**options)).pieces)


def written(tmp_path, text, name="trace.csv"):
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_azure_csv():
    (piece,) = pieces(DATA / "azure-conversation.csv")
    assert len(piece) == 300
    assert piece.arrival_s[0] == 0.0
    # 18:15:46.680590 and 18:15:50.995169
    assert piece.arrival_s[1] == pytest.approx(4.314579, abs=1e-6)
    assert piece.input_tokens_count[:2].tolist() == [374, 396]
    assert piece.output_tokens_count[:2].tolist() == [44, 109]


def test_mooncake_jsonl():
    trace = read_trace(DATA / "mooncake-conversation.jsonl")
    assert trace.hash_tokens_count == 512
    (piece,) = trace.pieces
    assert piece.input_tokens_count[0] == 6758
    assert piece.hashes[: piece.hash_start[1]].tolist() == list(range(14))
    lines = (DATA / "mooncake-conversation.jsonl").read_text().splitlines()
    assert piece.arrival_s[-1] == pytest.approx(json.loads(lines[-1])["timestamp"] / 1000)
    assert piece.hash_start[-1] == sum(len(json.loads(line)["hash_ids"]) for line in lines)


def test_small_blocks_give_the_same_requests(monkeypatch):
    for name in ("azure-code.csv", "mooncake-synthetic.jsonl"):
        (whole,) = pieces(DATA / name)
        with monkeypatch.context() as patch:
            patch.setattr(reading, "BLOCK_BYTES", 4096)
            parts = pieces(DATA / name)
        assert len(parts) >= 3
        assert np.concatenate([part.arrival_s for part in parts]) == pytest.approx(whole.arrival_s)
        assert np.concatenate([part.hashes for part in parts]).tolist() == whole.hashes.tolist()


def test_named_columns_units_and_speed(tmp_path):
    path = written(tmp_path, "t,a,b,when\nx,5,7,100\n\ny,6,8,2100\n")
    names = (("arrival", "when"), ("input", "a"), ("output", "b"))
    (piece,) = pieces(path, names=names, time_unit=TimeUnit.MS, speed=2.0)
    assert piece.arrival_s.tolist() == [0.0, 1.0]
    assert piece.output_tokens_count.tolist() == [7, 8]


def test_units_in_names_zipped_files_and_priorities(tmp_path):
    path = tmp_path / "trace.jsonl.gz"
    rows = [{"arrival_ms": 10, "prompt_tokens": 4, "completion_tokens": 2, "priority": 1}] * 2
    path.write_bytes(gzip.compress("\n".join(json.dumps(row) for row in rows).encode()))
    found = pieces(path)
    assert np.concatenate([piece.priority for piece in found]).tolist() == [1, 1]
    assert np.concatenate([piece.arrival_s for piece in found]).tolist() == [0.0, 0.0]


MALFORMED = {
    "an empty file": ("", "empty"),
    "only a header": (HEAD, "no request"),
    "a missing column": ("arrival_s,input_tokens\n1,2\n", "output tokens"),
    "a negative length": (HEAD + "1,5,5\n2,-5,5\n", ":3"),
    "a length of zero": (HEAD + "1,5,0\n", ":2"),
    "a fraction of a token": (HEAD + "1,5.5,1\n", ":2"),
    "an absurd length": (HEAD + "1,1e30,1\n", ":2"),
    "not a number": (HEAD + "1,5,5\n2,NaN,5\n", ":3"),
    "a word": (HEAD + "1,5,5\n\n2,many,5\n", ":4"),
    "an empty cell": (HEAD + "1,5,5\n2,,5\n", ":3"),
    "an infinite time": (HEAD + "inf,5,5\n", ":2"),
    "no order": (HEAD + "1,5,5\n3,5,5\n2,5,5\n", ":4"),
    "a short line": (HEAD + "1,5,5\n2,5\n", ":3"),
    "a long line": (HEAD + "1,5,5\n2,5,5,9\n", ":3"),
    "no unit": ("arrival,input_tokens,output_tokens\n1,5,5\n", "--time-unit"),
    "two candidates": ("arrival_s,time_s,input_tokens,output_tokens\n1,1,5,5\n", "--columns"),
    "a bad date": ("timestamp,input_tokens,output_tokens\n2023-11-16 18:00:00,5,5\n2023-13-16 18:00:00,5,5\n", ":3"),
    "no UTF-8": (HEAD.encode() + b"1,5,5\n2,\xff\xfe,5\n", ":3"),
    "a broken head": (b"\xff\xfe\x00a\n", ":1"),
    "broken JSON": ('{"arrival_s": 1, "isl": 4, "osl": 2}\n{"arrival_s": 2, "is', ":2"),
    "broken JSON at once": ('{"arrival_s": \n', ":1"),
    "no object": ('{"arrival_s": 1, "isl": 4, "osl": 2}\n[1, 2]\n', ":2"),
    "NaN in JSON": ('{"arrival_s": 1, "isl": 4, "osl": 2}\n{"arrival_s": NaN, "isl": 4, "osl": 2}\n', ":2"),
    "a missing key": ('{"arrival_s": 1, "isl": 4, "osl": 2}\n{"arrival_s": 2, "isl": 4}\n', ":2"),
    "a negative length in JSON": ('{"arrival_s": 1, "isl": -4, "osl": 2}\n', ":1"),
    "text in JSON": ('{"arrival_s": 1, "isl": 4, "osl": 2}\n{"arrival_s": 2, "isl": "x", "osl": 2}\n', ":2"),
    "hashes of unknown size": ('{"arrival_s": 1, "isl": 4, "osl": 2, "hash_ids": [1]}\n', "--prefix-block"),
    "words as hashes": (
        '{"timestamp": 1, "input_length": 4, "output_length": 2, "hash_ids": [1]}\n'
        '{"timestamp": 1, "input_length": 4, "output_length": 2, "hash_ids": ["x"]}\n',
        "hash",
    ),
    "deep JSON": ("{" + '"a":{' * 100_000 + "\n", ":1"),
}


@pytest.mark.parametrize("case", MALFORMED)
def test_malformed_traces_are_refused_with_their_place(tmp_path, case):
    text, said = MALFORMED[case]
    with pytest.raises(TraceError) as refused:
        pieces(written(tmp_path, text))
    error = refused.value
    assert said in str(error)
    assert error.where.startswith(str(tmp_path))
    assert all((error.found, error.expected, error.fix))


@pytest.mark.parametrize(("names", "said"), [((("arrivals", "x"),), "role"), ((("arrival", "x"),), "the column")])
def test_wrong_names_are_refused(names, said):
    with pytest.raises(TraceError, match=said):
        read_trace(DATA / "azure-code.csv", TraceOptions(names=names))


def test_missing_files_folders_and_cut_archives_are_refused(tmp_path):
    for path in (tmp_path / "none.csv", tmp_path):
        with pytest.raises(TraceError, match="readable"):
            read_trace(path)
    body = gzip.compress((HEAD + "1,5,5\n" * 50_000).encode())
    with pytest.raises(TraceError):
        pieces(written(tmp_path, body[: len(body) // 2], "cut.csv.gz"))


def test_a_line_without_end_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(reading, "BLOCK_BYTES", 64)
    with pytest.raises(TraceError, match="one request per line"):
        pieces(written(tmp_path, HEAD + "1,5,5\n" + "9" * 1000))


MEASURE = """
import resource, sys
from pathlib import Path
from gigawatt.requests.reading import read_trace
count = sum(len(piece) for piece in read_trace(Path(sys.argv[1])).pieces)
print(count, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def test_a_long_trace_is_streamed_in_bounded_memory(tmp_path):
    """Three times the trace, the same memory but for a quarter."""
    seen = []
    for blocks in (3, 9):
        path = tmp_path / f"{blocks}.csv"
        with path.open("w") as stream:
            stream.write(HEAD)
            while stream.tell() < blocks * reading.BLOCK_BYTES:
                at = stream.tell()
                stream.write("".join(f"{at + part / 1000:.3f},1500,200\n" for part in range(20_000)))
        command = [sys.executable, "-c", MEASURE, str(path)]
        count, most = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
        seen.append((int(count), int(most)))
    assert seen[1][0] > 2.9 * seen[0][0]
    assert seen[1][1] < 1.25 * seen[0][1]

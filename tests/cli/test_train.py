"""`gigawatt perf train` and `perf search train`: answers that add up, pictures that open offline, refusals in words."""

import json
from dataclasses import fields
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gigawatt.catalog import load
from gigawatt.catalog.kernels import PROJECTED_NOTE
from gigawatt.cli.layouts import stated_layout
from gigawatt.cli.perf import perf_app
from gigawatt.cli.steps import EVEN, Network, asked, layout_json, layout_words
from gigawatt.cli.train import PARTS
from gigawatt.errors import CatalogError, InfeasibleError, InputError, QuantityError, StudyFolderError
from gigawatt.performance.step.formats import NumberFormat
from gigawatt.performance.step.step import StepTimes
from gigawatt.performance.step.task import ContextExchange, Module, Practice

RUN = CliRunner()
ALONE = Network.plain()


def answer(*arguments):
    result = RUN.invoke(perf_app, [*arguments, "--json"], catch_exceptions=False)
    assert result.exit_code == 0
    return json.loads(result.stdout)


def test_train_prints_one_object_that_adds_up():
    said = answer("train", "llama-3.1-405b", "dgx-h100", "--gpus", "16384", "--batch", "2048")
    assert sum(said["step_parts_s"].values()) == pytest.approx(said["step_time_s"]["p50"])
    assert said["step_time_s"]["p10"] < said["step_time_s"]["p50"] < said["step_time_s"]["p90"]
    layout = said["layout"]
    ways = layout["tp_count"] * layout["cp_count"] * layout["pp_count"] * layout["dp_count"]
    assert ways == said["accelerators_used"] <= said["gpus"] == 16_384
    assert sum(said["memory_parts_bytes"].values()) == pytest.approx(said["memory_bytes"])
    assert said["memory_bytes"] <= said["usable_memory_bytes"]
    assert said["tokens_per_s"] == pytest.approx(2048 * 8192 / said["step_time_s"]["p50"])
    # 1,275 W is an eighth of a DGX H100 of 10.2 kW; an accelerator that only waited would draw half of that.
    assert 1275 / 2 < said["power_w"] < 1275


def test_an_answer_names_the_figures_that_it_rests_on():
    rows = answer("train", "llama-3.1-8b", "vr-nvl72", "--gpus", "8", "--batch", "64")["ledger"]
    found = {row["key"]: row for row in rows}
    assert found["assumptions/training-step/device-spread"]["high"]
    assert "assumptions/training/sequence" in found  # taken, as the question says none
    assert "assumptions/training/batch" not in found
    assert found["kernels/dense-gemm-bf16/vr-nvl72"]["note"] == PROJECTED_NOTE


def test_every_part_of_a_step_has_a_name():
    assert set(PARTS) == {field.name for field in fields(StepTimes)}


def test_a_stated_layout_is_taken_and_told_as_it_can_be_stated_again():
    text = "tp=8,pp=8,dp=16,chunks=3,micro-batch=2,recompute=full,recomputed-share=0.25,zero=1,shards=16,sp=1"
    arguments = ("train", "gpt-3-175b", "dgx-a100", "--gpus", "1024", "--batch", "1536", "--layout")
    said = answer(*arguments, text)
    assert sorted(said["layout_text"].split(",")) == sorted(text.split(","))
    again = answer(*arguments, said["layout_text"])
    assert again["step_time_s"] == said["step_time_s"]
    best = answer(*arguments[:-1])
    assert best["step_time_s"]["p50"] <= said["step_time_s"]["p50"]


def test_networks_and_busy_experts_only_slow_a_step():
    plain = ("train", "deepseek-v3", "dgx-h100", "--gpus", "2048", "--batch", "4096")
    layout = ("--layout", "tp=1,pp=8,ep=64,micro-batch=1,recompute=full", "--precision", "fp8")
    base = answer(*plain, *layout)["step_time_s"]["p50"]
    for more in (
        ("--expert-load", "1.3"),
        ("--oversubscription", "4", "--no-rails"),
        ("--sites", "2", "--wan", "10 Tb/s", "--distance", "800 km"),
        ("--predicted-tokens", "1"),
    ):
        assert answer(*plain, *layout, *more)["step_time_s"]["p50"] > base


BUSY = ("train", "llama-3.1-8b", "dgx-h100", "--gpus", "64", "--batch", "64")
SPREAD = ("--layout", "tp=4,cp=2,pp=2,dp=4,recompute=selective", "--practice")


@pytest.mark.parametrize(
    "change",
    [
        *("graphed=no,graphed-attention=no", "tensor-parallel-overlap=no", "data-parallel-overlap=no"),
        *("fused-attention=no", "fused-elementwise=no", "dropout=yes", "reduced-bytes=4", "attention-time-factor=1.2"),
        "recomputed-modules=core-attention+norm+activation",
    ],
)
def test_poorer_software_is_never_faster(change):
    usual = answer(*BUSY, *SPREAD, "reduced-bytes=2,gradient-bytes=4")["step_time_s"]["p50"]
    assert answer(*BUSY, *SPREAD, change)["step_time_s"]["p50"] >= usual


def test_what_was_stated_is_told_again(tmp_path):
    page = tmp_path / "step.html"
    stated = ("--practice", "graphed=no", "--scale-up-domain", "16", "--html", str(page))
    shown = RUN.invoke(perf_app, [*BUSY, *stated]).stdout
    for text in (" ".join(shown.split()), page.read_text(encoding="utf-8")):
        assert "Stated: scale-up domains of 16, graphed=no." in text


def test_what_is_computed_anew_is_not_kept():
    kept, dropped = (
        answer(*BUSY, *SPREAD, f"recomputed-modules={modules}")
        for modules in ("core-attention", "core-attention+norm+activation")
    )
    assert dropped["memory_parts_bytes"]["activation_bytes"] < kept["memory_parts_bytes"]["activation_bytes"]
    assert dropped["step_parts_s"]["recompute_s"] > kept["step_parts_s"]["recompute_s"]
    assert dropped["practice"]["recomputed_modules"] == ["activation", "core-attention", "norm"]


def write_tokens(path, tokens):
    lines = [f"{layer},{expert},{count}" for layer, row in enumerate(tokens) for expert, count in enumerate(row)]
    path.write_text("\n".join(["layer,expert,tokens", *lines]), encoding="utf-8")
    return str(path)


def test_measured_routing_slows_a_step_as_its_ratio_does(tmp_path):
    layout = ("--layout", "ep=8,pp=2,recompute=full")
    question = ("train", "mixtral-8x7b", "dgx-h100", "--gpus", "64", "--batch", "512", *layout)
    # The busiest of eight experts gets 20 and 12 of 64 tokens in two layers: 2.5 and 1.5 times the mean of 8.
    uneven = write_tokens(tmp_path / "routing.csv", [[20, *[44 / 7] * 7], [*[52 / 7] * 7, 12]])
    measured = answer(*question, "--expert-load", uneven)["step_time_s"]["p50"]
    assert measured == pytest.approx(answer(*question, "--expert-load", "2")["step_time_s"]["p50"])
    assert measured > answer(*question)["step_time_s"]["p50"]


@pytest.mark.parametrize(
    "text",
    [
        *("", "expert\n0", "layer,expert,tokens\n0,0,5", "layer,expert,tokens\n0,9,5", "layer,expert,tokens\n0,0,-1"),
        *("layer,expert,tokens\n0,0,nan", "layer,expert,tokens\n0,x,1", "layer,expert,tokens\n0,0,1\n0,0,1"),
        "layer,expert,tokens\n" + "\n".join(f"0,{expert},0" for expert in range(8)),
    ],
)
def test_routing_that_cannot_be_read_is_refused(tmp_path, text):
    path = tmp_path / "routing.csv"
    path.write_text(text, encoding="utf-8")
    question = ["train", "mixtral-8x7b", "dgx-h100", "--gpus", "64", "--expert-load", str(path)]
    assert isinstance(RUN.invoke(perf_app, question).exception, InputError)


def test_a_wider_domain_is_never_slower():
    layout = ("--layout", "tp=8,pp=2,ep=64,micro-batch=1,recompute=full", "--batch", "1152")
    asked_for = ("train", "deepseek-v3", "vr-nvl72", "--gpus", "1152", *layout, "--scale-up-domain")
    times = [answer(*asked_for, width)["step_time_s"]["p50"] for width in ("8", "72", "144", "576")]
    assert times == sorted(times, reverse=True)
    assert times[0] > times[-1]


@pytest.mark.parametrize(
    ("gpus", "fewer"),
    # 1,024 of 1,031 are fourteen whole domains and 16 more; 576 and 640 of 648 share the batch evenly.
    [("1031", "1024"), ("648", "576"), ("648", "640"), ("73", "72"), ("11", "10")],
)
def test_more_accelerators_are_never_slower(gpus, fewer):
    question = ("train", "llama-3.1-8b", "gb200-nvl72", "--batch", "1024", "--gpus")
    more, less = (answer(*question, count)["step_time_s"]["p50"] for count in (gpus, fewer))
    assert more <= less


@pytest.mark.parametrize(("platform_id", "meant"), [("dgx-h100", "fp8-tensor"), ("dgx-b200", "mxfp8")])
def test_fp8_is_what_the_matrix_units_scale_themselves(platform_id, meant):
    said = answer("train", "llama-3.1-8b", platform_id, "--gpus", "8", "--batch", "64", "--precision", "fp8")
    assert said["precision"] == meant


def test_platforms_without_a_published_power_are_timed():
    said = answer("train", "llama-3.1-8b", "mi300x", "--gpus", "8")
    assert said["step_time_s"]["p10"] < said["step_time_s"]["p50"] < said["step_time_s"]["p90"]
    assert said["power_w"] is None
    assert not said["measured"]
    found = answer("search", "train", "llama-3.1-8b", "mi300x", "--gpus", "8", "--batch", "64", "--space", "usual")
    assert found["front"][0]["energy_j"] is None
    times = [point["step_time_s"] for point in found["front"]]
    assert times == sorted(times)
    shown = RUN.invoke(perf_app, ["train", "llama-3.1-8b", "mi300x", "--gpus", "8"]).stdout
    assert "No power of mi300x is published" in " ".join(shown.split())


def test_hybrids_are_trained():
    said = answer("train", "nemotron-3-nano-30b-a3b", "gb200-nvl72", "--gpus", "72", "--precision", "mxfp8")
    assert said["step_parts_s"]["attention_s"] > 0.0


def test_tables_name_every_part_and_pages_open_offline(tmp_path):
    page, front = tmp_path / "step.html", tmp_path / "front.html"
    shown = RUN.invoke(perf_app, ["train", "deepseek-v3", "gb200-nvl72", "--gpus", "2304", "--html", str(page)])
    assert "expert-parallel exchanges" in shown.stdout
    assert "weights, gradients, optimizer" in shown.stdout
    arguments = ["search", "train", "llama-3.1-8b", "dgx-h100", "--gpus", "16", "--batch", "64", "--space", "usual"]
    found = RUN.invoke(perf_app, [*arguments, "--html", str(front)])
    assert "on the front" in found.stdout
    for path in (page, front):
        text = path.read_text(encoding="utf-8")
        assert "plotly" in text
        assert 'src="http' not in text


def test_search_prints_what_it_went_through_and_the_front():
    said = answer("search", "train", "llama-3.1-8b", "dgx-h100", "--gpus", "16", "--batch", "64")
    assert said["space"] == "full"
    assert said["configurations_evaluated"] >= said["configurations_feasible"] >= said["configurations_timed"] > 0
    assert said["cpu_s"] > 0.0
    best = said["best"]
    assert best["step_time_s"] == min(point["step_time_s"] for point in said["front"])
    assert best["band_step_time_s"]["p10"] < best["step_time_s"] < best["band_step_time_s"]["p90"]
    for point in said["front"]:
        assert point["power_w"] == pytest.approx(point["energy_j"] / point["step_time_s"])
        assert not any(
            other["step_time_s"] < point["step_time_s"]
            and other["memory_bytes"] <= point["memory_bytes"]
            and other["energy_j"] <= point["energy_j"]
            for other in said["front"]
        )
    usual = answer("search", "train", "llama-3.1-8b", "dgx-h100", "--gpus", "16", "--batch", "64", "--space", "usual")
    assert usual["configurations_evaluated"] < said["configurations_evaluated"]
    assert usual["best"]["step_time_s"] >= best["step_time_s"]


@pytest.mark.parametrize("gpus", ["8", "72", "1000000"])
def test_any_number_of_accelerators_is_answered(gpus):
    said = answer("train", "llama-3.1-70b", "vr-nvl72", "--gpus", gpus, "--batch", "32768")
    assert 0 < said["accelerators_used"] <= said["gpus"] == int(gpus)
    assert said["mfu_fraction"] > 0.0


@pytest.mark.parametrize(
    ("arguments", "kind"),
    [
        (["no-such-model", "dgx-h100", "--gpus", "8"], CatalogError),
        (["llama-3.1-8b", "no-such-platform", "--gpus", "8"], CatalogError),
        (["llama-3.1-8b", "trn3", "--gpus", "8"], CatalogError),
        (["llama-3.1-8b", "mi325x", "--gpus", "16"], InputError),
        (["deepseek-v4-pro", "dgx-h100", "--gpus", "8"], CatalogError),
        (["llama-3.1-405b", "dgx-h100", "--gpus", "8"], InfeasibleError),
        (["llama-3.1-8b", "dgx-h100", "--gpus", "8", "--sites", "2"], InputError),
        (["llama-3.1-8b", "dgx-h100", "--gpus", "8", "--wan", "1 Tb/s"], InputError),
        (
            ["llama-3.1-8b", "dgx-h100", "--gpus", "9", "--sites", "2", "--wan", "1 Tb/s", "--distance", "1 km"],
            InputError,
        ),
        (
            ["llama-3.1-8b", "dgx-h100", "--gpus", "8", "--sites", "2", "--wan", "1", "--distance", "1 km"],
            QuantityError,
        ),
        (["llama-3.1-8b", "dgx-h100", "--gpus", "8", "--html", "/nonexistent/step.html"], InputError),
        (["llama-3.1-8b", "dgx-h100", "--gpus", "8", "--html", "/dev/full"], StudyFolderError),
        (["llama-3.1-8b", "dgx-h100", "--gpus", "8", "--precision", "nvfp4"], InputError),
        (["llama-3.1-8b", "dgx-a100", "--gpus", "8", "--precision", "fp8"], InputError),
        (["llama-3.1-8b", "dgx-h100", "--gpus", "8", "--precision", "mxfp8"], InputError),
        (["llama-3.1-8b", "dgx-h100", "--gpus", "8", "--expert-load", "2"], InputError),
        (["llama-3.1-8b", "dgx-h100", "--gpus", "8", "--expert-load", "routing.csv"], InputError),
        (["mixtral-8x7b", "dgx-h100", "--gpus", "8", "--expert-load", "/nonexistent.csv"], InputError),
        (["llama-3.1-8b", "dgx-h100", "--gpus", "8", "--leaf-ports", "16"], InputError),
        (["llama-3.1-8b", "dgx-h100", "--gpus", "8", "--no-rails"], InputError),
        *(
            (["llama-3.1-8b", "dgx-h100", "--gpus", "8", "--practice", text], InputError)
            for text in (
                *("graphd=no", "graphed", "graphed=1", "graphed=no,graphed=yes", "recomputed-modules=", "dropout=nan"),
                *("gradient-bytes=3", "gradient-bytes=two", "attention-time-factor=nan", "context-exchange=mail"),
            )
        ),
        *(
            (["llama-3.1-8b", "dgx-h100", "--gpus", "8", "--layout", text], InputError)
            for text in (
                *("tp=3", "tp", "tp=2,tp=2", "tpp=2", "tp=0", "tp=-1", "tp=1.5", "tp=nan", "tp=1e99", "tp=two"),
                *("zero=4", "recompute=some", "schedule=magic", "sp=2", "recomputed-share=1.5", "ep=8", "pp=64"),
                *("dp=16", "pp=2,chunks=2,schedule=zero-bubble,dp=4", "=", ",=,", "tp=8,dp=2"),
                *("shards=3", "shards=16", "micro-batch=9999", "recomputed-share=0.5", "schedule=zero-bubble"),
                *("schedule=dual-pipe", "dp=4,tp=2,micro-batch=999"),
            )
        ),
    ],
)
def test_bad_questions_end_in_our_own_errors(arguments, kind):
    assert isinstance(RUN.invoke(perf_app, ["train", *arguments]).exception, kind)


@pytest.mark.parametrize(
    "arguments",
    [
        *(["train", "llama-3.1-8b", "dgx-h100", "--gpus", text] for text in ("0", "-1", "x", "1e99", "99999999999")),
        ["train", "llama-3.1-8b", "dgx-h100", "--gpus", "8", "--sequence", "99999999999999999999"],
        ["train", "llama-3.1-8b", "dgx-h100", "--gpus", "8", "--precision", "fp6"],
        ["train", "llama-3.1-8b", "dgx-h100", "--gpus", "8", "--batch", "nan"],
        ["train", "llama-3.1-8b", "dgx-h100", "--gpus", "8", "--expert-load", "0.5"],
        ["train", "llama-3.1-8b", "dgx-h100", "--gpus", "8", "--oversubscription", "0"],
        ["search", "train", "llama-3.1-8b", "dgx-h100", "--gpus", "8"],
        ["search", "train", "llama-3.1-8b", "dgx-h100", "--gpus", "8", "--batch", "8", "--space", "huge"],
    ],
)
def test_impossible_numbers_are_usage_errors(arguments):
    assert RUN.invoke(perf_app, arguments).exit_code == 2


def test_every_setting_of_the_software_is_documented():
    page = (Path(__file__).parents[2] / "docs" / "training.md").read_text(encoding="utf-8")
    names = [*(field.name.replace("_", "-") for field in fields(Practice)), *Module, *ContextExchange]
    assert [name for name in names if f"`{name}`" not in page] == []


def test_a_layout_says_only_what_is_on():
    of = asked(
        load(),
        model_id="gpt-3-175b",
        platform_id="dgx-a100",
        gpus=64,
        batch=64,
        sequence=None,
        precision=NumberFormat.BF16,
        expert_load=EVEN,
        predicted_tokens=0,
        network=ALONE,
    )
    layout = stated_layout("tp=8, pp=8, schedule=dual-pipe, offload-optimizer=1", of)
    words = layout_words(layout_json(layout, 0))
    assert words == "tp=8,pp=8,dp=1,micro-batch=1,zero=1,sp=1,schedule=dual-pipe,offload-optimizer=1"


def test_a_model_is_timed_at_another_size_of_its_family():
    at = ("train", "kimi-k2", "gb300-nvl72", "--gpus", "2304", "--batch", "256", "--precision", "fp8")
    published, larger = answer(*at), answer(*at, "--active", "64 bn parameter")
    assert 1.5 < larger["step_time_s"]["p50"] / published["step_time_s"]["p50"] < 2.5
    told = RUN.invoke(perf_app, [*at, "--active", "64 bn parameter"], catch_exceptions=False).stdout
    assert "kimi-k2 scaled to" in told


@pytest.mark.parametrize(("model", "active"), [("kimi-k2", "3 GB"), ("nemotron-3-super-120b-a12b", "1 tn parameter")])
def test_a_size_that_cannot_be_is_refused_with_its_option(model, active):
    with pytest.raises(InputError, match="--active"):
        RUN.invoke(perf_app, ["train", model, "vr-nvl72", "--gpus", "72", "--active", active], catch_exceptions=False)

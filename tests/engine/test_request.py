"""Keys of requests: whatever shapes an outcome is in them, and nothing else."""

import dataclasses
import os

from lib.engine import Request, request, request_key, seed_of
from lib.params.settings import Model

HUB = Model(
    name="some-model",
    title="Some model",
    path="someone/some-model",
    revision="0123abc",
    family="qwen3",
    max_tokens=100,
    max_model_len=1000,
    options={"dtype": "bfloat16", "max_num_seqs": 64},
)


def changed(**changes) -> Model:
    return dataclasses.replace(HUB, options=HUB.options | changes.pop("options", {}), **changes)


def key(model: Model, **arguments) -> str:
    return request_key(model, **{"prompt_ids": [1, 2, 3], "seed": 7} | arguments)


def test_whatever_shapes_the_outcome_changes_the_key():
    models = [
        changed(path="someone/another"),
        changed(revision="main"),
        changed(temperature=0.7),
        changed(top_p=0.9),
        changed(top_k=-1),
        changed(max_tokens=101),
        changed(max_model_len=2000),  # decides how some models stretch their positions
        changed(threads=2),
        changed(options={"dtype": "float32"}),
        changed(options={"quantization": "fp8"}),
        changed(options={"hf_overrides": {"rope_parameters": {"factor": 4.0}}}),
        changed(options={"tensor_parallel_size": 2}),
        changed(engine="server", options={"url": "http://localhost:8000/v1"}),
    ]
    arguments = [
        {"prompt_ids": [1, 2, 4]},
        {"prompt_ids": [1, 2]},
        {"seed": 8},
        {"max_tokens": 50},
        {"thinking_budget": 0},
        {"thinking_budget": 9},
        {"json_schema": {"type": "object"}},
        {"json_schema": {"type": "array"}},
    ]
    keys = [key(HUB), *map(key, models), *(key(HUB, **one) for one in arguments)]
    assert len(set(keys)) == len(keys)


def test_what_cannot_change_a_number_does_not_change_the_key():
    for model in (
        changed(name="other", title="Other"),
        changed(options={"gpu_memory_utilization": 0.5}),
        changed(options={"max_num_seqs": 8}),
        changed(options={"data_parallel_size": 2}),
        changed(engine="ray", options={"data_parallel_size": 8}),
        changed(engine="replay", options={"recorded": "some/folder"}),
    ):
        assert key(model) == key(HUB), model
    one = changed(engine="server", options={"url": "http://a/v1"})
    other = changed(engine="server", options={"url": "http://b/v1", "concurrency": 2, "timeout": 9, "retries": 0})
    assert key(one) == key(other)
    assert key(HUB, max_tokens=HUB.max_tokens) == key(HUB)


def test_keys_and_seeds_of_completions_already_paid_stay():
    assert key(HUB) == Request.of(HUB, [1, 2, 3], 7).key == "3e307372287b410e8e45284becbd29c4"
    assert key(HUB, thinking_budget=9) == Request.of(HUB, [1, 2, 3], 7, thinking_budget=9).key
    assert seed_of(42, "tiny/0001~original~0", "update", 0.3) == 6323194819855986338
    parts = [(43, "a", "b", 0.3), (42, "c", "b", 0.3), (42, "a", "d", 0.3), (42, "a", "b", 0.5), (42, "a", "b", 0.3)]
    assert len({seed_of(*one) for one in parts}) == 5 and all(0 <= seed_of(*one) < 2**63 for one in parts)


def test_a_local_model_counts_by_the_contents_of_its_files_wherever_it_lies(tmp_path):
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    (folder / "model.safetensors").write_bytes(b"weights")
    local = changed(path=str(folder), revision=None)
    base = key(local)
    os.utime(folder / "model.safetensors", (1, 1))
    (folder / "README.md").write_text("read me")
    (folder / ".hidden").write_text("x")
    assert key(local) == base
    moved = folder.rename(tmp_path / "elsewhere")
    local = changed(path=str(moved), revision=None)
    assert key(local) == base
    (moved / "model.safetensors").write_bytes(b"WEIGHTS")
    trained = key(local)
    (moved / "generation_config.json").write_text("{}")
    assert len({base, trained, key(local)}) == 3


def test_a_large_file_counts_by_size_and_time(tmp_path, monkeypatch):
    monkeypatch.setattr(request, "WHOLE", 3)
    (tmp_path / "model.safetensors").write_bytes(b"weights")
    local = changed(path=str(tmp_path), revision=None)
    base = key(local)
    os.utime(tmp_path / "model.safetensors", (1, 1))
    assert key(local) != base

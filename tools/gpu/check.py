"""Is the engine right on this device, and how fast is it? Everything is printed, and what must hold decides the exit code."""

import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from rethinking_backdoors.config import load, training_of
from rethinking_backdoors.seeds import generator
from rethinking_backdoors.training import resnet, resnet_training
from rethinking_backdoors.training.engine import train_shard
from rethinking_backdoors.training.interface import device_name
from rethinking_backdoors.training.resnet_step import Recipe, Step, cut_out, to_unit

ROOT = Path(__file__).parents[2]
RATE = 0.1
CUTOUT = 4
State = tuple[list[torch.Tensor], torch.Tensor]
# Relative errors that float32 may have against float64: of a step's change of the weights, and of logits. Rounding decides at
# rectifiers and maxima: torch's own SGD is off by 6e-5 to 4e-3 in the step on processors, an H200 by 1e-3. Of bfloat16 nothing
# can be asked but that its errors are about those of the processor in bfloat16.
BOUNDS, TIMES = (1e-2, 1e-3), 1.5


def check(device: str, images: int, quick: bool) -> int:
    """Runs all checks; returns the exit code: 0 only if everything is right."""
    print(f"{device_name(device)}; torch {torch.__version__}, {torch.get_num_threads()} threads", flush=True)
    recipe = training_of(load(ROOT / "config" / "cifar10.yaml"), 1)
    batch = _batch(min(recipe["batch_size"], images // 2))
    expected = _Expected(batch)  # on the processor, while the GPU's code is compiled
    settings = {key: value for key, value in recipe.items() if key != "network"} | {"batch_size": len(batch["labels"])}
    ways = {
        "fp32, eager": {"precision": "fp32", "compile": False, "graph": False},
        "bf16, compiled, graph": {},
    }
    good = True
    for name, changes in ways.items():
        started = time.perf_counter()
        step = _step(Recipe(**{**settings, **changes}), batch, device)
        found = _advanced(step, batch, step.advance)
        print(f"{name}: first step after {time.perf_counter() - started:.1f} s", flush=True)
        true, half = expected.value()
        bounds = BOUNDS if step.recipe.precision == "fp32" else tuple(TIMES * error for error in _errors(half, true))
        good &= _compare(name, bounds, _errors(found, true))
        replayed, plain = found[0], _advanced(step, batch, step.advance_once)[0]
        same = all(torch.equal(a, b) for a, b in zip(replayed, plain, strict=True))
        print(f"{name}: replay and no replay {'give the same bits' if same else 'DIFFER'}", flush=True)
        good &= same
    if device.startswith("cuda"):
        ceilings(device)
    throughput(device, images, settings, quick)
    if device.startswith("cuda") and not quick:
        profile(step)
    print("check: everything is right" if good else "check: WRONG, see above", flush=True)
    return int(not good)


def _batch(size: int) -> dict[str, np.ndarray]:
    rng = generator(0, "gpu check")
    images = rng.integers(0, 256, (size, 32, 32, 3), dtype=np.uint8)
    return {"images": images, "labels": rng.integers(0, 10, size), "corners": rng.integers(0, 29, (size, 2))}


def _initial() -> list[torch.Tensor]:
    return resnet.draw(resnet.ResNet9(10), generator(0, "gpu check", "network"))


def _step(recipe: Recipe, batch: dict[str, np.ndarray], device: str) -> Step:
    return resnet_training.step_of(recipe, batch["images"].shape[1:], 10, len(batch["labels"]), device)


def _advanced(step: Step, batch: dict[str, np.ndarray], advance: Any) -> State:
    """The weights and running statistics after one step from the same start, and then the logits of the batch; on the host."""
    resnet.reset(step.network, _initial())
    torch._foreach_zero_(step.velocities)
    for name, values in batch.items():
        getattr(step, name).copy_(torch.from_numpy(values))
    step.side.fill_(CUTOUT)
    step.rate.fill_(RATE)
    with step.settings():
        advance()
    logits = step.logits(torch.from_numpy(batch["images"]).to(step.device))
    return [value.cpu().clone() for value in step.network.state_dict().values()], logits.T.cpu()


class _Expected:
    """The same step and logits by torch's own SGD, on the processor in float64, computed in a thread."""

    def __init__(self, batch: dict[str, np.ndarray]):
        self._batch = batch
        self._thread = threading.Thread(target=self._work)
        self._thread.start()

    def _work(self) -> None:
        network = resnet.ResNet9(10)
        resnet.reset(network, _initial())
        network = network.double()
        recipe = training_of(load(ROOT / "config" / "cifar10.yaml"), 1)
        optimizer = torch.optim.SGD(network.parameters(), RATE, recipe["momentum"], weight_decay=recipe["weight_decay"])
        images, labels, corners = (torch.from_numpy(self._batch[name]) for name in ("images", "labels", "corners"))
        inputs = cut_out(network.normalise(to_unit(images).double()), corners, CUTOUT)
        functional.cross_entropy(network.logits(inputs), labels).backward()
        optimizer.step()
        with torch.no_grad():
            found = list(network.state_dict().values()), network.eval()(to_unit(images).double())
        settings = {key: value for key, value in recipe.items() if key != "network"}
        step = Step(Recipe(**settings), tuple(images.shape[1:]), 10, len(images), "cpu")
        step.network.mixed = True
        self._found = found, _advanced(step, self._batch, step.advance)

    def value(self) -> tuple[State, State]:
        """As ``_advanced``: in float64, and by this project's own step in bfloat16."""
        self._thread.join()
        return self._found


def _errors(found: State, expected: State) -> tuple[float, float]:
    """The relative errors of the weights' change in one step, and of the logits after it."""
    network = resnet.ResNet9(10)
    resnet.reset(network, _initial())
    start = [value.double() for value in network.state_dict().values()]
    moved, should = (
        [value.double() - begin for value, begin in zip(state, start, strict=True)] for state, _ in (found, expected)
    )
    weights = [key for key, _ in network.named_parameters()]
    chosen = [number for number, key in enumerate(network.state_dict()) if key in weights]
    change = _relative([moved[i] for i in chosen], [should[i] for i in chosen])
    return change, _relative([found[1].double()], [expected[1]])


def _compare(name: str, bounds: tuple[float, float], errors: tuple[float, float]) -> bool:
    """Prints the errors; whether they are within bounds."""
    (change, logits), good = errors, all(error <= bound for error, bound in zip(errors, bounds, strict=True))
    print(
        f"{name}: error against float64: of the step {change:.2e} (bound {bounds[0]:.0e}), "
        f"of logits {logits:.2e} (bound {bounds[1]:.0e}){'' if good else ' WRONG'}",
        flush=True,
    )
    return good


def _relative(found: list[torch.Tensor], expected: list[torch.Tensor]) -> float:
    error = sum(float((a - b).square().sum()) for a, b in zip(found, expected, strict=True))
    return (error / sum(float(b.square().sum()) for b in expected)) ** 0.5


def ceilings(device: str) -> None:
    """Prints what the card does at best: a matrix product, a convolution of the network's, and a copy."""
    a, b = (torch.randn(8192, 8192, device=device, dtype=torch.bfloat16) for _ in range(2))
    x = torch.randn(1024, 256, 16, 16, device=device, dtype=torch.bfloat16).to(memory_format=torch.channels_last)
    w = torch.randn(256, 256, 3, 3, device=device, dtype=torch.bfloat16).to(memory_format=torch.channels_last)
    big = torch.empty(2**31, dtype=torch.uint8, device=device).random_()
    other = torch.empty_like(big)
    product = 2 * 8192**3 / _each(lambda: a @ b, device)
    convolution = 2 * 1024 * 16 * 16 * 256 * 256 * 9 / _each(lambda: functional.conv2d(x, w, padding=1), device)
    print(f"matrix product, bf16: {product / 1e12:.0f} TFLOP/s")
    print(f"convolution 3x3, 256 channels, bf16: {convolution / 1e12:.0f} TFLOP/s")
    print(f"copy, read and written: {2 * 2**31 / _each(lambda: other.copy_(big), device) / 1e12:.2f} TB/s", flush=True)


def _each(work: Any, device: str, repeats: int = 10) -> float:
    """Seconds of one call, after three that do not count."""
    for _ in range(3):
        work()
    torch.cuda.synchronize(device)
    started = time.perf_counter()
    for _ in range(repeats):
        work()
    torch.cuda.synchronize(device)
    return (time.perf_counter() - started) / repeats


def throughput(device: str, images: int, settings: dict[str, Any], quick: bool) -> None:
    """Prints seconds a half-data model with the margins of all images, as ``train_shard`` makes them; and of other ways."""
    rng = generator(0, "gpu check", "images")
    data = rng.integers(0, 256, (images, 32, 32, 3), dtype=np.uint8), rng.integers(0, 10, images)
    engine = {"network": "resnet9", **settings}
    with tempfile.TemporaryDirectory() as folder:
        _timed("engine", data, engine, device, folder, 1 if quick else 3)
        if quick:
            return
        _timed("engine, not compiled", data, {**engine, "compile": False}, device, folder, 1)
        sys.path.append(str(ROOT / "benchmarks"))
        import plain_loop

        source = plain_loop.source(*data, Path(folder), device)
        started = time.perf_counter()
        kept, recipe = np.sort(rng.permutation(images)[: images // 2]), Recipe(**settings)
        network = plain_loop.train(source, kept, 10, recipe, rng, device)
        trained = time.perf_counter() - started
        plain_loop.logits(network, source.batches(None, recipe.batch_size), device)
        print(
            f"plain loop ({source.name}): {time.perf_counter() - started:.2f} s a model, {trained:.2f} of them training",
            flush=True,
        )


def _timed(name: str, data: tuple, training: dict[str, Any], device: str, folder: str, models: int) -> None:
    """The first model warms up; the others, one after the other, are timed."""
    common = {"root": 1, "alpha": 0.5, "training": training, "device": device}
    for part in ((0, 1), (1, 1 + models)):
        if device.startswith("cuda"):
            torch.cuda.reset_peak_memory_stats(device)
        started = time.perf_counter()
        train_shard(*data, Path(folder) / f"{name}-{part[0]}.npy", models=part, **common)
        seconds = time.perf_counter() - started
    memory = f", {torch.cuda.max_memory_allocated(device) / 1e9:.1f} GB" if device.startswith("cuda") else ""
    print(f"{name}: {seconds / models:.2f} s a model ({models} timed){memory}", flush=True)


def profile(step: Step) -> None:
    """Prints which kernels a step's time goes to."""
    from torch.profiler import ProfilerActivity

    with step.settings():
        step.advance()
        torch.cuda.synchronize()
        with torch.profiler.profile(activities=[ProfilerActivity.CUDA]) as found:
            for _ in range(5):
                step.advance()
            torch.cuda.synchronize()
    events = sorted(found.key_averages(), key=lambda event: -event.device_time_total)
    total = sum(event.device_time_total for event in events)
    print(f"a step: {total / 5e3:.2f} ms of kernels")
    for event in events[:25]:
        print(f"  {event.device_time_total / 5e3:6.3f} ms {event.count / 5:4.0f} x  {event.key[:110]}")

"""Results do not depend on the number of threads, bit for bit, and threads survive what happens to processes."""

import multiprocessing
import threading

import numpy as np
import pytest
import torch

from splatsmith.render import accumulate_weights
from splatsmith.render.cpu import get_threads, set_threads
from splatsmith.render.cpu.photometric import l1_ssim
from splatsmith.render.cpu.pool import run_ranges


@pytest.fixture(autouse=True)
def _restore_threads():
    before = get_threads()
    yield
    set_threads(before)


def everything(lab, scene):
    """Every number that the backend computes for a scene, as bytes."""
    inputs = scene.inputs(torch.float32)
    rendered = lab.draw(scene, "cpu", inputs, torch.float32)
    rendered.means2d.retain_grad()
    l1, ssim = l1_ssim(rendered.image, torch.full_like(rendered.image, 0.3))
    (l1 - 0.2 * ssim + rendered.alpha.square().mean() + rendered.depth.mean()).backward()
    camera = {"T_camera_world": scene.T_camera_world, "K": scene.K}
    gaussians = [inputs[name].detach() for name in lab.INPUTS[:4]]
    carried = accumulate_weights(*gaussians, rendered.image.detach(), **camera, antialiased=scene.antialiased)
    results = [rendered.image, rendered.alpha, rendered.depth, rendered.radii, rendered.means2d.grad, l1, ssim, carried]
    results += [inputs[name].grad for name in lab.INPUTS]
    return [result.detach().numpy().tobytes() for result in results]


@pytest.mark.parametrize("antialiased", [False, True])
def test_same_bits_with_any_number_of_threads(lab, antialiased):
    scene = lab.random_scene(0, count=10_000, width=203, height=151, sh_degree=3, antialiased=antialiased, size=0.3)
    set_threads(1)
    expected = everything(lab, scene)
    for threads in (2, 3):
        set_threads(threads)
        for _ in range(2):
            assert everything(lab, scene) == expected


def test_every_range_is_worked_on_once():
    set_threads(3)
    seen = np.zeros(1003, np.int64)

    def work(array, start, stop):
        array[start:stop] += 1

    run_ranges(work, len(seen), 10, seen)
    run_ranges(work, 0, 10, seen)
    assert (seen == 1).all()


def test_an_error_in_a_thread_reaches_the_caller():
    set_threads(2)

    def work(start, stop):
        raise RuntimeError(f"range {start}")

    with pytest.raises(RuntimeError, match="range"):
        run_ranges(work, 100, 10)


def test_at_least_one_thread():
    with pytest.raises(ValueError, match="at least 1"):
        set_threads(0)


def test_two_python_threads_may_draw_at_once(lab):
    scene = lab.random_scene(1, count=2000, width=120, height=90)
    set_threads(2)
    expected = everything(lab, scene)
    found = []
    drawers = [threading.Thread(target=lambda: found.append(everything(lab, scene))) for _ in range(3)]
    for drawer in drawers:
        drawer.start()
    for drawer in drawers:
        drawer.join()
    assert found == [expected] * 3


@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="no fork on this platform")
@pytest.mark.filterwarnings("ignore:This process.*is multi-threaded:DeprecationWarning")
def test_a_forked_process_has_threads_of_its_own(lab):
    set_threads(2)
    everything(lab, lab.random_scene(2, count=3000, width=120, height=90))  # the pool runs now
    context = multiprocessing.get_context("fork")
    results = context.Queue()
    child = context.Process(target=_count_ranges, args=(results,))
    child.start()
    assert results.get(timeout=60) == 100
    child.join(timeout=60)
    assert child.exitcode == 0


def _count_ranges(results):
    seen = []
    run_ranges(lambda start, stop: seen.append(start), 100, 1)
    results.put(len(seen))

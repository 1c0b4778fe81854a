"""The commands set the number of threads of everything: put it back after every test."""

import pytest
import torch
from threadpoolctl import threadpool_limits


@pytest.fixture(autouse=True)
def threads():
    before = torch.get_num_threads()
    with threadpool_limits():  # as they were, when the block ends
        yield
    torch.set_num_threads(before)

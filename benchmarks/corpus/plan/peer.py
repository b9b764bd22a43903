#!/usr/bin/env python3
"""peer.py EXAMPLES BATCH FIRST_STEP: torch's DataLoader with a RandomSampler over as many examples, of nothing but their
numbers: seconds to its first batch, with FIRST_STEP > 0 to that one of the epoch, which the sampler has to be asked for.
"""
import itertools
import json
import resource
import sys
import time

import torch


class Numbers(torch.utils.data.Dataset):
    def __init__(self, size):
        self.size = size

    def __len__(self):
        return self.size

    def __getitem__(self, index):
        return index


class From:
    """The batches of a sampler from `first` on: what goes before is drawn and dropped."""

    def __init__(self, batches, first):
        self.batches, self.first = batches, first

    def __iter__(self):
        return itertools.islice(iter(self.batches), self.first, None)


def main():
    examples, batch, first = map(int, sys.argv[1:])
    torch.manual_seed(1)
    data = Numbers(examples)
    begin = time.perf_counter()
    batches = torch.utils.data.BatchSampler(torch.utils.data.RandomSampler(data), batch, drop_last=False)
    next(iter(torch.utils.data.DataLoader(data, batch_sampler=From(batches, first))))
    print(json.dumps({"who": "RandomSampler", "first_step": first, "open": 0, "first_batch": time.perf_counter() - begin,
                      "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024}))


if __name__ == "__main__":
    main()

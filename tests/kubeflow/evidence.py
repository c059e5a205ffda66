"""A monitor's replicas, made up: labels, the evidence that each exports, and the e-CUSUM that they are worth together.

The reference for the Prometheus rules, written from the definition (a maximum over the beginnings of a change) and not
from the recursion that the rules use.
"""

import itertools
import math
import random

HEALTHY = 0.1
LAMBDAS = [share / HEALTHY for share in (1 / 16, 1 / 8, 1 / 4, 1 / 2, 7 / 8)]
RUN_LENGTH = 1e6


def gain(bet, error):
    """What a label adds to the log of the evidence."""
    return math.log(1 + bet * (error - HEALTHY))


def name(bet):
    return f"{bet:g}"


def draw_labels(seed, looks, rate, error_rate):
    """For each look the labels that came since the one before: 1 where the model was wrong."""
    source = random.Random(seed)
    return [[int(source.random() < error_rate(look)) for _ in range(rate)] for look in range(looks)]


class Replica:
    """A replica's exported sums, look by look: None where it cannot be scraped.

    `labels` by look; from `lost` on it has begun anew without its state; `away` are looks at which it is not scraped,
    though it goes on seeing labels (`deaf` False) or sees none (`deaf` True); it exists in [born, gone).
    """

    def __init__(self, labels, away=(), deaf=False, lost=None, born=0, gone=math.inf):
        self.labels, self.away, self.deaf, self.lost, self.born, self.gone = labels, away, deaf, lost, born, gone

    def incarnation(self, look):
        return "b" if self.lost is not None and look >= self.lost else "a"

    def scraped(self, look):
        return self.born <= look < self.gone and look not in self.away

    def hears(self, look):
        return self.born <= look < self.gone and not (self.deaf and look in self.away)

    def sums(self, bet, incarnation):
        """The series of one incarnation: a number a look, or None."""
        total, series = 0.0, []
        for look, labels in enumerate(self.labels):
            if self.incarnation(look) == incarnation and self.hears(look):
                total += sum(gain(bet, error) for error in labels)
            there = self.scraped(look) and self.incarnation(look) == incarnation
            series.append(total if there else None)
        return series

    def incarnations(self):
        return ["a"] if self.lost is None else ["a", "b"]

    def counted(self, bridged):
        """By look, the labels that the rules are to count at it: all that an incarnation saw after its first scrape, when
        it is next scraped, unless it was away for more than `bridged` looks."""
        counted = [[] for _ in self.labels]
        for incarnation in self.incarnations():
            waiting, last = [], None
            for look, labels in enumerate(self.labels):
                if self.incarnation(look) != incarnation:
                    continue
                if self.hears(look):
                    waiting = waiting + labels
                if self.scraped(look):
                    if last is not None and look - last <= bridged:
                        counted[look] = counted[look] + waiting
                    waiting, last = [], look
        return counted


def e_cusum_by_looks(counted, bet):
    """log of the e-CUSUM at each look, changes beginning between looks alone: max over k of the sum of k..n."""
    steps = [sum(gain(bet, error) for error in labels) for labels in counted]
    sums = [0.0, *itertools.accumulate(steps)]
    return [max(sums[n + 1] - sums[k] for k in range(n + 1)) for n in range(len(steps))]


def e_cusum_by_labels(counted, bet):
    """The same with a change beginning at any label, which the rules must not exceed."""
    values, value, total, lowest = [], 0.0, 0.0, 0.0
    for labels in counted:
        for error in labels:
            lowest = min(lowest, total)
            total += gain(bet, error)
            value = total - lowest
        values.append(value)
    return values


def pool(replicas, bridged):
    """By look, the labels that all replicas count."""
    return [list(itertools.chain(*labels)) for labels in zip(*(r.counted(bridged) for r in replicas))]

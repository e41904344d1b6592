"""From state to samples: what each metric of the catalog says now, for whoever carries numbers away.

One reader a gauge, grouped by subject; counters and histograms are what the belt has tallied. Rules that hold for all:

- Undefined is absent: a reader gives None, or leaves the labels out; never 0, NaN or infinity in its stead.
- A gauge whose collector is stale is absent. Times of the past, and shares of what was read, stay: they age by
  themselves, and say how stale the rest is.
- Counters are lifetime sums and stay at their last value. Where the label values can be listed they begin at 0 as soon
  as their collector has read, so that the first increase is seen as one.
- An agent that is no longer watched has no samples.

Nothing here changes a number of the state.
"""

from fleawatch.flow.samples.registry import OF_PROCESS, READERS, Readers, readers_of
from fleawatch.flow.samples.rows import Sample, samples
from fleawatch.flow.samples.shape import Fixed, Keyed, OfFleet
from fleawatch.flow.samples.unbuilt import UNBUILT
from fleawatch.flow.samples.view import AgentView, Memory
from fleawatch.flow.tally import Labels

__all__ = [
    "OF_PROCESS",
    "READERS",
    "UNBUILT",
    "AgentView",
    "Fixed",
    "Keyed",
    "Labels",
    "Memory",
    "OfFleet",
    "Readers",
    "Sample",
    "readers_of",
    "samples",
]

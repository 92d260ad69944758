"""Search-based repair without a model: single edits of the syntax tree, the likeliest first.

    search = Search(sources, survey)
    while batch := search.next(32):             # Batch(candidates, time_scale); falsy when empty
        for candidate in batch.candidates:
            search.record(candidate, trial_of(candidate, batch.time_scale), batch.time_scale)

`Search` is a plain value without clock and chance. Trials may come late, twice and in any order. After a crash the
same state is rebuilt from the record by `note_proposed(candidates, time_scale)` and `record(candidate, trial,
time_scale)`. `size(candidate)` is the key that orders passing candidates, the smallest change first.

The algorithm is generate-and-validate repair in the line of GenProg (Le Goues et al., 2012) and PAR (Kim et al.,
2013), localised by Ochiai's coefficient (Abreu et al., 2007).
"""

from loopwright.tools.astsearch.search import Batch as Batch
from loopwright.tools.astsearch.search import Search as Search
from loopwright.tools.astsearch.search import size as size

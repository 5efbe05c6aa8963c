"""How often matching finds another patient with the same disease, on published cases: plain and blind side by side."""

from __future__ import annotations

from benchmarks.bench import Bench
from benchmarks.datasets import NO_PUBLISHED_CASES, published_cases
from matching.accuracy import Accuracy
from matching.accuracy_cases import Part
from matching.accuracy_evaluate import evaluate
from matching.closure import Closure
from matching.vocabulary import Vocabulary

_BEST, _OF_ITS_OWN = "blind_best", "of its own"


def accuracy(bench: Bench, vocabulary: Vocabulary) -> None:
    """Hand in, of each ranking, the shares of queries answered rightly, the mean reciprocal rank and the time.

    Profile ``smoke`` takes one closure, and the fewer queries. Cases that are not there are a row that says so.
    """
    files = published_cases()
    if files is None:
        bench.absent("accuracy", NO_PUBLISHED_CASES)
        return
    is_smoke = bench.sizes.name == "smoke"
    for part in (Part.HELD_BACK,) if is_smoke else (Part.ALL, Part.HELD_BACK):
        found: dict[tuple[str, str], Accuracy] = {}
        for closure in (Closure.NEAR,) if is_smoke else Closure:
            for ranking, values in evaluate(*files, closure, part=part, vocabulary=vocabulary).items():
                found[ranking, _OF_ITS_OWN if ranking == _BEST else str(closure)] = values
        for (ranking, of), values in found.items():
            _hand_in(bench, ranking, of, part, values)


def _hand_in(bench: Bench, ranking: str, closure: str, part: Part, values: Accuracy) -> None:
    what = f"{ranking}, closure {closure}, queries {part}"
    settings = {"ranking": ranking, "closure": closure, "queries": str(part)}
    shares = {"top-1": values.top1, "top-5": values.top5, "top-10": values.top10, "MRR": values.mrr}
    for of, share in shares.items():
        bench.figure(f"{what}: accuracy, {of}", 100 * share, "%", **settings, of=of)
    bench.figure(f"{what}: time of a query", values.ms_per_query, "ms", **settings, of="ms per query")

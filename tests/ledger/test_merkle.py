"""Merkle trees against published known answers, and against the RFC's definitions written down naively."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.errors import ProofInvalid, ProofUnavailable
from ledger.merkle import (
    EMPTY_ROOT,
    Frontier,
    consistency_path,
    inclusion_path,
    leaf_hash,
    node_hash,
    peaks,
    verify_consistency,
    verify_inclusion,
)

MAX_SIZE = 40

# The reference tree of the Certificate Transparency project: 8 leaves, their roots and paths as it published them.
CT_LEAVES = [
    bytes.fromhex(text)
    for text in ("", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f")
]
CT_ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
CT_NODES = {
    (0, 0): "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    (0, 1): "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
    (0, 4): "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    (0, 6): "b08693ec2e721597130641e8211e7eedccb4c26413963eee6c1e2ed16ffb1a5f",
    (1, 0): "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    (1, 1): "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
    (1, 2): "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
    (1, 3): "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
    (2, 0): "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    (2, 1): "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
}
CT_INCLUSION = [
    (0, 1, []),
    (0, 8, [(0, 1), (1, 1), (2, 1)]),
    (5, 8, [(0, 4), (1, 3), (2, 0)]),
    (2, 3, [(1, 0)]),
    (1, 5, [(0, 0), (1, 1), (0, 4)]),
]
CT_CONSISTENCY = [
    (1, 1, []),
    (1, 8, [(0, 1), (1, 1), (2, 1)]),
    (6, 8, [(1, 2), (1, 3), (2, 0)]),
    (2, 5, [(1, 1), (0, 4)]),
    (6, 7, [(1, 2), (0, 6), (2, 0)]),
]


# The definitions of RFC 9162, sections 2.1.1, 2.1.3.1 and 2.1.4.1, word for word and as slow


def largest_power_below(size):
    return max(2**n for n in range(64) if 2**n < size)


def naive_root(leaves):
    if not leaves:
        return EMPTY_ROOT
    if len(leaves) == 1:
        return leaf_hash(leaves[0])
    k = largest_power_below(len(leaves))
    return node_hash(naive_root(leaves[:k]), naive_root(leaves[k:]))


def naive_path(m, leaves):
    if len(leaves) == 1:
        return []
    k = largest_power_below(len(leaves))
    if m < k:
        return [*naive_path(m, leaves[:k]), naive_root(leaves[k:])]
    return [*naive_path(m - k, leaves[k:]), naive_root(leaves[:k])]


def naive_subproof(m, leaves, whole):
    if m == len(leaves):
        return [] if whole else [naive_root(leaves)]
    k = largest_power_below(len(leaves))
    if m <= k:
        return [*naive_subproof(m, leaves[:k], whole), naive_root(leaves[k:])]
    return [*naive_subproof(m - k, leaves[k:], False), naive_root(leaves[:k])]


def subtrees_of(leaves):
    """Roots of complete subtrees, and of nothing else: a subtree that is not complete fails the test."""

    def subtree(level, index):
        run = leaves[index << level : (index + 1) << level]
        assert len(run) == 1 << level
        return naive_root(run)

    return subtree


LEAVES = [f"leaf {number}".encode() for number in range(MAX_SIZE + 1)]
ROOTS = [naive_root(LEAVES[:size]) for size in range(MAX_SIZE + 1)]
SUBTREES = subtrees_of(LEAVES)

sizes = st.integers(1, MAX_SIZE)


def fails(check, *arguments):
    with pytest.raises(ProofInvalid) as caught:
        check(*arguments)
    assert caught.value.code == "proof-invalid"


def flipped(data, bit):
    return (int.from_bytes(data) ^ 1 << bit % (8 * len(data))).to_bytes(len(data))


# Known answers


@pytest.mark.parametrize("size", range(9))
def test_published_roots(size):
    frontier = Frontier()
    for leaf in CT_LEAVES[:size]:
        frontier.append(leaf_hash(leaf))
    assert frontier.root().hex() == naive_root(CT_LEAVES[:size]).hex() == CT_ROOTS[size]


@pytest.mark.parametrize(("index", "size", "nodes"), CT_INCLUSION)
def test_published_inclusion_paths(index, size, nodes):
    path = inclusion_path(index, size, subtrees_of(CT_LEAVES))
    assert [node.hex() for node in path] == [CT_NODES[node] for node in nodes]
    verify_inclusion(leaf_hash(CT_LEAVES[index]), index, size, path, bytes.fromhex(CT_ROOTS[size]))


@pytest.mark.parametrize(("old", "new", "nodes"), CT_CONSISTENCY)
def test_published_consistency_paths(old, new, nodes):
    path = consistency_path(old, new, subtrees_of(CT_LEAVES))
    assert [node.hex() for node in path] == [CT_NODES[node] for node in nodes]
    verify_consistency(old, bytes.fromhex(CT_ROOTS[old]), new, bytes.fromhex(CT_ROOTS[new]), path)


# The growing tree


def test_the_frontier_has_the_root_of_every_size_and_hands_out_each_complete_subtree_once():
    frontier = Frontier()
    found = {}
    for size, leaf in enumerate(LEAVES[:MAX_SIZE], start=1):
        for level, index, root in frontier.append(leaf_hash(leaf)):
            assert (level, index) not in found
            found[level, index] = root
        assert (frontier.size, frontier.root()) == (size, ROOTS[size])
    complete = {
        (level, index): SUBTREES(level, index) for level in range(1, 6) for index in range(MAX_SIZE // 2**level)
    }
    assert found == complete


@given(sizes, st.integers(0, MAX_SIZE))
def test_a_frontier_continues_from_its_peaks(size, more):
    frontier = Frontier(size, [SUBTREES(level, index) for level, index in peaks(size)])
    end = min(size + more, MAX_SIZE)
    for leaf in LEAVES[size:end]:
        frontier.append(leaf_hash(leaf))
    assert frontier.root() == ROOTS[end]


def test_a_frontier_with_a_peak_missing_is_refused():
    with pytest.raises(ValueError, match="has 2 peaks, not 1"):
        Frontier(5, [ROOTS[4]])


def test_a_frontier_leaves_the_peaks_it_was_given_alone():
    given_peaks = [ROOTS[1]]
    Frontier(1, given_peaks).append(leaf_hash(LEAVES[1]))
    assert given_peaks == [ROOTS[1]]


# Inclusion


@pytest.mark.parametrize("size", range(1, MAX_SIZE + 1))
def test_every_leaf_of_every_size_is_proved_by_the_path_of_the_rfc(size):
    for index in range(size):
        path = inclusion_path(index, size, SUBTREES)
        assert list(path) == naive_path(index, LEAVES[:size])
        verify_inclusion(leaf_hash(LEAVES[index]), index, size, path, ROOTS[size])


@pytest.mark.parametrize("size", range(1, MAX_SIZE + 1))
def test_no_leaf_is_proved_at_another_index(size):
    for index, other in itertools.permutations(range(-1, size + 2), 2):
        if 0 <= index < size:
            path = inclusion_path(index, size, SUBTREES)
            fails(verify_inclusion, leaf_hash(LEAVES[index]), other, size, path, ROOTS[size])


def test_no_leaf_is_proved_under_the_root_of_another_size():
    for size, other in itertools.permutations(range(1, MAX_SIZE + 1), 2):
        path = inclusion_path(size - 1, size, SUBTREES)
        fails(verify_inclusion, leaf_hash(LEAVES[size - 1]), size - 1, size, path, ROOTS[other])


@given(st.data(), sizes, st.integers(0, 255))
def test_one_bit_changed_anywhere_breaks_an_inclusion(data, size, bit):
    index = data.draw(st.integers(0, size - 1))
    parts = [leaf_hash(LEAVES[index]), *inclusion_path(index, size, SUBTREES), ROOTS[size]]
    place = data.draw(st.integers(0, len(parts) - 1))
    parts[place] = flipped(parts[place], bit)
    fails(verify_inclusion, parts[0], index, size, parts[1:-1], parts[-1])


@given(st.data(), sizes)
def test_a_longer_or_shorter_or_reordered_path_breaks_an_inclusion(data, size):
    index = data.draw(st.integers(0, size - 1))
    path = list(inclusion_path(index, size, SUBTREES))
    changed = {
        "longer": [*path, EMPTY_ROOT],
        "longer in front": [EMPTY_ROOT, *path],
        "far longer": path + [EMPTY_ROOT] * 100,
        "shorter": path[:-1],
        "shorter in front": path[1:],
        "reversed": path[::-1],
        "node cut": [*path[:-1], path[-1][:31]] if path else [b""],
        "nodes run together": [b"".join(path), b""],
    }
    for other in changed.values():
        if other != path:
            fails(verify_inclusion, leaf_hash(LEAVES[index]), index, size, other, ROOTS[size])


def test_an_inner_node_is_no_leaf():
    left, right = ROOTS[1], leaf_hash(LEAVES[1])
    assert leaf_hash(left + right) != node_hash(left, right) == ROOTS[2]
    fails(verify_inclusion, leaf_hash(left + right), 0, 1, (), ROOTS[2])


@pytest.mark.parametrize(("index", "size"), [(0, 0), (5, 5), (-1, 5), (6, 5)])
def test_no_path_for_a_leaf_that_is_not_there(index, size):
    with pytest.raises(ProofUnavailable):
        inclusion_path(index, size, SUBTREES)


@pytest.mark.parametrize("size", [2**20 + 1, 2**40 - 1, 2**53 - 1])
def test_paths_in_the_largest_ledgers(size):
    """All leaves alike, so that the root of a complete subtree depends on its level alone."""
    levels = list(itertools.accumulate(range(53), lambda root, _: node_hash(root, root), initial=leaf_hash(b"leaf")))
    root = Frontier(size, [levels[level] for level, _ in peaks(size)]).root()
    for index in (0, size // 2, size - 1):
        path = inclusion_path(index, size, lambda level, _: levels[level])
        assert len(path) <= 53
        verify_inclusion(levels[0], index, size, path, root)
        fails(verify_inclusion, leaf_hash(b"another"), index, size, path, root)
    old = size // 3
    old_root = Frontier(old, [levels[level] for level, _ in peaks(old)]).root()
    verify_consistency(old, old_root, size, root, consistency_path(old, size, lambda level, _: levels[level]))


# Consistency


@pytest.mark.parametrize("new", range(MAX_SIZE + 1))
def test_every_tree_is_shown_to_extend_every_smaller_one_by_the_proof_of_the_rfc(new):
    for old in range(new + 1):
        path = consistency_path(old, new, SUBTREES)
        assert list(path) == (naive_subproof(old, LEAVES[:new], True) if old else [])
        verify_consistency(old, ROOTS[old], new, ROOTS[new], path)


@pytest.mark.parametrize("new", range(1, MAX_SIZE + 1))
def test_no_tree_extends_one_with_another_leaf(new):
    for old in range(1, new + 1):
        other = naive_root([*LEAVES[: old - 1], b"another leaf"])
        fails(verify_consistency, old, other, new, ROOTS[new], consistency_path(old, new, SUBTREES))


def test_sizes_belong_to_the_proof():
    for old, new in itertools.combinations(range(1, MAX_SIZE + 1), 2):
        path = consistency_path(old, new, SUBTREES)
        fails(verify_consistency, old - 1, ROOTS[old], new, ROOTS[new], path)
        fails(verify_consistency, new, ROOTS[new], old, ROOTS[old], path)


@given(st.data(), st.integers(2, MAX_SIZE), st.integers(0, 255))
def test_one_bit_changed_anywhere_breaks_a_consistency(data, new, bit):
    old = data.draw(st.integers(1, new - 1))
    parts = [ROOTS[old], *consistency_path(old, new, SUBTREES), ROOTS[new]]
    place = data.draw(st.integers(0, len(parts) - 1))
    parts[place] = flipped(parts[place], bit)
    fails(verify_consistency, old, parts[0], new, parts[-1], parts[1:-1])


@given(st.data(), st.integers(2, MAX_SIZE))
def test_a_longer_or_shorter_path_breaks_a_consistency(data, new):
    old = data.draw(st.integers(1, new - 1))
    path = consistency_path(old, new, SUBTREES)
    for other in ((*path, EMPTY_ROOT), (EMPTY_ROOT, *path), path[:-1], path[1:], (), (*path[:-1], path[-1][:31])):
        fails(verify_consistency, old, ROOTS[old], new, ROOTS[new], other)


def test_the_same_size_needs_the_same_root_and_no_path():
    verify_consistency(3, ROOTS[3], 3, ROOTS[3], ())
    fails(verify_consistency, 3, ROOTS[3], 3, ROOTS[4], ())
    fails(verify_consistency, 3, ROOTS[3], 3, ROOTS[3], (ROOTS[1],))


def test_the_empty_tree_has_one_root_and_is_extended_by_the_empty_path_alone():
    verify_consistency(0, EMPTY_ROOT, 5, ROOTS[5], ())
    fails(verify_consistency, 0, ROOTS[1], 5, ROOTS[5], ())
    fails(verify_consistency, 0, EMPTY_ROOT, 5, ROOTS[5], (ROOTS[1],))
    fails(verify_consistency, 0, EMPTY_ROOT, 0, ROOTS[1], ())


@pytest.mark.parametrize(("old", "new"), [(-1, 5), (6, 5)])
def test_no_consistency_with_a_tree_that_is_larger(old, new):
    with pytest.raises(ProofUnavailable):
        consistency_path(old, new, SUBTREES)

"""Research schemes: each opens what it sealed, and each breaks as docs/schemes.md says."""

import ast
import functools
import importlib.util
import inspect
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from benchmarks.bench import PROFILES, Bench
from benchmarks.cases import schemes
from benchmarks.groups.errors import GroupError
from benchmarks.groups.group import Kind
from benchmarks.pivots import pivots
from benchmarks.runs import runs
from benchmarks.schemes import catalogue, one_time, properties
from benchmarks.schemes.afgh import Afgh
from benchmarks.schemes.bbs98 import Bbs98, Rekey
from benchmarks.schemes.boneh_franklin import Encrypted
from benchmarks.schemes.errors import CapsuleRefused, SchemeError
from benchmarks.schemes.green_ateniese import GreenAteniese
from benchmarks.schemes.libert_vergnaud import LibertVergnaud
from benchmarks.schemes.own import LABEL, Umbral
from benchmarks.schemes.peers import ProxyRecrypt, UmbralPre
from benchmarks.schemes.phases import Phase, Run
from benchmarks.schemes.scheme import KeyPair
from benchmarks.schemes.type_and_identity import TypeAndIdentity
from benchmarks.schemes.wire import read, write
from scheme import umbral
from scheme.errors import ChartSealError
from scheme.umbral.group import ORDER, diffie_hellman
from scheme.umbral.rekey import shared_scalar
from tests import needs
from tests.benchmarks import groups, lines
from tests.benchmarks.exponent_group import ExponentGroup

ROOT = Path(__file__).parents[2]


def _over(scheme, group):
    made = functools.cache(groups.ALL[group])
    return lambda: scheme(made())


MAKERS = {
    **{f"{scheme.__name__}-mcl": _over(scheme, "mcl") for scheme in catalogue.RESEARCH},
    "Umbral": Umbral,
    "UmbralPre": lambda: UmbralPre(needs.module("umbral_pre", feature="umbral-pre")),
}
if "SS512" in groups.ALL:
    MAKERS |= {f"{scheme.__name__}-SS512": _over(scheme, "SS512") for scheme in catalogue.RESEARCH}
if importlib.util.find_spec("proxy_recrypt"):  # builds from source, so no extra has it
    MAKERS["ProxyRecrypt"] = lambda: ProxyRecrypt(importlib.import_module("proxy_recrypt"))
COMPILED = [name for name in MAKERS if name in ("UmbralPre", "ProxyRecrypt")]
COUNTED = [name for name in MAKERS if name not in COMPILED]
UNIDIRECTIONAL = [name for name in MAKERS if not name.startswith("Bbs98")]
CHECKED = [name for name in MAKERS if name.startswith(("LibertVergnaud", "Umbral"))]
"""Those that refuse a capsule that is another's or was changed; the others give other bytes."""


@pytest.fixture(params=MAKERS)
def scheme(request):
    return MAKERS[request.param]()


class People:
    """A patient, a doctor, a stranger, and what passes between them."""

    def __init__(self, scheme):
        self.scheme = scheme
        self.patient, self.doctor, self.stranger = map(scheme.key_generation, ("patient", "doctor", "stranger"))
        self.rekey = scheme.rekey(self.patient, scheme.delegator_needs(self.doctor))
        self.capsule, self.key = scheme.encapsulate(scheme.author_needs(self.patient))
        self.reencapsulated = scheme.reencapsulate(self.rekey, self.capsule)

    def opens(self, delegatee, reencapsulated, delegator=None):
        return self.scheme.open_reencapsulated(delegatee, (delegator or self.patient).public, reencapsulated)


@pytest.fixture
def people(scheme):
    return People(scheme)


def gives_nothing(run, key):
    """Whether ``run`` is refused, or gives other bytes than ``key``."""
    try:
        return run() != key
    except ChartSealError:
        return True


def over(scheme):
    return scheme(groups.mcl())


# What every scheme does


def test_both_open_what_was_sealed(people):
    assert len(people.key) == 32
    assert people.scheme.decapsulate(people.patient, people.capsule) == people.key
    assert people.opens(people.doctor, people.reencapsulated) == people.key


def test_each_capsule_has_its_own_key(people):
    again, key = people.scheme.encapsulate(people.scheme.author_needs(people.patient))
    assert again != people.capsule
    assert key != people.key
    assert people.opens(people.doctor, people.scheme.reencapsulate(people.rekey, again)) == key


def test_nobody_else_opens(people):
    scheme, stranger = people.scheme, people.stranger
    assert gives_nothing(lambda: scheme.decapsulate(stranger, people.capsule), people.key)
    assert gives_nothing(lambda: scheme.decapsulate(people.doctor, people.capsule), people.key)
    assert gives_nothing(lambda: people.opens(stranger, people.reencapsulated), people.key)


@pytest.mark.parametrize("name", CHECKED)
def test_a_checked_scheme_refuses_the_wrong_key(name):
    people = People(MAKERS[name]())
    with pytest.raises(ChartSealError):
        people.opens(people.stranger, people.reencapsulated)


def test_a_rekey_of_somebody_else_turns_nothing(people):
    scheme = people.scheme
    other = scheme.rekey(people.stranger, scheme.delegator_needs(people.doctor))
    assert gives_nothing(lambda: people.opens(people.doctor, scheme.reencapsulate(other, people.capsule)), people.key)


def test_bytes_that_are_no_capsule_are_refused(people):
    capsule = people.capsule
    for wrong in (b"", capsule[:-1], capsule + b"\x00", bytes(len(capsule)), b"\xff" * len(capsule)):
        assert gives_nothing(lambda wrong=wrong: people.scheme.decapsulate(people.patient, wrong), people.key)


@pytest.mark.parametrize("name", COUNTED)
def test_malformed_bytes_are_an_error_and_never_a_key(name):
    people = People(MAKERS[name]())
    for data, use in (
        (people.capsule, lambda data: people.scheme.decapsulate(people.patient, data)),
        (people.capsule, lambda data: people.scheme.reencapsulate(people.rekey, data)),
        (people.reencapsulated, lambda data: people.opens(people.doctor, data)),
    ):
        for wrong in (b"", data[:-1], data + b"\x00", bytes(len(data)), b"\xff" * len(data)):
            with pytest.raises(ChartSealError):
                use(wrong)


def test_a_representation_shows_no_secret(people):
    for secret in (people.patient, people.patient.secret, people.rekey):
        text = repr(secret)
        assert not any(digits in text for digits in _numbers(secret))
        assert "secret=" not in text


def _numbers(secret):
    fields = getattr(secret, "__dict__", {})
    return [str(value) for value in fields.values() if isinstance(value, int)]


@pytest.mark.parametrize("name", UNIDIRECTIONAL)
def test_a_rekey_does_not_turn_back(name):
    people = People(MAKERS[name]())
    scheme = people.scheme
    capsule, key = scheme.encapsulate(scheme.author_needs(people.doctor))
    assert gives_nothing(
        lambda: people.opens(people.patient, scheme.reencapsulate(people.rekey, capsule), people.doctor), key
    )


@pytest.mark.parametrize("name", UNIDIRECTIONAL)
def test_a_reencapsulated_capsule_is_not_turned_again(name):
    people = People(MAKERS[name]())
    scheme = people.scheme
    further = scheme.rekey(people.doctor, scheme.delegator_needs(people.stranger))
    assert gives_nothing(
        lambda: people.opens(people.stranger, scheme.reencapsulate(further, people.reencapsulated), people.doctor),
        people.key,
    )


@pytest.mark.parametrize("name", [name for name in UNIDIRECTIONAL if not name.startswith("TypeAndIdentity")])
def test_rekey_and_sealing_need_public_keys_only(name):
    people = People(MAKERS[name]())
    scheme = people.scheme
    assert scheme.author_needs(people.patient) is people.patient.public
    assert scheme.delegator_needs(people.doctor) is people.doctor.public


# BBS98


def test_bbs98_rekey_inverted_turns_the_other_way():
    people = People(over(Bbs98))
    scheme = people.scheme
    back = Rekey(scheme.group.invert_scalar(people.rekey.ratio))
    capsule, key = scheme.encapsulate(people.doctor.public)
    assert people.opens(people.patient, scheme.reencapsulate(back, capsule)) == key


def test_bbs98_rekeys_multiply_to_a_rekey_that_nobody_granted():
    people = People(over(Bbs98))
    scheme = people.scheme
    further = scheme.rekey(people.doctor, scheme.delegator_needs(people.stranger))
    joined = Rekey(people.rekey.ratio * further.ratio % scheme.group.order)
    assert people.opens(people.stranger, scheme.reencapsulate(joined, people.capsule)) == people.key
    assert people.opens(people.stranger, scheme.reencapsulate(further, people.reencapsulated)) == people.key


def test_bbs98_needs_the_delegatees_secret():
    people = People(over(Bbs98))
    assert people.scheme.delegator_needs(people.doctor) == people.doctor.secret


def test_bbs98_proxy_and_delegatee_recover_the_delegators_secret():
    people = People(over(Bbs98))
    group = people.scheme.group
    assert people.doctor.secret * group.invert_scalar(people.rekey.ratio) % group.order == people.patient.secret


def test_bbs98_a_guess_is_confirmed_where_the_key_is_in_both_groups():
    """As it is in a symmetric group: e(g^k, h^a) = e(g^{ak}, h), so the shared element, unhashed, can be tried."""
    scheme = over(Bbs98)
    group = scheme.group
    pair, k = scheme.key_generation("patient"), group.random_scalar()
    capsule, shared, other = pair.public**k, group.g1**k, group.g1 ** group.random_scalar()
    in_the_other_group = group.g2**pair.secret
    assert group.pairing(shared, in_the_other_group) == group.pairing(capsule, group.g2)
    assert group.pairing(other, in_the_other_group) != group.pairing(capsule, group.g2)


# AFGH


def test_afgh_proxy_and_delegatee_open_all_second_levels():
    people = People(over(Afgh))
    scheme, group = people.scheme, people.scheme.group
    weak = people.rekey.h_b2_a1 ** group.invert_scalar(people.doctor.secret.a2)
    assert weak == group.g2**people.patient.secret.a1
    capsule, key = scheme.encapsulate(people.patient.public)
    assert scheme.key_of(group.pairing(group.decode(Kind.G1, capsule, what="a capsule"), weak)) == key


def test_afgh_first_levels_stay_closed_to_the_weak_secret():
    people = People(over(Afgh))
    scheme, group = people.scheme, people.scheme.group
    capsule, key = _first_level(scheme, people.patient.public)
    assert people.opens(people.patient, capsule) == key
    with pytest.raises(ChartSealError):
        scheme.reencapsulate(people.rekey, capsule)
    mask = group.decode(Kind.GT, capsule, what="a capsule")
    for exponent in (people.patient.secret.a1, group.invert_scalar(people.patient.secret.a1)):
        assert scheme.key_of(mask**exponent) != key


def _first_level(scheme, public):
    """What an author makes for the receiver alone: no rekey turns it, and it opens as if it had been turned."""
    group = scheme.group
    k = group.random_scalar()
    return bytes(group.pairing(group.g1, public.h_a2) ** k), scheme.key_of(scheme.z**k)


def test_afgh_reencapsulation_can_be_simulated():
    """From what the author knows and the delegatee's secret, without the rekey: byte for byte what the proxy sends."""
    people = People(over(Afgh))
    scheme, group = people.scheme, people.scheme.group
    k = group.random_scalar()
    shared = people.patient.public.z_a1**k
    assert bytes(shared**people.doctor.secret.a2) == scheme.reencapsulate(people.rekey, bytes(group.g1**k))


# Green-Ateniese and Ibraimi


def test_green_ateniese_proxy_and_delegatee_recover_the_delegators_key():
    people = People(over(GreenAteniese))
    centre = people.scheme.centre
    x = centre.decrypt(people.rekey.x, people.doctor.secret)
    assert centre.blinding(x) / people.rekey.hidden == people.patient.secret.key


@pytest.mark.parametrize("kind", [GreenAteniese, TypeAndIdentity])
def test_the_generation_centre_opens_everything(kind):
    people = People(over(kind))
    again = KeyPair("patient", people.scheme.centre.extract("patient"))
    assert people.scheme.decapsulate(again, people.capsule) == people.key


@pytest.mark.parametrize("kind", [GreenAteniese, TypeAndIdentity])
def test_identity_based_reencapsulation_can_be_simulated(kind):
    """From the shared element and an X of the simulator's own, without rekey and delegator's key: it opens alike."""
    people = People(over(kind))
    centre, group = people.scheme.centre, people.scheme.group
    g_r = group.decode(Kind.G1, people.capsule[:48], what="g^r")
    shared = _shared(people, people.patient, people.capsule)
    x = centre.random_element()
    encrypted = centre.encrypt(x, "doctor")
    masked = group.pairing(g_r, centre.blinding(x)) / shared
    simulated = write(group, g_r, masked, encrypted.g_r, encrypted.masked)
    assert len(simulated) == len(people.reencapsulated)
    assert people.opens(people.doctor, simulated) == people.key


def test_ibraimi_proxy_and_delegatee_open_all_of_the_type_and_no_other():
    people = People(over(TypeAndIdentity))
    scheme, group, centre = people.scheme, people.scheme.group, people.scheme.centre
    x = centre.decrypt(people.rekey.x, people.doctor.secret)
    of_type = centre.blinding(x) / people.rekey.hidden
    assert of_type != people.patient.secret.key
    for record_type, opens in (("laboratory", True), ("mental-health", False)):
        capsule, key = scheme.encapsulate(people.patient, record_type)
        found = scheme.key_of(group.pairing(group.decode(Kind.G1, capsule[:48], what="g^r"), of_type))
        assert (found == key) is opens


def test_ibraimi_a_rekey_turns_its_own_type_only():
    people = People(over(TypeAndIdentity))
    scheme = people.scheme
    capsule, key = scheme.encapsulate(people.patient, "mental-health")
    with pytest.raises(CapsuleRefused, match="another type"):
        scheme.reencapsulate(people.rekey, capsule)
    renamed = capsule[:48] + people.capsule[48:]
    assert people.opens(people.doctor, scheme.reencapsulate(people.rekey, renamed)) != key
    fitting = scheme.rekey(people.patient, "doctor", "mental-health")
    assert people.opens(people.doctor, scheme.reencapsulate(fitting, capsule)) == key


def test_ibraimi_only_the_delegator_seals():
    people = People(over(TypeAndIdentity))
    assert people.scheme.author_needs(people.patient) is people.patient
    by_a_hospital = KeyPair("patient", people.stranger.secret)
    capsule, key = people.scheme.encapsulate(by_a_hospital)
    assert people.scheme.decapsulate(people.patient, capsule) != key


# Libert-Vergnaud


def test_libert_vergnaud_proxy_and_delegatee_open_all_second_levels():
    people = People(over(LibertVergnaud))
    scheme, group = people.scheme, people.scheme.group
    weak = people.rekey.ratio ** group.invert_scalar(people.doctor.secret)
    assert weak == group.g2 ** group.invert_scalar(people.patient.secret)
    capsule, key = scheme.encapsulate(people.patient.public)
    assert scheme.key_of(group.pairing(group.decode(Kind.G1, capsule[32:80], what="C2"), weak)) == key


def test_libert_vergnaud_what_was_delegated_to_her_stays_closed_to_the_weak_secret():
    people = People(over(LibertVergnaud))
    scheme, group = people.scheme, people.scheme.group
    weak = group.g2 ** group.invert_scalar(people.patient.secret)
    to_her = scheme.rekey(people.stranger, people.patient.public)
    capsule, key = scheme.encapsulate(people.stranger.public)
    data = scheme.reencapsulate(to_her, capsule)
    assert people.opens(people.patient, data) == key
    _, first, second, third, _, _ = _parts(group, data)
    found = [group.pairing(first, weak), group.pairing(third, weak), group.pairing(third, second)]
    assert key not in map(scheme.key_of, found)


def test_libert_vergnaud_refuses_every_changed_part():
    people = People(over(LibertVergnaud))
    scheme, group = people.scheme, people.scheme.group
    name, c2, c4, signature = read(group, (32, Kind.G1, Kind.G2, 64), people.capsule, what="it")
    fresh, fresh_name = one_time.new_key()
    square = c4**2
    changed = [
        write(group, name, c2**2, c4, signature),
        write(group, name, c2, square, signature),
        write(group, name, c2, c4, bytes(64)),
        write(group, fresh_name, c2, c4, fresh.sign(bytes(c4))),
        write(group, fresh_name, c2**2, square, fresh.sign(bytes(square))),
    ]
    for capsule in changed:
        with pytest.raises(CapsuleRefused):
            scheme.reencapsulate(people.rekey, capsule)
        with pytest.raises(CapsuleRefused):
            scheme.decapsulate(people.patient, capsule)


def test_libert_vergnaud_first_levels_refuse_what_was_changed():
    people = People(over(LibertVergnaud))
    group = people.scheme.group
    name, first, second, third, c4, signature = _parts(group, people.reencapsulated)
    for parts in (
        (name, first**2, second, third, c4, signature),
        (name, first, second**2, third, c4, signature),
        (name, first, second, third**2, c4, signature),
        (name, first, second, third, c4**2, signature),
        (bytes(32), first, second, third, c4, signature),
    ):
        with pytest.raises(CapsuleRefused):
            people.opens(people.doctor, write(group, *parts))


def test_libert_vergnaud_first_levels_can_be_rerandomised_and_open_alike():
    """Why the notion is replayable: other bytes, the same key."""
    people = People(over(LibertVergnaud))
    group = people.scheme.group
    name, first, second, third, c4, signature = _parts(group, people.reencapsulated)
    s = group.random_scalar()
    again = write(group, name, first**s, second ** group.invert_scalar(s), third**s, c4, signature)
    assert again != people.reencapsulated
    assert people.opens(people.doctor, again) == people.key


def test_libert_vergnaud_reencapsulation_can_be_simulated():
    """From the author's r and the delegatee's public key alone."""
    people = People(over(LibertVergnaud))
    group, public = people.scheme.group, people.doctor.public
    signing, name = one_time.new_key()
    r, t = group.random_scalar(), group.random_scalar()
    c4 = people.scheme._bound_to(name) ** r
    signature = signing.sign(bytes(c4))
    blinded = group.g2 ** group.invert_scalar(t)
    simulated = write(group, name, public.g_x**t, blinded, public.g_x ** (r * t), c4, signature)
    assert people.opens(people.doctor, simulated) == people.scheme.key_of(people.scheme.z**r)


def test_libert_vergnaud_halves_of_a_public_key_that_differ_are_seen_by_two_pairings():
    scheme = over(LibertVergnaud)
    group = scheme.group
    one, other = scheme.key_generation("one").public, scheme.key_generation("other").public
    data = scheme.public_key_bytes(one)
    for halves, belong in ((data, True), (data[:48] + scheme.public_key_bytes(other)[48:], False)):
        g_x, h_x = read(group, (Kind.G1, Kind.G2), halves, what="a public key")
        assert (group.pairing(g_x, group.g2) == group.pairing(group.g1, h_x)) is belong


def test_libert_vergnaud_on_a_symmetric_group_is_the_papers():
    """One element as public key, made by one power, and one as rekey: X_i is public and not sent with it."""
    run = Run(lambda: LibertVergnaud(ExponentGroup()))
    assert (run.sizes["public key"], run.sizes["rekey"]) == (65, 65)
    made = run.scheme.count(run.calls[Phase.KEY_GENERATION])
    assert {name: made[name] for name in made if name.startswith("power")} == {"power in G1": 1}
    assert run.calls[Phase.DECAPSULATE]() == run.calls[Phase.OPEN]() == run.key
    moved = Run(lambda: over(LibertVergnaud))
    assert (moved.sizes["public key"], moved.sizes["rekey"]) == (144, 96)


def _parts(group, data):
    return read(group, (32, Kind.G1, Kind.G2, Kind.G1, Kind.G2, 64), data, what="it")


# Chosen ciphertexts: the delegatee asks the proxy for a changed capsule and takes the root of what comes


def _shared(people, delegator, capsule):
    """The shared element, unhashed, as the delegator finds it."""
    scheme, group = people.scheme, people.scheme.group
    first = group.decode(Kind.G1, capsule[: group.sizes[Kind.G1]], what="it")
    if isinstance(scheme, Bbs98):
        return first ** group.invert_scalar(delegator.secret)
    if isinstance(scheme, Afgh):
        return group.pairing(first, group.g2) ** delegator.secret.a1
    mask = group.pairing(first, delegator.secret.key)
    if isinstance(scheme, TypeAndIdentity):
        return mask ** scheme._exponent(delegator.secret, capsule[group.sizes[Kind.G1] :])
    return mask


def _opened(people, reencapsulated):
    """The shared element, unhashed, as the delegatee finds it."""
    scheme, group, secret = people.scheme, people.scheme.group, people.doctor.secret
    if isinstance(scheme, Bbs98):
        return group.decode(Kind.G1, reencapsulated, what="it") ** group.invert_scalar(secret)
    if isinstance(scheme, Afgh):
        return group.decode(Kind.GT, reencapsulated, what="it") ** group.invert_scalar(secret.a2)
    parts = read(group, (Kind.G1, Kind.GT, Kind.G1, Kind.GT), reencapsulated, what="it")
    x = scheme.centre.decrypt(Encrypted(*parts[2:]), secret)
    return group.pairing(parts[0], scheme.centre.blinding(x)) / parts[1]


@pytest.mark.parametrize("kind", [Bbs98, Afgh, GreenAteniese, TypeAndIdentity])
def test_a_changed_capsule_passes_the_proxy_and_gives_the_key_away(kind):
    people = People(over(kind))
    scheme, group = people.scheme, people.scheme.group
    size = group.sizes[Kind.G1]
    squared = bytes(group.decode(Kind.G1, people.capsule[:size], what="it") ** 2) + people.capsule[size:]
    assert squared != people.capsule
    of_the_square = _opened(people, scheme.reencapsulate(people.rekey, squared))
    assert scheme.key_of(of_the_square ** group.invert_scalar(2)) == people.key


def test_umbral_refuses_a_changed_capsule_and_a_changed_fragment():
    people = People(Umbral())
    for place in (5, 40, 80):
        changed = bytearray(people.capsule)
        changed[place] ^= 1
        with pytest.raises(ChartSealError):
            people.scheme.reencapsulate(people.rekey, bytes(changed))
    for place in (100, 200, 300, 380):
        changed = bytearray(people.reencapsulated)
        changed[place] ^= 1
        with pytest.raises(ChartSealError):
            people.opens(people.doctor, bytes(changed))


def test_umbral_proxies_and_delegatee_recover_the_secret():
    """Why records have a key for each scope: a threshold of proxies (here one) with the delegatee have the scope's."""
    people = People(Umbral())
    frag, secret = people.rekey.frag, people.doctor.secret.key
    d = shared_scalar(
        frag.origin.precursor_bytes, people.doctor.public.key, diffie_hellman(secret.scalar, frag.origin.precursor)
    )
    assert frag.share * d % ORDER == people.patient.secret.key.scalar


# Counting, and two implementations


@pytest.mark.parametrize("name", COUNTED)
def test_what_is_counted_can_be_priced(name):
    run = Run(MAKERS[name])
    costs = run.scheme.operations()
    for phase, call in run.calls.items():
        counts = run.scheme.count(call)
        assert counts, phase
        assert counts.keys() <= costs.keys()
        assert counts == run.scheme.count(call)
    for operation, call in costs.items():
        assert dict(run.scheme.count(call)) == {operation: 1}


def test_afgh_counts_what_the_paper_says():
    """Section 3: one pairing to re-encrypt, one to decrypt the second level, none for the first; no pairing to seal."""
    run = Run(MAKERS["Afgh-mcl"])
    pairings = {phase: run.scheme.count(call)["pairing"] for phase, call in run.calls.items()}
    assert pairings == {
        Phase.SETUP: 1,
        Phase.KEY_GENERATION: 0,
        Phase.REKEY: 0,
        Phase.ENCAPSULATE: 0,
        Phase.REENCAPSULATE: 1,
        Phase.DECAPSULATE: 1,
        Phase.OPEN: 0,
    }


def test_libert_vergnaud_counts_what_the_paper_says():
    """Two pairings to check at re-encryption; a first level takes five to check and open, a second level three."""
    run = Run(MAKERS["LibertVergnaud-mcl"])
    pairings = {phase: run.scheme.count(call)["pairing"] for phase, call in run.calls.items()}
    assert [pairings[phase] for phase in (Phase.REENCAPSULATE, Phase.DECAPSULATE, Phase.OPEN)] == [2, 3, 5]


@pytest.mark.parametrize("name", COMPILED)
def test_what_is_compiled_cannot_be_counted(name):
    scheme = MAKERS[name]()
    assert scheme.count(lambda: None) is None
    assert not scheme.operations()


def test_sizes_are_those_of_the_bytes():
    run = Run(lambda: over(Afgh))
    wanted = {"parameters": 576, "public key": 672, "rekey": 96, "capsule": 48, "re-encapsulated capsule": 576}
    assert run.sizes == wanted
    assert len(run.calls[Phase.ENCAPSULATE]()[0]) == 48
    assert Run(Umbral).sizes["re-encapsulated capsule"] == 98 + 293


@pytest.mark.parametrize("kind", catalogue.RESEARCH)
def test_two_implementations_send_the_same_bytes(kind, monkeypatch):
    """Keys, capsules and opened keys over mcl and arkworks, from the same random scalars."""
    fixed = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
    monkeypatch.setattr(one_time, "new_key", lambda: (fixed, fixed.public_key().public_bytes_raw()))
    found = []
    for group in (groups.mcl(seed=4), groups.arkworks(seed=4, hashes=groups.mcl())):
        people = People(kind(group))
        found.append(
            (
                people.scheme.parameter_bytes(),
                people.scheme.public_key_bytes(people.patient.public),
                people.scheme.rekey_bytes(people.rekey),
                people.capsule,
                people.reencapsulated,
                people.key,
                people.scheme.decapsulate(people.patient, people.capsule),
                people.opens(people.doctor, people.reencapsulated),
            )
        )
    assert found[0] == found[1]
    assert found[0][5] == found[0][6] == found[0][7]


def test_afgh_is_what_its_formulas_say_in_the_other_library():
    """The paper's formulas written out with arkworks, from the scalars that mcl's run drew."""
    people = People(Afgh(groups.mcl(seed=9)))
    drawn, other = groups.mcl(seed=9), groups.arkworks()
    a1, _, _, b2, _, _, k = (drawn.random_scalar() for _ in range(7))
    z = other.pairing(other.g1, other.g2)
    assert people.capsule == bytes(other.g1**k)
    assert people.reencapsulated == bytes(z ** (a1 * b2 * k))
    assert people.scheme.rekey_bytes(people.rekey) == bytes(other.g2 ** (a1 * b2))
    assert people.scheme.public_key_bytes(people.patient.public)[:576] == bytes(z**a1)


# What a run tells, and what is not installed


def test_a_run_hands_in_what_each_scheme_holds_and_the_tests_that_show_it():
    found = []
    schemes._tell_properties(Bench("schemes", PROFILES["smoke"], lines.PROVENANCE, found.append))
    (run,) = runs(found)
    (table,) = pivots(run).tables
    told = {row[:3]: set(row[3].split(", ")) for row in table.rows}
    assert told == {
        (each.scheme, name, claim.says): set(claim.tests)
        for each in properties.PROPERTIES
        for name, claim in each.claims().items()
    }
    assert pivots(run).shown == set(map(id, found))


def test_what_is_not_installed_is_named_with_how_to_get_it(monkeypatch):
    for module in ("umbral_pre", "proxy_recrypt", "charm.toolbox.pairinggroup"):
        monkeypatch.setitem(sys.modules, module, None)
    monkeypatch.setattr("benchmarks.groups.mcl.pymcl", None)
    lists, missing = catalogue.found()
    assert lists == [[Umbral]]
    assert {each.name for each in missing} == {"umbral-pre", "proxy-recrypt", "BLS12-381 (mcl)", "SS512 (charm)"}
    assert all("install" in each.reason for each in missing)


# What docs/schemes.md says


def test_every_property_names_tests_of_this_file():
    functions = {
        node.name
        for node in ast.parse(inspect.getsource(inspect.getmodule(over))).body
        if isinstance(node, ast.FunctionDef)
    }
    assert {each.scheme for each in properties.PROPERTIES} == {
        scheme.name for scheme in (*catalogue.RESEARCH, Umbral, UmbralPre, ProxyRecrypt)
    }
    for each in properties.PROPERTIES:
        for claim in each.claims().values():
            assert claim.says
            assert claim.tests, claim
            assert set(claim.tests) <= functions, claim


def test_the_document_has_the_table_of_properties():
    document = (ROOT / "docs" / "schemes.md").read_text(encoding="utf-8")
    for line in properties.markdown():
        assert line in document


def test_every_module_says_that_it_is_unsafe_for_records():
    for path in sorted((ROOT / "benchmarks" / "schemes").glob("*.py")):
        if path.stem in {"__init__", *(scheme.__module__.rpartition(".")[2] for scheme in catalogue.RESEARCH)}:
            assert "UNSAFE FOR RECORDS" in (ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or "")


def test_errors_are_of_the_benchmarks_with_codes_of_their_own():
    kinds = [GroupError, *GroupError.__subclasses__(), SchemeError, *SchemeError.__subclasses__()]
    assert len({kind.code for kind in kinds}) == len(kinds)
    assert LABEL == b"benchmark"
    assert umbral.UmbralError.code not in {kind.code for kind in kinds}

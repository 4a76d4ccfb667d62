"""Which ready stages may start: so many at once, and each resource within its slots."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from git_mlvc.errors import ConfigError
from git_mlvc.pipeline.model import Stage
from git_mlvc.pipeline.running.slots import Claims, Slots, Wish, waiting_text


def stage(name, **resources):
    return Stage(name, name, ("true",), resources=resources, line=7)


def names(admitted):
    return [one.stage.address for one in admitted]


def test_the_first_ready_ones_start_up_to_the_number_of_jobs():
    slots = Slots(2, {})
    assert names(slots.choose([stage("a"), stage("b"), stage("c")])) == ["a", "b"]
    assert slots.choose([stage("c")]) == []
    slots.give_back("a")
    assert names(slots.choose([stage("c")])) == ["c"]


def test_the_smallest_free_numbers_are_handed_out_and_come_back():
    slots = Slots(8, {"gpu": 3})
    first = slots.choose([stage("a", gpu=1), stage("b", gpu=1), stage("c", gpu=2)])
    assert [(one.stage.name, one.slots) for one in first] == [
        ("a", {"gpu": (0,)}),
        ("b", {"gpu": (1,)}),
    ]
    slots.give_back("a")
    assert slots.choose([stage("c", gpu=2)])[0].slots == {"gpu": (0, 2)}


def test_a_resource_of_which_nothing_is_said_has_one_slot():
    slots = Slots(8, {})
    assert names(slots.choose([stage("a", gpu=1), stage("b", gpu=1), stage("c")])) == ["a", "c"]


def test_one_that_waits_for_two_slots_is_not_overtaken_by_those_that_need_one():
    slots = Slots(8, {"gpu": 2})
    slots.choose([stage("a", gpu=1)])
    ready = [stage("big", gpu=2), stage("small", gpu=1), stage("other")]
    assert names(slots.choose(ready)) == ["other"]
    slots.give_back("a")
    assert names(slots.choose([stage("big", gpu=2), stage("small", gpu=1)])) == ["big"]


def test_names_are_those_that_git_config_can_hold():
    slots = Slots(8, {"big-disk": 2})
    assert slots.choose([stage("a", Big_Disk=2)])[0].slots == {"big-disk": (0, 1)}


def test_no_slots_asked_for_is_none_taken():
    assert Slots(1, {"gpu": 0}).choose([stage("a", gpu=0)])[0].slots == {}


def test_asking_for_more_than_there_is_is_refused_before_anything_runs():
    with pytest.raises(
        ConfigError, match=r"stage 'a' asks for 3 slots .*'gpu': this machine has 2"
    ):
        Slots(1, {"gpu": 2}).check([stage("ok", gpu=2), stage("a", gpu=3)])
    with pytest.raises(ConfigError, match="nobody has said that there is more than 1") as caught:
        Slots(1, {}).check([stage("a", gpu=2)])
    assert "git config mlvc.resources.gpu 2" in caught.value.hint
    assert "mlvc.toml, line 7" in caught.value.why


def test_what_other_processes_have_is_not_handed_out():
    slots = Slots(8, {"gpu": 3})
    others = [Claims({"x": {"gpu": (0,)}}), Claims({"y": {"disk": (0,)}})]
    (one,) = slots.choose([stage("a", gpu=1), stage("b", gpu=2)], others, now_ns=5)
    assert one.slots == {"gpu": (1,)}
    assert slots.claims == Claims({"a": {"gpu": (1,)}}, (Wish("b", {"gpu": 2}, 5),))
    assert [slots.is_kept_by(slots.claims.wishes[0], other) for other in others] == [True, False]


def test_who_waits_longer_is_first_in_whatever_process():
    slots = Slots(1, {"gpu": 2})
    earlier = Claims({}, (Wish("x", {"gpu": 2, "disk": 1}, 3),))
    assert slots.choose([stage("a", gpu=1)], [earlier], now_ns=4) == []
    assert slots.is_kept_by(slots.claims.wishes[0], earlier)
    later = Claims({}, (Wish("x", {"gpu": 2}, 5),))
    assert names(slots.choose([stage("first", gpu=1), stage("a", gpu=1)], [later], 6)) == ["a"]
    assert slots.claims.wishes == ()  # the other one waits for a place of ours


def test_a_stage_that_runs_stages_lends_them_its_slots():
    slots = Slots(8, {"gpu": 4}, lent={"gpu": (1, 3)})
    chosen = slots.choose([stage("a", gpu=1), stage("b", gpu=1), stage("c", gpu=1)])
    assert [one.slots["gpu"] for one in chosen] == [(1,), (3,)]
    assert Slots(8, {"gpu": 4}, lent={"gpu": (1,)}).choose([stage("a", gpu=2)])[0].slots == {
        "gpu": (0, 1)
    }


def test_who_keeps_a_stage_waiting_is_told():
    train = Claims({"train": {"gpu": (0,)}, "prepare": {}}, (), "process 7", "/a")
    tune = Claims({}, (Wish("tune", {"gpu": 2}, 1),), "process 8", "/b")
    told = waiting_text(Wish("big", {"gpu": 2}, 2), [train, tune])
    assert told == "waits for gpu: process 7 runs train in /a; process 8 waits for it longer in /b"
    assert waiting_text(Wish("big", {"gpu": 2}, 2), [train] * 5).endswith("/a; and 2 more")


wishes = st.lists(
    st.dictionaries(st.sampled_from("xyz"), st.integers(0, 2), max_size=3), max_size=9
)


@given(wishes, st.integers(1, 4), st.randoms(use_true_random=False))
def test_nothing_is_held_twice_and_every_stage_gets_its_turn(wanted, jobs, chance):
    slots = Slots(jobs, {"x": 2, "y": 3, "z": 2})
    ready = [stage(f"s{n}", **asked) for n, asked in enumerate(wanted)]
    running, done = {}, set()
    while ready or running:
        for one in slots.choose(ready):
            ready.remove(one.stage)
            running[one.stage.address] = one
            assert all(len(one.slots.get(n, ())) == c for n, c in one.stage.resources.items())
        assert running  # somebody always can
        assert len(running) <= jobs
        held = [(n, k) for one in running.values() for n, ks in one.slots.items() for k in ks]
        assert len(held) == len(set(held))
        ended = chance.choice(sorted(running))
        del running[ended]
        slots.give_back(ended)
        done.add(ended)
    assert len(done) == len(wanted)


@settings(max_examples=20)
@given(wishes, st.integers(1, 4), st.randoms(use_true_random=False))
def test_processes_never_hold_one_slot_twice_and_all_of_their_stages_get_their_turn(
    wanted, jobs, chance
):
    total = {"x": 2, "y": 3, "z": 2}
    processes = [Slots(jobs, total) for _ in range(3)]
    ready = [[stage(f"s{n}", **asked) for n, asked in enumerate(wanted)] for _ in processes]
    running = []
    now = 0
    while any(ready) or running:
        for at in chance.sample(range(3), 3):
            now += chance.randrange(2)
            others = [one.claims for one in processes if one is not processes[at]]
            for one in processes[at].choose(ready[at], others, now):
                ready[at].remove(one.stage)
                running.append((at, one))
        held = [(n, k) for _, one in running for n, numbers in one.slots.items() for k in numbers]
        assert len(held) == len(set(held))
        assert running or not any(ready)  # whoever came first has nobody to wait for
        if running and chance.random() < 0.8:
            at, one = running.pop(chance.randrange(len(running)))
            processes[at].give_back(one.stage.address)

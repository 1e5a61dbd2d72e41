"""The helpers of `both`, on both interpreters."""

import both
from both import Random, cases, raises, skip_on_cpython, skip_on_micropython

state = []


def setup():
    state.append("set up")


def teardown():
    state.clear()


def test_setup_runs_before_each_test():
    assert state == ["set up"]


async def test_a_coroutine_is_awaited():
    state.append("awaited")
    assert len(state) == 2


@cases([(1, 2, 3), (4, 5, 9)])
def test_cases_give_the_arguments(a, b, total):
    assert a + b == total


@cases([b"\x00", b""])
def test_a_case_of_one_argument_needs_no_tuple(data):
    assert isinstance(data, bytes)


def test_raises_wants_the_exception_and_the_message():
    with raises(ValueError, "seven") as caught:
        raise ValueError("not seven")
    assert "not" in str(caught.value)
    with raises(AssertionError, "nothing was raised"):
        with raises(ValueError):
            pass
    with raises(AssertionError, "is not in the message"):
        with raises(ValueError, "eight"):
            raise ValueError("not seven")
    with raises(KeyError):
        with raises(ValueError):
            raise KeyError("passes through")


def test_random_is_the_same_on_both_interpreters():
    random = Random(7)
    assert [random.bits() for _ in range(3)] == [2302196500, 1427436313, 2776720098]
    assert random.bytes(4) == b'\xa7\xfd")'
    assert all(2 <= random.between(2, 5) <= 5 for _ in range(50))
    hits = sum(random.chance(0.1) for _ in range(2000))
    assert 120 < hits < 290


@skip_on_micropython("asks which interpreter this is")
def test_cpython_only():
    assert not both.MICROPYTHON


@skip_on_cpython("asks which interpreter this is")
def test_micropython_only():
    assert both.MICROPYTHON

import threading

import pytest

from aepose.stage_clock import StageClock, stage


@pytest.fixture
def clock(monkeypatch):
    """A clock on which every look costs a second."""
    looks = iter(range(100))
    monkeypatch.setattr("aepose.stage_clock.time.perf_counter", lambda: next(looks))
    return StageClock()


def test_a_stage_inside_another_counts_for_itself(clock):
    with clock:
        for _ in range(2):
            with stage("outer"):
                with stage("inner"):
                    pass
                with stage("inner"):
                    pass
    assert clock.seconds == {"outer": 6, "inner": 4}


def test_time_between_stages_is_nobodys(clock):
    with clock:
        with stage("first"):
            pass
        with stage("second"):
            pass
    assert clock.seconds == {"first": 1, "second": 1}


def test_a_stage_that_fails_is_counted(clock):
    with clock, pytest.raises(KeyError), stage("first"):
        raise KeyError
    with clock, stage("second"):
        pass
    assert clock.seconds == {"first": 1, "second": 1}


def test_other_times_and_threads_are_not_watched(clock):
    def work():
        with stage("elsewhere"):
            pass

    work()
    with clock:
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
    work()
    assert clock.seconds == {}

"""Runs scenarios one after the other and says how each went. A failure ends none but its own."""

import contextlib
import signal
import time
import traceback

# An editor that waits for a key does not answer; no scenario takes so many seconds, on a slow machine either.
LIMIT = 180


def _late(_signal, _frame):
    raise AssertionError(f"it has taken {LIMIT} s")


def run(title, scenarios, start, only=None):
    """Gives each scenario a fresh editor from `start`, and returns how many have failed.

    A scenario is a function of that editor; what it returns, if anything, is a measurement to print.
    """
    print(f"\n{title}")
    failures = 0
    signal.signal(signal.SIGALRM, _late)
    for scenario in scenarios:
        name = scenario.__name__.replace("_", " ")
        if only and only not in name:
            continue
        begin = time.monotonic()
        with contextlib.ExitStack() as stack:
            editor = None
            try:
                signal.alarm(LIMIT)
                editor = stack.enter_context(contextlib.closing(start(scenario)))
                measured = scenario(editor)
                took = time.monotonic() - begin
                print(f"  passed  {name} ({took:.1f} s){': ' + measured if measured else ''}", flush=True)
                signal.alarm(0)
            except Exception:  # noqa: BLE001 (whatever it is, it is reported and the next scenario runs)
                signal.alarm(0)
                failures += 1
                print(f"  FAILED  {name}\n{traceback.format_exc()}", flush=True)
                if editor:
                    print(f"the screen:\n{editor.terminal.frame().text()}\n", flush=True)
    return failures
